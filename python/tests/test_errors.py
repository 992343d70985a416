"""Errors: every kind has a class, says what it carries, and is what Python's own code catches."""

from __future__ import annotations

import errno
import pickle
import re
from pathlib import Path

import pytest

import dsmil
from dsmil import exceptions
from dsmil.exceptions import KINDS

ROOT = Path(__file__).parents[2]


def documented_kinds() -> list[str]:
    """Give the kinds that tests/conformance/README.md lists for all languages."""
    text = (ROOT / "tests/conformance/README.md").read_text()
    listed = re.search(r"Error kinds.*?: (.*?)\.\n", text, re.DOTALL)
    assert listed is not None
    return [kind.strip() for kind in listed[1].split(",")]


def test_every_kind_of_all_languages_has_a_class_of_its_own_here() -> None:
    kinds = documented_kinds()
    assert len(kinds) > 20
    assert set(KINDS) - set(kinds) == {"serve", "internal"}
    assert set(kinds) <= set(KINDS)
    assert exceptions.Error not in KINDS.values()
    assert exceptions.DeviceError not in KINDS.values()
    # `record` is a protocol error about a single record; every other class stands for one kind.
    assert len(set(KINDS.values())) == len(KINDS) - 1


def test_every_kind_in_the_core_is_documented() -> None:
    source = (ROOT / "crates/dsmil-device/src/error.rs").read_text()
    body = source[source.index("pub const fn kind") : source.index("pub const fn fault")]
    assert sorted(re.findall(r'=> "([a-z-]+)"', body)) == sorted(documented_kinds())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_exception_of_any_kind_shows_its_text_and_goes_through_pickle(kind: str) -> None:
    error = exceptions.make(kind, "what, where, how far", {"errno": errno.EIO, "id": 0x8003, "path": "/p"})
    for same in (error, pickle.loads(pickle.dumps(error))):
        assert type(same) is KINDS[kind]
        assert (same.kind, str(same), same.message) == (kind, "what, where, how far", "what, where, how far")
        assert same.__dict__["id"] == 0x8003
        if isinstance(same, OSError):
            assert (same.errno, same.strerror, same.filename) == (errno.EIO, "what, where, how far", "/p")


def test_a_kind_that_nobody_knows_is_a_fault_of_ours() -> None:
    assert type(exceptions.make("new", "text", {})) is exceptions.InternalError


@pytest.mark.parametrize(
    ("own", "builtin"),
    [
        (dsmil.QuarantineError, PermissionError),
        (dsmil.DeadlineError, TimeoutError),
        (dsmil.BusyError, TimeoutError),
        (dsmil.DeviceError, OSError),
        (dsmil.RequestError, dsmil.DeviceError),
        (dsmil.VanishedError, dsmil.DeviceError),
        (dsmil.UnsupportedError, dsmil.DeviceError),
        (dsmil.MissingDeviceError, FileNotFoundError),
        (dsmil.RefusedDeviceError, PermissionError),
        (dsmil.CallInterruptedError, InterruptedError),
        (dsmil.SpecError, ValueError),
        (dsmil.ArgumentError, ValueError),
        (dsmil.ClosedError, ValueError),
    ],
)
def test_what_pythons_own_code_catches(own: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(own, builtin)
    assert issubclass(own, dsmil.Error)


def fault(text: str) -> str:
    return f"[[fault]]\n{text}\n"


def test_a_wrong_answer_names_the_fault_and_how_far_it_got(run_dir: Path) -> None:
    model = dsmil.sim.Model(
        "seed=7", fault('on = "SCAN_CHUNK"\nskip = 2\ndo = "set"\nfield = "devices_in_chunk"\nvalue = 6')
    )
    with dsmil.open(model, run_dir=run_dir) as device, pytest.raises(dsmil.ProtocolError) as caught:
        device.scan()
    error = caught.value
    assert (error.kind, error.fault, error.chunk, error.bytes_done) == (
        "protocol",
        "devices-in-chunk-too-large",
        2,
        400,
    )
    assert (error.transfer, error.id) == ("scan", None)


def test_a_wrong_record_is_a_protocol_error_too(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7", fault('on = "READ_DEVICE"\ndo = "set"\nfield = "device_id"\nvalue = 0x8004'))
    with dsmil.open(model, run_dir=run_dir) as device, pytest.raises(dsmil.ProtocolError) as caught:
        device.info(0x8003)
    assert (caught.value.kind, caught.value.fault, caught.value.id) == ("record", "wrong-record", 0x8003)
    assert caught.value.chunk is None


def test_a_refused_request_tells_errno_tries_and_state(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7", fault('on = "READ_DEVICE"\ndo = "thermal-limit"'))
    with dsmil.open(model, run_dir=run_dir, tries=2) as device, pytest.raises(dsmil.RequestError) as caught:
        device.info(0x8003)
    error = caught.value
    assert (error.errno, error.attempts, error.state, error.request) == (errno.EBUSY, 2, 5, "READ_DEVICE")
    assert error.id == 0x8003


def test_a_device_that_goes_away(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7", fault('on = "SCAN_CHUNK"\nskip = 3\ndo = "vanish"\nerrno = "ENXIO"'))
    with dsmil.open(model, run_dir=run_dir) as device, pytest.raises(dsmil.VanishedError) as caught:
        device.scan()
    assert (caught.value.errno, caught.value.request) == (errno.ENXIO, "SCAN_CHUNK")


def test_a_foreign_program_that_goes_on_and_on(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7", fault('on = "SCAN_CHUNK"\nskip = 1\ndo = "foreign-session"'))
    with dsmil.open(model, run_dir=run_dir, attempts=3) as device, pytest.raises(dsmil.ContendedError) as caught:
        device.scan()
    assert (caught.value.attempts, caught.value.transfer) == (3, "scan")
    assert caught.value.fault in (None, "session-changed")


def test_a_late_answer(run_dir: Path) -> None:
    model = dsmil.sim.Model("seed=7", fault('on = "GET_THERMAL"\ndo = "delay"\nms = 2000'))
    with dsmil.open(model, run_dir=run_dir, call_deadline=0.02) as device, pytest.raises(dsmil.DeadlineError) as caught:
        device.thermal()
    error = caught.value
    assert (error.what, error.limit, error.interrupted) == ("GET_THERMAL", 0.02, True)
    assert 0.02 <= error.elapsed < 1.0


def test_a_turn_that_does_not_come(served: dsmil.sim.Server, run_dir: Path) -> None:
    import fcntl

    with open(served.device, "rb") as other, dsmil.open(served.device, run_dir=run_dir, turn_timeout=0.05) as device:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(dsmil.BusyError) as caught:
            device.scan()
        assert caught.value.waited >= 0.05
        assert device.thermal() > 0
        fcntl.flock(other, fcntl.LOCK_UN)
        assert len(device.scan()) == 108


def test_what_cannot_be_opened(tmp_path: Path, run_dir: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    with pytest.raises(FileNotFoundError) as missing:
        dsmil.open(tmp_path / "nothing", run_dir=run_dir)
    assert isinstance(missing.value, dsmil.MissingDeviceError)
    assert (missing.value.filename, missing.value.errno) == (str(tmp_path / "nothing"), errno.ENOENT)
    assert "sim:" in missing.value.remedy
    with pytest.raises(dsmil.NotADeviceError):
        dsmil.open(plain, run_dir=run_dir)
    with pytest.raises(dsmil.NotADeviceError):
        dsmil.open("/dev/null", run_dir=run_dir)
    with pytest.raises(dsmil.NotInitialisedError) as refused:
        dsmil.open("sim:initialised=no", run_dir=run_dir)
    assert refused.value.errno == errno.ENODEV


@pytest.mark.parametrize(
    "spec", ["", "sim", "replay:", "record:x", "tcp:1", "sim:seed", "sim:seed=x", "sim:faults=/nope"]
)
def test_a_spec_that_makes_no_sense(run_dir: Path, spec: str) -> None:
    with pytest.raises(dsmil.SpecError):
        dsmil.open(spec, run_dir=run_dir)


def test_no_access_without_a_run_directory(tmp_path: Path) -> None:
    with pytest.raises(dsmil.RunDirectoryError) as caught:
        dsmil.open("sim:", run_dir=tmp_path / "missing")
    assert caught.value.path == str(tmp_path / "missing")
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(dsmil.RunDirectoryError, match="everybody"):
        dsmil.open("sim:", run_dir=open_to_all)


def test_a_trace_that_is_none(tmp_path: Path, run_dir: Path) -> None:
    (tmp_path / "trace").write_text("nonsense\n")
    with pytest.raises(dsmil.TraceError) as caught:
        dsmil.open(f"replay:{tmp_path / 'trace'}", run_dir=run_dir)
    assert caught.value.path == str(tmp_path / "trace")


def test_isolations_that_cannot_be_read(run_dir: Path) -> None:
    (run_dir / "isolations.db").write_text("this is no database" * 100)
    with pytest.raises(dsmil.IsolationError) as caught:
        dsmil.isolations(run_dir)
    assert caught.value.path == str(run_dir / "isolations.db")
    with dsmil.open("sim:", run_dir=run_dir) as device, pytest.raises(dsmil.QuarantineError) as denied:
        device.read(0x8003)
    assert (denied.value.key, denied.value.explicit) == ("policy-unusable", False)


def test_an_audit_log_that_cannot_be_written(run_dir: Path) -> None:
    (run_dir / "audit").write_text("a file where the folder should be")
    with dsmil.open("sim:", run_dir=run_dir) as device, pytest.raises(dsmil.QuarantineError) as denied:
        device.read(0x8009)
    assert denied.value.unrecorded is not None
    with pytest.raises(dsmil.AuditError):
        dsmil.isolate(0x8004, "reason", run_dir=run_dir)
    assert dsmil.isolations(run_dir) == ()
