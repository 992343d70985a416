"""Numbers and words with names. What has no name keeps its number: it never becomes something harmless."""

from enum import IntEnum, StrEnum
from typing import Self

__all__ = [
    "Access",
    "AlertState",
    "CheckOutcome",
    "Operation",
    "Phase",
    "ProbeOutcome",
    "Recorded",
    "Severity",
    "SilenceState",
    "State",
    "Verdict",
]


class _Open(IntEnum):
    """An enumeration that takes unnamed numbers too: a member of its own, equal to the number."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 0xFFFFFFFF:
            return None
        # Not kept: a driver that makes up numbers must not fill the memory.
        member = int.__new__(cls, value)
        member._name_ = f"UNNAMED_{value}"
        member._value_ = value
        return member

    @property
    def is_named(self) -> bool:
        """Whether the specification names this number."""
        return self.value in type(self)._value2member_map_


class State(_Open):
    """What the driver says of a device's state. A number without a name becomes ``State.UNNAMED_<n>``."""

    UNKNOWN = 0
    OFFLINE = 1
    SAFE = 2
    QUARANTINED = 3
    ERROR = 4
    THERMAL_LIMIT = 5


class Access(_Open):
    """What access the driver grants. A number without a name becomes ``Access.UNNAMED_<n>``."""

    NONE = 0
    READ = 1
    RESERVED = 2


class Operation(StrEnum):
    """What is to be done with a device."""

    INFO = "info"
    """Ask for its record."""
    READ = "read"
    """Read its data."""


class ProbeOutcome(StrEnum):
    """What the driver made of a request."""

    WORKS = "works"
    REFUSED = "refused"
    """The driver knows it and refused it: firmware with a 272-byte limit refuses SCAN_DEVICES."""
    MISSING = "missing"
    """The driver doesn't know it."""
    NOT_ASKED = "not-asked"
    """It was not asked: no device is cleared, or the request before it failed."""


class Verdict(StrEnum):
    """May the next step be taken? From best to worst, in which order they compare. Only ``GO`` is true."""

    GO = "go"
    """Yes."""
    HOLD = "hold"
    """Not now; look again."""
    NO_GO = "no-go"
    """No."""
    ROLL_BACK = "roll-back"
    """No, and go back to the last good state."""

    def __bool__(self) -> bool:
        return self is Verdict.GO


class Phase(StrEnum):
    """Where a rule stands."""

    INACTIVE = "inactive"
    """Nothing fails."""
    PENDING = "pending"
    """It fails, but not yet for long enough."""
    FIRING = "firing"
    """It failed for long enough."""


class Severity(StrEnum):
    """How grave a rule or an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Recorded(StrEnum):
    """What became of a sample."""

    NEWEST = "newest"
    """It is the newest of its series."""
    LATE = "late"
    """It came late and stands at its place in time."""
    DUPLICATE = "duplicate"
    """The same sample was there already."""
    CONFLICT = "conflict"
    """Another value was there for that time; the first stays."""
    UNREADABLE = "unreadable"
    """There is no value: until the next one, every rule over the metric is a failing rule."""


class AlertState(StrEnum):
    """In what state an alert is."""

    RESOLVED = "resolved"
    """It fired and has ended."""
    PENDING = "pending"
    """It fails, but not yet for long enough."""
    FIRING = "firing"
    """It failed for long enough."""


class SilenceState(StrEnum):
    """Whether a silence holds."""

    PENDING = "pending"
    """It has not begun."""
    ACTIVE = "active"
    """It holds."""
    EXPIRED = "expired"
    """It has ended."""


class CheckOutcome(StrEnum):
    """How a check behind a score ended."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_RUN = "could-not-run"
    """It could not be found out, which counts as failed."""
