"""Decode 22 chunks into Python objects as often as asked, without a device: `decode.py TIMES`, for callgrind."""

import struct
import sys

import dsmil

QUARANTINED = {0x8009, 0x800A, 0x800B, 0x8019, 0x8029}
RECORD = struct.Struct("=H2xIIB3xI4xQi4x")
HEADER = struct.Struct("=IIIIQ8x")


def record(device: int) -> bytes:
    """Make the 40 bytes of a device's record, as a driver does in a scan."""
    is_quarantined = device in QUARANTINED
    state, access = (3, 0) if is_quarantined else (2, 1)
    return RECORD.pack(device, state, access, is_quarantined, 0xDEADBEEF, 123456, 40)


def chunks() -> bytes:
    """Make the 22 chunks of a scan of 108 devices."""
    made = b""
    for index in range(22):
        records = [record(device) for device in range(0x8000 + 5 * index, min(0x8000 + 5 * index + 5, 0x806C))]
        header = HEADER.pack(index, 22, len(records), 32 + 40 * len(records), 7)
        made += (header + b"".join(records)).ljust(256, b"\0")
    return made


def main() -> None:
    """Decode."""
    whole = chunks()
    for _ in range(int(sys.argv[1])):
        if len(dsmil.decode_scan(whole)) != 108:
            raise SystemExit("a scan has 108 records")


main()
