"""An open device."""

from __future__ import annotations

import io
import json
import os
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from dsmil import _dsmil
from dsmil.enums import Operation, ProbeOutcome
from dsmil.exceptions import QuarantineError
from dsmil.records import FrozenDict, LatencyReport, LatencySummary, Probe, ProbeResult, Scan, SystemStatus, Version
from dsmil.sim import Model

if TYPE_CHECKING:
    from dsmil._dsmil import DeviceRecord
    from dsmil.aio import AsyncDevice

__all__ = ["Device", "open"]


class Device:
    """An open device. Made by `dsmil.open`; closed by ``with``, by `close`, or when nothing refers to it any more.

    Threads may share one: one of them uses it at a time, the others wait for at most ``turn_timeout``. While a call
    waits for the device or for its turn, other Python threads run; Ctrl-C breaks it off where the kernel lets it be
    broken off. A signal handler runs
    in the middle of the call that it breaks into: one that uses the same device waits in vain and gets `BusyError`.

    **After a fork** the child's copy is dead: each operation raises `ForkedError`, and closing it closes the child's
    file and nothing else. The child opens the device anew. The parent's goes on as if nothing had happened.

    Ids are given as numbers from 0 to 65535 (``0x8003``) or as text (``"0x8003"``). Every operation may raise any
    `dsmil.Error`; what its documentation names is peculiar to it.
    """

    __slots__ = ("__weakref__", "_aio", "_core", "_lock")

    def __init__(
        self,
        spec: str | os.PathLike[str] | Model | None = None,
        *,
        run_dir: str | os.PathLike[str] | None = None,
        policy: str | os.PathLike[str] | None = None,
        dry_run: bool = False,
        call_deadline: float = 0.1,
        transfer_deadline: float = 5.0,
        turn_timeout: float = 10.0,
        tries: int = 4,
        attempts: int = 8,
        back_off: float = 0.001,
    ) -> None:
        self._lock = threading.Lock()
        self._aio: AsyncDevice | None = None
        model = spec._core if isinstance(spec, Model) else None
        self._core = _dsmil.Device(
            None if spec is None or isinstance(spec, Model) else os.fspath(spec),
            model=model,
            run_dir=run_dir,
            policy=policy,
            dry_run=dry_run,
            call_deadline=call_deadline,
            transfer_deadline=transfer_deadline,
            turn_timeout=turn_timeout,
            tries=tries,
            attempts=attempts,
            back_off=back_off,
        )

    def scan(self) -> Scan:
        """Give every device that the driver has, quarantined ones included: the driver tells of them and touches none.

        Raises `ProtocolError` for a wrong answer and `ContendedError` where another program won't leave the session
        alone. A part of a scan is never returned.
        """
        return Scan(self._core.scan())

    def read(self, id: int | str) -> bytes:
        """Read the data of one device, 1 to 4,928 bytes.

        Raises `QuarantineError` if the quarantine forbids it; otherwise as `scan`.
        """
        return self._core.read(id)

    def info(self, id: int | str) -> DeviceRecord:
        """Give what the driver knows of one device.

        Raises `QuarantineError` if the quarantine forbids it, and `RequestError` with the device's ``state`` if the
        driver refuses.
        """
        return self._core.info(id)

    def status(self) -> SystemStatus:
        """Give the driver's own state."""
        return SystemStatus(*self._core.status())

    def thermal(self) -> int:
        """Give the temperature in degrees Celsius. Raises `RequestError` with EIO where no sensor answers."""
        return self._core.thermal()

    def version(self) -> Version:
        """Give the driver's version."""
        return Version(*self._core.version())

    def probe(self) -> Probe:
        """Find out which of the eleven requests the driver has. No device is touched but one that is cleared."""
        results = self._core.probe()
        return Probe(tuple(ProbeResult(request, ProbeOutcome(outcome), errno) for request, outcome, errno in results))

    def latency(self) -> LatencyReport:
        """Give what was measured since the device was opened."""
        requests, devices = self._core.latency()
        return LatencyReport(
            FrozenDict({name: LatencySummary(*summary) for name, summary in requests}),
            FrozenDict({id: LatencySummary(*summary) for id, summary in devices}),
        )

    def check(self, id: int | str, operation: Operation | str = Operation.READ) -> None:
        """Raise `QuarantineError` if the quarantine would forbid an operation now.

        A question and not an attempt: it is not audited.
        """
        self._core.check(id, operation)

    def is_cleared(self, id: int | str, operation: Operation | str = Operation.READ) -> bool:
        """Tell whether the quarantine would allow an operation now."""
        try:
            self._core.check(id, operation)
        except QuarantineError:
            return False
        return True

    def sim_counters(self) -> dict[str, Any] | None:
        """Give what a simulated device in this process was asked; None for any other device.

        The keys are those of the served device's ``counters.json``: ``sequence``, ``opens``, ``permanent`` (accesses
        to the seven, which must be 0), ``requests``, ``ids``.
        """
        counters = self._core.sim_counters()
        return None if counters is None else json.loads(counters)

    def fileno(self) -> int:
        """Give the number of the open file, which stays the device's.

        Raises `io.UnsupportedOperation` for a device that is no file (``sim:``, ``replay:``).
        """
        number = self._core.fileno()
        if number is None:
            raise io.UnsupportedOperation(f"{self.name} is not a file")
        return number

    def close(self) -> None:
        """Close the device, after another thread's operation if there is one. Closing twice is fine."""
        with self._lock:
            aio = self._aio
        if aio is not None:
            aio._shut_down()
        self._core.close()

    @property
    def aio(self) -> AsyncDevice:
        """The same operations for ``await``. See `dsmil.aio`."""
        with self._lock:
            if self._aio is None:
                from dsmil.aio import AsyncDevice

                self._aio = AsyncDevice(self._core)
            return self._aio

    @property
    def closed(self) -> bool:
        """Whether the device was closed."""
        return self._core.closed

    @property
    def name(self) -> str:
        """What the device was opened as."""
        return self._core.name

    @property
    def run_dir(self) -> str:
        """The run directory in use."""
        return str(self._core.run_dir)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an open device can't be copied or pickled: open it again where it is needed")

    def __repr__(self) -> str:
        return f"<dsmil.Device {self.name!r}{' (closed)' if self.closed else ''}>"


def open(
    spec: str | os.PathLike[str] | Model | None = None,
    *,
    run_dir: str | os.PathLike[str] | None = None,
    policy: str | os.PathLike[str] | None = None,
    dry_run: bool = False,
    call_deadline: float = 0.1,
    transfer_deadline: float = 5.0,
    turn_timeout: float = 10.0,
    tries: int = 4,
    attempts: int = 8,
    back_off: float = 0.001,
) -> Device:
    """Open a device. It blocks until the device has answered which version it is.

    *spec* is a path (the driver's node, or a simulated device that is served as a file), ``sim:`` or ``sim:seed=7`` (a
    simulated device in this process), ``record:FILE,BACKEND`` or ``replay:FILE``; or a `dsmil.sim.Model`. None: what
    ``DSMIL_DEVICE`` says, or ``/dev/dsmil-72dev``.

    *run_dir* is the directory that the users of one device share (emergency stop, isolations, audit log); None: what
    ``DSMIL_RUN_DIR`` says, or ``/var/lib/dsmil`` (for ``sim:`` a directory of the user's own).

    *policy* is one more policy file beside ``/etc/dsmil/policy.toml``; None: the one that ``DSMIL_POLICY`` names.

    *dry_run*: everything is checked and nothing asked; operations end with `DryRunError` where they would have asked.

    Times are in seconds: one call may take *call_deadline*; a whole operation, with its repetitions but without the
    wait for the turn, *transfer_deadline*; the turn is waited for *turn_timeout*. A request that fails for a moment is
    made *tries* times, a transfer that another program breaks is begun *attempts* times, and before each repetition
    there is a pause: *back_off*, doubled each time.

    Raises `MissingDeviceError`, `RefusedDeviceError`, `NotADeviceError`, `NotInitialisedError`, `OpenError`,
    `RunDirectoryError`, `StoppedError`, `SpecError`, `ArgumentError`.
    """
    return Device(
        spec,
        run_dir=run_dir,
        policy=policy,
        dry_run=dry_run,
        call_deadline=call_deadline,
        transfer_deadline=transfer_deadline,
        turn_timeout=turn_timeout,
        tries=tries,
        attempts=attempts,
        back_off=back_off,
    )
