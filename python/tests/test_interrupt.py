"""Ctrl-C, by a real SIGINT to a real process."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dsmil

SLOW = """
[[fault]]
on = "SCAN_CHUNK"
do = "delay"
ms = 60
"""

PROGRAM = """
import signal, sys, time
import dsmil

spec, run_dir, kind = sys.argv[1:]
class Mine(Exception): pass
def handler(number, frame): raise Mine("mine")
def harmless(number, frame): print("handled", flush=True)
def reentrant(number, frame): device.version()
if kind == "reentrant":
    signal.signal(signal.SIGINT, reentrant)
if kind == "own":
    signal.signal(signal.SIGINT, handler)
if kind == "harmless":
    signal.signal(signal.SIGINT, harmless)
with dsmil.open(spec, run_dir=run_dir, call_deadline=30, transfer_deadline=30, turn_timeout=0.2) as device:
    print("ready", flush=True)
    begun = time.monotonic()
    try:
        device.scan()
        print("scanned", flush=True)
    except BaseException as error:
        print(type(error).__name__, f"{time.monotonic() - begun:.3f}", flush=True)
    device.version()
    print("and usable", flush=True)
"""


def interrupted(spec: object, run_dir: Path, kind: str = "default") -> list[str]:
    """Start a slow scan in another process, send it a SIGINT in the middle, and give what it printed."""
    arguments = [sys.executable, "-c", PROGRAM, str(spec), str(run_dir), kind]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    return printed.split("\n")


@pytest.mark.parametrize("where", ["sim", "served"])
def test_it_breaks_off_a_long_operation_and_leaves_the_device_usable(
    where: str, served: dsmil.sim.Server, tmp_path: Path, run_dir: Path
) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text(SLOW)
    served.set_faults(SLOW)
    spec = f"sim:faults={faults}" if where == "sim" else served.device
    raised, usable, _ = interrupted(spec, run_dir)
    name, seconds = raised.split()
    # The whole scan would take 22 times 60 ms.
    assert name == "KeyboardInterrupt"
    assert float(seconds) < 0.7
    assert usable == "and usable"


def test_it_breaks_off_a_single_call_that_hangs(tmp_path: Path, run_dir: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text(SLOW.replace("60", "20000"))
    raised, usable, _ = interrupted(f"sim:faults={faults}", run_dir)
    name, seconds = raised.split()
    assert name == "KeyboardInterrupt"
    assert float(seconds) < 2
    assert usable == "and usable"


def test_what_a_handler_raises_is_what_comes_out(tmp_path: Path, run_dir: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text(SLOW)
    assert interrupted(f"sim:faults={faults}", run_dir, "own")[0].startswith("Mine ")


def test_a_handler_that_raises_nothing_does_not_break_off(tmp_path: Path, run_dir: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text(SLOW)
    assert interrupted(f"sim:faults={faults}", run_dir, "harmless")[:3] == ["handled", "scanned", "and usable"]


def test_a_handler_that_uses_the_same_device_is_told_that_it_is_busy(tmp_path: Path, run_dir: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text(SLOW)
    raised, usable, _ = interrupted(f"sim:faults={faults}", run_dir, "reentrant")
    assert raised.startswith("BusyError ")
    assert usable == "and usable"


WAITER = """
import sys
import dsmil

with dsmil.open(sys.argv[1], run_dir=sys.argv[2], turn_timeout=60) as device:
    print("ready", flush=True)
    try:
        device.scan()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    print(device.version(), flush=True)
"""


def test_it_ends_the_wait_for_the_turn(served: dsmil.sim.Server, run_dir: Path) -> None:
    holder = os.open(served.device, os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        arguments = [sys.executable, "-c", WAITER, str(served.device), str(run_dir)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=30)
    finally:
        os.close(holder)
    assert printed.startswith("interrupted\n")
    assert process.returncode == 0
