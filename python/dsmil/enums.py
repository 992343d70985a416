"""Numbers and words with names. What has no name keeps its number: it never becomes something harmless."""

from enum import IntEnum, StrEnum
from typing import Self

__all__ = ["Access", "Operation", "ProbeOutcome", "State"]


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
