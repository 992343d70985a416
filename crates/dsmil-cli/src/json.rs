//! What several commands say in JSON the same way.

use std::time::Duration;

use dsmil::{Denied, DeviceRecord, Isolation, LatencySummary};
use serde_json::{Value, json};

/// A device record: the driver's fields under the names of the specification, and what is known of the id.
pub(crate) fn record(record: &DeviceRecord) -> Value {
    let id = record.id;
    json!({
        "id": id.to_string(),
        "number": id.get(),
        "group": id.group().map(dsmil::Group::number),
        "group_name": id.group().map(dsmil::Group::name),
        "index": id.index(),
        "functional": id.is_functional(),
        "permanent": id.permanent().map(|permanent| permanent.what),
        "state": record.state.to_string(),
        "state_number": record.state.number(),
        "access": record.access.to_string(),
        "access_number": record.access.number(),
        "is_quarantined": record.is_quarantined,
        "last_response": record.last_response,
        "timestamp": record.timestamp,
        "thermal_celsius": record.thermal_celsius,
    })
}

/// The key of the rule that denied, and whether it named the device.
pub(crate) fn denied_fields(denied: &Denied) -> (String, bool) {
    (denied.key(), denied.is_explicit())
}

/// An isolation; times in milliseconds since the Unix epoch.
pub(crate) fn isolation(isolation: &Isolation) -> Value {
    json!({
        "id": isolation.id.to_string(),
        "reason": isolation.reason,
        "author": isolation.author,
        "since_ms": isolation.since_ms,
        "until_ms": isolation.until_ms,
    })
}

/// A latency, in nanoseconds.
pub(crate) fn latency(summary: &LatencySummary) -> Value {
    json!({
        "count": summary.count,
        "min_ns": nanos(summary.min),
        "p50_ns": nanos(summary.p50),
        "p95_ns": nanos(summary.p95),
        "p99_ns": nanos(summary.p99),
        "max_ns": nanos(summary.max),
    })
}

/// Nanoseconds, or the most that a JSON reader takes without losing digits.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(1 << 53)
}
