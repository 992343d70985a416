"""Watch a machine, its devices and a queue of this program: watch_monitor.py STATE_DIR [DEVICE [STEPS]]."""

import asyncio
import sys
from collections import deque

import dsmil

CONFIG = """
version = 1
evaluate_every = "1s"
score_every = "2s"
"""


async def watch(state_dir: str, device: str | None, steps: int) -> None:
    queue: deque[int] = deque(range(3))
    samplers = {"app": dsmil.Sampler(lambda: {"app_queue": len(queue)}, interval=1)}
    with dsmil.Monitor(CONFIG, device=device, state_dir=state_dir, samplers=samplers) as monitor:
        async for sample in monitor:
            cpu, jobs = sample.metrics.value("cpu_percent"), sample.metrics.value("app_queue")
            print(f"{sample.at:%H:%M:%S} {sample.verdict.verdict}: cpu {cpu}, {jobs} jobs", flush=True)
            for event in sample.alerts:
                print(f"  {event.kind} {event.fingerprint}")
            if sample.scores is not None:
                health, security = sample.scores.health, sample.scores.security
                print(f"  health {health.value:.1f}, security {security.value:.1f} of 100")
            queue.append(len(queue))
            steps -= 1
            if steps == 0:
                break
    (stored,) = monitor.history("app_queue")
    print(f"{len(stored.points)} values of app_queue are stored")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("usage: watch_monitor.py STATE_DIR [DEVICE [STEPS]]")
    device = sys.argv[2] if len(sys.argv) > 2 else None
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    asyncio.run(watch(sys.argv[1], device, steps))


main()
