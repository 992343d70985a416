"""Python's part of the benchmark of a sample of CPU and memory: `dsmil.sample_machine`.

Reads how many samples to take, line by line, from standard input, and answers with nanoseconds.
"""

import sys
import time

import dsmil


def sample() -> tuple[float | None, float, int, float]:
    """Take the numbers that the others take: how busy, how full, what is available, swap."""
    seen = dsmil.sample_machine()
    return seen.cpu_percent, seen.memory_percent, seen.memory_available_bytes, seen.swap_percent


def main() -> None:
    """Take samples as asked."""
    sample()
    for line in sys.stdin:
        begun = time.perf_counter_ns()
        for _ in range(int(line)):
            sample()
        print(time.perf_counter_ns() - begun, flush=True)


if __name__ == "__main__":
    main()
