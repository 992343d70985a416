"""Runs the scan benchmark: every peer in turn, many rounds, on one CPU with the served device.

Usage: compare.py DEVICE NAME=COMMAND... — the first peer is the one that the others are compared with.
Prints a table of medians, and of the ratios' medians taken round by round, so that a machine whose
speed drifts does not blur them.
"""

import random
import shlex
import statistics
import subprocess
import sys

from rounds import ask

ROUNDS = 60
SCANS = 40


def main() -> None:
    """Start the peers, ask them round by round, print the table."""
    device, *arguments = sys.argv[1:]
    names = [argument.partition("=")[0] for argument in arguments]
    commands = [[*shlex.split(argument.partition("=")[2]), device] for argument in arguments]
    peers = {}
    for name, command in zip(names, commands, strict=True):
        peers[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # One after the other: most of them take no turns and would break each other's first session.
        ask(peers[name], name, SCANS)
    times: dict[str, list[float]] = {name: [] for name in names}
    for round_number in range(ROUNDS + 3):
        for name in random.sample(names, len(names)):
            spent = ask(peers[name], name, SCANS)
            if round_number >= 3:
                times[name].append(spent)
    for peer in peers.values():
        peer.stdin.close() if peer.stdin else None
        peer.wait()
    show(names, times)


def show(names: list[str], times: dict[str, list[float]]) -> None:
    """Print the table."""
    base = times[names[0]]
    print(f"{'peer':<28} {'µs a scan':>10} {'fastest':>9} {'ratio':>7}")
    for name in names:
        mine = times[name]
        ratio = statistics.median(one / other for one, other in zip(mine, base, strict=True))
        print(f"{name:<28} {statistics.median(mine):>10.1f} {min(mine):>9.1f} {ratio:>7.3f}")
    print(f"medians of {ROUNDS} rounds of {SCANS} scans (24 ioctls each) a peer, in random order; ratio to {names[0]}")


if __name__ == "__main__":
    main()
