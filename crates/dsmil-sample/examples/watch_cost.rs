//! What a second of sampling costs: every sampler at 1 Hz, all devices of a simulated driver among them, and the processor time
//! of the whole process beside it.
//!
//! Run as `watch_cost [SECONDS]`, 20 if nothing is said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dsmil_device::Device;
use dsmil_sample::{OpenDevice, Parts, Runner, SampleConfig, Workers};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(20), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let second = serde_json::json!({ "interval": "1s", "quarantine": { "interval": "1m" } });
    let config: SampleConfig = serde_json::from_value(second)?;
    let run_dir = folder.path().to_owned();
    let open: OpenDevice = Box::new(move || Device::options().run_dir(&run_dir).open("sim:").map(Arc::new));
    let parts =
        Parts { open_device: Some(open), workers: Some(Workers::new()), folder: Some(folder.path().into()), ..Parts::default() };
    let (runner, reports) = Runner::start(config.build(parts)?, 1024)?;
    // The first tick opens everything.
    let begun = Instant::now();
    let (mut before, mut counted) = (Duration::ZERO, Instant::now());
    let (mut ticks, mut measurements) = (0usize, 0usize);
    let mut longest: BTreeMap<Arc<str>, f64> = BTreeMap::new();
    while begun.elapsed() < Duration::from_millis(1000 * seconds + 2500) {
        let Ok(report) = reports.recv_timeout(Duration::from_millis(100)) else { continue };
        if let Some(why) = report.why() {
            return Err(why.into());
        }
        if begun.elapsed() < Duration::from_millis(1500) {
            (before, counted, ticks, measurements) = (used()?, Instant::now(), 0, 0);
            continue;
        }
        ticks += 1;
        measurements += report.measurements.len() + report.meter.len();
        let took = report.meter.iter().find(|seen| seen.metric == "sampler_duration_ms").map_or(0.0, |seen| seen.value);
        let most = longest.entry(report.sampler).or_default();
        *most = most.max(took);
    }
    let (spent, passed) = (used()?.saturating_sub(before), counted.elapsed().as_secs_f64());
    runner.stop(Duration::from_secs(1));
    println!(
        "{:.3} ms of processor time a second ({:.4} % of one)",
        1e3 * spent.as_secs_f64() / passed,
        100.0 * spent.as_secs_f64() / passed
    );
    println!(
        "{:.0} measurements and {:.1} samples a second, over {passed:.1} s",
        measurements as f64 / passed,
        ticks as f64 / passed
    );
    for (sampler, took) in longest {
        println!("{sampler:<12} {took:>8.3} ms at most");
    }
    Ok(())
}

/// The processor time of this process.
fn used() -> Result<Duration, nix::Error> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(microseconds.unsigned_abs()))
}
