"""The audit log, read."""

from __future__ import annotations

import json
import os
from datetime import UTC
from pathlib import Path

import pytest

import dsmil
from dsmil.audit import Anchor, FindingKind, Outcome


@pytest.fixture
def log(sim: dsmil.Device, run_dir: Path) -> Path:
    """A log with three denials and an isolation."""
    for id in (0x8009, 0x800A, 0x800B):
        with pytest.raises(dsmil.QuarantineError):
            sim.read(id)
    dsmil.isolate(0x8004, "noisy", author="me", run_dir=run_dir)
    return run_dir / "audit"


def test_a_sound_log_is_clean(log: Path, run_dir: Path) -> None:
    report = dsmil.audit.verify(log)
    assert report.is_clean
    assert (report.records, report.first_seq, report.last_seq) == (5, 1, 5)
    assert report == dsmil.audit.verify(run_dir=run_dir)
    assert report == dsmil.audit.verify(log, expect=report.anchor)


def test_records_say_who_did_what(log: Path) -> None:
    records = dsmil.audit.tail(log)
    assert [record.seq for record in records] == [1, 2, 3, 4, 5]
    denied, begun, done = records[0], records[3], records[4]
    assert (denied.action, denied.target, denied.result) == ("read", "0x8009", Outcome.DENIED)
    assert "permanent/0x8009" in (denied.reason or "")
    assert (denied.who.uid, denied.who.pid) == (os.getuid(), os.getpid())
    assert denied.time.tzinfo == UTC
    assert (begun.action, begun.result, done.result, done.of) == ("isolate", Outcome.BEGUN, Outcome.OK, 4)
    assert json.loads(begun.new or "")["reason"] == "noisy"
    assert [record.seq for record in dsmil.audit.tail(log, 2)] == [4, 5]
    assert dsmil.audit.tail(log, 0) == ()


def test_tampering_is_found_and_placed(log: Path) -> None:
    file = log / "audit.jsonl"
    file.write_text(file.read_text().replace("0x800A", "0x800C"))
    report = dsmil.audit.verify(log)
    assert not report.is_clean
    assert [(finding.kind, finding.line, finding.seq) for finding in report.findings] == [(FindingKind.CHANGED, 2, 2)]
    assert str(report.findings[0]).startswith("audit.jsonl:2: changed:")


def test_a_log_that_was_cut_and_begun_anew_does_not_match_its_anchor(log: Path) -> None:
    report = dsmil.audit.verify(log, expect=Anchor(5, "0" * 64))
    assert not report.is_clean


def test_where_there_is_no_log(tmp_path: Path, run_dir: Path) -> None:
    with pytest.raises(dsmil.AuditError):
        dsmil.audit.verify(tmp_path)
    with pytest.raises(dsmil.RunDirectoryError):
        dsmil.audit.verify(run_dir=tmp_path / "missing")
    with pytest.raises(dsmil.ArgumentError):
        dsmil.audit.tail(tmp_path, -1)
