"""Threads: eight on one device, eight on eight, and others that go on while one waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import dsmil

THREADS, ROUNDS = 8, 25


def run_eight(work: Callable[[int], None]) -> None:
    """Run it in eight threads that begin together; the first failure is raised."""
    barrier = threading.Barrier(THREADS)

    def begin(number: int) -> None:
        barrier.wait(30)
        work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        for future in [pool.submit(begin, number) for number in range(THREADS)]:
            future.result(120)


def exercise(device: dsmil.Device, number: int) -> None:
    id = 0x8020 + number % 8
    expected = device.read(id)
    for _ in range(ROUNDS):
        assert len(device.scan()) == 108
        assert device.read(id) == expected
        assert device.info(id).id == id
        with pytest.raises(dsmil.QuarantineError):
            device.read(0x8009)


def test_eight_on_one_device(device: dsmil.Device) -> None:
    run_eight(lambda number: exercise(device, number))


def test_eight_on_eight_devices_of_one_driver(served: dsmil.sim.Server, run_dir: Path) -> None:
    def work(number: int) -> None:
        with dsmil.open(served.device, run_dir=run_dir) as device:
            exercise(device, number)

    run_eight(work)
    assert served.counters()["permanent"] == 0


def test_other_threads_run_while_one_waits_for_the_device(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7", '[[fault]]\non = "GET_THERMAL"\ndo = "delay"\nms = 300\n')
    with dsmil.open(model, run_dir=run_dir, call_deadline=2) as device:
        thread = threading.Thread(target=device.thermal)
        thread.start()
        ticks, begun = 0, time.monotonic()
        while thread.is_alive():
            time.sleep(0.001)
            ticks += 1
        thread.join()
        assert time.monotonic() - begun > 0.1
        assert ticks > 30


def scan_for_ever(device: dsmil.Device) -> None:
    while True:
        device.scan()


def test_closing_under_the_others_ends_them_with_an_error_of_ours(served: dsmil.sim.Server, run_dir: Path) -> None:
    for _ in range(5):
        device = dsmil.open(served.device, run_dir=run_dir)

        def work(number: int, device: dsmil.Device = device) -> None:
            if number == 0:
                time.sleep(0.01)
                device.close()
                return
            with pytest.raises(dsmil.ClosedError):
                scan_for_ever(device)

        run_eight(work)
        assert device.closed


def test_one_that_waits_too_long_for_the_others_is_told_so(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7", '[[fault]]\non = "GET_THERMAL"\ndo = "delay"\nms = 400\n')
    with dsmil.open(model, run_dir=run_dir, call_deadline=2, turn_timeout=0.05) as device:
        thread = threading.Thread(target=device.thermal)
        thread.start()
        time.sleep(0.1)
        with pytest.raises(dsmil.BusyError):
            device.version()
        thread.join()
        assert device.version().major == 1
