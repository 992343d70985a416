//! `dsmil latency`.

use std::time::Duration;

use clap::Args;
use dsmil::{Device, DeviceId, EXPECTED_ANSWER, Error, LatencyReport, LatencySummary, Operation};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{latency as latency_json, nanos};
use crate::output::Answer;
use crate::table::{Cell, Page, Side, Table, Tone};
use crate::text;

/// Measure how fast the driver and its devices answer
///
/// Scans, and reads every device that is functional and not quarantined, so many times; then shows each
/// request and each slow device. A device that fails is reported, and the rest is measured.
#[derive(Debug, Args)]
pub(crate) struct Latency {
    /// These devices only
    #[arg(value_name = "ID")]
    ids: Vec<DeviceId>,

    /// How many times
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,

    /// Report devices whose 95th percentile is over so many milliseconds
    #[arg(long, value_name = "MS", default_value_t = EXPECTED_ANSWER.as_millis() as u64)]
    slow: u64,

    /// Show every device, not only the slow ones
    #[arg(long)]
    all: bool,
}

impl Latency {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let device = context.open()?;
        let ids = self.devices(&device)?;
        let failures = measure(context, &device, &ids, self.rounds)?;
        let report = device.latency()?;
        let slow = report.slow(Duration::from_millis(self.slow));
        let exit = failures.first().map_or(Exit::Done, |(_, error)| Exit::of_device(error));
        Ok(Answer::new(self.document(&report, &slow, &failures), self.page(&report, &slow, &failures)).with_exit(exit))
    }

    /// Those that are named, denied or not; otherwise those that may be read.
    fn devices(&self, device: &Device) -> Result<Vec<DeviceId>, Failure> {
        if !self.ids.is_empty() {
            return Ok(self.ids.clone());
        }
        let mut ids = Vec::new();
        for id in DeviceId::served().filter(|id| id.is_functional()) {
            if device.check(id, Operation::Read)?.is_ok() {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    fn document(&self, report: &LatencyReport, slow: &[(DeviceId, LatencySummary)], failures: &[(DeviceId, Error)]) -> Value {
        let device = |(id, summary): &(DeviceId, LatencySummary)| with(latency_json(summary), "id", id.to_string());
        let requests = report.requests.iter().map(|(request, summary)| with(latency_json(summary), "request", request.name()));
        let failures = failures
            .iter()
            .map(|(id, error)| json!({ "id": id.to_string(), "kind": error.kind(), "message": error.to_string() }));
        json!({
            "rounds": self.rounds,
            "limit_ns": nanos(Duration::from_millis(self.slow)),
            "requests": requests.collect::<Vec<_>>(),
            "devices": report.devices.iter().map(device).collect::<Vec<_>>(),
            "slow": slow.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>(),
            "failures": failures.collect::<Vec<_>>(),
        })
    }

    fn page(&self, report: &LatencyReport, slow: &[(DeviceId, LatencySummary)], failures: &[(DeviceId, Error)]) -> Page {
        let mut page = Page::new();
        page.table(table("request", report.requests.iter().map(|(request, summary)| (request.name().to_owned(), summary))));
        let shown = if self.all { &report.devices } else { slow };
        if !shown.is_empty() {
            page.line(["".into()]);
            page.table(table("device", shown.iter().map(|(id, summary)| (id.to_string(), summary))));
        }
        let tone = if slow.is_empty() { Tone::Good } else { Tone::Bad };
        let verdict = format!("{} of {} devices over {} ms", slow.len(), report.devices.len(), self.slow);
        page.line([Cell::new(verdict, tone)]);
        for (id, error) in failures {
            page.line([Cell::new(format!("{id} failed: {error}"), Tone::Bad)]);
        }
        page
    }
}

/// The first failure of each device that failed. What concerns more than one device ends it all.
fn measure(context: &Context, device: &Device, ids: &[DeviceId], rounds: u32) -> Result<Vec<(DeviceId, Error)>, Error> {
    let mut failures: Vec<(DeviceId, Error)> = Vec::new();
    for _ in 0..rounds {
        device.scan()?;
        for id in ids {
            if context.is_broken_off() {
                return Err(Error::Interrupted { during: "measuring" });
            }
            match device.info(*id).and_then(|_| device.read(*id)) {
                Ok(_) => {}
                Err(error) if is_of_one_device(&error) => {
                    if !failures.iter().any(|(failed, _)| failed == id) {
                        failures.push((*id, error));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(failures)
}

fn is_of_one_device(error: &Error) -> bool {
    matches!(error, Error::Deadline { .. } | Error::Protocol { .. } | Error::Record { .. } | Error::Request { .. })
}

fn with(mut object: Value, key: &str, value: impl Into<Value>) -> Value {
    object[key] = value.into();
    object
}

fn table<'a>(of: &'static str, rows: impl Iterator<Item = (String, &'a LatencySummary)>) -> Table {
    let right = Side::Right;
    let mut table = Table::new([
        (of, Side::Left),
        ("count", right),
        ("min", right),
        ("p50", right),
        ("p95", right),
        ("p99", right),
        ("max", right),
    ]);
    for (name, summary) in rows {
        let time = |duration| Cell::plain(text::latency(duration));
        let LatencySummary { count, min, p50, p95, p99, max } = *summary;
        table.row([name.into(), count.into(), time(min), time(p50), time(p95), time(p99), time(max)]);
    }
    table
}
