"""What can go wrong. Every class stands for one or more *kinds*, the names that all languages share.

Each exception has ``kind`` and ``message``, and the attributes that its class names. One that is documented may be
None where the particular error has nothing to say about it. All can be pickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dsmil.records import StopRecord

__all__ = [
    "AlertError",
    "ArgumentError",
    "AuditError",
    "BusyError",
    "CallInterruptedError",
    "ClosedError",
    "ConfigError",
    "ContendedError",
    "DeadlineError",
    "DeviceError",
    "DryRunError",
    "Error",
    "Fault",
    "ForkedError",
    "GateError",
    "GateReadError",
    "HeldError",
    "InternalError",
    "IsolationError",
    "MissingDeviceError",
    "MonitorError",
    "NotADeviceError",
    "NotInitialisedError",
    "OpenError",
    "ProtocolError",
    "QuarantineError",
    "RefusedDeviceError",
    "RequestError",
    "RunDirectoryError",
    "ServeError",
    "SpecError",
    "StoppedError",
    "TraceError",
    "UnsupportedError",
    "VanishedError",
]


class Error(Exception):
    """The base of all of them."""

    kind: str
    """The error's stable name, the same in every language."""
    message: str
    """What happened, where, how far it got, and what to do."""

    def __init__(self, message: str = "", *, kind: str = "", **attributes: Any) -> None:
        errno = attributes.get("errno")
        # An OSError takes its errno from here; for the others it is one more argument to show.
        if isinstance(self, OSError) and errno is not None:
            super().__init__(errno, message)
        else:
            super().__init__(message)
        self.kind = kind
        self.message = message
        self.__dict__.update(attributes)
        if isinstance(self, OSError):
            _fill(self, errno, message, attributes.get("path"))

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.__dict__.copy())


def _fill(error: OSError, errno: int | None, message: str, path: object) -> None:
    error.errno, error.strerror, error.filename = errno, message, path


def _again(cls: type[Error], state: dict[str, Any]) -> Error:
    return cls(**state)


class QuarantineError(Error, PermissionError):
    """The quarantine forbids it. Nothing was asked of the driver; the denial is in the audit log."""

    id: int
    """The device."""
    key: str
    """The rule that denied: ``permanent/0x8009``, ``policy/FILE/deny[2]``, ``isolation/0x8004``, ``not-served``,
    ``policy-unusable``."""
    explicit: bool
    """Whether a rule names the device; False: nothing allows it."""
    reason: str
    """Why."""
    operation: str
    """What was to be done: ``info`` or ``read``."""
    unrecorded: str | None = None
    """Why the audit log has no record of it, if it hasn't."""


class StoppedError(Error):
    """The emergency stop is pulled. Nothing was asked of the driver."""

    record: StopRecord
    """Who pulled it, when and why."""


class DryRunError(Error):
    """A dry run: everything was checked, and here the request would have been made."""

    request: str
    """The request."""
    id: int | None = None
    """The device, for a request that names one."""


class DeadlineError(Error, TimeoutError):
    """A call, or a transfer with its repetitions, took longer than it may."""

    what: str
    """What took so long: a request or a transfer."""
    limit: float
    """The deadline in seconds."""
    elapsed: float
    """How long it had taken, in seconds."""
    interrupted: bool
    """The call was still stuck in the kernel and was got out of there."""
    id: int | None = None
    """The device, where one is concerned."""


class BusyError(Error, TimeoutError):
    """Other users of this library held the device for longer than a turn may be waited for."""

    device: str
    """The device."""
    waited: float
    """How long was waited, in seconds."""


class ContendedError(Error):
    """A program that doesn't use this library keeps replacing the session."""

    transfer: str
    """``scan`` or ``read``."""
    attempts: int
    """How many times it was tried."""
    chunk: int
    """The chunk at which the last attempt broke."""
    bytes_done: int
    """The bytes accepted before it."""
    fault: str | None = None
    """What the other program's session did; None where it ended ours."""
    id: int | None = None
    """The device, for a read."""


class ProtocolError(Error):
    """The driver's answer is wrong. What came before it is not given out."""

    fault: str
    """The name of what was wrong: ``index-repeated``, ``total-chunks-zero`` and so on."""
    chunk: int | None = None
    """The index of the wrong chunk, counted from 0; None for a single record (kind ``record``)."""
    bytes_done: int | None = None
    """The bytes accepted before it; None for a single record."""
    transfer: str | None = None
    """``scan`` or ``read``; None for a single record."""
    id: int | None = None
    """The device, where one is concerned."""


class DeviceError(Error, OSError):
    """The driver or the kernel refused; ``errno`` says how. The base of everything that has an errno of the driver."""

    request: str | None = None
    """The request; None where opening failed."""
    id: int | None = None
    """The device, for a request that names one."""


class RequestError(DeviceError):
    """The driver refused a request, as often as it was worth trying."""

    attempts: int
    """How many times it was asked."""
    state: int | None = None
    """The state that READ_DEVICE put into the record all the same."""
    chunk: int | None = None
    """The chunk that was due in a transfer."""
    bytes_done: int = 0
    """The bytes accepted before it."""


class VanishedError(DeviceError):
    """The device went away in the middle. Open it again once the driver is back."""


class UnsupportedError(DeviceError):
    """The driver doesn't know the request: it is an older one."""


class CallInterruptedError(DeviceError, InterruptedError):
    """The call was broken off. Usually not seen: what a signal handler raised (KeyboardInterrupt) takes its place."""


class OpenError(DeviceError):
    """The device could not be opened, for a reason that has no class of its own."""

    path: str
    """The device; ``filename`` too."""
    what: str
    """What is wrong."""
    remedy: str
    """What to do."""


class MissingDeviceError(OpenError, FileNotFoundError):
    """There is no such file."""


class RefusedDeviceError(OpenError, PermissionError):
    """This user may not open it."""


class NotADeviceError(OpenError):
    """It is something else than such a device."""


class NotInitialisedError(OpenError):
    """The driver is loaded and not initialised."""


class SpecError(Error, ValueError):
    """The string that names a device, or a fault file, makes no sense."""


class ArgumentError(Error, ValueError):
    """An option or argument is out of its range."""

    name: str
    """The argument."""


class ClosedError(Error, ValueError):
    """The device is closed, or the service ended."""


class ForkedError(Error):
    """The handle was opened by another process: this one is its child by ``fork``. Open the device again."""

    opened_by: int
    """The process that opened it."""


class RunDirectoryError(Error):
    """The run directory, without which there is no access, is missing or cannot be trusted."""

    path: str
    """The directory, or the file in it."""
    what: str
    """What is wrong."""
    remedy: str
    """What to do."""


class TraceError(Error):
    """A trace file could not be written or read, or the program asks for something else than the trace."""

    path: str
    """The file."""
    line: int
    """The line, from 1; 0 where the file as a whole is meant."""


class AuditError(Error):
    """The audit log could not be written or read. What may not be done unrecorded was not done."""


class IsolationError(Error):
    """The list of isolations could not be read or written."""

    path: str
    """The database."""


class ServeError(Error):
    """The simulated device could not be served as a file (kind ``serve``, of Python alone)."""


class InternalError(Error, RuntimeError):
    """A fault in this library itself. Please report it (kind ``internal``, of Python alone)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a file that people wrote."""

    line: int | None
    """Its line, from 1; None where the file as a whole is at fault."""
    column: int | None
    """Its column, from 1."""
    key: str | None
    """The key at fault, such as ``rule[2].window``, if it is one."""
    what: str
    """What is wrong."""
    remedy: str
    """What to do about it."""


class GateError(Error, ValueError):
    """A gate file, its test file (kind ``gate-file``) or a saved state (``gate-state``) can't be used."""

    file: str
    """The file."""
    faults: tuple[Fault, ...] = ()
    """Everything that is wrong with the file, in its order; none for a saved state."""

    @property
    def line(self) -> int | None:
        """The line of the first fault, from 1."""
        return self.faults[0].line if self.faults else None

    @property
    def column(self) -> int | None:
        """The column of the first fault, from 1."""
        return self.faults[0].column if self.faults else None

    @property
    def key(self) -> str | None:
        """The key of the first fault."""
        return self.faults[0].key if self.faults else None


class GateReadError(GateError, OSError):
    """A gate file or test file can't be read at all (kind ``gate-read``). ``errno`` and ``filename`` say more."""

    path: str
    """The file."""


class MonitorError(Error):
    """The monitor can't start, go on or answer.

    Its kinds are its own: ``io``, ``full``, ``unsafe``, ``damaged``, ``not-saved``, ``ended`` and others.
    """


class ConfigError(MonitorError, ValueError):
    """The monitor's configuration or one of its gate files can't be used (kinds ``config`` and ``gates``)."""

    file: str | None = None
    """The file."""
    line: int | None = None
    """The line, from 1, where it is known."""
    column: int | None = None
    """The column, from 1, where it is known."""


class HeldError(MonitorError):
    """Another monitor keeps the state directory (kind ``held``): only one may."""

    path: str
    """The lock file."""
    pid: int
    """Who holds it; 0 if it has not said so yet."""
    since: str
    """When it took it, RFC 3339."""
    command: str
    """Its command line."""


class AlertError(MonitorError, ValueError):
    """What was wanted of an alert or a silence can't be.

    Kinds: ``matcher``, ``fingerprint``, ``unknown-alert``, ``not-firing``, ``words``, ``silence``, ``unknown-silence``.
    """


KINDS: dict[str, type[Error]] = {
    "denied": QuarantineError,
    "stopped": StoppedError,
    "dry-run": DryRunError,
    "deadline": DeadlineError,
    "busy": BusyError,
    "contended": ContendedError,
    "protocol": ProtocolError,
    "record": ProtocolError,
    "request": RequestError,
    "vanished": VanishedError,
    "unsupported": UnsupportedError,
    "interrupted": CallInterruptedError,
    "open-missing": MissingDeviceError,
    "open-refused": RefusedDeviceError,
    "not-a-device": NotADeviceError,
    "not-initialised": NotInitialisedError,
    "open-failed": OpenError,
    "spec": SpecError,
    "argument": ArgumentError,
    "run-directory": RunDirectoryError,
    "forked": ForkedError,
    "closed": ClosedError,
    "trace": TraceError,
    "audit": AuditError,
    "isolations": IsolationError,
    "serve": ServeError,
    "internal": InternalError,
}
"""Which class stands for which kind. Gates and monitors have kinds of their own: see their classes."""

_OF_THE_WATCH: dict[str, type[Error]] = {
    each.__name__: each for each in (AlertError, ConfigError, GateError, GateReadError, HeldError, MonitorError)
}


def make(kind: str, message: str, attributes: dict[str, Any]) -> Error:
    """Make the exception of a kind. For the extension module."""
    return KINDS.get(kind, InternalError)(message, kind=kind, **attributes)


def make_as(name: str, kind: str, message: str, attributes: dict[str, Any]) -> Error:
    """Make an exception of a class that the extension module names."""
    if "faults" in attributes:
        attributes["faults"] = tuple(Fault(*fault) for fault in attributes["faults"])
    return _OF_THE_WATCH.get(name, InternalError)(message, kind=kind, **attributes)
