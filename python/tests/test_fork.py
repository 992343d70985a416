"""What becomes of a handle, and of a served device, in a child made by fork."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import dsmil


def in_child(act: Callable[[], None]) -> None:
    """Run something in a forked child; what it raises fails the test."""
    with warnings.catch_warnings():
        # Python 3.12 and later warn of a fork with threads about, which is what is tested here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_childs_handle_is_dead_and_the_parents_goes_on(device: dsmil.Device) -> None:
    parent = os.getpid()

    def child() -> None:
        for ask in (device.scan, device.version, device.fileno, device.latency, lambda: device.read(0x8003)):
            with pytest.raises(dsmil.ForkedError) as caught:
                ask()
            assert caught.value.opened_by == parent
        device.close()
        device.close()
        assert device.closed

    in_child(child)
    assert len(device.scan()) == 108


def test_the_child_opens_the_device_anew(served: dsmil.sim.Server, run_dir: Path) -> None:
    with dsmil.open(served.device, run_dir=run_dir) as device:

        def child() -> None:
            with dsmil.open(served.device, run_dir=run_dir) as own:
                assert len(own.scan()) == 108

        in_child(child)
        assert len(device.scan()) == 108


def test_a_child_does_not_end_what_its_parent_serves(served: dsmil.sim.Server, run_dir: Path) -> None:
    def child() -> None:
        assert not served.is_running
        with pytest.raises(dsmil.ClosedError):
            served.counters()
        served.stop()
        del served._core

    in_child(child)
    assert served.is_running
    with dsmil.open(served.device, run_dir=run_dir) as device:
        assert len(device.scan()) == 108
