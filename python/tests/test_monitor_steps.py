"""The steps of a monitor, for `for` and `async for`."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from watching import FAST, GATES, SLOW, Start, until

import dsmil


def test_each_step_tells_all(start: Start) -> None:
    with start(samplers={"app": dsmil.Sampler(lambda: {"app_queue": 3}, interval=0.1)}) as monitor:
        assert repr(monitor) == f"<dsmil.Monitor {monitor.state_dir!r}>"
        steps = iter(monitor)
        samples = [next(steps) for _ in range(4)]
        assert [one.at_ms for one in samples] == sorted({one.at_ms for one in samples})
        seen = until(monitor, lambda sample: sample.scores is not None and "app_queue" in sample.metrics)
        assert abs(seen.at - datetime.now(UTC)) < timedelta(seconds=10)
        assert (seen.metrics.value("app_queue"), seen.saved, seen.missed, seen.errors) == (3.0, True, 0, ())
        measured = seen.metrics["app_queue"][0]
        assert (measured.metric, measured.labels) == ("app_queue", {})
        assert abs(measured.at_ms - seen.at_ms) < 5_000
        assert seen.verdict.go
        assert seen.metrics.value("sampler_up", sampler="app") == 1.0
        with pytest.raises(ValueError, match="name more labels"):
            seen.metrics.value("check_passed")
        assert seen.metrics.value("nothing") is None
        assert dsmil.Gate.parse(GATES).check(seen.metrics).go
        for same in (pickle.loads(pickle.dumps(seen)), copy.deepcopy(seen)):
            assert same == seen
        assert monitor.verdict is not None
        assert monitor.at is not None
        assert monitor.steps >= 5
    assert not monitor.running
    assert list(steps)[-1].saved
    assert next(steps, None) is None


def test_before_the_first_step_nothing_is_known(start: Start) -> None:
    monitor = start(SLOW, samplers={"app": dsmil.Sampler(lambda: time.sleep(2), interval=30)})  # type: ignore[arg-type,return-value]
    # The first step waits for the first samples.
    assert (monitor.steps, monitor.verdict, monitor.scores, monitor.health, monitor.at) == (0, None, None, None, None)
    assert "no step has been taken yet" in monitor.doubts


async def test_async_for_doesnt_block_the_loop(start: Start) -> None:
    with start() as monitor:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticking = asyncio.create_task(tick())
        samples = []
        async for sample in monitor:
            samples.append(sample)
            if len(samples) == 5:
                break
        ticking.cancel()
        assert ticks > 20
        assert len({sample.at_ms for sample in samples}) == 5


async def test_several_tasks_see_the_same_steps_and_end_with_the_monitor(start: Start) -> None:
    monitor = start()
    seen: list[list[int]] = [[], [], []]

    async def read(into: list[int]) -> None:
        async for sample in monitor:
            into.append(sample.at_ms)

    tasks = [asyncio.create_task(read(into)) for into in seen]
    async for _ in monitor:
        if min(map(len, seen)) >= 3:
            break
    await asyncio.to_thread(monitor.stop)
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert seen[0] == seen[1] == seen[2]


async def test_cancelling_works_at_once_and_loses_nothing(start: Start) -> None:
    with start(SLOW) as monitor:
        steps = aiter(monitor)
        await asyncio.wait_for(anext(steps), 30)
        begun = time.monotonic()
        for _ in range(20):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(steps), 0.01)
        task = asyncio.create_task(anext(steps))
        await asyncio.sleep(0.05)
        with pytest.raises(RuntimeError, match="another task"):
            await anext(steps)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 2
        # The last step, which is taken when it stops, comes all the same.
        waiting = asyncio.create_task(anext(steps))
        await asyncio.to_thread(monitor.stop)
        assert (await asyncio.wait_for(waiting, 10)).saved
        with pytest.raises(StopAsyncIteration):
            await anext(steps)


def test_a_reader_that_is_closed_is_at_its_end(start: Start) -> None:
    with start() as monitor:
        steps = iter(monitor)
        next(steps)
        steps.close()
        assert next(steps, None) is None
        with pytest.raises(StopIteration):
            next(steps)


def test_threads_may_read_one_iterator(start: Start) -> None:
    monitor = start()
    steps = iter(monitor)
    seen: list[int] = []

    def read() -> None:
        seen.extend(sample.at_ms for sample in steps)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(monitor, lambda _: monitor.steps >= 10)
    monitor.stop()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert len(seen) == len(set(seen)) >= 8


def test_garbage_collection_stops_it(start: Start, tmp_path: Path, run_dir: Path) -> None:
    monitor = dsmil.Monitor(FAST, device="sim:", state_dir=tmp_path / "state", run_dir=run_dir, samplers={"app": dict})
    monitor.on_step(lambda sample: None)
    steps = iter(monitor)
    del monitor
    gc.collect()
    next(steps)  # who reads keeps it alive
    del steps
    gc.collect()
    with start():
        pass
