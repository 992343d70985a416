"""Runs the benchmark of a sample of CPU and memory: every peer in turn, many rounds.

Usage: sample_compare.py NAME=COMMAND... — the first peer is the one that the others are compared with. Pin it to one
CPU (taskset -c 0): the peers inherit it.
Prints a table of medians, and of the ratios' medians taken round by round, so that a machine whose speed drifts
does not blur them.
"""

import random
import shlex
import statistics
import subprocess
import sys

ROUNDS = 60
SAMPLES = 200


def main() -> None:
    """Start the peers, ask them round by round, print the table."""
    commands = dict(argument.split("=", 1) for argument in sys.argv[1:])
    pipe = subprocess.PIPE
    peers = {
        name: subprocess.Popen(shlex.split(command), stdin=pipe, stdout=pipe, text=True)
        for name, command in commands.items()
    }
    times: dict[str, list[float]] = {name: [] for name in peers}
    for round_number in range(ROUNDS + 3):
        for name in random.sample(list(peers), len(peers)):
            spent = ask(peers[name], name)
            if round_number >= 3:
                times[name].append(spent)
    for peer in peers.values():
        if peer.stdin:
            peer.stdin.close()
        peer.wait()
    show(times)


def ask(peer: subprocess.Popen[str], name: str) -> float:
    """Microseconds a sample, over one round of a peer."""
    assert peer.stdin is not None
    assert peer.stdout is not None
    peer.stdin.write(f"{SAMPLES}\n")
    peer.stdin.flush()
    answer = peer.stdout.readline()
    if not answer:
        raise SystemExit(f"{name} ended early")
    return int(answer) / SAMPLES / 1000


def show(times: dict[str, list[float]]) -> None:
    """Print the table."""
    first = next(iter(times))
    print(f"{'peer':<36} {'µs a sample':>11} {'fastest':>9} {'ratio':>7}")
    for name, mine in times.items():
        ratio = statistics.median(one / other for one, other in zip(mine, times[first], strict=True))
        print(f"{name:<36} {statistics.median(mine):>11.1f} {min(mine):>9.1f} {ratio:>7.3f}")
    print(f"medians of {ROUNDS} rounds of {SAMPLES} samples a peer, in random order; ratio to {first}")


if __name__ == "__main__":
    main()
