"""The quarantine: the seven, the policy files, the isolations, and the self-check."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import dsmil

SEVEN = [0x8009, 0x800A, 0x800B, 0x8019, 0x8029, 0x8100, 0x8101]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text('version = 1\n[[deny]]\nfirst = 0x8010\nlast = 0x8012\nreason = "under repair"\n')
    path.chmod(0o600)
    return path


def test_the_seven_are_listed_and_cannot_be_taken_off_the_list() -> None:
    assert sorted(dsmil.PERMANENT) == SEVEN
    assert dsmil.PERMANENT[0x8009] == "data destruction"
    assert dsmil.Quarantine.PERMANENT is dsmil.PERMANENT
    with pytest.raises(TypeError):
        del dsmil.PERMANENT[0x8009]  # type: ignore[attr-defined]


def test_changing_what_the_name_refers_to_frees_none(monkeypatch: pytest.MonkeyPatch, sim: dsmil.Device) -> None:
    for module in (dsmil, dsmil.quarantine, dsmil.compat):
        for name in ("PERMANENT", "QUARANTINED_DEVICES"):
            monkeypatch.setattr(module, name, {}, raising=False)
    with pytest.raises(dsmil.QuarantineError):
        sim.read(0x8009)


@pytest.mark.parametrize("id", SEVEN)
def test_the_seven_are_denied_and_never_asked_for(device: dsmil.Device, id: int) -> None:
    for operation in (device.read, device.info):
        with pytest.raises(PermissionError) as caught:
            operation(id)
        error = caught.value
        assert isinstance(error, dsmil.QuarantineError)
        assert (error.id, error.explicit, error.operation) == (id, True, operation.__name__)
        assert error.key == f"permanent/0x{id:04X}"
        assert dsmil.PERMANENT[id] in error.reason
        assert error.unrecorded is None


def test_each_denial_is_audited_and_a_question_is_not(sim: dsmil.Device, run_dir: Path) -> None:
    with pytest.raises(dsmil.QuarantineError):
        sim.read(0x8009)
    with pytest.raises(dsmil.QuarantineError):
        sim.check(0x800A)
    assert not sim.is_cleared(0x800A)
    (record,) = dsmil.audit.tail(run_dir=run_dir)
    assert (record.action, record.target, record.result) == ("read", "0x8009", dsmil.audit.Outcome.DENIED)


def test_a_policy_adds_to_it(policy: Path, run_dir: Path) -> None:
    quarantine = dsmil.Quarantine.load(policy, run_dir)
    (rule,) = quarantine.rules
    assert (rule.first, rule.last, rule.reason, rule.file) == (0x8010, 0x8012, "under repair", str(policy))
    assert rule.covers(0x8011)
    assert not rule.covers(0x8013)
    assert quarantine.unusable is None
    assert quarantine.is_cleared(0x8013)
    assert not quarantine.is_cleared(0x8011)
    with pytest.raises(dsmil.QuarantineError) as caught:
        quarantine.check(0x8011, "info")
    assert (caught.value.key, caught.value.operation) == (f"policy/{policy}/deny[0]", "info")
    with dsmil.open("sim:", run_dir=run_dir, policy=policy) as device:
        device.read(0x8013)
        with pytest.raises(dsmil.QuarantineError, match="under repair"):
            device.read(0x8012)


def test_the_environment_names_a_policy(monkeypatch: pytest.MonkeyPatch, policy: Path, run_dir: Path) -> None:
    monkeypatch.setenv("DSMIL_POLICY", str(policy))
    assert not dsmil.Quarantine.load(run_dir=run_dir).is_cleared(0x8011)


def test_a_policy_that_cannot_be_used_denies_everything_and_says_why(tmp_path: Path, run_dir: Path) -> None:
    quarantine = dsmil.Quarantine.load(tmp_path / "missing.toml", run_dir)
    assert quarantine.unusable is not None
    assert "missing.toml" in quarantine.unusable
    assert not any(quarantine.is_cleared(id) for id in range(0x8000, 0x806C))
    with pytest.raises(dsmil.QuarantineError) as caught:
        quarantine.check(0x8003)
    assert (caught.value.key, caught.value.explicit) == ("policy-unusable", False)


def test_a_policy_that_others_may_write_denies_everything(policy: Path, run_dir: Path) -> None:
    policy.chmod(0o666)
    quarantine = dsmil.Quarantine.load(policy, run_dir)
    assert "chmod go-w" in (quarantine.unusable or "")
    assert not quarantine.is_cleared(0x8003)


def test_what_the_driver_does_not_serve_is_denied(run_dir: Path) -> None:
    quarantine = dsmil.Quarantine.load(run_dir=run_dir)
    for id in (0, 0x7FFF, 0x806C, 0x8102, 0xFFFF):
        with pytest.raises(dsmil.QuarantineError) as caught:
            quarantine.check(id)
        assert (caught.value.key, caught.value.explicit) == ("not-served", False)


def test_an_isolated_device_is_denied_until_it_is_released(sim: dsmil.Device, run_dir: Path) -> None:
    made = dsmil.isolate(0x8004, "noisy", author="me", run_dir=run_dir)
    assert (made.id, made.reason, made.author, made.until) == (0x8004, "noisy", "me", None)
    assert dsmil.isolations(run_dir) == (made,)
    assert dsmil.Quarantine.load(run_dir=run_dir).isolations == (made,)
    with pytest.raises(dsmil.QuarantineError, match="noisy; isolated by me") as caught:
        sim.read(0x8004)
    assert caught.value.key == "isolation/0x8004"
    assert dsmil.release(0x8004, run_dir=run_dir) == made
    assert dsmil.release(0x8004, run_dir=run_dir) is None
    assert len(sim.read(0x8004)) == 512
    actions = [record.action for record in dsmil.audit.tail(run_dir=run_dir)]
    assert actions == ["isolate", "isolate", "read", "release", "release"]


@pytest.mark.parametrize("duration", [0.2, timedelta(milliseconds=200)])
def test_an_isolation_for_a_time_ends_by_itself(sim: dsmil.Device, run_dir: Path, duration: Any) -> None:
    made = dsmil.isolate(0x8004, "noisy", duration=duration, run_dir=run_dir)
    assert made.until is not None
    assert made.until - made.since == timedelta(milliseconds=200)
    assert not sim.is_cleared(0x8004)
    time.sleep(0.25)
    assert sim.is_cleared(0x8004)
    assert dsmil.isolations(run_dir) == ()


def test_the_seven_cannot_be_released(run_dir: Path) -> None:
    for id in SEVEN:
        with pytest.raises(dsmil.QuarantineError):
            dsmil.release(id, run_dir=run_dir)


@pytest.mark.parametrize(
    "arguments",
    [
        {"id": 0x8004, "reason": ""},
        {"id": 0x8004, "reason": "r", "author": " "},
        {"id": 0x8004, "reason": "r", "duration": 0},
        {"id": 0x8004, "reason": "r", "duration": -1},
        {"id": 0x8004, "reason": "r", "duration": float("nan")},
        {"id": 0x7000, "reason": "r"},
        {"id": -1, "reason": "r"},
    ],
)
def test_an_isolation_that_makes_no_sense_is_refused(run_dir: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(dsmil.ArgumentError):
        dsmil.isolate(**arguments, run_dir=run_dir)
    assert dsmil.isolations(run_dir) == ()


def test_nobody_guesses_what_is_isolated_without_a_run_directory(tmp_path: Path) -> None:
    with pytest.raises(dsmil.RunDirectoryError):
        dsmil.Quarantine.load(run_dir=tmp_path / "missing")


def test_seven_of_seven_are_enforced(run_dir: Path) -> None:
    found = dsmil.self_check(run_dir=run_dir)
    assert (found.enforced, found.is_ok) == (7, True)
    assert [entry.id for entry in found.entries] == SEVEN
    assert all(entry.denied and entry.accesses == 0 and entry.control > 0 for entry in found.entries)


def test_an_operation_is_one_of_two(sim: dsmil.Device) -> None:
    assert sim.is_cleared(0x8003, dsmil.Operation.INFO)
    assert sim.is_cleared(0x8003, "read")
    with pytest.raises(dsmil.ArgumentError):
        sim.check(0x8003, "write")
    with pytest.raises(TypeError):
        sim.check(0x8003, 1)  # type: ignore[arg-type]
