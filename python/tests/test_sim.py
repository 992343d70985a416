"""The simulated device: in the process and served as a file."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

import dsmil

FAILING = '[[fault]]\non = "GET_THERMAL"\ndo = "fail"\nerrno = "EPERM"\n'


def test_a_served_device_answers_any_programs_ioctl(served: dsmil.sim.Server) -> None:
    with open(served.device, "rb") as file:
        (version,) = struct.unpack("=I", fcntl.ioctl(file, 0x80044D01, bytes(4)))
    assert version == 0x010000
    counters = served.counters()
    assert (counters["requests"]["GET_VERSION"], counters["permanent"]) == (1, 0)
    assert json.loads((served.path / "counters.json").read_text())["requests"] == counters["requests"]


def test_the_count_sees_what_goes_past_the_library(served: dsmil.sim.Server) -> None:
    """The control of every test that says *never asked for*: the driver itself lets a read of 0x8009 begin."""
    with open(served.device, "rb") as file:
        fcntl.ioctl(file, 0x40044D09, struct.pack("=I", 0x8009))
    counters = served.counters()
    assert counters["permanent"] == 1
    assert counters["ids"]["0x8009"]["read_start"] == 1


def test_the_two_are_one_model(served: dsmil.sim.Server, run_dir: Path) -> None:
    with dsmil.open(served.device, run_dir=run_dir) as file, dsmil.open("sim:seed=7", run_dir=run_dir) as model:
        assert file.read(0x8042) == model.read(0x8042)


@pytest.mark.parametrize("kind", ["served", "model"])
def test_faults_are_set_and_taken_back(request: pytest.FixtureRequest, run_dir: Path, kind: str) -> None:
    driver: Any = dsmil.sim.Model("seed=7") if kind == "model" else request.getfixturevalue("served")
    with dsmil.open(driver if kind == "model" else driver.device, run_dir=run_dir) as device:
        driver.set_faults(FAILING)
        with pytest.raises(dsmil.RequestError) as caught:
            device.thermal()
        assert isinstance(caught.value, OSError)
        with pytest.raises(dsmil.SpecError, match="do"):
            driver.set_faults('[[fault]]\non = "GET_THERMAL"\ndo = "nonsense"\n')
        with pytest.raises(dsmil.RequestError):
            device.thermal()
        driver.set_faults("")
        assert device.thermal() > 0


def test_the_service_ends_with_the_block(tmp_path: Path, run_dir: Path) -> None:
    with dsmil.sim.serve(tmp_path / "here", "seed=3", mode=0o640) as server:
        assert "ended" not in repr(server)
        assert server.device.stat().st_mode & 0o777 == 0o640
        device = dsmil.open(server.device, run_dir=run_dir)
    assert not server.is_running
    assert list((tmp_path / "here").iterdir()) == []
    with pytest.raises(dsmil.DeviceError):
        device.scan()
    device.close()
    server.stop()
    with pytest.raises(dsmil.ClosedError):
        server.counters()
    with pytest.raises(dsmil.ClosedError):
        server.set_faults("")
    assert "ended" in repr(server)


def test_a_server_that_nobody_refers_to_ends(tmp_path: Path) -> None:
    server = dsmil.sim.serve(tmp_path / "here")
    path = server.device
    assert path.exists()
    del server
    gc.collect()
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"options": "nonsense"}, dsmil.SpecError),
        ({"faults": "nonsense"}, dsmil.SpecError),
        ({"mode": 0o1777}, dsmil.ArgumentError),
        ({"mode": "rw"}, TypeError),
        ({"options": None}, TypeError),
    ],
)
def test_what_cannot_be_served(tmp_path: Path, arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        dsmil.sim.serve(tmp_path / "here", **arguments)


def test_a_place_that_is_in_use(served: dsmil.sim.Server, tmp_path: Path) -> None:
    with pytest.raises(dsmil.ServeError):
        dsmil.sim.serve(served.path)
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").touch()
    with pytest.raises(dsmil.ServeError):
        dsmil.sim.serve(full)


def test_the_options_make_the_driver(tmp_path: Path, run_dir: Path) -> None:
    with dsmil.sim.serve(tmp_path / "here", "version=0x020304,data=0x8003:4928,firmware-limit=none") as server:
        with dsmil.open(server.device, run_dir=run_dir) as device:
            assert str(device.version()) == "2.3.4"
            assert len(device.read(0x8003)) == 4928
            assert device.probe()["SCAN_DEVICES"] is dsmil.ProbeOutcome.WORKS
            assert device.sim_counters() is None
        assert os.path.samefile(server.path, tmp_path / "here")
