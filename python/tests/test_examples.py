"""The examples, run as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dsmil

EXAMPLES = Path(__file__).parents[2] / "examples/python"
GATES = EXAMPLES.parent / "gates"


def run(name: str, run_dir: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py", *map(str, arguments)],
        env=os.environ | {"DSMIL_RUN_DIR": str(run_dir)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(params=["sim", "served"])
def spec(request: pytest.FixtureRequest) -> object:
    return "sim:seed=7" if request.param == "sim" else request.getfixturevalue("served").device


@pytest.mark.parametrize(
    ("name", "arguments", "last"),
    [
        ("scan_devices", (), "108 devices, 5 of them quarantined by the driver"),
        ("read_device", (), "512 bytes"),
        ("read_device", ("0x8004",), "512 bytes"),
        ("watch_thermal", (2,), "°C"),
        ("quarantine_denied", (), "7 of 7 denied"),
    ],
)
def test_example(name: str, arguments: tuple[object, ...], last: str, spec: object, run_dir: Path) -> None:
    done = run(name, run_dir, spec, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith(last)


def test_there_is_one_for_each_that_every_language_has() -> None:
    names = {"scan_devices", "read_device", "watch_thermal", "quarantine_denied", "check_gate", "watch_monitor"}
    assert {file.stem for file in EXAMPLES.glob("*.py")} == names


def test_an_example_that_asks_for_a_quarantined_device_is_refused(served: dsmil.sim.Server, run_dir: Path) -> None:
    done = run("read_device", run_dir, served.device, "0x8009")
    assert done.returncode == 1
    assert "QuarantineError: read of 0x8009 is denied" in done.stderr
    assert served.counters()["permanent"] == 0


@pytest.mark.parametrize(
    ("metrics", "last", "status"),
    [
        ('{"cpu_percent": 40, "memory_percent": 50, "active_workers": 2}', "go", 0),
        ('{"cpu_percent": 40, "memory_percent": 50, "active_workers": null}', "hold", 7),
        ('{"cpu_percent": 90, "memory_percent": 50, "active_workers": 2}', "hold", 7),
        (None, "hold", 7),
    ],
)
def test_a_gate_is_checked(metrics: str | None, last: str, status: int, run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(metrics or "")
    done = run("check_gate", run_dir, GATES / "deploy.toml", *([tmp_path / "metrics.json"] if metrics else []))
    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.splitlines()[-1] == last


def test_a_gate_that_rolls_back(run_dir: Path, tmp_path: Path) -> None:
    gates = tmp_path / "gates.toml"
    rule = 'name = "a"\nmetric = "a"\nrequire = "< 1"\non_fail = "roll-back"\non_no_data = "hold"\n'
    gates.write_text(f"version = 1\n[[rule]]\n{rule}")
    (tmp_path / "metrics.json").write_text('{"a": 2}')
    assert run("check_gate", run_dir, gates, tmp_path / "metrics.json").returncode == 8


def test_a_monitor_is_watched(spec: object, run_dir: Path, tmp_path: Path) -> None:
    done = run("watch_monitor", run_dir, tmp_path / "state", spec, 3)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert sum(" go: cpu " in line or " hold: cpu " in line for line in lines) == 3
    assert any(line.startswith("  health ") for line in lines)
    assert lines[-1].endswith(" values of app_queue are stored")
