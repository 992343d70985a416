"""What the tests share: a run directory of its own for each, and devices to ask."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from kernel_device import KernelDevice, node
from watching import FAST, GATES, Start

import dsmil

# What fails is printed so that it can be repeated; nothing is kept in the tree.
settings.register_profile("dsmil", database=None, print_blob=True)
settings.load_profile("dsmil")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the test decides which device, policy and run directory are used."""
    for name in ("DSMIL_DEVICE", "DSMIL_POLICY", "DSMIL_RUN_DIR", "DSMIL_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def sim(run_dir: Path) -> Iterator[dsmil.Device]:
    with dsmil.open("sim:seed=7", run_dir=run_dir) as device:
        yield device


@pytest.fixture
def served(tmp_path: Path) -> Iterator[dsmil.sim.Server | KernelDevice]:
    """A simulated device that real ioctls reach: served as a file, or the one that DSMIL_TEST_DEVICE names."""
    if node() is not None:
        with KernelDevice() as driver:
            yield driver
        return
    with dsmil.sim.serve(tmp_path / "served", "seed=7") as server:
        yield server


@pytest.fixture(params=["sim", "served"])
def device(request: pytest.FixtureRequest, run_dir: Path) -> Iterator[dsmil.Device]:
    """An open device, once in the process and once through a real ioctl."""
    spec = "sim:seed=7" if request.param == "sim" else request.getfixturevalue("served").device
    with dsmil.open(spec, run_dir=run_dir) as device:
        yield device


@pytest.fixture
def memory_dir(tmp_path: Path) -> Iterator[Path]:
    """A run directory in memory, for tests that are denied a hundred thousand times: each denial is synced."""
    base = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path
    path = base / f"dsmil-test-{os.getpid()}-{tmp_path.name}"
    path.mkdir(mode=0o700)
    yield path
    for root, folders, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(os.path.join(root, name))
        for name in folders:
            os.rmdir(os.path.join(root, name))
    path.rmdir()


@pytest.fixture
def start(tmp_path: Path, run_dir: Path) -> Iterator[Start]:
    """Start monitors with a state directory and a run directory of the test's own, and stop them at its end."""
    (tmp_path / "gates.toml").write_text(GATES)
    with contextlib.ExitStack() as stack:

        def begin(config: Any = FAST, **options: Any) -> dsmil.Monitor:
            place: dict[str, Any] = {"device": "sim:seed=7", "state_dir": tmp_path / "state", "run_dir": run_dir}
            monitor = dsmil.Monitor(config, **place | options)
            stack.callback(monitor.stop)
            return monitor

        yield begin


@pytest.fixture
def gated(tmp_path: Path, start: Start) -> Path:
    """A configuration file with a gate file beside it."""
    path = tmp_path / "monitor.toml"
    path.write_text(FAST.replace("[samplers", 'gates = ["gates.toml"]\n[samplers', 1))
    path.chmod(0o600)
    return path
