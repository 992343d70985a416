"""The Python parts of the scan benchmark: ours, and the two ways in which tools in the field do it.

Run as `peers.py WHICH DEVICE`; reads how many scans to make, line by line, from standard input, and
answers with nanoseconds.
"""

import ctypes
import dataclasses
import fcntl
import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

SCAN_START, SCAN_CHUNK, SCAN_COMPLETE = 0x4D06, 0x81004D07, 0x4D08
HEADER = struct.Struct("=IIIIQ8x")
RECORD = struct.Struct("=H2xIIB3xI4xQi4x")


def with_dsmil(path: str) -> Callable[[], Any]:
    """Our own: every check, and a record object for each device."""
    import dsmil

    device = dsmil.open(path)
    device.scan()
    return device.scan


def with_struct(path: str) -> Callable[[], Any]:
    """Use fcntl and struct: a tuple for each device, as good as no checks."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def scan() -> list[tuple[int, ...]]:
        records: list[tuple[int, ...]] = []
        fcntl.ioctl(fd, SCAN_START)
        buffer = bytearray(256)
        while True:
            fcntl.ioctl(fd, SCAN_CHUNK, buffer)
            index, total, devices, _size, _session = HEADER.unpack_from(buffer)
            for i in range(devices):
                records.append(RECORD.unpack_from(buffer, 32 + 40 * i))
            if index + 1 == total:
                break
        fcntl.ioctl(fd, SCAN_COMPLETE)
        return records

    return scan


class Record(ctypes.Structure):
    """A device record."""

    _fields_ = [
        ("device_id", ctypes.c_uint16),
        ("state", ctypes.c_uint32),
        ("access", ctypes.c_uint32),
        ("is_quarantined", ctypes.c_uint8),
        ("last_response", ctypes.c_uint32),
        ("timestamp", ctypes.c_uint64),
        ("thermal_celsius", ctypes.c_int32),
    ]


class Chunk(ctypes.Structure):
    """A scan chunk."""

    _pack_ = 1
    _fields_ = [
        ("chunk_index", ctypes.c_uint32),
        ("total_chunks", ctypes.c_uint32),
        ("devices_in_chunk", ctypes.c_uint32),
        ("chunk_size", ctypes.c_uint32),
        ("session_id", ctypes.c_uint64),
        ("reserved", ctypes.c_uint8 * 8),
        ("devices", Record * 5),
        ("padding", ctypes.c_uint8 * 24),
    ]


@dataclasses.dataclass
class Device:
    """What the fielded tools make of a record."""

    device_id: int
    state: int
    access: int
    is_quarantined: bool
    last_response: int
    timestamp: int
    thermal_celsius: int


def with_ctypes(path: str) -> Callable[[], Any]:
    """Use fcntl and ctypes structures, and a dataclass for each device."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def scan() -> list[Device]:
        found: list[Device] = []
        fcntl.ioctl(fd, SCAN_START)
        while True:
            chunk = Chunk()
            fcntl.ioctl(fd, SCAN_CHUNK, chunk)
            for i in range(chunk.devices_in_chunk):
                record = chunk.devices[i]
                found.append(
                    Device(
                        device_id=record.device_id,
                        state=record.state,
                        access=record.access,
                        is_quarantined=bool(record.is_quarantined),
                        last_response=record.last_response,
                        timestamp=record.timestamp,
                        thermal_celsius=record.thermal_celsius,
                    )
                )
            if chunk.chunk_index + 1 == chunk.total_chunks:
                break
        fcntl.ioctl(fd, SCAN_COMPLETE)
        return found

    return scan


def main() -> None:
    """Make scans as asked."""
    which, path = sys.argv[1:]
    scan = {"dsmil": with_dsmil, "struct": with_struct, "ctypes": with_ctypes}[which](path)
    if len(scan()) != 108:
        raise SystemExit("a scan has 108 records")
    for line in sys.stdin:
        begun = time.perf_counter_ns()
        for _ in range(int(line)):
            scan()
        print(time.perf_counter_ns() - begun, flush=True)


if __name__ == "__main__":
    main()
