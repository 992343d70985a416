"""What gates and the monitor speak of: measurements, their words, and a look at this machine."""

from __future__ import annotations

import copy
import math
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import dsmil
from dsmil import Phase, Recorded, Severity, Verdict


@pytest.mark.parametrize(
    "enumeration",
    [Verdict, Phase, Severity, Recorded, dsmil.AlertState, dsmil.SilenceState, dsmil.CheckOutcome],
)
def test_enumerations_are_text_and_go_through_pickle(enumeration: Any) -> None:
    for member in enumeration:
        assert pickle.loads(pickle.dumps(member)) is member
        assert copy.deepcopy(member) is member
        assert enumeration(member.value) is member
        assert str(member) == member.value
    with pytest.raises(ValueError, match="nonsense"):
        enumeration("nonsense")


def test_only_go_is_true() -> None:
    assert [bool(verdict) for verdict in Verdict] == [True, False, False, False]


def test_a_measurement_is_a_value() -> None:
    one = dsmil.Measurement("cpu_percent", 40, 1000, {"host": "a"})
    assert (one.metric, one.value, one.at_ms, one.labels) == ("cpu_percent", 40.0, 1000, {"host": "a"})
    assert one.at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert one == dsmil.Measurement("cpu_percent", 40.0, 1000, {"host": "a"})
    assert one != dsmil.Measurement("cpu_percent", 40.0, 1001, {"host": "a"})
    assert one != "cpu_percent"
    one.labels["host"] = "b"
    assert one.labels == {"host": "a"}
    assert not one.is_stale
    for value in (math.nan, math.inf, 0.1 + 0.2):
        seen = dsmil.Measurement("x", value, -5)
        for same in (pickle.loads(pickle.dumps(seen)), copy.deepcopy(seen)):
            assert same == seen
            assert hash(same) == hash(seen)
    assert "cpu_percent" in repr(one)
    for wrong in (("x y", 1.0, 0), ("x", 1.0, 0, {"a b": "c"})):
        with pytest.raises(dsmil.ArgumentError):
            dsmil.Measurement(*wrong)
    with pytest.raises(dsmil.ArgumentError):
        dsmil.Measurement("x", None, 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        dsmil.Measurement("x", "1", 0)  # type: ignore[arg-type]


def test_a_look_at_cpu_and_memory() -> None:
    first = dsmil.sample_machine()
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    sample = first
    while sample.cpu_percent is None and datetime.now(UTC) < deadline:
        sum(range(100_000))
        sample = dsmil.sample_machine()
    assert sample.cpu_percent is not None
    assert 0.0 <= sample.cpu_percent <= 100.0
    assert 0.0 < sample.memory_percent < 100.0
    assert 0 < sample.memory_available_bytes < sample.memory_total_bytes
    assert 0.0 <= sample.swap_percent <= 100.0
    meminfo = Path("/proc/meminfo").read_text()
    assert f"MemTotal: {sample.memory_total_bytes // 1024:>14} kB" in meminfo
    assert abs(sample.at - datetime.now(UTC)) < timedelta(seconds=20)
    assert "memory_percent=" in repr(sample)
