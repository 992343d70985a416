"""Who may be touched: the quarantine, and the isolations that people add to it at run time."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import ClassVar, Self

from dsmil import _dsmil
from dsmil.enums import Operation
from dsmil.records import Isolation, Rule, SelfCheck, SelfCheckEntry

__all__ = ["PERMANENT", "Quarantine", "isolate", "isolations", "release", "self_check"]

PERMANENT: Mapping[int, str] = MappingProxyType(dict(_dsmil.permanent()))
"""The seven ids that are quarantined for ever, each with what touching it does. Compiled in: changing what this name
refers to changes nothing about them."""


class Quarantine:
    """The rules as they were when they were loaded. An open device looks for changes by itself; this one doesn't.

    Isolations that have an end come to it here too.
    """

    __slots__ = ("_core",)

    PERMANENT: ClassVar[Mapping[int, str]] = PERMANENT
    """The seven ids that are quarantined for ever, each with what touching it does."""

    def __init__(
        self, policy: str | os.PathLike[str] | None = None, run_dir: str | os.PathLike[str] | None = None
    ) -> None:
        self._core = _dsmil.Quarantine(policy, run_dir)

    @classmethod
    def load(cls, policy: str | os.PathLike[str] | None = None, run_dir: str | os.PathLike[str] | None = None) -> Self:
        """Load what is in force: the policy files (see `dsmil.open`) and the isolations of the run directory.

        A policy file that can't be used denies everything; `unusable` says why. Raises `RunDirectoryError` and
        `IsolationError` where nobody can know what is isolated.
        """
        return cls(policy, run_dir)

    def check(self, id: int | str, operation: Operation | str = Operation.READ) -> None:
        """Raise `QuarantineError` if an operation on a device is forbidden. Nothing is audited."""
        self._core.check(id, operation)

    def is_cleared(self, id: int | str, operation: Operation | str = Operation.READ) -> bool:
        """Tell whether an operation on a device is allowed."""
        return self._core.is_cleared(id, operation)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that the policy files add, in their order."""
        return tuple(Rule(*fields) for fields in self._core.rules())

    @property
    def isolations(self) -> tuple[Isolation, ...]:
        """The isolations that were in force when it was loaded."""
        return tuple(Isolation(*fields) for fields in self._core.isolations())

    @property
    def unusable(self) -> str | None:
        """Why everything is denied, if a policy file can't be used."""
        return self._core.unusable()


def isolations(run_dir: str | os.PathLike[str] | None = None) -> tuple[Isolation, ...]:
    """Give the isolations in force now, by id."""
    return tuple(Isolation(*fields) for fields in _dsmil.isolations(run_dir))


def isolate(
    id: int | str,
    reason: str,
    *,
    author: str | None = None,
    duration: float | timedelta | None = None,
    run_dir: str | os.PathLike[str] | None = None,
) -> Isolation:
    """Take a device out of use, for a time (seconds, or a timedelta) or until it is released.

    One that is isolated already is isolated anew. *author* is this user unless another is named. Audited. Every
    process that uses the run directory obeys before its next operation.
    """
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    return Isolation(*_dsmil.isolate(id, reason, _me() if author is None else author, seconds, run_dir))


def release(
    id: int | str, *, author: str | None = None, run_dir: str | os.PathLike[str] | None = None
) -> Isolation | None:
    """Put a device back into use. None if it wasn't isolated. Audited.

    Raises `QuarantineError` for one of the permanent seven.
    """
    fields = _dsmil.release(id, _me() if author is None else author, run_dir)
    return None if fields is None else Isolation(*fields)


def self_check(
    policy: str | os.PathLike[str] | None = None, run_dir: str | os.PathLike[str] | None = None
) -> SelfCheck:
    """Try to reach each of the seven through the library, on a simulated driver that counts every access.

    Nothing outside this process is asked.
    """
    return SelfCheck(tuple(SelfCheckEntry(*fields) for fields in _dsmil.self_check(policy, run_dir)))


def _me() -> str:
    """Name this user, and not whom an environment variable names: it goes into the audit log."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
