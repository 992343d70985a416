"""Tables for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields as fields_of
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dsmil._dsmil import DeviceRecord
    from dsmil.records import LatencyReport


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Make a table. Every cell is escaped: reasons and names are other people's text."""
    parts = ["<table><thead><tr>", *(f"<th>{escape(name)}</th>" for name in head), "</tr></thead><tbody>"]
    for row in rows:
        cells = ("" if cell is None else escape(str(cell)) for cell in row)
        parts += ["<tr>", *(f"<td>{cell}</td>" for cell in cells), "</tr>"]
    return "".join([*parts, "</tbody></table>"])


def fields(record: Any) -> str:
    """Make a table of a dataclass, a field a row."""
    return table(("field", "value"), [(field.name, getattr(record, field.name)) for field in fields_of(record)])


def records(found: Iterable[DeviceRecord]) -> str:
    """Make a table of device records."""
    head = ("id", "group", "state", "access", "quarantined", "last response", "°C", "timestamp (ms)")
    rows = [
        (
            f"0x{record.id:04X}",
            record.group_name,
            record.state.name,
            record.access.name,
            record.is_quarantined,
            None if record.last_response is None else f"0x{record.last_response:08X}",
            record.thermal_celsius,
            record.timestamp,
        )
        for record in found
    ]
    return table(head, rows)


def latency(report: LatencyReport) -> str:
    """Make a table of a latency report, in microseconds."""
    named = [*report.requests.items(), *((f"0x{id:04X}", summary) for id, summary in report.devices.items())]
    rows = [
        (name, s.count, *(f"{value * 1e6:.1f}" for value in (s.min, s.p50, s.p95, s.p99, s.max))) for name, s in named
    ]
    return table(("request or device", "count", "min µs", "p50", "p95", "p99", "max"), rows)
