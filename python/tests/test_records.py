"""Records: values that don't change, compare, hash, copy and pickle, and are shown readably."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dsmil
from dsmil.audit import Record

_U32 = st.integers(0, 0xFFFFFFFF)
_RECORDS = st.builds(
    dsmil.DeviceRecord,
    id=st.integers(0, 0xFFFF),
    state=_U32,
    access=_U32,
    is_quarantined=st.booleans(),
    last_response=st.none() | _U32,
    timestamp=st.integers(0, (1 << 64) - 1),
    thermal_celsius=st.none() | st.integers(-(1 << 31), (1 << 31) - 1),
)


@pytest.fixture
def every_record(sim: dsmil.Device, run_dir: Path) -> list[Any]:
    """One of each kind."""
    scan = sim.scan()
    sim.read(0x8003)
    made: list[Any] = [scan, scan[0], sim.status(), sim.version(), sim.probe(), sim.probe().results[0], sim.latency()]
    made += [sim.latency().devices[0x8003], dsmil.self_check(run_dir=run_dir)]
    made += [made[-1].entries[0], dsmil.isolate(0x8004, "a <b>", author="me", duration=60, run_dir=run_dir)]
    made += [dsmil.emergency_stop("a & b", run_dir), dsmil.stop_state(run_dir)]
    made += [dsmil.audit.verify(run_dir=run_dir), *dsmil.audit.tail(run_dir=run_dir, count=1)]
    assert isinstance(made[-1], Record)
    return made


def test_records_are_values(every_record: list[Any]) -> None:
    for record in every_record:
        for same in (
            copy.copy(record),
            copy.deepcopy(record),
            *(pickle.loads(pickle.dumps(record, p)) for p in range(2, 6)),
        ):
            assert same == record, record
            assert hash(same) == hash(record)
            assert repr(same) == repr(record)
        assert record != object()
        assert type(record).__name__ in repr(record) or isinstance(record, dsmil.Scan)


def test_records_do_not_change(every_record: list[Any]) -> None:
    for record in every_record:
        for name in [name for name in dir(record) if not name.startswith("_")] + ["new"]:
            with pytest.raises((AttributeError, TypeError)):
                setattr(record, name, 1)
            with pytest.raises((AttributeError, TypeError)):
                delattr(record, name)


def test_tables_for_notebooks_escape_what_people_wrote(every_record: list[Any]) -> None:
    shown = [record._repr_html_() for record in every_record if hasattr(record, "_repr_html_")]
    assert len(shown) >= 8
    for table in shown:
        assert table.count("<table>") == table.count("</table>") == 1
    assert any("a &lt;b&gt;" in table for table in shown)
    assert not any("<b>" in table for table in shown)


def test_a_scan_is_an_immutable_sequence(sim: dsmil.Device) -> None:
    scan = sim.scan()
    assert isinstance(scan, Sequence)
    assert (len(scan), scan[0].id, scan[-1].id) == (108, 0x8000, 0x806B)
    assert [record.id for record in scan[1:3]] == [0x8001, 0x8002]
    assert next(reversed(scan)).id == 0x806B
    assert scan[5] in scan
    assert scan.index(scan[5]) == 5
    assert scan.get(0x8003) is scan[3]
    assert scan.get(0x8100) is None
    assert repr(scan) == "<Scan of 108 devices>"
    with pytest.raises(IndexError):
        scan[108]


@given(_RECORDS)
def test_any_record_goes_through_pickle_and_keeps_its_fields(record: dsmil.DeviceRecord) -> None:
    again = pickle.loads(pickle.dumps(record))
    assert again == record
    assert hash(again) == hash(record)
    for name in ("id", "state", "access", "is_quarantined", "last_response", "timestamp", "thermal_celsius"):
        assert getattr(again, name) == getattr(record, name)
    shown = eval(repr(record), {"DeviceRecord": dsmil.DeviceRecord, "State": dsmil.State, "Access": dsmil.Access})
    assert shown == record


@given(_U32)
def test_a_number_without_a_name_stays_a_number_and_never_becomes_safe(number: int) -> None:
    record = dsmil.DeviceRecord(0x8003, number, number, False, None, 0, None)
    assert record.state == number
    assert record.state.is_named == (number <= 5)
    assert (record.state == dsmil.State.SAFE) == (number == 2)
    assert record.state.is_named or str(number) in record.state.name
    assert pickle.loads(pickle.dumps(record.state)) == record.state
    assert record.access.is_named == (number <= 2)


def test_enumerations_iterate_over_what_has_a_name() -> None:
    dsmil.State(77)
    assert [state.value for state in dsmil.State] == [0, 1, 2, 3, 4, 5]
    wrong: Any
    for wrong in (-1, 1 << 32, "2", 2.5, None):
        with pytest.raises(ValueError, match="is not a valid State"):
            dsmil.State(wrong)


@pytest.mark.parametrize(
    "wrong", [{"id": -1}, {"id": True}, {"state": -1}, {"timestamp": 1 << 64}, {"is_quarantined": 3}]
)
def test_a_record_cannot_be_made_of_what_does_not_fit(wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        "id": 0x8003,
        "state": 2,
        "access": 1,
        "is_quarantined": False,
        "last_response": None,
        "timestamp": 0,
        "thermal_celsius": None,
    }
    dsmil.DeviceRecord(**fields)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        dsmil.DeviceRecord(**fields | wrong)


def test_the_place_of_a_device_comes_from_its_id(sim: dsmil.Device) -> None:
    record = sim.scan().get(0x8025)
    assert record is not None
    assert (record.group, record.group_name, record.index, record.is_functional) == (2, "network operations", 5, True)
    outside = dsmil.DeviceRecord(0x8100, 0, 0, False, None, 0, None)
    assert (outside.group, outside.group_name, outside.is_functional) == (None, None, False)


def test_versions_compare_by_age() -> None:
    assert dsmil.Version(1, 2, 0) > dsmil.Version(1, 1, 9)
    assert sorted([dsmil.Version(2, 0, 0), dsmil.Version(0, 9, 9)])[0] == dsmil.Version(0, 9, 9)


def test_times_beyond_the_calendar_are_its_end() -> None:
    record = dsmil.StopRecord("r", 0, 0, "p", (1 << 64) - 1)
    assert record.since == datetime.max.replace(tzinfo=UTC)


def test_a_scan_is_put_together_from_chunks(served: dsmil.sim.Server, run_dir: Path) -> None:
    import fcntl

    chunks = b""
    with dsmil.open(served.device, run_dir=run_dir) as device:
        number = device.fileno()
        fcntl.ioctl(number, 0x4D06)
        for _ in range(22):
            buffer = bytearray(256)
            fcntl.ioctl(number, 0x81004D07, buffer)
            chunks += buffer
        fcntl.ioctl(number, 0x4D08)
        ids = [record.id for record in device.scan()]
    assert [record.id for record in dsmil.decode_scan(chunks)] == ids
    for wrong in (b"", chunks[:-256], chunks[:-1], chunks + bytes(256), chunks + chunks):
        with pytest.raises(dsmil.ArgumentError):
            dsmil.decode_scan(wrong)
    with pytest.raises(dsmil.ProtocolError) as caught:
        dsmil.decode_scan(chunks[:256] + chunks[:256])
    assert (caught.value.fault, caught.value.chunk, caught.value.bytes_done) == ("index-repeated", 1, 200)
    with pytest.raises(TypeError):
        dsmil.decode_scan("text")  # type: ignore[arg-type]
