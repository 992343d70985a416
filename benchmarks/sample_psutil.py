"""psutil's part of the benchmark of a sample of CPU and memory: sample_psutil.py [without-swap].

Without swap it takes less than the others do: `cpu_percent()` and `virtual_memory()` alone. Reads how many samples to
take, line by line, from standard input, and answers with nanoseconds.
"""

import sys
import time

import psutil  # type: ignore[import-untyped]


def sample() -> tuple[float, float, int, float]:
    """Take the numbers that the others take: how busy, how full, what is available, swap."""
    memory = psutil.virtual_memory()
    return psutil.cpu_percent(), memory.percent, memory.available, psutil.swap_memory().percent


def sample_without_swap() -> tuple[float, float, int]:
    """Take CPU and memory alone."""
    memory = psutil.virtual_memory()
    return psutil.cpu_percent(), memory.percent, memory.available


def main() -> None:
    """Take samples as asked."""
    take = sample_without_swap if sys.argv[1:] == ["without-swap"] else sample
    take()
    for line in sys.stdin:
        begun = time.perf_counter_ns()
        for _ in range(int(line)):
            take()
        print(time.perf_counter_ns() - begun, flush=True)


if __name__ == "__main__":
    main()
