"""What the library answers: values that don't change, compare, hash, copy and pickle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar, cast, overload

from dsmil import _html
from dsmil._dsmil import DeviceRecord
from dsmil.enums import ProbeOutcome

__all__ = [
    "DeviceRecord",
    "FrozenDict",
    "Isolation",
    "LatencyReport",
    "LatencySummary",
    "Probe",
    "ProbeResult",
    "Pulled",
    "Rule",
    "Scan",
    "SelfCheck",
    "SelfCheckEntry",
    "StopRecord",
    "SystemStatus",
    "Version",
]


class _WithIds:
    """Shows ids as people write them."""

    __slots__ = ()

    def __repr__(self) -> str:
        fields = {field.name: getattr(self, field.name) for field in fields_of(cast("Any", self))}
        shown = (f"{n}=0x{v:04X}" if n in ("id", "first", "last") else f"{n}={v!r}" for n, v in fields.items())
        return f"{type(self).__name__}({', '.join(shown)})"


class Scan(Sequence[DeviceRecord]):
    """The records of a scan, in the order in which they came. Every id occurs once."""

    __slots__ = ("_records",)
    _records: tuple[DeviceRecord, ...]

    def __init__(self, records: Sequence[DeviceRecord] = ()) -> None:
        object.__setattr__(self, "_records", tuple(records))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a scan doesn't change: {name} can't be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a scan doesn't change: {name} can't be deleted")

    def get(self, id: int) -> DeviceRecord | None:
        """Give the record of one device; None if the scan hasn't it."""
        return next((record for record in self._records if record.id == id), None)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> DeviceRecord: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[DeviceRecord, ...]: ...
    def __getitem__(self, index: int | slice) -> DeviceRecord | tuple[DeviceRecord, ...]:
        return self._records[index]

    def __iter__(self) -> Iterator[DeviceRecord]:
        return iter(self._records)

    def __contains__(self, value: object) -> bool:
        return value in self._records

    def __eq__(self, other: object) -> bool:
        return self._records == other._records if isinstance(other, Scan) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._records)

    def __reduce__(self) -> tuple[type[Scan], tuple[tuple[DeviceRecord, ...]]]:
        return type(self), (self._records,)

    def __repr__(self) -> str:
        return f"<Scan of {len(self)} devices>"

    def _repr_html_(self) -> str:
        return _html.records(self._records)


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """What the driver says of itself."""

    kernel_module_loaded: bool
    """The kernel module says that it is loaded."""
    thermal_safe: bool
    """The driver judges the temperature safe."""
    current_temp_celsius: int
    """The driver's temperature in degrees Celsius."""
    safe_device_count: int
    """How many devices the driver counts as safe."""
    quarantined_count: int
    """How many devices the driver counts as quarantined: it knows five of the seven."""
    last_scan_timestamp: int
    """When the last scan was made, in milliseconds since boot; 0 before the first."""

    def _repr_html_(self) -> str:
        return _html.fields(self)


class Version(NamedTuple):
    """The driver's version. Versions compare by age; ``int(version)`` is the driver's own number, 0x00MMmmpp."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def __int__(self) -> int:
        return self.major << 16 | self.minor << 8 | self.patch


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """How long calls took, in seconds. Percentiles are within 1 % of the truth."""

    count: int
    """How many calls."""
    min: float
    """The shortest."""
    p50: float
    """Half took no longer."""
    p95: float
    """95 of 100 took no longer."""
    p99: float
    """99 of 100 took no longer."""
    max: float
    """The longest."""


_K = TypeVar("_K")
_V = TypeVar("_V")


class FrozenDict(Mapping[_K, _V]):
    """A mapping that doesn't change: unlike a proxy of a dict, it hashes, copies and pickles."""

    __slots__ = ("_items",)
    _items: dict[_K, _V]

    def __init__(self, items: Mapping[_K, _V]) -> None:
        object.__setattr__(self, "_items", dict(items))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"it doesn't change: {name} can't be set")

    def __getitem__(self, key: _K) -> _V:
        return self._items[key]

    def __iter__(self) -> Iterator[_K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._items,)

    def __repr__(self) -> str:
        return repr(self._items)


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """What a device handle has measured since it was opened."""

    requests: FrozenDict[str, LatencySummary]
    """By the name of the request: one ioctl each, failed ones included."""
    devices: FrozenDict[int, LatencySummary]
    """By id: a whole ``info`` or ``read``, turns and repetitions included, failed ones too."""

    def slow(self, limit: float = 0.1) -> dict[int, LatencySummary]:
        """Give the devices whose 95th percentile is over a limit in seconds, slowest first."""
        slow = [(id, summary) for id, summary in self.devices.items() if summary.p95 > limit]
        return dict(sorted(slow, key=lambda entry: -entry[1].p95))

    def _repr_html_(self) -> str:
        return _html.latency(self)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was found of one request."""

    request: str
    """Its name: ``GET_VERSION`` and so on."""
    outcome: ProbeOutcome
    """What the driver made of it."""
    errno: int | None = None
    """With what it was refused, if it was."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Which of the eleven requests a driver has."""

    results: tuple[ProbeResult, ...]
    """Each request, in the order of their numbers."""

    def __getitem__(self, request: str) -> ProbeOutcome:
        for result in self.results:
            if result.request == request:
                return result.outcome
        raise KeyError(request)

    @property
    def is_chunked(self) -> bool:
        """Whether the chunked requests, 6 to 11, all work."""
        return len(self.results) == 11 and all(result.outcome == ProbeOutcome.WORKS for result in self.results[5:])

    def _repr_html_(self) -> str:
        return _html.table(("request", "outcome", "errno"), [(r.request, r.outcome, r.errno) for r in self.results])


@dataclass(frozen=True, slots=True)
class StopRecord:
    """Who pulled the emergency stop, when, and why."""

    reason: str
    uid: int
    pid: int
    program: str
    since_ms: int
    """When, in milliseconds since the Unix epoch."""

    @property
    def since(self) -> datetime:
        """When, in UTC."""
        return _time(self.since_ms)

    def _repr_html_(self) -> str:
        return _html.fields(self)


@dataclass(frozen=True, slots=True)
class Pulled:
    """How a stop was pulled."""

    record: StopRecord
    """The record in force: an older one, if the stop had been pulled already."""
    took: float
    """Seconds until the word was set that every process reads before each request."""
    unrecorded: str | None
    """Why the audit log has no record of it, if it hasn't. The stop holds all the same."""


@dataclass(frozen=True, slots=True, repr=False)
class Isolation(_WithIds):
    """A device that somebody took out of use."""

    id: int
    reason: str
    author: str
    since_ms: int
    """Since when, in milliseconds since the Unix epoch."""
    until_ms: int | None
    """Until when; None: until it is released."""

    @property
    def since(self) -> datetime:
        """Since when, in UTC."""
        return _time(self.since_ms)

    @property
    def until(self) -> datetime | None:
        """Until when, in UTC; None: until it is released."""
        return None if self.until_ms is None else _time(self.until_ms)

    def _repr_html_(self) -> str:
        return _html.fields(self)


@dataclass(frozen=True, slots=True, repr=False)
class Rule(_WithIds):
    """One ``[[deny]]`` of a policy file."""

    file: str
    line: int
    """Its line in the file, from 1."""
    index: int
    """Its position among the file's rules, from 0."""
    first: int
    """The lowest id that it denies."""
    last: int
    """The highest id that it denies."""
    reason: str

    def covers(self, id: int) -> bool:
        """Tell whether it denies this id."""
        return self.first <= id <= self.last


@dataclass(frozen=True, slots=True, repr=False)
class SelfCheckEntry(_WithIds):
    """What the self-check found of one of the seven."""

    id: int
    what: str
    """What touching it would do."""
    denied: bool
    """Every operation was denied."""
    accesses: int
    """Accesses that the driver counted while the library was asked."""
    control: int
    """Accesses that it counted when it was asked past the library: not 0, or the count proves nothing."""

    @property
    def is_enforced(self) -> bool:
        """Denied, never touched, and the counter works."""
        return self.denied and self.accesses == 0 and self.control > 0


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """What the self-check found."""

    entries: tuple[SelfCheckEntry, ...]

    @property
    def enforced(self) -> int:
        """How many of the seven are enforced."""
        return sum(entry.is_enforced for entry in self.entries)

    @property
    def is_ok(self) -> bool:
        """Whether all seven are."""
        return self.enforced == 7

    def _repr_html_(self) -> str:
        rows = [(f"0x{e.id:04X}", e.what, e.denied, e.accesses, e.is_enforced) for e in self.entries]
        return _html.table(("id", "what", "denied", "accesses", "enforced"), rows)


def _time(ms: int) -> datetime:
    """Milliseconds as a time; what lies beyond the calendar is its end."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)
