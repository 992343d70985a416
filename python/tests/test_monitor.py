"""The live monitor: steps, callbacks, alerts, history, and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import dsmil
from dsmil import AlertState, CheckOutcome, SilenceState, Verdict

FAST = """
version = 1
evaluate_every = "100ms"
score_every = "200ms"
[samplers.devices]
enabled = false
"""
SLOW = FAST.replace("100ms", "30s").replace("200ms", "30s")
GATES = """
version = 1
[[rule]]
name = "queue"
metric = "app_queue"
require = "< 10"
unit = "jobs"
severity = "critical"
on_fail = "no-go"
on_no_data = "hold"
[[gate]]
name = "deploy"
kind = "all"
rules = ["queue"]
"""

Start = Callable[..., dsmil.Monitor]


@pytest.fixture
def start(tmp_path: Path, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start monitors with a state directory and a run directory of the test's own, and stop them at its end."""
    monkeypatch.delenv("DSMIL_STATE_DIR", raising=False)
    (tmp_path / "gates.toml").write_text(GATES)
    with contextlib.ExitStack() as stack:

        def begin(config: Any = FAST, **options: Any) -> dsmil.Monitor:
            place: dict[str, Any] = {"device": "sim:seed=7", "state_dir": tmp_path / "state", "run_dir": run_dir}
            monitor = dsmil.Monitor(config, **place | options)
            stack.callback(monitor.stop)
            return monitor

        yield begin


@pytest.fixture
def gated(tmp_path: Path, start: Start) -> Path:
    """A configuration file with a gate file beside it."""
    path = tmp_path / "monitor.toml"
    path.write_text(FAST.replace("[samplers", 'gates = ["gates.toml"]\n[samplers', 1))
    path.chmod(0o600)
    return path


def until(monitor: dsmil.Monitor, wanted: Callable[[dsmil.Sample], bool], steps: int = 100) -> dsmil.Sample:
    """Take steps until one is as wanted."""
    for _, sample in zip(range(steps), monitor, strict=False):
        if wanted(sample):
            return sample
    raise AssertionError(f"none of {steps} steps was as wanted")


def test_each_step_tells_all(start: Start) -> None:
    with start(samplers={"app": dsmil.Sampler(lambda: {"app_queue": 3}, interval=0.1)}) as monitor:
        assert repr(monitor) == f"<dsmil.Monitor {monitor.state_dir!r}>"
        steps = iter(monitor)
        samples = [next(steps) for _ in range(4)]
        assert [one.at_ms for one in samples] == sorted({one.at_ms for one in samples})
        seen = until(monitor, lambda sample: sample.scores is not None and "app_queue" in sample.metrics)
        assert abs(seen.at - datetime.now(UTC)) < timedelta(seconds=10)
        assert (seen.metrics.value("app_queue"), seen.saved, seen.missed, seen.errors) == (3.0, True, 0, ())
        measured = seen.metrics["app_queue"][0]
        assert (measured.metric, measured.labels) == ("app_queue", {})
        assert abs(measured.at_ms - seen.at_ms) < 5_000
        assert seen.verdict.go
        assert seen.metrics.value("sampler_up", sampler="app") == 1.0
        with pytest.raises(ValueError, match="name more labels"):
            seen.metrics.value("check_passed")
        assert seen.metrics.value("nothing") is None
        assert dsmil.Gate.parse(GATES).check(seen.metrics).go
        for same in (pickle.loads(pickle.dumps(seen)), copy.deepcopy(seen)):
            assert same == seen
        assert monitor.verdict is not None
        assert monitor.at is not None
        assert monitor.steps >= 5
    assert not monitor.running
    assert list(steps)[-1].saved
    assert next(steps, None) is None


def test_the_scores_and_their_checks(start: Start) -> None:
    with start() as monitor:
        scores = until(monitor, lambda sample: sample.scores is not None).scores
        assert scores is not None
        assert (scores.health.kind, scores.security.kind) == ("health", "security")
        health, security = monitor.health, monitor.security
        assert health is not None
        assert security is not None
        for score in (health, security):
            assert 0.0 <= score.value <= 100.0
            assert "weight" in score.formula
            total = sum(check.weight for check in score.checks)
            assert score.value == pytest.approx(100 * sum(c.weight * c.share for c in score.checks) / total)
            assert "<table>" in score._repr_html_()
        assert security["quarantine-enforced"].passed
        assert security["quarantine-enforced"].outcome is CheckOutcome.PASSED
        assert health["chunked-scan"].values["devices"] == 108
        with pytest.raises(KeyError):
            health["nothing"]


def test_before_the_first_step_nothing_is_known(start: Start) -> None:
    monitor = start(SLOW, samplers={"app": dsmil.Sampler(lambda: time.sleep(2), interval=30)})  # type: ignore[arg-type,return-value]
    # The first step waits for the first samples.
    assert (monitor.steps, monitor.verdict, monitor.scores, monitor.health, monitor.at) == (0, None, None, None, None)
    assert "no step has been taken yet" in monitor.doubts


def test_one_at_a_time(start: Start, tmp_path: Path, run_dir: Path) -> None:
    monitor = start()
    with pytest.raises(dsmil.HeldError) as caught:
        start()
    error = caught.value
    assert isinstance(error, dsmil.MonitorError)
    assert (error.kind, error.pid, error.path) == ("held", os.getpid(), str(tmp_path / "state/monitor.lock"))
    assert str(os.getpid()) in str(error)
    assert error.command
    code = "import sys, dsmil; dsmil.Monitor(device='sim:', state_dir=sys.argv[1], run_dir=sys.argv[2])"
    command = [sys.executable, "-c", code, str(tmp_path / "state"), str(run_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"HeldError: history: {tmp_path}/state/monitor.lock is held by process {os.getpid()}" in done.stderr
    monitor.stop()
    with start():
        pass


def test_the_gates_of_a_configuration_decide(start: Start, gated: Path) -> None:
    queue = 3.0
    with start(gated, samplers={"app": dsmil.Sampler(lambda: {"app_queue": queue}, interval=0.1)}) as monitor:
        assert until(monitor, lambda sample: bool(sample.verdict)).verdict.gates["deploy"]
        queue = 12.0
        bad = until(monitor, lambda sample: sample.verdict.verdict is Verdict.NO_GO)
        assert [(change.gate, change.now) for change in bad.changes] == [("deploy", Verdict.NO_GO)]
        assert {"fired"} <= {event.kind for event in bad.alerts}
        (alert,) = (alert for alert in monitor.alerts if alert.name == "queue")
        assert (alert.state, alert.severity, alert.value, alert.acked) == (AlertState.FIRING, "critical", 12.0, None)
        assert alert.fingerprint in {event.fingerprint for event in bad.alerts}
        queue = 2.0
        good = until(monitor, lambda sample: bool(sample.verdict))
        assert {"resolved"} <= {event.kind for event in good.alerts}
        assert [alert.state for alert in monitor.alerts if alert.name == "queue"] == [AlertState.RESOLVED]


def test_acknowledging_and_silencing(start: Start, gated: Path) -> None:
    with start(gated, samplers={"app": dsmil.Sampler(lambda: {"app_queue": 12}, interval=0.1)}) as monitor:
        until(monitor, lambda sample: any(event.kind == "fired" for event in sample.alerts))
        (alert,) = (alert for alert in monitor.alerts if alert.name == "queue")
        (event,) = monitor.ack(alert.fingerprint, "anna", "on it")
        assert (event.kind, event.fingerprint) == ("acknowledged", alert.fingerprint)
        (alert,) = (alert for alert in monitor.alerts if alert.name == "queue")
        assert alert.acked is not None
        assert (alert.acked.by, alert.acked.comment) == ("anna", "on it")
        silence = monitor.silence({"alertname": "queue"}, timedelta(minutes=5), "repairs", "anna")
        assert (silence.state, silence.matchers, silence.by) == (SilenceState.ACTIVE, ('alertname="queue"',), "anna")
        assert silence.ends_at_ms - silence.starts_at_ms == 300_000
        (alert,) = (alert for alert in monitor.alerts if alert.name == "queue")
        assert alert.silenced_by == (silence.id,)
        monitor.expire(silence.id)
        assert [one.state for one in monitor.silences] == [SilenceState.EXPIRED]
        assert monitor.silence('severity=~"warn.*"', 60, "x").by
        assert monitor.silence(["a!=b", "c=d"], 60, "x").matchers == ('a!="b"', 'c="d"')
        refused: list[tuple[str, Callable[[], object]]] = [
            ("fingerprint", lambda: monitor.ack("nonsense")),
            ("unknown-alert", lambda: monitor.ack("0" * 16)),
            ("matcher", lambda: monitor.silence("nonsense", 60, "x")),
            ("silence", lambda: monitor.silence("a=~.*", 60, "x")),
            ("silence", lambda: monitor.silence("a=b", 60, "")),
            ("silence", lambda: monitor.silence("a=b", 10**9, "x")),
            ("unknown-silence", lambda: monitor.expire("none")),
        ]
        for kind, call in refused:
            with pytest.raises(dsmil.AlertError) as caught:
                call()
            assert caught.value.kind == kind
            assert isinstance(caught.value, ValueError)
        with pytest.raises(dsmil.ArgumentError):
            monitor.silence("a=b", -1, "x")


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


async def test_async_for_doesnt_block_the_loop(start: Start) -> None:
    with start() as monitor:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticking = asyncio.create_task(tick())
        samples = []
        async for sample in monitor:
            samples.append(sample)
            if len(samples) == 5:
                break
        ticking.cancel()
        assert ticks > 20
        assert len({sample.at_ms for sample in samples}) == 5


async def test_several_tasks_see_the_same_steps_and_end_with_the_monitor(start: Start) -> None:
    monitor = start()
    seen: list[list[int]] = [[], [], []]

    async def read(into: list[int]) -> None:
        async for sample in monitor:
            into.append(sample.at_ms)

    tasks = [asyncio.create_task(read(into)) for into in seen]
    async for _ in monitor:
        if min(map(len, seen)) >= 3:
            break
    await asyncio.to_thread(monitor.stop)
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert seen[0] == seen[1] == seen[2]


async def test_cancelling_works_at_once_and_loses_nothing(start: Start) -> None:
    with start(SLOW) as monitor:
        steps = aiter(monitor)
        await asyncio.wait_for(anext(steps), 30)
        begun = time.monotonic()
        for _ in range(20):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(steps), 0.01)
        task = asyncio.create_task(anext(steps))
        await asyncio.sleep(0.05)
        with pytest.raises(RuntimeError, match="another task"):
            await anext(steps)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 2
        # The last step, which is taken when it stops, comes all the same.
        waiting = asyncio.create_task(anext(steps))
        await asyncio.to_thread(monitor.stop)
        assert (await asyncio.wait_for(waiting, 10)).saved
        with pytest.raises(StopAsyncIteration):
            await anext(steps)


def test_a_reader_that_is_closed_is_at_its_end(start: Start) -> None:
    with start() as monitor:
        steps = iter(monitor)
        next(steps)
        steps.close()
        assert next(steps, None) is None
        with pytest.raises(StopIteration):
            next(steps)


def test_threads_may_read_one_iterator(start: Start) -> None:
    monitor = start()
    steps = iter(monitor)
    seen: list[int] = []

    def read() -> None:
        seen.extend(sample.at_ms for sample in steps)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(monitor, lambda _: monitor.steps >= 10)
    monitor.stop()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert len(seen) == len(set(seen)) >= 8


def test_history(start: Start) -> None:
    count = 0

    def counting() -> dict[str, object]:
        nonlocal count
        count += 1
        return {"app_count": [{"labels": {"job": "a"}, "value": count}, {"labels": {"job": "b"}, "value": -count}]}

    with start(samplers={"app": dsmil.Sampler(counting, interval=0.1)}) as monitor:
        until(monitor, lambda _: count >= 4)
        both = monitor.history("app_count")
        assert [series.labels for series in both] == [{"job": "a"}, {"job": "b"}]
        (one,) = monitor.history("app_count", last=timedelta(hours=1), labels={"job": "a"}, resolution="raw")
        assert [point.value for point in one.points][:3] == [1.0, 2.0, 3.0]
        assert (one.resolution, one.points[0].rollup) == ("raw", None)
        now = datetime.now(UTC)
        assert monitor.history("app_count", until=now - timedelta(hours=1)) == ()
        assert monitor.history("app_count", since=now - timedelta(minutes=1), until=now)
        (hour,) = monitor.history("app_count", labels={"job": "a"}, resolution="hour", last=60)[:1]
        assert hour.points[-1].rollup is not None
        assert hour.points[-1].rollup.min == 1.0
        assert monitor.history("nothing") == ()
        with pytest.raises(dsmil.ArgumentError):
            monitor.history("no metric")
        with pytest.raises(dsmil.ArgumentError):
            monitor.history("app_count", resolution="second")
        with pytest.raises(dsmil.ArgumentError):
            monitor.history("app_count", since=datetime(2026, 1, 1))
    assert monitor.history("app_count")[0].points[-1].value == count


def test_reload(start: Start, gated: Path, tmp_path: Path) -> None:
    sampler = dsmil.Sampler(lambda: {"app_queue": 12}, interval=0.1)
    with start(gated, samplers={"app": sampler}) as monitor:
        until(monitor, lambda sample: sample.verdict.verdict is Verdict.NO_GO)
        (tmp_path / "gates.toml").write_text(GATES.replace('"< 10"', '"< 20"'))
        assert monitor.reload() == (f"{tmp_path}/gates.toml: queue",)
        until(monitor, lambda sample: bool(sample.verdict) and sample.metrics.value("app_queue") == 12.0)
        (tmp_path / "gates.toml").write_text("version = 7")
        with pytest.raises(dsmil.ConfigError) as caught:
            monitor.reload()
        assert caught.value.file == str(tmp_path / "gates.toml")
        with pytest.raises(dsmil.ConfigError):
            monitor.reload("version = 1\nnonsense = 2")
        # A sampler of the file may not take the name of one of the program's.
        clash = FAST + '[[samplers.file]]\nname = "x"\npath = "/x"\nmetrics = []\n'
        assert monitor.reload(clash) == ()
        assert monitor.reload(FAST) == ()
        until(monitor, lambda sample: "app_queue" in sample.metrics)
        assert monitor.verdict is not None
        assert "deploy" not in monitor.verdict.gates


@pytest.mark.parametrize(
    ("config", "says", "line"),
    [
        ("version = 1\nnonsense = 2", "nonsense", 2),
        ("version = 2\n", "version: 2 is not known", 1),
        ('version = 1\nevaluate_every = "1ms"', "at least 100ms", 2),
        ('version = 1\ngates = ["/none.toml"]', "can't be read", None),
        ("version = [", "", None),
    ],
)
def test_a_configuration_that_cant_be_used(start: Start, config: str, says: str, line: int | None) -> None:
    with pytest.raises(dsmil.ConfigError) as caught:
        start(config)
    error = caught.value
    assert says in str(error)
    assert isinstance(error, ValueError)
    if line is not None:
        assert (error.line, error.file) == (line, "<text>")
    assert pickle.loads(pickle.dumps(error)).line == error.line


def test_what_else_is_refused(start: Start, tmp_path: Path) -> None:
    with pytest.raises(dsmil.ConfigError):
        start(tmp_path / "none.toml")
    with pytest.raises(dsmil.SpecError):
        start(device="replay:")
    with pytest.raises(dsmil.ConfigError, match="two samplers of this name"):
        start(samplers={"cpu": lambda: {"x": 1}})
    with pytest.raises(dsmil.MonitorError):
        start(state_dir=tmp_path / "no" / "parent")
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(dsmil.MonitorError) as caught:
        start(state_dir=tmp_path / "open")
    assert caught.value.kind == "unsafe"
    wrong: list[Any] = [{"a": 5}, {5: dict}, {"a": dsmil.Sampler(dict, interval="1s")}]  # type: ignore[arg-type]
    for samplers in wrong:
        with pytest.raises(TypeError):
            start(samplers=samplers)
    senseless: list[Any] = [
        {"": dict},
        {"a": dsmil.Sampler(dict, interval=0)},
        {"a": dsmil.Sampler(dict, interval=float("nan"))},
        {"a": dsmil.Sampler(dict, interval=1, timeout=2)},
        {"a": dsmil.Sampler(dict, interval=timedelta(days=2))},
    ]
    for samplers in senseless:
        with pytest.raises(dsmil.ArgumentError):
            start(samplers=samplers)
    with start() as monitor:
        for call in (copy.copy, pickle.dumps):
            with pytest.raises(TypeError):
                call(monitor)


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


def test_after_the_end(start: Start) -> None:
    monitor = start()
    until(monitor, lambda sample: sample.scores is not None)
    monitor.stop()
    monitor.stop()
    assert "(stopped)" in repr(monitor)
    assert monitor.verdict is not None
    assert monitor.health is not None
    assert monitor.history("log_full")
    calls: list[Callable[[], object]] = [
        lambda: iter(monitor),
        lambda: monitor.on_step(print),
        lambda: monitor.ack("0" * 16),
        lambda: monitor.silence("a=b", 5, "x"),
    ]
    for call in calls:
        with pytest.raises(dsmil.ClosedError):
            call()
    with pytest.raises(dsmil.MonitorError) as caught:
        monitor.reload()
    assert caught.value.kind == "ended"


def test_garbage_collection_stops_it(start: Start, tmp_path: Path, run_dir: Path) -> None:
    monitor = dsmil.Monitor(FAST, device="sim:", state_dir=tmp_path / "state", run_dir=run_dir, samplers={"app": dict})
    monitor.on_step(lambda sample: None)
    steps = iter(monitor)
    del monitor
    gc.collect()
    next(steps)  # who reads keeps it alive
    del steps
    gc.collect()
    with start():
        pass


def test_it_serves_what_is_configured(start: Start, tmp_path: Path) -> None:
    main = "import sys; from dsmil._command import main; sys.exit(main())"
    made = subprocess.run(
        [sys.executable, "-c", main, "--json", "key", "me"], capture_output=True, text=True, timeout=60, check=True
    )
    made_key = json.loads(made.stdout)
    keys = tmp_path / "keys.toml"
    keys.write_text(made_key["entry"])
    keys.chmod(0o600)
    config = FAST + f'[serve]\nlisten = "127.0.0.1:0"\nkeys_file = "{keys}"\n'
    with start(config) as monitor:
        until(monitor, lambda sample: sample.scores is not None)
        assert monitor.address is not None
        with urllib.request.urlopen(f"http://{monitor.address}/healthz", timeout=10) as answer:
            assert answer.status == 200
        request = urllib.request.Request(f"http://{monitor.address}/metrics")
        request.add_header("Authorization", f"Bearer {made_key['key']}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert b"cpu_percent" in answer.read()
        assert monitor.reload() == ()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://{monitor.address}/healthz", timeout=10)


def test_validate(tmp_path: Path, run_dir: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    scores = dsmil.validate(FAST, device="sim:seed=7", state_dir=tmp_path / "state", run_dir=run_dir)
    assert scores.security["quarantine-enforced"].passed
    assert scores.health["chunked-scan"].passed
    assert list((tmp_path / "state").iterdir()) == [], "nothing is kept"
    with pytest.raises(dsmil.ConfigError):
        dsmil.validate("version = 3\n")


def test_the_environment_names_the_state_directory(
    tmp_path: Path, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSMIL_STATE_DIR", str(tmp_path / "named"))
    monkeypatch.setenv("DSMIL_DEVICE", "sim:seed=7")
    monkeypatch.setenv("DSMIL_RUN_DIR", str(run_dir))
    with dsmil.Monitor(FAST) as monitor:
        assert monitor.state_dir == str(tmp_path / "named")
    monkeypatch.delenv("DSMIL_STATE_DIR")
    with pytest.raises(dsmil.ConfigError, match="no state directory is named"):
        dsmil.Monitor(FAST)
    with dsmil.Monitor(FAST.replace("[samplers", f'state_dir = "{tmp_path}/other"\n[samplers', 1)) as monitor:
        assert monitor.state_dir == f"{tmp_path}/other"
