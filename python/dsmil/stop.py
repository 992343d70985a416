"""The emergency stop: after it no process that uses the library asks the device for anything."""

from __future__ import annotations

import os

from dsmil import _dsmil
from dsmil.records import Pulled, StopRecord

__all__ = ["clear_stop", "emergency_stop", "stop_state"]


def emergency_stop(reason: str, run_dir: str | os.PathLike[str] | None = None) -> Pulled:
    """Pull the emergency stop of a run directory.

    It takes force before anything is written about it, outlives this process, and ends by `clear_stop` alone. Audited.
    Raises `RunDirectoryError` if the run directory is not there: then there is no access either.
    """
    return Pulled(*_dsmil.emergency_stop(reason, run_dir))


def clear_stop(reason: str, run_dir: str | os.PathLike[str] | None = None) -> bool:
    """End the emergency stop; False if none was in force. Audited, or else it isn't done (`AuditError`)."""
    return _dsmil.clear_stop(reason, run_dir)


def stop_state(run_dir: str | os.PathLike[str] | None = None) -> StopRecord | None:
    """Give the stop that is in force; None if none is."""
    return _dsmil.stop_state(run_dir)
