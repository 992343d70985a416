"""Runs peers of a benchmark side by side: every peer in turn, in random order, many rounds.

Usage: rounds.py [--rounds N] [--count N] [--noun NOUN] NAME=COMMAND... — the first peer is the one that the others are
compared with. A peer reads how many to do, line by line, from standard input, and answers with nanoseconds. Pin it to
one CPU (taskset -c 0): the peers inherit it.
Prints a table of medians, and of the ratios' medians taken round by round, so that a machine whose speed drifts
does not blur them.
"""

import argparse
import random
import shlex
import statistics
import subprocess

WARM_UP = 3


def main() -> None:
    """Start the peers, ask them round by round, print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--noun", default="sample")
    parser.add_argument("peers", nargs="+", metavar="NAME=COMMAND")
    options = parser.parse_args()
    commands = dict(argument.split("=", 1) for argument in options.peers)
    pipe = subprocess.PIPE
    peers = {
        name: subprocess.Popen(shlex.split(command), stdin=pipe, stdout=pipe, text=True)
        for name, command in commands.items()
    }
    times: dict[str, list[float]] = {name: [] for name in peers}
    for round_number in range(options.rounds + WARM_UP):
        for name in random.sample(list(peers), len(peers)):
            spent = ask(peers[name], name, options.count)
            if round_number >= WARM_UP:
                times[name].append(spent)
    for peer in peers.values():
        if peer.stdin:
            peer.stdin.close()
        peer.wait()
    show(times, options)


def ask(peer: subprocess.Popen[str], name: str, count: int) -> float:
    """Microseconds for one, over one round of a peer."""
    assert peer.stdin is not None
    assert peer.stdout is not None
    peer.stdin.write(f"{count}\n")
    peer.stdin.flush()
    answer = peer.stdout.readline()
    if not answer:
        raise SystemExit(f"{name} ended early")
    return int(answer) / count / 1000


def show(times: dict[str, list[float]], options: argparse.Namespace) -> None:
    """Print the table."""
    base = next(iter(times))
    print(f"{'peer':32} {'µs a ' + options.noun:>14} {'fastest':>9} {'ratio':>8}")
    for name, spent in times.items():
        ratio = statistics.median(own / first for own, first in zip(spent, times[base], strict=True))
        print(f"{name:32} {statistics.median(spent):14.1f} {min(spent):9.1f} {ratio:8.3f}")
    rounds = f"{options.rounds} rounds of {options.count} {options.noun}s a peer"
    print(f"medians of {rounds}, in random order; ratio to {base}")


if __name__ == "__main__":
    main()
