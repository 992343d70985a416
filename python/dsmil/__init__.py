"""Safe access to the devices of the dsmil-72dev driver.

>>> import dsmil
>>> with dsmil.open("sim:") as dev:
...     for record in dev.scan():
...         print(hex(record.id), record.state.name)
...     data = dev.read(0x8003)

Seven devices are quarantined for ever: `dsmil.PERMANENT`. Asking for one raises `dsmil.QuarantineError`, and nothing is
asked of the driver.
"""

from dsmil import aio, audit, compat, sim
from dsmil._dsmil import DeviceRecord, __version__
from dsmil._dsmil import decode_scan as _decode_scan
from dsmil.device import Device, open
from dsmil.enums import Access, Operation, ProbeOutcome, State
from dsmil.exceptions import (
    ArgumentError,
    AuditError,
    BusyError,
    CallInterruptedError,
    ClosedError,
    ContendedError,
    DeadlineError,
    DeviceError,
    DryRunError,
    Error,
    ForkedError,
    InternalError,
    IsolationError,
    MissingDeviceError,
    NotADeviceError,
    NotInitialisedError,
    OpenError,
    ProtocolError,
    QuarantineError,
    RefusedDeviceError,
    RequestError,
    RunDirectoryError,
    ServeError,
    SpecError,
    StoppedError,
    TraceError,
    UnsupportedError,
    VanishedError,
)
from dsmil.quarantine import PERMANENT, Quarantine, isolate, isolations, release, self_check
from dsmil.records import (
    FrozenDict,
    Isolation,
    LatencyReport,
    LatencySummary,
    Probe,
    ProbeResult,
    Pulled,
    Rule,
    Scan,
    SelfCheck,
    SelfCheckEntry,
    StopRecord,
    SystemStatus,
    Version,
)
from dsmil.stop import clear_stop, emergency_stop, stop_state

__all__ = [
    "PERMANENT",
    "Access",
    "ArgumentError",
    "AuditError",
    "BusyError",
    "CallInterruptedError",
    "ClosedError",
    "ContendedError",
    "DeadlineError",
    "Device",
    "DeviceError",
    "DeviceRecord",
    "DryRunError",
    "Error",
    "ForkedError",
    "FrozenDict",
    "InternalError",
    "Isolation",
    "IsolationError",
    "LatencyReport",
    "LatencySummary",
    "MissingDeviceError",
    "NotADeviceError",
    "NotInitialisedError",
    "OpenError",
    "Operation",
    "Probe",
    "ProbeOutcome",
    "ProbeResult",
    "ProtocolError",
    "Pulled",
    "Quarantine",
    "QuarantineError",
    "RefusedDeviceError",
    "RequestError",
    "Rule",
    "RunDirectoryError",
    "Scan",
    "SelfCheck",
    "SelfCheckEntry",
    "ServeError",
    "SpecError",
    "State",
    "StopRecord",
    "StoppedError",
    "SystemStatus",
    "TraceError",
    "UnsupportedError",
    "VanishedError",
    "Version",
    "__version__",
    "aio",
    "audit",
    "clear_stop",
    "compat",
    "decode_scan",
    "emergency_stop",
    "isolate",
    "isolations",
    "open",
    "release",
    "self_check",
    "sim",
    "stop_state",
]


def decode_scan(chunks: bytes) -> Scan:
    """Put a scan together from its chunks of 256 bytes, recorded elsewhere, under the checks of `Device.scan`."""
    return Scan(_decode_scan(chunks))
