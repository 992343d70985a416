"""Carries out cases.toml (see README.md) on the kernel module's device: run_cases.py FILE. Needs nothing but Python."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kernel_device import KernelDevice

CODES = {
    "GET_VERSION": 0x80044D01,
    "GET_STATUS": 0x80184D02,
    "SCAN_DEVICES": 0x90F84D03,
    "READ_DEVICE": 0xC0284D04,
    "GET_THERMAL": 0x80044D05,
    "SCAN_START": 0x00004D06,
    "SCAN_CHUNK": 0x81004D07,
    "SCAN_COMPLETE": 0x00004D08,
    "READ_START": 0x40044D09,
    "READ_CHUNK": 0x81004D0A,
    "READ_COMPLETE": 0x00004D0B,
}
FIELDS = {
    "GET_VERSION": {"version": (0, 4)},
    "GET_THERMAL": {"celsius": (0, 4)},
    "GET_STATUS": {
        "kernel_module_loaded": (0, 1),
        "thermal_safe": (1, 1),
        "current_temp_celsius": (4, 4),
        "safe_device_count": (8, 4),
        "quarantined_count": (12, 4),
        "last_scan_timestamp": (16, 8),
    },
    "SCAN_DEVICES": {
        "total_devices_found": (0, 4),
        "safe_devices_found": (4, 4),
        "quarantined_devices_found": (8, 4),
        "last_scan_timestamp": (16, 8),
    },
    "SCAN_CHUNK": {
        "chunk_index": (0, 4),
        "total_chunks": (4, 4),
        "devices_in_chunk": (8, 4),
        "chunk_size": (12, 4),
        "session_id": (16, 8),
    },
    "READ_CHUNK": {
        "token": (0, 2),
        "chunk_index": (2, 2),
        "total_chunks": (4, 4),
        "data_offset": (8, 4),
        "chunk_size": (12, 4),
        "session_id": (16, 8),
    },
}
RECORD = {
    "device_id": (0, 2),
    "state": (4, 4),
    "access": (8, 4),
    "is_quarantined": (12, 1),
    "last_response": (16, 4),
    "timestamp": (24, 8),
    "thermal_celsius": (32, 4),
}
RECORDS_BEGIN = {"READ_DEVICE": 0, "SCAN_CHUNK": 32, "SCAN_DEVICES": 24}
STEP = re.compile(r"(?P<request>\S+)(?: (?P<argument>\S+))? -> (?P<answer>\S+)(?P<fields>.*)")
KEYS = {"name", "quirk", "options", "faults", "open", "before", "ask", "answer", "after", "asked", "ids"}
FILL = 0xAA

libc = ctypes.CDLL(None, use_errno=True)


def place(request: str, name: str) -> tuple[int, int]:
    """Where a field lies: offset and bytes."""
    number, dot, field = name.rpartition(".")
    if dot or request == "READ_DEVICE":
        offset, size = RECORD[field]
        return RECORDS_BEGIN[request] + 40 * int(number or 0) + offset, size
    return FIELDS[request][name]


def wrong_fields(
    request: str, words: list[str], before: bytes, buffer: bytes, sessions: dict[str, int]
) -> Iterator[str]:
    for word in words:
        name, _, value = word.partition("=")
        if word == "untouched":
            if buffer != before:
                yield "the buffer was written to"
        elif name == "data":
            wanted = bytes(224) if value == "zeros" else bytes.fromhex(value)
            if buffer[32 : 32 + len(wanted)] != wanted:
                yield f"the data are {buffer[32:48].hex()}..."
        elif name == "session":
            session = int.from_bytes(buffer[16:24], sys.byteorder)
            others = {number for letter, number in sessions.items() if letter != value}
            if sessions.setdefault(value, session) != session or session in others:
                yield f"session {value} is {session}, of {sessions}"
        else:
            offset, size = place(request, name)
            number = int(value, 0)
            wanted = number.to_bytes(size, sys.byteorder, signed=number < 0)
            if buffer[offset : offset + size] != wanted:
                yield f"{name} is {int.from_bytes(buffer[offset : offset + size], sys.byteorder):#x}, not {value}"


def carry_out_step(file: int, text: str, sessions: dict[str, int]) -> Iterator[str]:
    step = STEP.fullmatch(text)
    if step is None:
        yield f"{text}: is no step"
        return
    request = step["request"]
    code = CODES.get(request) or int(request, 0)
    before = bytearray([FILL]) * ((code >> 16) & 0x3FFF)
    if step["argument"]:
        argument = int(step["argument"], 0)
        size = 2 if request == "READ_DEVICE" else 4
        before = bytearray(argument.to_bytes(size, sys.byteorder)) + before[size:]
    buffer = ctypes.create_string_buffer(bytes(before), len(before))
    failed = libc.ioctl(file, ctypes.c_ulong(code), buffer) < 0
    answer = errno.errorcode[ctypes.get_errno()] if failed else "ok"
    if answer != step["answer"]:
        yield f"{text}: answered {answer}"
        return
    for wrong in wrong_fields(request, step["fields"].split(), bytes(before), buffer.raw, sessions):
        yield f"{text}: {wrong}"


def steps_of(case: dict[str, Any]) -> list[str]:
    return [*case.get("before", []), f"{case['ask']} -> {case['answer']}", *case.get("after", [])]


def carry_out(case: dict[str, Any]) -> Iterator[str]:
    if unknown := set(case) - KEYS:
        yield f"unknown keys: {unknown}"
    with KernelDevice(case.get("options", "seed=7"), case.get("faults", "")) as driver:
        try:
            file = os.open(driver.device, os.O_RDWR)
        except OSError as error:
            opened = errno.errorcode[error.errno or 0]
        else:
            opened = "ok"
            sessions: dict[str, int] = {}
            try:
                for step in steps_of(case):
                    yield from carry_out_step(file, step, sessions)
            finally:
                os.close(file)
        if opened != case.get("open", "ok"):
            yield f"open answered {opened}"
        counters = driver.counters()
    for request, times in case.get("asked", {}).items():
        if counters["requests"][request] != times:
            yield f"{request} was counted {counters['requests'][request]} times, not {times}"
    if "ids" in case and set(counters["ids"]) != set(case["ids"]):
        yield f"counted were the ids {sorted(counters['ids'])}"
    for id, counts in case.get("ids", {}).items():
        for name, times in counts.items():
            if counters["ids"].get(id, {}).get(name) != times:
                yield f"{id}: {name} was counted {counters['ids'].get(id, {}).get(name)} times, not {times}"


def main() -> int:
    cases = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["case"]
    failed = 0
    for case in cases:
        wrong = list(carry_out(case))
        failed += bool(wrong)
        for line in wrong:
            print(f"{case['name']}: {line}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
