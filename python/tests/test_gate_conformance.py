"""The cases that the gates of all languages share, tests/conformance/gates, as tests/conformance/README.md says."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import dsmil

FOLDER = Path(__file__).parents[2] / "tests/conformance/gates"
KEYS = {"name", "shows", "gates", "check", "at", "step", "error", "expect"}
STEP = {"at", "restart", "record", "unreadable", "readable", "expect"}
RECORD = {"metric", "value", "labels", "at"}
EXPECT = {"verdict", "go", "gates", "zones", "rules", "reasons", "escalate", "says"}
ERROR = {"kind", "line", "key", "says"}
FOUND: list[tuple[str, dict[str, Any]]] = [
    (f"{file.stem}-{case['name']}", case)
    for file in sorted(FOLDER.glob("*.toml"))
    for case in tomllib.loads(file.read_text())["case"]
]
CASES = [pytest.param(case, id=name) for name, case in FOUND]


def test_there_are_cases() -> None:
    assert len(CASES) >= 70
    assert not [name for name, count in Counter(case["name"] for _, case in FOUND).items() if count > 1]


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    assert set(case) <= KEYS, "a key that is not listed"
    assert set(case) & {"error", "expect", "step"}, "nothing is expected"
    if "error" in case:
        refused(case)
        return
    gate = dsmil.Gate.parse(case["gates"], "gates.toml")
    if "check" in case:
        judge(case["expect"], gate.check(json.loads(case["check"]), case.get("at", 0)))
    for step in case.get("step", []):
        gate = carry_out(step, gate, case["gates"])


def refused(case: dict[str, Any]) -> None:
    expect = case["error"]
    assert set(expect) <= ERROR, "an expectation that is not listed"
    if expect["kind"] == "gates":
        with pytest.raises(dsmil.GateError) as caught:
            dsmil.Gate.parse(case["gates"], "gates.toml")
        for name in ("line", "key"):
            if name in expect:
                assert getattr(caught.value, name) == expect[name], name
        message = str(caught.value)
    else:
        assert expect["kind"] == "metrics"
        gate = dsmil.Gate.parse(case["gates"], "gates.toml")
        with pytest.raises((TypeError, ValueError)) as wrong:
            gate.check(json.loads(case["check"]), case.get("at", 0))
        message = str(wrong.value)
    assert expect.get("says", "") in message


def carry_out(step: dict[str, Any], gate: dsmil.Gate, text: str) -> dsmil.Gate:
    assert set(step) <= STEP, "a key that is not listed"
    if step.get("restart"):
        saved = gate.save()
        gate = dsmil.Gate.parse(text, "gates.toml")
        gate.restore(saved)
    for record in step.get("record", []):
        assert set(record) <= RECORD, "a key that is not listed"
        gate.record(record["metric"], record["value"], record.get("labels"), record.get("at", step["at"]))
    for metric, why in step.get("unreadable", {}).items():
        gate.set_error(metric, why)
    for metric in step.get("readable", []):
        gate.set_error(metric, None)
    judge(step["expect"], gate.evaluate(step["at"]))
    return gate


def judge(expect: dict[str, Any], found: dsmil.Evaluation) -> None:
    assert set(expect) <= EXPECT, "an expectation that is not listed"
    if "verdict" in expect:
        assert found.verdict == expect["verdict"]
    if "go" in expect:
        assert (found.go, bool(found)) == (expect["go"], expect["go"])
    for name, verdict in expect.get("gates", {}).items():
        assert found.gates[name].verdict == verdict, name
    for name, band in expect.get("zones", {}).items():
        assert found.zones[name].band == band, name
    for name, state in expect.get("rules", {}).items():
        assert found.rules[name].state == state, name
    if "reasons" in expect:
        assert len(found.reasons) == expect["reasons"], found.reasons
    if "escalate" in expect:
        assert next(iter(found.gates.values())).escalate == expect["escalate"]
    assert expect.get("says", "") in str(found)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in FOUND if "expect" in case])
def test_a_case_that_doesnt_hold_fails(case: dict[str, Any]) -> None:
    """A runner that passes whatever it is given would prove nothing."""
    other = "no-go" if case["expect"].get("verdict") == "go" else "go"
    with pytest.raises(AssertionError):
        test_case(case | {"expect": case["expect"] | {"verdict": other}})
