"""Gates: what is checked, what is carried on, and what is refused."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dsmil
from dsmil import Phase, Recorded, Severity, Verdict

EXAMPLES = Path(__file__).parents[2] / "examples/gates"
MAIN = "import sys; from dsmil._command import main; sys.exit(main())"

GATES = """
version = 1
[[rule]]
name = "cpu"
metric = "cpu_percent"
require = "< 75"
unit = "percent"
on_fail = "hold"
on_no_data = "hold"
[[rule]]
name = "disk"
metric = "disk_free_bytes"
require = ">= 1000"
unit = "bytes"
on_fail = "no-go"
on_no_data = "fail"
[[gate]]
name = "deploy"
kind = "all"
rules = ["cpu", "disk"]
justification = "room first"
recheck = "5m"
"""
OVER_TIME = """
version = 1
[[rule]]
name = "hot"
metric = "celsius"
fail_when = "> 85"
clear_at = 75
unit = "celsius"
for = "1m"
keep_firing_for = "1m"
on_fail = "roll-back"
on_no_data = "hold"
[[rule]]
name = "errors"
metric = "errors_total"
function = "increase"
window = "2m"
require = "<= 10"
unit = "count"
on_fail = "no-go"
on_no_data = "hold"
"""
GOOD: Mapping[str, object] = {"cpu_percent": 40.0, "disk_free_bytes": {"labels": {"path": "/"}, "value": 1e9}}


@pytest.fixture
def gate() -> dsmil.Gate:
    return dsmil.Gate.parse(GATES, "deploy.toml")


def test_it_goes_with_good_evidence(gate: dsmil.Gate) -> None:
    found = gate.check(GOOD)
    assert (found.go, bool(found), found.verdict, found.reasons) == (True, True, Verdict.GO, ())
    assert list(found.gates) == ["deploy"]
    deploy = found.gates["deploy"]
    assert (deploy.go, deploy.kind, deploy.justification, deploy.look_again_at) == (True, "all", "room first", None)
    assert found.rules["cpu"].series[0].value == 40.0
    assert found.rules["disk"].series[0].labels == {"path": "/"}
    assert abs(found.at - datetime.now(UTC)) < timedelta(seconds=10)


def test_what_holds_is_not_true(gate: dsmil.Gate) -> None:
    found = gate.check({**GOOD, "cpu_percent": 90})
    assert not found
    assert not found.verdict
    assert not found.gates["deploy"]
    assert found.verdict == "hold"
    assert found.reasons[0].startswith("hold: rule cpu is firing")
    assert "90 percent" in found.reasons[0]
    assert found.reasons[0] in str(found)
    again = found.gates["deploy"].look_again_at
    assert again is not None
    assert again - found.at == timedelta(minutes=5)


def test_the_worst_decides(gate: dsmil.Gate) -> None:
    found = gate.check({"cpu_percent": 90, "disk_free_bytes": 1})
    assert found.verdict is Verdict.NO_GO
    assert len(found.reasons) == 2
    assert max(Verdict) is Verdict.ROLL_BACK
    assert sorted(Verdict) == list(Verdict)


@pytest.mark.parametrize("value", [math.nan, "NaN", None])
def test_what_is_not_known_never_goes(gate: dsmil.Gate, value: object) -> None:
    found = gate.check({**GOOD, "cpu_percent": value})
    assert found.verdict is Verdict.HOLD
    rule = found.rules["cpu"]
    assert rule.missing
    assert (rule.error is not None) == (value is None)


def test_nothing_at_all_never_goes(gate: dsmil.Gate) -> None:
    assert gate.check({}).verdict is Verdict.NO_GO
    assert gate.check({"cpu_pecent": 40.0}).rules["cpu"].missing


@pytest.mark.parametrize(
    "value",
    [
        40,
        40.0,
        Decimal("40"),
        [40],
        (40.0,),
        {"value": 40},
        [{"value": 40, "labels": {"host": "a"}}, 41],
        dsmil.Measurement("cpu_percent", 40, 0),
        {"samples": [[-5, 99], (0, 40)]},
        {"value": 40, "at": None, "labels": {}},
    ],
)
def test_a_metric_may_be_said_in_many_ways(gate: dsmil.Gate, value: object) -> None:
    assert gate.check({**GOOD, "cpu_percent": value}, at=0).go


@pytest.mark.parametrize(
    "at",
    [
        1_769_860_800_000,
        "2026-01-31T12:00:00Z",
        "2026-01-31T13:00:00.000+01:00",
        datetime(2026, 1, 31, 12, tzinfo=UTC),
        datetime(2026, 1, 31, 7, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_a_time_may_be_said_in_many_ways(gate: dsmil.Gate, at: datetime | int | str) -> None:
    found = gate.check({**GOOD, "cpu_percent": {"value": 40, "at": at}}, at)
    assert (found.go, found.at_ms) == (True, 1_769_860_800_000)
    assert found.rules["cpu"].series[0].from_ms == 1_769_860_800_000
    assert found.at == datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_an_old_value_is_no_evidence(gate: dsmil.Gate) -> None:
    old = {**GOOD, "cpu_percent": {"value": 40, "at": datetime.now(UTC) - timedelta(minutes=6)}}
    assert gate.check(old).rules["cpu"].missing


class Odd:
    def __float__(self) -> float:
        raise RuntimeError("odd")


class OddMapping(Mapping[str, float]):
    def __getitem__(self, key: str) -> float:
        raise KeyError(key)

    def __iter__(self) -> Any:
        raise RuntimeError("odd keys")

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("metrics", "kind", "says"),
    [
        (None, TypeError, "None where a dict of metrics should be"),
        ([("cpu_percent", 1)], TypeError, "a list where a dict of metrics should be"),
        ({1: 2.0}, TypeError, "the number 1 where a metric's name should be"),
        ({"cpu percent": 1}, ValueError, '"cpu percent" is no metric\'s name'),
        ({"": 1}, ValueError, "is no metric's name"),
        ({"\ud800": 1}, ValueError, "is no metric's name"),
        ({"cpu_percent": "40"}, TypeError, 'cpu_percent: the text "40" where a number should be'),
        ({"cpu_percent": True}, TypeError, "cpu_percent: true where a number should be"),
        ({"cpu_percent": b"1"}, TypeError, "cpu_percent: a value of type bytes where a number should be"),
        ({"cpu_percent": 1j}, TypeError, "cpu_percent: a value of type complex"),
        ({"cpu_percent": object()}, TypeError, "cpu_percent: a value of type object"),
        ({"cpu_percent": 10**400}, ValueError, "cpu_percent: the number is too large"),
        ({"cpu_percent": Odd()}, RuntimeError, "odd"),
        (OddMapping(), RuntimeError, "odd keys"),
        ({"cpu_percent": [1, [2]]}, TypeError, "cpu_percent: element 1: a list where"),
        ({"cpu_percent": {}}, ValueError, "cpu_percent: exactly one of the keys value and samples"),
        ({"cpu_percent": {"value": 1, "samples": []}}, ValueError, "exactly one"),
        ({"cpu_percent": {"samples": [], "at": 1}}, ValueError, "samples have times of their own"),
        ({"cpu_percent": {"samples": [(1, 2, 3)]}}, TypeError, "element 0 is no [time, value]"),
        ({"cpu_percent": {"samples": 5}}, TypeError, "not iterable"),
        ({"cpu_percent": {"value": 1, "unit": "x"}}, ValueError, 'cpu_percent: unknown key "unit"'),
        ({"cpu_percent": {"value": 1, 5: "x"}}, ValueError, "unknown key the number 5"),
        ({"cpu_percent": {"value": 1, "labels": ["a"]}}, TypeError, "cpu_percent: labels: a list where a dict"),
        ({"cpu_percent": {"value": 1, "labels": {"a": 1}}}, TypeError, "label a: the number 1 where a text"),
        ({"cpu_percent": {"value": 1, "labels": {1: "a"}}}, TypeError, "a label's name: the number 1"),
        ({"cpu_percent": {"value": 1, "labels": {"a-b": "c"}}}, ValueError, '"a-b" is no label\'s name'),
        ({"cpu_percent": {"value": 1, "at": "yesterday"}}, ValueError, 'at: "yesterday" is neither a time'),
        ({"cpu_percent": {"value": 1, "at": 1.5}}, TypeError, "at: the number 1.5 where a time should be"),
        ({"cpu_percent": {"value": 1, "at": True}}, TypeError, "at: true where a time should be"),
        ({"cpu_percent": {"value": 1, "at": 10**30}}, ValueError, "more than 64 bits"),
        ({"cpu_percent": {"value": 1, "at": datetime(2026, 1, 1)}}, ValueError, "has no time zone"),
        ({"cpu_percent": {"value": 1, "at": "2026-01-01T00:00:00"}}, ValueError, "has no time zone"),
        ({"cpu_percent": [1, 2]}, ValueError, "two values for cpu_percent"),
        ({"cpu_percent": dsmil.Measurement("other", 1, 0)}, ValueError, "this is a measurement of other"),
    ],
)
def test_wrong_metrics_are_refused_by_name(gate: dsmil.Gate, metrics: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind) as caught:
        gate.check(metrics)
    assert says in str(caught.value)
    if kind is ValueError:
        assert isinstance(caught.value, dsmil.ArgumentError)


ANYTHING = st.recursive(
    st.none() | st.floats() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["value", "labels", "at", "samples", "x"]), inner),
)


@given(ANYTHING)
def test_whatever_it_is_given_it_answers_or_refuses(value: object) -> None:
    gate = dsmil.Gate(GATES)
    with contextlib.suppress(TypeError, ValueError):
        found = gate.check({**GOOD, "cpu_percent": value})
        assert json.loads(found.to_json())["verdict"] == found.verdict


def test_evidence_is_the_same_bytes_each_time_and_the_callers_own(gate: dsmil.Gate) -> None:
    first, second = gate.check(GOOD, 1000), gate.check(GOOD, 1000)
    assert first == second
    assert first.to_json() == second.to_json()
    assert hash(first) == hash(second)
    assert json.loads(first.to_json()) == first.evidence
    first.evidence["verdict"] = "changed"
    assert first.verdict is Verdict.GO
    assert first.evidence == second.evidence
    for same in (pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
        assert same == first
        assert same.gates == first.gates
    with pytest.raises(AttributeError):
        first.reasons = ()  # type: ignore[misc]


def test_the_command_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "deploy.toml").write_text(GATES)
    (tmp_path / "metrics.json").write_text(json.dumps(GOOD))
    arguments = ["--json", "gate", "check", "deploy.toml", "--metrics", "metrics.json", "--at", "2026-01-31T12:00:00Z"]
    command = [sys.executable, "-W", "error", "-c", MAIN, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    ours = dsmil.Gate.load(tmp_path / "deploy.toml").check(GOOD, "2026-01-31T12:00:00Z").evidence
    assert {key: said[key] for key in ours} == ours


def test_infinities_are_values_and_words_in_json(gate: dsmil.Gate) -> None:
    found = gate.check({**GOOD, "cpu_percent": math.inf})
    assert found.verdict is Verdict.HOLD
    assert found.rules["cpu"].series[0].value == math.inf
    assert found.evidence["rules"][0]["series"][0]["value"] == "+Inf"


def test_a_file_without_gates_has_reasons_too() -> None:
    gate = dsmil.Gate.parse(OVER_TIME)
    assert gate.gates == ()
    found = gate.check({"celsius": 90, "errors_total": {"samples": [(0, 0), (60_000, 1)]}}, at=60_000)
    assert found.verdict is Verdict.HOLD
    assert found.rules["hot"].state is Phase.PENDING
    assert found.rules["hot"].severity is Severity.WARNING
    assert [reason.split(":")[1].split()[1] for reason in found.reasons] == ["hot"]


MINUTE = 60_000
HEAT = [80.0, 86.0, 86.0, 80.0, 75.0, 74.0, 73.0, 73.0]
EXPECTED = ["inactive", "pending", "firing", "firing", "firing", "inactive", "inactive", "inactive"]


def play(gate: dsmil.Gate, from_minute: int, until_minute: int) -> list[str]:
    states = []
    for minute in range(from_minute, until_minute):
        gate.record("celsius", HEAT[minute], {"sensor": "a"}, minute * MINUTE)
        gate.record("errors_total", minute, at=minute * MINUTE)
        states.append(gate.evaluate(minute * MINUTE).rules["hot"].state.value)
    return states


def test_states_are_carried_on() -> None:
    gate = dsmil.Gate.parse(OVER_TIME)
    assert play(gate, 0, len(HEAT)) == EXPECTED
    # A check knows nothing of them, and they know nothing of it.
    assert gate.check({"celsius": 90}, 8 * MINUTE).rules["hot"].state is Phase.PENDING
    assert gate.evaluate(8 * MINUTE).rules["hot"].state is Phase.INACTIVE


@pytest.mark.parametrize("minute", range(len(HEAT) + 1))
def test_after_a_restart_all_is_as_if_it_had_never_stopped(minute: int) -> None:
    whole, first, second = (dsmil.Gate.parse(OVER_TIME) for _ in range(3))
    expected = play(whole, 0, len(HEAT))
    states = play(first, 0, minute)
    second.restore(first.save())
    assert second.save() == first.save()
    states += play(second, minute, len(HEAT))
    assert states == expected == EXPECTED
    end = len(HEAT) * MINUTE
    assert second.evaluate(end).to_json() == whole.evaluate(end).to_json()


def test_every_number_survives_a_restart_to_the_last_bit() -> None:
    values = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, math.inf, -math.inf, math.nan, 1 / 3]
    one, other = dsmil.Gate.parse(OVER_TIME), dsmil.Gate.parse(OVER_TIME)
    for at, value in enumerate(values):
        one.record("celsius", value, at=at)
    one.end("celsius", at=len(values))
    one.set_error("errors_total", "broken")
    other.restore(one.save())
    assert other.save() == one.save()
    for at in range(len(values) + 1):
        assert other.evaluate(at).to_json() == one.evaluate(at).to_json()
    assert other.evaluate(99).rules["errors"].error == "broken"


def test_what_becomes_of_a_sample() -> None:
    gate = dsmil.Gate.parse(OVER_TIME)
    outcomes = [
        gate.record("celsius", 1, at=2000),
        gate.record("celsius", 2, at=1000),
        gate.record("celsius", 1, at=2000),
        gate.record("celsius", 3, at=2000),
        gate.record("celsius", None, at=3000),
        gate.end("celsius", at=4000),
    ]
    assert outcomes == ["newest", "late", "duplicate", "conflict", "unreadable", "newest"]
    assert all(isinstance(outcome, Recorded) for outcome in outcomes)


def test_a_metric_is_readable_when_all_of_its_series_are() -> None:
    gate = dsmil.Gate.parse(OVER_TIME)
    now = 1000

    def error() -> str | None:
        return gate.evaluate(now).rules["hot"].error

    gate.record("celsius", None, {"sensor": "a"}, now)
    gate.record("celsius", 20, {"sensor": "b"}, now)
    assert error() is not None
    gate.record("celsius", 20, {"sensor": "a"}, now)
    assert error() is None
    gate.set_error("celsius", "cable")
    assert error() == "cable"
    gate.record("celsius", None, {"sensor": "a"}, now)
    gate.set_error("celsius", None)
    assert error() is None


def test_a_series_that_ends_is_not_missed_and_one_that_falls_silent_is() -> None:
    gate = dsmil.Gate.parse(OVER_TIME)
    for sensor in "ab":
        gate.record("celsius", 20, {"sensor": sensor}, 0)
    gate.record("celsius", 20, {"sensor": "b"}, 10 * MINUTE)
    assert gate.evaluate(10 * MINUTE).rules["hot"].missing
    gate.end("celsius", {"sensor": "a"}, 10 * MINUTE)
    assert not gate.evaluate(10 * MINUTE).rules["hot"].missing


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: "{}",
        lambda text: text[:-10],
        lambda text: text.replace('"version":1', '"version":2', 1),
        lambda text: text.replace('"hot"', '"cold"'),
        lambda text: text.replace('"20.0"', '"twenty"'),
        lambda text: text.replace('[0,"20.0"]', '[0,"20.0"],[0,"21.0"]'),
        lambda text: json.dumps(json.loads(text) | {"more": 1}),
        lambda text: dsmil.Gate.parse(GATES).save(),
    ],
)
def test_a_state_that_is_none_changes_nothing(spoil: Any) -> None:
    gate = dsmil.Gate.parse(OVER_TIME, "heat.toml")
    gate.record("celsius", 20.0, at=0)
    before = gate.save()
    spoilt = spoil(before)
    assert spoilt != before
    with pytest.raises(dsmil.GateError, match=r"^heat.toml: restore: ") as caught:
        gate.restore(spoilt)
    assert (caught.value.kind, caught.value.file, caught.value.faults) == ("gate-state", "heat.toml", ())
    assert gate.save() == before


def test_wrong_arguments_of_the_others(gate: dsmil.Gate) -> None:
    refused: list[Any] = [
        lambda: gate.record("cpu percent", 1),
        lambda: gate.record("cpu_percent", 1, at=datetime(2026, 1, 1)),
        lambda: gate.record("cpu_percent", 1, {"a b": "c"}),
        lambda: gate.evaluate("never"),
    ]
    for call in refused:
        with pytest.raises(dsmil.ArgumentError):
            call()
    wrong: list[Any] = [
        lambda: gate.record("cpu_percent", "x"),  # type: ignore[arg-type]
        lambda: gate.record(5, 1),  # type: ignore[arg-type]
        lambda: gate.record("cpu_percent", 1, "host"),  # type: ignore[arg-type]
        lambda: gate.evaluate(1.5),  # type: ignore[arg-type]
        lambda: gate.restore(None),  # type: ignore[arg-type]
        lambda: dsmil.Gate.parse(None),  # type: ignore[arg-type]
        lambda: dsmil.Gate.load(None),  # type: ignore[arg-type]
        lambda: copy.copy(gate),
        lambda: pickle.dumps(gate),
    ]
    for call in wrong:
        with pytest.raises(TypeError):
            call()


def test_threads_may_share_a_gate() -> None:
    gate = dsmil.Gate.parse(OVER_TIME)
    threads, rounds = 8, 200
    barrier = threading.Barrier(threads)

    def work(number: int) -> None:
        barrier.wait(30)
        for at in range(rounds):
            assert gate.record("celsius", 20.0 + number, {"sensor": str(number)}, at) is Recorded.NEWEST
            assert gate.check({"celsius": 90}, at).rules["hot"].state is Phase.PENDING
            # Each sees the past of all: a state that was saved in the middle is whole.
            dsmil.Gate.parse(OVER_TIME).restore(gate.save())
            assert len(gate.evaluate(at).rules["hot"].series) <= threads

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work, number) for number in range(threads)]:
            future.result(60)
    series = gate.evaluate(rounds).rules["hot"].series
    assert [one.value for one in series] == [20.0 + number for number in range(threads)]
