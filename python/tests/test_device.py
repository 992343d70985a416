"""The device: what it answers, how it is opened and closed, and what odd arguments come to."""

from __future__ import annotations

import copy
import fcntl
import gc
import io
import os
import pickle
import struct
import weakref
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsmil


def test_a_scan_has_every_device_and_shows_the_five_that_the_driver_knows(device: dsmil.Device) -> None:
    scan = device.scan()
    assert [record.id for record in scan] == list(range(0x8000, 0x806C))
    assert {record.id for record in scan if record.is_quarantined} == {0x8009, 0x800A, 0x800B, 0x8019, 0x8029}
    assert all(record.last_response is None for record in scan)


def test_data_comes_as_bytes_of_the_length_that_the_device_has(device: dsmil.Device) -> None:
    data = device.read(0x8003)
    assert type(data) is bytes
    assert len(data) == 512
    assert device.read("0x8003") == data
    assert device.read(0x8004) != data


def test_a_record_of_one_device_has_its_answer(device: dsmil.Device) -> None:
    record = device.info(0x8003)
    assert (record.id, record.state, record.access) == (0x8003, dsmil.State.SAFE, dsmil.Access.READ)
    assert record.last_response is not None


def test_status_temperature_and_version(device: dsmil.Device) -> None:
    device.scan()
    status = device.status()
    assert (status.kernel_module_loaded, status.quarantined_count) == (True, 5)
    assert abs(status.current_temp_celsius - device.thermal()) <= 3
    assert device.version() == dsmil.Version(1, 0, 0)
    assert str(device.version()) == "1.0.0"
    assert int(device.version()) == 0x010000


def test_a_probe_tells_the_eleven_requests_apart(device: dsmil.Device) -> None:
    probe = device.probe()
    assert probe.is_chunked
    assert probe["SCAN_DEVICES"] is dsmil.ProbeOutcome.REFUSED
    assert [result.outcome for result in probe.results].count(dsmil.ProbeOutcome.WORKS) == 10
    with pytest.raises(KeyError):
        probe["NO_SUCH"]


def test_an_older_driver_lacks_the_chunked_requests(run_dir: Path) -> None:
    with dsmil.open("sim:chunked=no", run_dir=run_dir) as device:
        assert not device.probe().is_chunked
        with pytest.raises(dsmil.UnsupportedError) as caught:
            device.read(0x8003)
    assert caught.value.request == "READ_START"


def test_latency_is_measured_by_request_and_by_device(device: dsmil.Device) -> None:
    for _ in range(3):
        device.info(0x8003)
    latency = device.latency()
    measured = latency.devices[0x8003]
    assert measured.count == 3
    assert 0 < measured.min <= measured.p50 <= measured.p95 <= measured.p99 <= measured.max * 1.01
    assert latency.requests["READ_DEVICE"].count == 3
    assert 0x8004 not in latency.devices
    assert latency.slow(limit=0.0) == {0x8003: measured}
    assert latency.slow(limit=60.0) == {}


def test_closing_twice_is_fine_and_a_closed_device_says_so(device: dsmil.Device) -> None:
    assert "closed" not in repr(device)
    device.close()
    device.close()
    assert device.closed
    for call in (device.scan, device.version, device.latency, device.fileno, device.sim_counters):
        with pytest.raises(dsmil.ClosedError):
            call()
    assert "closed" in repr(device)


def test_leaving_the_block_closes_also_after_an_exception(run_dir: Path) -> None:
    device = dsmil.open("sim:", run_dir=run_dir)

    def fail() -> None:
        with device:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail()
    assert device.closed


def test_a_device_that_nobody_refers_to_is_closed(served: dsmil.sim.Server, run_dir: Path) -> None:
    device = dsmil.open(served.device, run_dir=run_dir)
    number, gone = device.fileno(), weakref.ref(device)
    os.fstat(number)
    del device
    gc.collect()
    assert gone() is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_the_file_number_is_of_the_device_itself(served: dsmil.sim.Server, run_dir: Path) -> None:
    with dsmil.open(served.device, run_dir=run_dir) as device:
        version = fcntl.ioctl(device.fileno(), 0x80044D01, bytes(4))
        assert struct.unpack("=I", version) == (int(device.version()),)
        assert not os.get_inheritable(device.fileno())


def test_a_device_without_a_file_has_no_number(sim: dsmil.Device) -> None:
    with pytest.raises(io.UnsupportedOperation):
        sim.fileno()


def test_neither_a_device_nor_a_server_can_be_copied(sim: dsmil.Device, served: dsmil.sim.Server) -> None:
    for one in (sim, served):
        for copied in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="can't be copied"):
                copied(one)


def test_names(sim: dsmil.Device, run_dir: Path) -> None:
    assert (sim.name, sim.run_dir) == ("sim:seed=7", str(run_dir))
    assert repr(sim) == "<dsmil.Device 'sim:seed=7'>"


def test_the_environment_names_the_device_and_the_run_directory(monkeypatch: pytest.MonkeyPatch, run_dir: Path) -> None:
    monkeypatch.setenv("DSMIL_DEVICE", "sim:seed=9")
    monkeypatch.setenv("DSMIL_RUN_DIR", str(run_dir))
    with dsmil.open() as device:
        assert (device.name, device.run_dir) == ("sim:seed=9", str(run_dir))


def test_a_dry_run_checks_everything_and_asks_nothing(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7")
    with dsmil.open(model, run_dir=run_dir, dry_run=True) as device:
        with pytest.raises(dsmil.DryRunError) as caught:
            device.read(0x8003)
        assert (caught.value.request, caught.value.id) == ("READ_START", 0x8003)
        with pytest.raises(dsmil.QuarantineError):
            device.read(0x8009)
    assert model.counters()["sequence"] == 0


def test_two_devices_on_one_driver_are_told_apart_by_their_sessions(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7")
    with dsmil.open(model, run_dir=run_dir) as one, dsmil.open(model, run_dir=run_dir) as other:
        assert one.read(0x8003) == other.read(0x8003)
        counted = one.sim_counters()
    assert counted is not None
    assert counted["opens"] == 2


def test_a_trace_answers_in_place_of_the_device(tmp_path: Path, run_dir: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    with dsmil.open(f"record:{trace},sim:seed=7", run_dir=run_dir) as device:
        scan, data = device.scan(), device.read(0x8003)
    with dsmil.open(f"replay:{trace}", run_dir=run_dir) as device:
        assert device.scan() == scan
        assert device.read(0x8003) == data
        with pytest.raises(dsmil.TraceError):
            device.thermal()


@pytest.mark.parametrize("id", [True, False, 1.0, None, b"0x8003", [], object(), 1j])
def test_what_is_no_id_is_a_type_error(sim: dsmil.Device, id: Any) -> None:
    for ask in (sim.read, sim.info, sim.check, sim.is_cleared):
        with pytest.raises(TypeError, match="id must be int"):
            ask(id)


@pytest.mark.parametrize(
    "id",
    [
        -1,
        65536,
        1 << 63,
        -(1 << 200),
        pytest.param(10**5000, id="huge"),
        "",
        "0x18003",
        "-1",
        " 0x8003",
        pytest.param("\udcff", id="surrogate"),
    ],
)
def test_what_can_be_no_id_is_a_value_error(sim: dsmil.Device, id: Any) -> None:
    for ask in (sim.read, sim.info, sim.check, sim.is_cleared):
        with pytest.raises(dsmil.ArgumentError) as caught:
            ask(id)
        assert isinstance(caught.value, ValueError)
        assert caught.value.name == "id"


def test_what_counts_as_a_number_is_an_id(sim: dsmil.Device) -> None:
    class Number:
        def __index__(self) -> int:
            return 0x8003

    class Broken:
        def __index__(self) -> int:
            raise ZeroDivisionError

    assert sim.read(Number()) == sim.read(0x8003)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        sim.read(Broken())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *((name, value) for name in ("call_deadline", "transfer_deadline", "turn_timeout") for value in (0, 1e6)),
        *(
            (name, value)
            for name in ("call_deadline", "transfer_deadline", "turn_timeout", "back_off")
            for value in (-1, float("nan"), float("inf"), 1e300, 10**400)
        ),
        ("back_off", 1.5),
        *((name, value) for name in ("tries", "attempts") for value in (0, -1, 101, 1 << 99)),
    ],
)
def test_a_bound_out_of_range_is_refused_by_name(run_dir: Path, option: str, value: Any) -> None:
    with pytest.raises(dsmil.ArgumentError) as caught:
        dsmil.open("sim:", run_dir=run_dir, **{option: value})
    assert caught.value.name == option


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("call_deadline", "1"),
        ("call_deadline", True),
        ("tries", 1.5),
        ("tries", True),
        ("dry_run", "yes"),
        ("policy", 7),
    ],
)
def test_a_bound_of_another_type_is_a_type_error(run_dir: Path, option: str, value: Any) -> None:
    with pytest.raises(TypeError):
        dsmil.open("sim:", run_dir=run_dir, **{option: value})


_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.sampled_from(["sim:", "sim:seed=1", "replay:/nope", "record:,sim:", "/dev/null", "/", "sim:faults=/nope"]),
    st.lists(st.integers(), max_size=3),
    st.builds(object),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_ODD, _ODD, _ODD, _ODD, st.sampled_from(["read", "info", "check", "is_cleared"]))
def test_odd_arguments_raise_ordinary_exceptions(
    run_dir: Path, spec: Any, policy: Any, id: Any, more: Any, name: str
) -> None:
    """Whatever is passed: an exception of ours, a TypeError or a ValueError, and never the end of the process."""
    allowed = (dsmil.Error, TypeError, ValueError)
    try:
        with dsmil.open(spec, run_dir=run_dir, policy=policy, call_deadline=more, dry_run=True) as device:
            getattr(device, name)(id)
    except allowed:
        pass
    with dsmil.open("sim:", run_dir=run_dir) as device:
        try:
            arguments = (id,) if name in ("read", "info") else (id, more)
            getattr(device, name)(*arguments)
        except allowed:
            pass
        assert device.version() == dsmil.Version(1, 0, 0)
