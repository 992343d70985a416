"""What a monitor tells: values that don't change."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dsmil import _html
from dsmil._dsmil import Measurement
from dsmil.enums import AlertState, CheckOutcome, Severity, SilenceState, Verdict
from dsmil.gate import Evaluation, _evaluation, _number
from dsmil.records import FrozenDict, _time

__all__ = [
    "Ack",
    "Alert",
    "AlertEvent",
    "Anomaly",
    "Check",
    "Measurement",
    "Metrics",
    "Point",
    "Rollup",
    "Sample",
    "Score",
    "Scores",
    "SeriesPoints",
    "Silence",
    "VerdictChange",
]


class Metrics(FrozenDict[str, tuple[Measurement, ...]]):
    """What was measured, by the names of the metrics. `dsmil.Gate.check` takes it as it is."""

    __slots__ = ()

    def value(self, metric: str, **labels: str) -> float | None:
        """Give the newest value of the one series of a metric that has these labels; None if nothing was measured.

        Raises ValueError if several series have them: more labels must be named then.
        """
        found: dict[frozenset[tuple[str, str]], Measurement] = {}
        for seen in self.get(metric, ()):
            theirs = seen.labels
            if all(theirs.get(name) == value for name, value in labels.items()):
                key = frozenset(theirs.items())
                if key not in found or found[key].at_ms <= seen.at_ms:
                    found[key] = seen
        if len(found) > 1:
            raise ValueError(f"{metric}: {len(found)} series have these labels: name more labels")
        return next((None if seen.is_stale else seen.value for seen in found.values()), None)


@dataclass(frozen=True, slots=True)
class Check:
    """A check behind a score, and what it found."""

    name: str
    source: str
    """``own``: it was measured here; ``external``: somebody else says so."""
    outcome: CheckOutcome
    why: str | None
    """What kept it from running, if anything did."""
    share: float
    """How much is as it should be, 0 to 1."""
    weight: float
    text: str
    """What the outcome rests on, in words."""
    values: FrozenDict[str, Any]
    """The same in values, by name."""
    at_ms: int
    """When it ran, in milliseconds since the Unix epoch."""
    took_ms: float

    @property
    def passed(self) -> bool:
        """Whether all is as it should be."""
        return self.outcome is CheckOutcome.PASSED

    @property
    def at(self) -> datetime:
        """When it ran, in UTC."""
        return _time(self.at_ms)


@dataclass(frozen=True, slots=True)
class Score:
    """A score, with every check that it is made of."""

    kind: str
    """``health`` or ``security``."""
    value: float
    """0 to 100."""
    own_value: float
    """The same over what was measured here: without external attestations."""
    formula: str
    checks: tuple[Check, ...]
    disabled: tuple[str, ...]
    """Checks that the configuration has switched off. They count for nothing."""

    @property
    def is_full(self) -> bool:
        """Whether there are checks and all of them passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def __getitem__(self, name: str) -> Check:
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def _repr_html_(self) -> str:
        rows = [(c.name, c.outcome, f"{c.share:.2f}", c.weight, c.text) for c in self.checks]
        head = ("check", "outcome", "share", "weight", "evidence")
        return f"<p>{self.kind} {self.value:.1f} of 100</p>" + _html.table(head, rows)


@dataclass(frozen=True, slots=True)
class Scores:
    """Both scores."""

    health: Score
    """How well the machine and its devices are."""
    security: Score
    """How well they are guarded."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Who takes care of an alert."""

    by: str
    comment: str
    at_ms: int
    """When they said so, in milliseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it stands. Times are in milliseconds since the Unix epoch."""

    fingerprint: str
    """Its identity: 16 hexadecimal digits."""
    name: str
    state: AlertState
    labels: FrozenDict[str, str]
    severity: Severity
    no_data: bool
    """Whether it is about evidence that is missing and not about a value."""
    since_ms: int
    """Since when it fails or failed."""
    starts_at_ms: int | None
    """Since when it fires or fired."""
    ends_at_ms: int | None
    """When it ended, if it has."""
    value: float | None
    """What was observed when it was told of last, or when it began."""
    summary: str
    description: str | None
    silenced_by: tuple[str, ...]
    """The ids of the silences that cover it."""
    inhibited_by: tuple[str, ...]
    """The fingerprints of the alerts that inhibit it."""
    acked: Ack | None
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """What happened to an alert, a silence or a notification."""

    at_ms: int
    """When, in milliseconds since the Unix epoch."""
    kind: str
    """``pending``, ``fired``, ``resolved``, ``acknowledged``, ``silenced``, ``queued``, ``delivered`` and so on."""
    fingerprint: str | None
    """The alert that it is about, if it is about one."""
    what: Any
    """All of it, as JSON has it."""

    @property
    def at(self) -> datetime:
        """When, in UTC."""
        return _time(self.at_ms)


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that nobody is told of for a while. Times are in milliseconds since the Unix epoch."""

    id: str
    state: SilenceState
    matchers: tuple[str, ...]
    """What it covers: all of them must match."""
    starts_at_ms: int
    ends_at_ms: int
    by: str
    comment: str
    ended_by: str | None
    """Who ended it before its time."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that is unusual for a device."""

    labels: FrozenDict[str, str]
    kind: str
    """``latency``, ``error-rate``, ``temperature-slope`` or ``access-rate``."""
    reason: str
    """``jump`` or ``drift``."""
    observed: float | None
    expected: float | None
    deviation: float | None
    """How far it is off, in scales."""
    since_ms: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """A gate that decides otherwise than before."""

    gate: str
    before: Verdict | None
    """What it decided before; None at its first evaluation."""
    now: Verdict


@dataclass(frozen=True, slots=True)
class Rollup:
    """What the samples of a minute or an hour come to."""

    count: int
    sum: float
    min: float
    max: float
    last: float


@dataclass(frozen=True, slots=True)
class Point:
    """A sample of the past, or a roll-up."""

    at_ms: int
    """When it was observed, or when the minute or hour begins, in milliseconds since the Unix epoch."""
    value: float
    """What was observed; the mean of a roll-up."""
    rollup: Rollup | None

    @property
    def at(self) -> datetime:
        """When, in UTC."""
        return _time(self.at_ms)


@dataclass(frozen=True, slots=True)
class SeriesPoints:
    """The past of one series."""

    metric: str
    labels: FrozenDict[str, str]
    resolution: str
    """``raw``, ``minute`` or ``hour``."""
    points: tuple[Point, ...]
    """Ordered by time."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A step of a monitor."""

    at_ms: int
    """When, in milliseconds since the Unix epoch."""
    metrics: Metrics
    """All that was measured or computed since the step before."""
    verdict: Evaluation
    """What the gates decide, and on what evidence."""
    changes: tuple[VerdictChange, ...]
    """The gates that decide otherwise than before."""
    scores: Scores | None
    """The scores, if they were computed in this step."""
    alerts: tuple[AlertEvent, ...]
    """What happened to alerts."""
    errors: tuple[str, ...]
    """What could not be seen, and why."""
    saved: bool
    """Whether all of it is on the disk. If not, it is tried again with the next step."""
    missed: int
    """How many steps before this one were dropped because nobody took them."""

    @property
    def at(self) -> datetime:
        """When, in UTC."""
        return _time(self.at_ms)


def _sample(fields: tuple[Any, ...]) -> Sample:
    at, measurements, evaluation, changes, scores, alerts, errors, saved, missed = fields
    return Sample(
        at_ms=at,
        metrics=_metrics(measurements),
        verdict=_evaluation(evaluation),
        changes=tuple(
            VerdictChange(gate, None if before is None else Verdict(before), Verdict(now))
            for gate, before, now in changes
        ),
        scores=None if scores is None else _scores(scores),
        alerts=_events(alerts),
        errors=tuple(errors),
        saved=saved,
        missed=missed,
    )


def _metrics(measurements: Iterable[Measurement]) -> Metrics:
    by_name: dict[str, list[Measurement]] = {}
    for seen in measurements:
        by_name.setdefault(seen.metric, []).append(seen)
    return Metrics({name: tuple(seen) for name, seen in by_name.items()})


def _scores(text: str) -> Scores:
    both: dict[str, Any] = json.loads(text)
    return Scores(_score(both["health"]), _score(both["security"]))


def _score(fields: dict[str, Any]) -> Score:
    return Score(
        kind=fields["kind"],
        value=fields["value"],
        own_value=fields["own_value"],
        formula=fields["formula"],
        checks=tuple(_check(check) for check in fields["checks"]),
        disabled=tuple(fields["disabled"]),
    )


def _check(fields: dict[str, Any]) -> Check:
    return Check(
        name=fields["name"],
        source=fields["source"],
        outcome=CheckOutcome(fields["outcome"]),
        why=fields.get("why"),
        share=fields["share"],
        weight=fields["weight"],
        text=fields["evidence"]["text"],
        values=FrozenDict(fields["evidence"].get("values", {})),
        at_ms=fields["at"],
        took_ms=fields["took_ms"],
    )


def _events(text: str) -> tuple[AlertEvent, ...]:
    return tuple(AlertEvent(e["at"], e["kind"], e["fingerprint"], e["what"]) for e in json.loads(text))


def _alerts(text: str) -> tuple[Alert, ...]:
    return tuple(_alert(fields) for fields in json.loads(text))


def _alert(fields: dict[str, Any]) -> Alert:
    acked = fields["acked"]
    return Alert(
        fingerprint=fields["fingerprint"],
        name=fields["name"],
        state=AlertState(fields["state"]),
        labels=FrozenDict(fields["labels"]),
        severity=Severity(fields["severity"]),
        no_data=fields["no_data"],
        since_ms=fields["since"],
        starts_at_ms=fields["starts_at"],
        ends_at_ms=fields["ends_at"],
        value=_number(fields["value"]),
        summary=fields["summary"],
        description=fields["description"],
        silenced_by=tuple(fields["silenced_by"]),
        inhibited_by=tuple(fields["inhibited_by"]),
        acked=None if acked is None else Ack(acked["by"], acked["comment"], acked["at"]),
        receivers=tuple(fields["receivers"]),
    )


def _silences(text: str) -> tuple[Silence, ...]:
    return tuple(
        Silence(
            id=fields["id"],
            state=SilenceState(fields["state"]),
            matchers=tuple(fields["matchers"]),
            starts_at_ms=fields["starts_at"],
            ends_at_ms=fields["ends_at"],
            by=fields["by"],
            comment=fields["comment"],
            ended_by=fields["ended_by"],
        )
        for fields in json.loads(text)
    )


def _anomalies(text: str) -> tuple[Anomaly, ...]:
    return tuple(
        Anomaly(
            labels=FrozenDict(fields["labels"]),
            kind=fields["kind"],
            reason=fields["judgement"]["unusual"],
            observed=fields["observed"],
            expected=fields["expected"],
            deviation=fields["deviation"],
            since_ms=fields["since"],
            at_ms=fields["at"],
        )
        for fields in json.loads(text)
    )


def _past(found: list[tuple[Any, ...]]) -> tuple[SeriesPoints, ...]:
    return tuple(
        SeriesPoints(
            metric,
            FrozenDict(dict(labels)),
            resolution,
            tuple(Point(at, value, None if rollup is None else Rollup(*rollup)) for at, value, rollup in points),
        )
        for metric, labels, resolution, points in found
    )
