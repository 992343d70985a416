"""The emergency stop."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dsmil


def test_after_a_stop_nothing_is_asked_until_it_is_cleared(device: dsmil.Device, run_dir: Path) -> None:
    assert dsmil.stop_state(run_dir) is None
    pulled = dsmil.emergency_stop("smoke in the rack", run_dir)
    assert pulled.unrecorded is None
    assert pulled.took < 0.085
    for ask in (device.scan, device.version, device.status, device.thermal, device.probe, lambda: device.read(0x8003)):
        with pytest.raises(dsmil.StoppedError) as caught:
            ask()
        assert caught.value.record == pulled.record
    with pytest.raises(dsmil.StoppedError):
        dsmil.open("sim:", run_dir=run_dir)
    assert dsmil.clear_stop("it was toast", run_dir)
    assert not dsmil.clear_stop("again", run_dir)
    assert len(device.scan()) == 108


def test_the_record_says_who_when_and_why(run_dir: Path) -> None:
    before = time.time()
    record = dsmil.emergency_stop("because", run_dir).record
    assert (record.reason, record.uid, record.pid) == ("because", os.getuid(), os.getpid())
    assert before - 1 <= record.since.timestamp() <= time.time() + 1
    assert dsmil.stop_state(run_dir) == record
    assert dsmil.emergency_stop("another reason", run_dir).record == record


def test_both_ends_are_audited(run_dir: Path) -> None:
    dsmil.emergency_stop("one", run_dir)
    dsmil.clear_stop("two", run_dir)
    records = dsmil.audit.tail(run_dir=run_dir)
    assert [(record.action, record.reason) for record in records][:2] == [("stop", "one"), ("stop-clear", "two")]
    assert dsmil.audit.verify(run_dir=run_dir).is_clean


def test_another_process_pulls_it(served: dsmil.sim.Server, run_dir: Path) -> None:
    """It outlives the process that pulled it, and the served device counts nothing more."""
    with dsmil.open(served.device, run_dir=run_dir) as device:
        device.scan()
        program = f"import dsmil; dsmil.emergency_stop('from elsewhere', {str(run_dir)!r})"
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
        before = served.counters()["sequence"]
        with pytest.raises(dsmil.StoppedError, match="from elsewhere"):
            device.scan()
        assert served.counters()["sequence"] == before


def test_no_stop_without_a_run_directory(tmp_path: Path) -> None:
    for ask in (
        dsmil.stop_state,
        lambda path: dsmil.emergency_stop("r", path),
        lambda path: dsmil.clear_stop("r", path),
    ):
        with pytest.raises(dsmil.RunDirectoryError):
            ask(tmp_path / "missing")
