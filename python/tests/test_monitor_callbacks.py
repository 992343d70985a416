"""What a monitor calls back: samplers of the program, and whoever wants to see each step."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from watching import Start, until

import dsmil
from dsmil import Verdict


def test_what_a_callback_may_be_and_what_becomes_of_rubbish(start: Start) -> None:
    class Text(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text either")

    def broken() -> dict[str, float]:
        raise OSError("no such sensor")

    def leaves() -> dict[str, float]:
        raise SystemExit(3)

    def textless() -> dict[str, float]:
        raise Text

    class Many:
        def __call__(self) -> dict[str, object]:
            return {"app_a": 1, "app_b": [{"labels": {"x": "1"}, "value": 2}], "app_c": None}

    samplers: dict[str, Any] = {
        "broken": broken,
        "leaves": leaves,
        "textless": textless,
        "none": lambda: None,
        "text": lambda: {"app": "7"},
        "name": lambda: {"a b": 7},
        "list": lambda: [1, 2],
        "good": lambda: {"app_good": 1},
        "many": Many(),
        "method": {"app_method": 1}.copy,
    }
    paced = {name: dsmil.Sampler(callback, interval=0.2) for name, callback in samplers.items()}
    with start(samplers=paced) as monitor:
        seen = until(monitor, lambda sample: len(sample.errors) == 8)
        errors = {error.split(":")[0]: error for error in seen.errors}
        for name, says in {
            "broken": "OSError: no such sensor",
            "leaves": "SystemExit: 3",
            "textless": "Text",
            "none": "None where a dict of metrics should be",
            "text": 'app: the text "7" where a number should be',
            "name": '"a b" is no metric\'s name',
            "list": "a list where a dict of metrics should be",
            "many": "app_c",
        }.items():
            assert says in errors[f"sampler {name}"]
        assert set(monitor.errors) == set(seen.errors)
        assert monitor.silence("a=b", 5, "it still answers").id
        found = until(monitor, lambda sample: {"app_good", "app_method", "app_a", "app_b"} <= set(sample.metrics))
        assert found.metrics.value("app_b", x="1") == 2.0
        assert found.metrics.value("sampler_failures_total", sampler="broken") is not None


def test_a_metric_that_its_callback_fails_to_give_is_a_failing_rule(start: Start, gated: Path) -> None:
    fails = threading.Event()

    def queue() -> dict[str, float]:
        if fails.is_set():
            raise RuntimeError("gone")
        return {"app_queue": 1}

    with start(gated, samplers={"app": dsmil.Sampler(queue, interval=0.1)}) as monitor:
        until(monitor, lambda sample: bool(sample.verdict))
        fails.set()
        bad = until(monitor, lambda sample: sample.verdict.verdict is Verdict.NO_GO)
        assert any("RuntimeError: gone" in reason for reason in bad.verdict.reasons)
        fails.clear()
        until(monitor, lambda sample: bool(sample.verdict))
    # What it should give is known beforehand, if it is said.
    fails.set()
    sampler = dsmil.Sampler(queue, interval=0.1, metrics=("app_queue",))
    with start(gated, samplers={"app": sampler}) as monitor:
        until(monitor, lambda sample: sample.verdict.verdict is Verdict.NO_GO)


def test_a_callback_that_hangs_holds_up_nothing_but_itself(start: Start) -> None:
    release = threading.Event()
    calls = 0

    def hangs() -> dict[str, float]:
        nonlocal calls
        calls += 1
        release.wait(60)
        return {"app_late": calls}

    samplers = {
        "hangs": dsmil.Sampler(hangs, interval=0.2, timeout=0.1),
        "good": dsmil.Sampler(lambda: {"app_good": 1}, interval=0.1),
    }
    monitor = start(samplers=samplers)
    late = until(monitor, lambda sample: any("still hangs" in error for error in sample.errors))
    until(
        monitor, lambda sample: any("still hangs" in error and "app_good" in sample.metrics for error in sample.errors)
    )
    assert "app_late" not in late.metrics
    assert calls == 1, "no other call is made before the first has ended"
    release.set()
    # The answer that came too late is dropped; the next one counts.
    assert until(monitor, lambda sample: "app_late" in sample.metrics).metrics.value("app_late") == 2.0
    release.clear()
    until(monitor, lambda sample: any("took longer than" in error or "still hangs" in error for error in sample.errors))
    begun = time.monotonic()
    monitor.stop()
    assert time.monotonic() - begun < 5
    release.set()


def test_on_step(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[dsmil.Sample] = []
    others: list[dsmil.Sample] = []
    threads = set()

    def callback(sample: dsmil.Sample) -> None:
        threads.add(threading.current_thread())
        seen.append(sample)
        if len(seen) == 2:
            raise RuntimeError("in the callback")

    with caplog.at_level(logging.ERROR, "dsmil"), start() as monitor:
        monitor.on_step(callback)
        end = monitor.on_step(others.append)
        until(monitor, lambda _: len(seen) >= 3)
        end()
        until(monitor, lambda sample: bool(seen) and sample.at_ms in {one.at_ms for one in seen[-2:]})
        count = len(others)
        until(monitor, lambda _: len(seen) >= count + 4)
        assert len(others) <= count + 1
        with contextlib.ExitStack() as stack:
            stopper = start(state_dir=f"{monitor.state_dir}2")
            stopped = threading.Event()
            stack.callback(stopped.wait, 30)

            def stop_it(_: dsmil.Sample) -> None:
                stopper.stop()
                stopped.set()

            stopper.on_step(stop_it)
        assert not stopper.running, "a callback may stop its own monitor"
    count = len(seen)
    assert seen[-1].at_ms == monitor.history("log_full")[0].points[-1].at_ms, "the last step was told, too"
    time.sleep(0.3)
    assert len(seen) == count, "after stop nothing is called"
    assert len(threads) == 1
    assert "in the callback" in caplog.text


def test_the_threads_of_a_monitor_that_could_not_start_end(start: Start, tmp_path: Path) -> None:
    for _ in range(5):
        with pytest.raises(dsmil.ConfigError):
            start("version = 9", samplers={"mine": dict})
        with pytest.raises(dsmil.MonitorError):
            start(state_dir=tmp_path / "no" / "parent", samplers={"mine": dict})
    deadline = time.monotonic() + 10
    while any(thread.name == "dsmil mine" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
