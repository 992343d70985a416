"""The names that tools in the field use. Change their import to ``from dsmil.compat import …`` and they run.

Two things are different on purpose. A quarantined token is refused here as everywhere, with `QuarantineError`, which
is a ``PermissionError``. And the fields of `DeviceInfo` are what the driver tells: those tools laid a structure of
their own over the driver's 40 bytes that doesn't match them, so that what they showed was made of other fields' bytes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import dsmil
from dsmil.enums import ProbeOutcome, State
from dsmil.exceptions import ClosedError
from dsmil.quarantine import PERMANENT

__all__ = ["QUARANTINED_DEVICES", "ChunkedIOCTL", "DeviceInfo"]

QUARANTINED_DEVICES: Mapping[int, str] = PERMANENT
"""The seven ids that may never be touched, each with what touching it does."""


@dataclass
class DeviceInfo:
    """What is known of one device, under the field's names. Each field says where its value comes from."""

    token: int
    """The device id: ``device_id`` of the driver's record."""
    active: bool
    """Whether the driver says ``state`` 2, safe. It has no notion of *active*: this is the nearest."""
    access_level: int
    """``access`` of the driver's record: 0 none, 1 read, 2 reserved."""
    group_id: int
    """Bits 4 to 7 of the id: 0 to 6. The driver's record has no such field."""
    device_index: int
    """Bits 0 to 3 of the id: 0 to 15. The driver's record has no such field."""
    last_value: int
    """``last_response`` of the driver's record; 0 where it has none, as in every scan (there it is a filler)."""
    access_count: int
    """Always 0: the driver counts no accesses."""
    last_access_time: int
    """``timestamp`` of the driver's record: when the record was made, in milliseconds since boot. The driver doesn't
    know when a device was last accessed."""
    capabilities: int
    """Always 0: the driver tells none."""
    flags: int
    """Bit 0: the driver counts the device as quarantined (``is_quarantined``). The other bits are 0: the driver has no
    flags."""


class ChunkedIOCTL:
    """The device as the tools in the field hold it. ``device_path`` may be anything that `dsmil.open` takes."""

    def __init__(self, device_path: str | os.PathLike[str] = "/dev/dsmil-72dev") -> None:
        self.device_path = device_path
        self._device: dsmil.Device | None = None

    def open(self) -> bool:
        """Open the device; once it is open, nothing happens. True, or an exception that says what to do."""
        if self._device is None or self._device.closed:
            self._device = dsmil.open(self.device_path)
        return True

    def close(self) -> None:
        """Close the device. Closing twice, or before opening, is fine."""
        if self._device is not None:
            self._device.close()
            self._device = None

    def scan_devices_chunked(self) -> list[DeviceInfo]:
        """Give all devices, in the order of the driver's table."""
        return [_info(record) for record in self._opened().scan()]

    def read_device_chunked(self, token: int) -> bytes:
        """Read the data of one device. Raises `QuarantineError` for a quarantined one."""
        return self._opened().read(token)

    def test_standard_ioctls(self) -> dict[str, bool]:
        """Tell which of the requests work that are no chunked transfer, and those that are, by their names."""
        return {result.request: result.outcome == ProbeOutcome.WORKS for result in self._opened().probe().results}

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()

    def _opened(self) -> dsmil.Device:
        if self._device is None:
            raise ClosedError("the device is not open: use `with`, or call open() first", kind="closed")
        return self._device


def _info(record: dsmil.DeviceRecord) -> DeviceInfo:
    return DeviceInfo(
        token=record.id,
        active=record.state == State.SAFE,
        access_level=int(record.access),
        group_id=record.id >> 4 & 0xF,
        device_index=record.index,
        last_value=record.last_response or 0,
        access_count=0,
        last_access_time=record.timestamp,
        capabilities=0,
        flags=int(record.is_quarantined),
    )
