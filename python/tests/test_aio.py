"""The same operations for await: the loop isn't blocked."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

import dsmil

SLOW = '[[fault]]\non = "any"\nskip = 1\ndo = "delay"\nms = 100\n'


async def test_every_operation(device: dsmil.Device) -> None:
    aio = device.aio
    assert aio is device.aio
    assert await aio.scan() == device.scan() or len(await aio.scan()) == 108
    assert await aio.read(0x8003) == device.read(0x8003)
    assert (await aio.info(0x8003)).id == 0x8003
    assert (await aio.status()).quarantined_count == 5
    assert await aio.thermal() > 0
    assert await aio.version() == dsmil.Version(1, 0, 0)
    assert (await aio.probe()).is_chunked
    assert (await aio.latency()).devices[0x8003].count >= 2
    assert (await aio.sim_counters() is None) == (device.name != "sim:seed=7")
    assert await aio.is_cleared(0x8003)
    await aio.check(0x8003)
    with pytest.raises(dsmil.QuarantineError):
        await aio.check(0x8009)
    with pytest.raises(dsmil.QuarantineError):
        await aio.read(0x8009)
    with pytest.raises(TypeError):
        await aio.read(1.5)  # type: ignore[arg-type]


async def test_the_loop_goes_on_meanwhile(run_dir: Path) -> None:
    with dsmil.open(dsmil.sim.Model("seed=7", SLOW), run_dir=run_dir, call_deadline=1) as device:
        begun, ticks = time.monotonic(), 0
        task = asyncio.create_task(device.aio.thermal())
        while not task.done():
            await asyncio.sleep(0.005)
            ticks += 1
        assert time.monotonic() - begun >= 0.1
        assert ticks >= 8
        assert task.result() > 0


async def test_many_at_once_are_made_in_order_and_none_is_refused(device: dsmil.Device) -> None:
    scans = await asyncio.gather(*(device.aio.scan() for _ in range(50)))
    assert all(len(scan) == 108 for scan in scans)


async def test_a_cancelled_call_that_was_not_started_is_never_made(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7", SLOW)
    with dsmil.open(model, run_dir=run_dir, call_deadline=1) as device:
        first = asyncio.create_task(device.aio.thermal())
        second = asyncio.create_task(device.aio.version())
        await asyncio.sleep(0.03)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert await first > 0
    counters = model.counters()["requests"]
    # Opening asks for the version once.
    assert (counters["GET_VERSION"], counters["GET_THERMAL"]) == (1, 1)


async def test_a_cancelled_call_lets_its_task_go_at_once_and_ends_by_itself(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7", SLOW)
    with dsmil.open(model, run_dir=run_dir, call_deadline=1) as device:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await device.aio.thermal()
        assert (await device.aio.version()).major == 1
    assert model.counters()["requests"]["GET_THERMAL"] == 1


async def test_closing(sim: dsmil.Device) -> None:
    aio = sim.aio
    await aio.thermal()
    await aio.close()
    await aio.close()
    assert sim.closed
    with pytest.raises(dsmil.ClosedError):
        await aio.scan()


async def test_a_closed_device_says_so_here_too(sim: dsmil.Device) -> None:
    aio = sim.aio
    sim.close()
    with pytest.raises(dsmil.ClosedError):
        await aio.scan()


async def test_two_devices_are_asked_at_the_same_time(run_dir: Path) -> None:
    devices = [dsmil.open(dsmil.sim.Model("seed=7", SLOW), run_dir=run_dir, call_deadline=1) for _ in range(4)]
    begun = time.monotonic()
    await asyncio.gather(*(device.aio.thermal() for device in devices))
    assert time.monotonic() - begun < 0.35
    for device in devices:
        await device.aio.close()
