"""The cases that all languages share: tests/conformance/*.toml, carried out as its README says."""

from __future__ import annotations

import errno
import hashlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kernel_device import KernelDevice, node

import dsmil

FOLDER = Path(__file__).parents[2] / "tests/conformance"
KEYS = {
    *("name", "shows", "device", "faults", "policy", "stop", "isolate", "dry_run", "op", "id", "repeat", "limits"),
    "expect",
}
LIMITS = {"call_deadline_ms", "transfer_deadline_ms", "tries", "attempts"}
EXPECT = {
    *("ok", "error", "key", "explicit", "fault", "chunk", "bytes_done", "errno", "state", "interrupted", "records"),
    *("length", "sha256", "version", "celsius", "record", "status", "probe", "accesses", "asked"),
}
CASES = [
    pytest.param(case, id=f"{file.stem}-{case['name']}")
    for file in sorted(FOLDER.glob("*.toml"))
    for case in tomllib.loads(file.read_text())["case"]
]

Ask = Callable[[dsmil.Device, Any], Any]
OPERATIONS: dict[str, Ask] = {
    "version": lambda device, _: int(device.version()),
    "status": lambda device, _: device.status(),
    "thermal": lambda device, _: device.thermal(),
    "scan": lambda device, _: device.scan(),
    "info": lambda device, id: device.info(id),
    "read": lambda device, id: device.read(id),
    "probe": lambda device, _: device.probe(),
}


def test_there_are_cases() -> None:
    assert len(CASES) > 50


@pytest.mark.parametrize("place", ["sim", "served"] if node() is None else ["kernel"])
@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any], place: str, tmp_path: Path, run_dir: Path) -> None:
    assert set(case) <= KEYS, "a key that is not listed"
    assert set(case.get("limits", {})) <= LIMITS, "a limit that is not listed"
    assert set(case["expect"]) <= EXPECT, "an expectation that is not listed"
    options, faults = case.get("device", "seed=7"), case.get("faults", "")
    if place == "sim":
        model = dsmil.sim.Model(options, faults)
        carry_out(case, model, model.counters, tmp_path, run_dir)
    elif place == "kernel":
        with KernelDevice(options, faults) as driver:
            carry_out(case, driver.device, driver.counters, tmp_path, run_dir)
    else:
        with dsmil.sim.serve(tmp_path / "served", options, faults) as server:
            carry_out(case, server.device, server.counters, tmp_path, run_dir)


def carry_out(case: dict[str, Any], spec: Any, count: Callable[[], Any], tmp_path: Path, run_dir: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(case.get("policy", "version = 1\n"))
    policy.chmod(0o600)
    limits = {
        name.removesuffix("_ms"): value / 1000 if name.endswith("_ms") else value
        for name, value in case.get("limits", {}).items()
    }
    before: dict[str, int] = {}
    result, error = None, None
    try:
        with dsmil.open(spec, run_dir=run_dir, policy=policy, dry_run=case.get("dry_run", False), **limits) as device:
            if "isolate" in case:
                dsmil.isolate(case["isolate"], "conformance", author="conformance", run_dir=run_dir)
            if case.get("stop"):
                dsmil.emergency_stop("conformance", run_dir)
            before = count()["requests"]
            result, error = repeat(device, case)
    except dsmil.Error as failure:
        error = failure
    judge_failure(case["expect"], error, policy)
    judge_success(case, result)
    judge_counters(case, before, count())


def repeat(device: dsmil.Device, case: dict[str, Any]) -> tuple[Any, dsmil.Error | None]:
    result: tuple[Any, dsmil.Error | None] = (None, None)
    for _ in range(case.get("repeat", 1)):
        try:
            result = OPERATIONS[case["op"]](device, case.get("id")), None
        except dsmil.Error as error:
            result = None, error
    return result


def judge_failure(expect: dict[str, Any], error: dsmil.Error | None, policy: Path) -> None:
    assert (error is None) == expect["ok"], error
    if "error" in expect:
        assert error is not None
        assert (error.kind, type(error)) == (expect["error"], dsmil.exceptions.KINDS[expect["error"]])
        assert str(error)
        assert getattr(error, "unrecorded", None) is None
    if "key" in expect:
        assert getattr(error, "key", None) == expect["key"].replace("{policy}", str(policy))
    if "errno" in expect:
        assert getattr(error, "errno", None) == getattr(errno, expect["errno"])
    for name in ("explicit", "fault", "chunk", "bytes_done", "state", "interrupted"):
        if name in expect:
            assert getattr(error, name, None) == expect[name], name


def judge_success(case: dict[str, Any], result: Any) -> None:
    expect = case["expect"]
    if "version" in expect:
        assert result == expect["version"]
    if "celsius" in expect:
        low, high = expect["celsius"]
        assert low <= result <= high
    if "records" in expect:
        assert len(result) == expect["records"]
    if "length" in expect:
        assert len(result) == expect["length"]
    if "sha256" in expect:
        assert hashlib.sha256(result).hexdigest() == expect["sha256"]
    if "record" in expect:
        judge_record(expect["record"], result.get(case["id"]) if isinstance(result, dsmil.Scan) else result)
    for name, value in expect.get("status", {}).items():
        assert getattr(result, name) == value, name
    for request, outcome in expect.get("probe", {}).items():
        assert result[request] == outcome, request


def judge_record(expect: dict[str, Any], record: dsmil.DeviceRecord | None) -> None:
    assert record is not None
    found = {
        "state": record.state,
        "access": record.access,
        "is_quarantined": record.is_quarantined,
        "has_response": record.last_response is not None,
        "has_thermal": record.thermal_celsius is not None,
    }
    for name, value in expect.items():
        assert found[name] == value, name


def judge_counters(case: dict[str, Any], before: dict[str, int], after: dict[str, Any]) -> None:
    expect = case["expect"]
    for request, times in expect.get("asked", {}).items():
        assert after["requests"][request] - before.get(request, 0) == times, request
    if "accesses" in expect:
        assert after["ids"].get(f"0x{case['id']:04X}", {"total": 0})["total"] == expect["accesses"]
