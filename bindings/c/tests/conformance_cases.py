"""Turns tests/conformance/*.toml into a C table: conformance_cases.py FOLDER > cases.h; with `gates` as a second
argument those in the folder gates.

C has no TOML reader. Faults are given as the library reads them, and as the kernel module does.
A case with a key that is not known becomes a case that fails and says which.
"""

import errno
import itertools
import math
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "tests/driver"))
from kernel_device import fault_lines

ABSENT = "ABSENT"
OPERATIONS = ["version", "status", "thermal", "scan", "info", "read", "probe"]
REQUESTS = [
    "GET_VERSION",
    "GET_STATUS",
    "SCAN_DEVICES",
    "READ_DEVICE",
    "GET_THERMAL",
    "SCAN_START",
    "SCAN_CHUNK",
    "SCAN_COMPLETE",
    "READ_START",
    "READ_CHUNK",
    "READ_COMPLETE",
]
OUTCOMES = ["works", "refused", "missing", "not-asked"]
LIMITS = ["call_deadline_ms", "transfer_deadline_ms", "tries", "attempts"]
RECORD = ["state", "access", "is_quarantined", "has_response", "has_thermal"]
STATUS = ["safe_device_count", "quarantined_count", "kernel_module_loaded", "thermal_safe"]
CASE = [
    "name",
    "shows",
    "device",
    "faults",
    "policy",
    "stop",
    "isolate",
    "dry_run",
    "op",
    "id",
    "repeat",
    "limits",
    "expect",
]
EXPECT = [
    "ok",
    "error",
    "key",
    "explicit",
    "fault",
    "chunk",
    "bytes_done",
    "errno",
    "state",
    "interrupted",
    "records",
    "length",
    "sha256",
    "version",
    "celsius",
    "record",
    "status",
    "probe",
    "accesses",
    "asked",
]


def text(value: str | None) -> str:
    """A C string, or NULL. Every byte that isn't plain is written in octal, which can't run into the next."""
    if value is None:
        return "NULL"
    plain = (chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in value.encode())
    return '"' + "".join(plain) + '"'


def number(value: float | None) -> str:
    return ABSENT if value is None else str(int(value))


def table(values: dict[str, Any], keys: Sequence[str], convert: Callable[[Any], str] = number) -> str:
    return "{" + ", ".join(convert(values.get(key)) for key in keys) + "}"


def outcome(value: str | None) -> str:
    return ABSENT if value is None else str(OUTCOMES.index(value))


def problem(case: dict[str, Any]) -> str | None:
    """What is wrong with the case itself, or None."""
    expect = case.get("expect", {})
    for values, known, where in (
        (case, CASE, "case"),
        (expect, EXPECT, "expect"),
        (case.get("limits", {}), LIMITS, "limits"),
        (expect.get("record", {}), RECORD, "record"),
        (expect.get("status", {}), STATUS, "status"),
        (expect.get("probe", {}), REQUESTS, "probe"),
        (expect.get("asked", {}), REQUESTS, "asked"),
    ):
        unknown = [key for key in values if key not in known]
        if unknown:
            return f"{where} has an unknown key: {unknown[0]}"
    if "ok" not in expect:
        return "expect.ok is missing"
    if case.get("op") not in OPERATIONS:
        return f"there is no operation {case.get('op')}"
    if "id" not in case and (case["op"] in ("info", "read") or "accesses" in expect):
        return "id is missing"
    return None


def row(file: Path, case: dict[str, Any]) -> str:
    expect = case.get("expect", {})
    get = expect.get
    celsius = get("celsius", [None, None])
    os_error = None if get("errno") is None else getattr(errno, get("errno"))
    fields = [
        text(file.name),
        text(case.get("name", "without a name")),
        text(problem(case)),
        text(case.get("device", "seed=7")),
        text(case.get("faults")),
        text(fault_lines(case.get("faults", ""))),
        text(case.get("policy")),
        number(case.get("stop", False)),
        number(case.get("dry_run", False)),
        number(case.get("isolate")),
        number(OPERATIONS.index(case["op"])),
        number(case.get("id")),
        number(case.get("repeat", 1)),
        table(case.get("limits", {}), LIMITS),
        number(get("ok", False)),
        text(get("error")),
        text(get("key")),
        text(get("fault")),
        text(get("sha256")),
        number(get("explicit")),
        number(get("chunk")),
        number(get("bytes_done")),
        number(os_error),
        number(get("state")),
        number(get("interrupted")),
        number(get("records")),
        number(get("length")),
        number(get("version")),
        number(celsius[0]),
        number(celsius[1]),
        table(get("record", {}), RECORD),
        table(get("status", {}), STATUS),
        table(get("probe", {}), REQUESTS, outcome),
        number(get("accesses")),
        table(get("asked", {}), REQUESTS),
    ]
    return "    {" + ", ".join(fields) + "},"


LISTS = itertools.count()
GATE_CASE = ["name", "shows", "gates", "check", "at", "step", "error", "expect"]
GATE_STEP = ["at", "restart", "record", "unreadable", "readable", "expect"]
GATE_RECORD = ["metric", "value", "labels", "at"]
GATE_EXPECT = ["verdict", "go", "gates", "zones", "rules", "reasons", "escalate", "says"]
GATE_ERROR = ["kind", "line", "key", "says"]


def gate_problem(case: dict[str, Any]) -> str | None:
    """What is wrong with the case itself, or None."""
    steps = case.get("step", [])
    tables = [(case, GATE_CASE, "case"), (case.get("error", {}), GATE_ERROR, "error")]
    tables += [(step, GATE_STEP, "step") for step in steps]
    tables += [(record, GATE_RECORD, "record") for step in steps for record in step.get("record", [])]
    tables += [(part.get("expect", {}), GATE_EXPECT, "expect") for part in [case, *steps]]
    for values, known, where in tables:
        unknown = [key for key in values if key not in known]
        if unknown:
            return f"{where} has an unknown key: {unknown[0]}"
    if "gates" not in case:
        return "gates is missing"
    if "error" not in case and not steps and not ("check" in case and "expect" in case):
        return "it expects nothing"
    if any("at" not in step or "expect" not in step for step in steps):
        return "a step needs at and expect"
    return None


def listed(rows: list[str], kind: str) -> str:
    """An array of its own, named and counted; C++ knows none within an expression."""
    if not rows:
        return "NULL, 0"
    name = f"LIST_{next(LISTS)}"
    print(f"static const {kind} {name}[] = {{{', '.join(rows)}}};")
    return f"{name}, {len(rows)}"


def real(value: float) -> str:
    if math.isnan(value):
        return "NAN"
    return ("-" if value < 0 else "") + "INFINITY" if math.isinf(value) else repr(float(value))


def pairs(values: dict[str, str | None], kind: str = "pair") -> str:
    return listed([f"{{{text(key)}, {text(value)}}}" for key, value in values.items()], kind)


def expectation(expect: dict[str, Any]) -> str:
    get = expect.get
    numbers = ", ".join(number(get(key)) for key in ("go", "reasons", "escalate"))
    tables = ", ".join(pairs(get(key, {})) for key in ("gates", "zones", "rules"))
    return f"{{{text(get('verdict'))}, {text(get('says'))}, {numbers}, {tables}}}"


def recorded(record: dict[str, Any], at: int) -> str:
    labels = pairs(record.get("labels", {}), "dsmil_label")
    return f"{{{text(record['metric'])}, {real(record['value'])}, {number(record.get('at', at))}, {labels}}}"


def gate_step(step: dict[str, Any]) -> str:
    records = listed([recorded(record, step["at"]) for record in step.get("record", [])], "recording")
    marks = step.get("unreadable", {}) | dict.fromkeys(step.get("readable", []))
    unreadable = pairs(marks)
    restart = number(step.get("restart", False))
    return f"{{{number(step['at'])}, {restart}, {records}, {unreadable}, {expectation(step['expect'])}}}"


def gate_row(file: Path, case: dict[str, Any]) -> str:
    problem = gate_problem(case)
    case = case if problem is None else {"name": case.get("name", "without a name")}
    error = case.get("error", {})
    fields = [
        text(file.name),
        text(case["name"]),
        text(problem),
        text(case.get("gates")),
        text(case.get("check")),
        number(case.get("at", 0)),
        listed([gate_step(step) for step in case.get("step", [])], "step"),
        number("expect" in case),
        expectation(case.get("expect", {})),
        number("error" in case),
        text(error.get("kind")),
        text(error.get("key")),
        text(error.get("says")),
        number(error.get("line")),
    ]
    return "    {" + ", ".join(fields) + "},"


def main() -> None:
    is_gates = sys.argv[2:] == ["gates"]
    folder = Path(sys.argv[1]) / "gates" if is_gates else Path(sys.argv[1])
    convert, kind = (gate_row, "gate_case") if is_gates else (row, "conformance_case")
    print("/* Made by conformance_cases.py. */")
    cases = [
        convert(file, case)
        for file in sorted(folder.glob("*.toml"))
        for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]
    ]
    print(f"static const {kind} CASES[] = {{", *cases, "};", sep="\n")


main()
