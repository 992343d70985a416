"""The command that pip installs: the same code as the native one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest

import dsmil

MAIN = "import sys; from dsmil._command import main; sys.exit(main())"


def run(run_dir: Path, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", MAIN, *map(str, arguments)],
        env=os.environ | {"DSMIL_RUN_DIR": str(run_dir), "DSMIL_DEVICE": "sim:seed=7"},
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("scan",), 0),
        (("--json", "scan"), 0),
        (("read", "0x8003", "--hex"), 0),
        (("no-such-command",), 2),
        (("info", "nonsense"), 2),
        (("read", "0x8009"), 3),
        (("info", "0x8101"), 3),
        (("--device", "/nonexistent", "status"), 4),
    ],
)
def test_exit_statuses(run_dir: Path, arguments: tuple[str, ...], status: int) -> None:
    done = run(run_dir, *arguments)
    assert done.returncode == status, done.stderr
    assert done.stdout if status == 0 else done.stdout + done.stderr


def test_it_says_what_the_library_says(sim: dsmil.Device, run_dir: Path) -> None:
    done = run(run_dir, "--json", "scan")
    answer = json.loads(done.stdout)
    text = json.dumps(answer)
    assert all(f"0x{record.id:04X}" in text or str(record.id) in text for record in sim.scan())
    assert done.stderr == ""


def test_a_stop_by_command_holds_for_the_library(run_dir: Path) -> None:
    assert run(run_dir, "stop", "--reason", "by command").returncode == 0
    state = dsmil.stop_state(run_dir)
    assert state is not None
    assert state.reason == "by command"
    assert run(run_dir, "scan").returncode == 5


def test_raw_bytes_go_through_whole(sim: dsmil.Device, run_dir: Path, tmp_path: Path) -> None:
    assert run(run_dir, "read", "0x8003", "--out", tmp_path / "data").returncode == 0
    assert (tmp_path / "data").read_bytes() == sim.read(0x8003)


def test_a_service_started_by_it_ends_on_ctrl_c(run_dir: Path, tmp_path: Path) -> None:
    place = tmp_path / "served"
    arguments = [sys.executable, "-c", MAIN, "sim", "serve", str(place)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        device = place / "dsmil-72dev"
        begun = time.monotonic()
        while not device.exists():
            assert time.monotonic() - begun < 30
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        with dsmil.open(device, run_dir=run_dir) as opened:
            assert len(opened.scan()) == 108
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert not device.exists()


def test_pip_installs_it_under_its_name() -> None:
    command = Path(sysconfig.get_path("scripts")) / "dsmil"
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, f"dsmil {dsmil.__version__}")
