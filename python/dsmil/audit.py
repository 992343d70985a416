"""The audit log, read. It is the directory ``audit`` of the run directory, and written by the library alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from dsmil import _dsmil, _html

__all__ = ["Anchor", "Finding", "FindingKind", "Outcome", "Record", "Repair", "Report", "Who", "tail", "verify"]


class Outcome(StrEnum):
    """How an action ended, or that it has only begun."""

    BEGUN = "begun"
    OK = "ok"
    DENIED = "denied"
    FAILED = "failed"


class FindingKind(StrEnum):
    """What happened to a record."""

    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    REORDERED = "reordered"
    TORN = "torn"
    """The last line was cut off in writing, by a crash. Not tampering by itself."""
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    UNSEALED = "unsealed"
    """Records after the head that continue the chain: a program was killed in between, or somebody added them."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who acted."""

    uid: int
    pid: int
    program: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the log."""

    seq: int
    """Its number, from 1, without holes."""
    time: datetime
    """When it was written, UTC."""
    who: Who
    action: str
    """What was done."""
    result: Outcome
    hash: str
    prev: str
    """The hash of the record before."""
    target: str | None = None
    """On what."""
    of: int | None = None
    """The begun record that this one ends."""
    old: str | None = None
    """The value before, as JSON."""
    new: str | None = None
    """The value after, as JSON."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """A record that was noted out of reach of whoever can write to the log: `Report.anchor` of an earlier time."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    kind: FindingKind
    file: str
    """Name of the file in the log's directory."""
    line: int
    """Line in it, from 1; 0 when it is about the whole file."""
    seq: int | None
    """The record's number, or the first of them."""
    last: int | None
    """The last of them, where there are several."""
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Repair:
    """A record in which the log tells that it found something wrong before an append, and went on."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification."""

    records: int
    """Sound records read."""
    first_seq: int
    last_seq: int
    head_hash: str
    files: tuple[str, ...]
    findings: tuple[Finding, ...]
    """What is wrong, in the order of the log; at most 1,024."""
    left_off: int
    """Findings beyond those."""
    repairs: tuple[Repair, ...]
    unfinished: tuple[int, ...]
    """Begun records without an end."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong. Repairs and unfinished actions don't count as wrong."""
        return not self.findings

    @property
    def anchor(self) -> Anchor:
        """The log's end. Keep it elsewhere, and verify against it next time."""
        return Anchor(self.last_seq, self.head_hash)

    def _repr_html_(self) -> str:
        head = ("file", "line", "kind", "detail")
        summary = f"<p>{self.records} records, {len(self.findings) + self.left_off} findings</p>"
        return summary + _html.table(head, [(f.file, f.line, f.kind, f.detail) for f in self.findings])


def verify(
    directory: str | os.PathLike[str] | None = None,
    *,
    run_dir: str | os.PathLike[str] | None = None,
    expect: Anchor | None = None,
) -> Report:
    """Verify the log in a directory, or that of a run directory, against an anchor if there is one.

    Writers may go on meanwhile. What is wrong with the contents is a finding; `AuditError` means that there is no log,
    or that it can't be read.
    """
    anchor = None if expect is None else (expect.seq, expect.hash)
    report: dict[str, Any] = json.loads(_dsmil.audit_verify(directory, run_dir, anchor))
    return Report(
        records=report["records"],
        first_seq=report["first_seq"],
        last_seq=report["last_seq"],
        head_hash=report["head_hash"],
        files=tuple(report["files"]),
        findings=tuple(Finding(**finding | {"kind": FindingKind(finding["kind"])}) for finding in report["findings"]),
        left_off=report["left_off"],
        repairs=tuple(Repair(**repair) for repair in report["repairs"]),
        unfinished=tuple(report["unfinished"]),
    )


def tail(
    directory: str | os.PathLike[str] | None = None,
    count: int = 10,
    *,
    run_dir: str | os.PathLike[str] | None = None,
) -> tuple[Record, ...]:
    """Give the newest records, oldest first. They are not verified: that is `verify`'s."""
    return tuple(_record(line) for line in json.loads(_dsmil.audit_tail(count, directory, run_dir)))


def _record(line: dict[str, Any]) -> Record:
    made: dict[str, Any] = {
        "time": datetime.fromisoformat(line["time"]),
        "who": Who(**line["who"]),
        "result": Outcome(line["result"]),
        **{key: json.dumps(line[key]) for key in ("old", "new") if key in line},
    }
    return Record(**(line | made))
