"""The live monitor: scores, gates, alerts, history, and what is refused."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from watching import FAST, GATES, Start, until

import dsmil
from dsmil import AlertState, CheckOutcome, SilenceState, Verdict


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
