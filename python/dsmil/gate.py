"""Gates: whether the next step may be taken, and on what evidence."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, NoReturn, Self

from dsmil import _dsmil, _html
from dsmil.enums import Phase, Recorded, Severity, Verdict
from dsmil.records import FrozenDict, _time

__all__ = [
    "Evaluation",
    "Exported",
    "Gate",
    "GateTests",
    "GateVerdict",
    "Lint",
    "RuleEvidence",
    "SeriesEvidence",
    "ZoneVerdict",
]


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What one gate decides. True if it goes, and only then."""

    name: str
    verdict: Verdict
    kind: str
    """``all``, ``any`` or ``score``."""
    score: float | None
    """The share of the weights that go, for a gate that scores."""
    threshold: float | None
    """What the score must reach."""
    escalate: bool
    """A person is to be called."""
    look_again_at: datetime | None
    """When to look again, if it doesn't go and the file says so."""
    justification: str | None
    """Why the gate is as it is."""
    reasons: tuple[str, ...]
    """Each member that doesn't go, and why. A gate that goes may have some, if others outvoted them."""

    @property
    def go(self) -> bool:
        """Whether the step may be taken."""
        return self.verdict is Verdict.GO

    def __bool__(self) -> bool:
        return self.go


@dataclass(frozen=True, slots=True)
class ZoneVerdict:
    """Where a zone is."""

    name: str
    band: str
    verdict: Verdict
    """What the band means for a gate."""


@dataclass(frozen=True, slots=True)
class SeriesEvidence:
    """What a rule saw of one series. Times are in milliseconds since the Unix epoch."""

    labels: FrozenDict[str, str]
    state: Phase
    since_ms: int
    """Since when it has failed; when inactive, since when it is."""
    fired_at_ms: int | None
    kept_since_ms: int | None
    """Since when it is only kept firing."""
    value: float | None
    """What was observed."""
    samples: int
    """How many samples are behind it."""
    from_ms: int | None
    """The time of the first of them."""
    to_ms: int | None
    """The time of the last of them."""
    bound: str | None
    """What it was held against."""


@dataclass(frozen=True, slots=True)
class RuleEvidence:
    """Where a rule stands, and on what."""

    name: str
    signal: str
    """What it looks at, such as ``avg(cpu_percent{host="a"}[5m])``."""
    condition: str
    """Its condition as the file has it."""
    unit: str | None
    state: Phase
    verdict: Verdict
    severity: Severity
    error: str | None
    """Why it could not be evaluated."""
    missing: bool
    """Evidence that it needs is not there."""
    missing_since_ms: int | None
    series: tuple[SeriesEvidence, ...]


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What the gates of a file decide at a time, and on what evidence.

    It is true if the verdict is go, and only then: ``if gate.check(metrics):`` does what it says.
    """

    _json: str
    _text: str
    reasons: tuple[str, ...]
    """Why it isn't go: of every gate that doesn't go, in the order of the file; of every rule, if it has no gate."""

    @property
    def go(self) -> bool:
        """Whether the step may be taken."""
        return self.verdict is Verdict.GO

    @cached_property
    def verdict(self) -> Verdict:
        """The worst of all gates; of all rules, if the file has no gate."""
        return Verdict(self._all["verdict"])

    @property
    def at_ms(self) -> int:
        """The time of the evaluation, in milliseconds since the Unix epoch."""
        return int(self._all["at"])

    @property
    def at(self) -> datetime:
        """The time of the evaluation, in UTC."""
        return _time(self.at_ms)

    @property
    def gate_file(self) -> str:
        """The fingerprint of what the gate file says."""
        return str(self._all["gate_file"])

    @cached_property
    def gates(self) -> FrozenDict[str, GateVerdict]:
        """What each gate decides, by its name, in the order of the file."""
        return FrozenDict({gate["name"]: _gate(gate) for gate in self._all["gates"]})

    @cached_property
    def zones(self) -> FrozenDict[str, ZoneVerdict]:
        """Where each zone is, by its name."""
        return FrozenDict(
            {zone["name"]: ZoneVerdict(**zone | {"verdict": Verdict(zone["verdict"])}) for zone in self._all["zones"]}
        )

    @cached_property
    def rules(self) -> FrozenDict[str, RuleEvidence]:
        """Where each rule stands, by its name."""
        return FrozenDict({rule["name"]: _rule(rule) for rule in self._all["rules"]})

    @property
    def evidence(self) -> dict[str, Any]:
        """All of it as JSON has it: a dict of the caller's own. NaN and infinities are words there."""
        evidence: dict[str, Any] = json.loads(self._json)
        return evidence

    def to_json(self) -> str:
        """Give one line of JSON, byte for byte the same for the same samples, in every language."""
        return self._json

    @cached_property
    def _all(self) -> dict[str, Any]:
        return self.evidence

    def __bool__(self) -> bool:
        return self.go

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        more = f": {self.reasons[0]}" if self.reasons else ""
        return f"<Evaluation {self.verdict}{more}>"

    def _repr_html_(self) -> str:
        rows = [(g.name, g.verdict, "; ".join(g.reasons)) for g in self.gates.values()]
        return f"<p>{self.verdict}</p>" + _html.table(("gate", "verdict", "reasons"), rows)


@dataclass(frozen=True, slots=True)
class Lint:
    """A doubt about a gate file that can be used."""

    line: int
    """Its line, from 1."""
    subject: str
    """What it is about, such as ``rule cpu``."""
    what: str
    """What is doubtful."""
    remedy: str
    """What to do about it."""

    def __str__(self) -> str:
        return f"line {self.line}, {self.subject}: {self.what}; {self.remedy}"


class Exported(NamedTuple):
    """The rules of a gate file in Prometheus's words."""

    yaml: str
    """A rule file for Prometheus 2.42 and later 2.x."""
    not_expressed: tuple[str, ...]
    """What could not be expressed, a sentence each."""


@dataclass(frozen=True, slots=True)
class GateTests:
    """What became of the tests of a test file. True if all held."""

    held: int
    """How many claims held."""
    failures: tuple[str, ...]
    """Those that did not, each with its place."""

    @property
    def ok(self) -> bool:
        """Whether all held, and there was one at least."""
        return self.held > 0 and not self.failures

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return "\n".join([*self.failures, f"{self.held} held, {len(self.failures)} failed"])


class Gate:
    """The gates of one file. Threads may share it.

    `check` answers on the metrics that it is given, alone. `record` and `evaluate` go on from what was before: rules
    over a time (``for``, windows, hysteresis) need them.
    """

    __slots__ = ("_core",)

    def __init__(self, text: str, name: str = "<text>") -> None:
        self._core = _dsmil.Gate(text, name)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a gate file.

        Raises `GateError` with everything that is wrong with it, `GateReadError` if it can't be read at all.
        """
        made = cls.__new__(cls)
        made._core = _dsmil.Gate.load(path)
        return made

    @classmethod
    def parse(cls, text: str, name: str = "<text>") -> Self:
        """Read the text of a gate file; *name* is its name for messages. Raises `GateError`."""
        return cls(text, name)

    @staticmethod
    def run_tests(path: str | os.PathLike[str]) -> GateTests:
        """Run a test file (``NAME.test.toml``) against the gate file that it names, in virtual time.

        Raises `GateError` for either of the two.
        """
        held, failures = _dsmil.gate_tests(path)
        return GateTests(held, tuple(failures))

    def check(self, metrics: Mapping[str, object], at: datetime | int | str | None = None) -> Evaluation:
        """Evaluate once, on these metrics alone: what was recorded doesn't count, and nothing is remembered.

        A metric is a number, or None if it could not be read (every rule over it then fails); or a dict with
        ``value``, ``labels`` and ``at``, or with ``samples`` (pairs of time and value) and ``labels``; a `Measurement`;
        or a list of these. What has no time of its own was observed *at* the time of the evaluation: now, if it isn't
        given. A time is a datetime that knows its zone, such a time as text, or whole milliseconds since 1970.

        A metric that isn't given is missing evidence, and NaN is too: never go. A wrong type is a TypeError, a wrong
        value an `ArgumentError`; both name the metric and what was found.
        """
        return _evaluation(self._core.check(metrics, at))

    def record(
        self,
        metric: str,
        value: float | None,
        labels: Mapping[str, str] | None = None,
        at: datetime | int | str | None = None,
    ) -> Recorded:
        """Take in a value for `evaluate`; None says that it could not be read.

        A metric of which one series could not be read is a metric that can't be read: every rule over it fails until
        there is a value again for the same labels.
        """
        return Recorded(self._core.record(metric, value, labels, at))

    def set_error(self, metric: str, why: str | None) -> None:
        """Say why a metric can't be read; None: it can be read again, all of it."""
        self._core.set_error(metric, why)

    def end(
        self, metric: str, labels: Mapping[str, str] | None = None, at: datetime | int | str | None = None
    ) -> Recorded:
        """Say that a series ends: from here on it has no value and is not missed (a stale marker)."""
        return Recorded(self._core.end(metric, labels, at))

    def evaluate(self, at: datetime | int | str | None = None) -> Evaluation:
        """Carry all rules on to a time, now if it isn't given, and say what the gates decide.

        Samples on which no rule can look back any more from that time are forgotten.
        """
        return _evaluation(self._core.evaluate(at))

    def save(self) -> str:
        """Give everything that must survive a restart, as JSON: the rules' states, and the samples they look at."""
        return self._core.save()

    def restore(self, state: str) -> None:
        """Go on from what `save` gave, as if it had never stopped.

        Raises `GateError` (kind ``gate-state``) for a state of other gates or one that was damaged; nothing has changed
        then.
        """
        self._core.restore(state)

    def lint(self) -> list[Lint]:
        """Give doubts about the file: rules that can never fire, gates that can never open, a missing unit."""
        return [Lint(*fields) for fields in self._core.lint()]

    def export_prometheus(self, group: str = "dsmil") -> Exported:
        """Write the rules as alerting rules for Prometheus, with the same meaning. What it can't express is named."""
        yaml, not_expressed = self._core.export_prometheus(group)
        return Exported(yaml, tuple(not_expressed))

    @property
    def name(self) -> str:
        """The file, as it was named."""
        return self._core.name

    @property
    def fingerprint(self) -> str:
        """What the file says, as a SHA-256: comments, spaces and the order of keys don't change it."""
        return self._core.fingerprint

    @property
    def gates(self) -> tuple[str, ...]:
        """The names of the gates."""
        return tuple(self._core.names()[0])

    @property
    def zones(self) -> tuple[str, ...]:
        """The names of the zones."""
        return tuple(self._core.names()[1])

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules."""
        return tuple(self._core.names()[2])

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the rules look at."""
        return tuple(self._core.names()[3])

    def __reduce__(self) -> NoReturn:
        raise TypeError("a gate can't be copied or pickled: load it again, and restore() there what save() gives here")

    def __repr__(self) -> str:
        return f"<dsmil.Gate {self.name!r}>"


def _evaluation(fields: tuple[str, str, list[str]]) -> Evaluation:
    text, shown, reasons = fields
    return Evaluation(text, shown, tuple(reasons))


def _number(value: float | str | None) -> float | None:
    """Read a number of JSON, where those that JSON doesn't have are words."""
    return None if value is None else float(value)


def _gate(fields: dict[str, Any]) -> GateVerdict:
    again = fields["look_again_at"]
    made: dict[str, Any] = {
        "verdict": Verdict(fields["verdict"]),
        "score": _number(fields["score"]),
        "look_again_at": None if again is None else _time(again),
        "reasons": tuple(fields["reasons"]),
    }
    return GateVerdict(**fields | made)


def _rule(fields: dict[str, Any]) -> RuleEvidence:
    return RuleEvidence(
        name=fields["name"],
        signal=fields["signal"],
        condition=fields["condition"],
        unit=fields["unit"],
        state=Phase(fields["state"]),
        verdict=Verdict(fields["verdict"]),
        severity=Severity(fields["severity"]),
        error=fields["error"],
        missing=fields["missing"],
        missing_since_ms=fields["missing_since"],
        series=tuple(_series(series) for series in fields["series"]),
    )


def _series(fields: dict[str, Any]) -> SeriesEvidence:
    return SeriesEvidence(
        labels=FrozenDict(fields["labels"]),
        state=Phase(fields["state"]),
        since_ms=fields["since"],
        fired_at_ms=fields["fired_at"],
        kept_since_ms=fields["kept_since"],
        value=_number(fields["value"]),
        samples=fields["samples"],
        from_ms=fields["from"],
        to_ms=fields["to"],
        bound=fields["bound"],
    )
