//! Asks the gates of a file whether the next step may be taken, on metrics from a JSON file.
//!
//!     cargo run -p dsmil --example check_gate -- examples/gates/deploy.toml metrics.json
//!
//! The metrics look like {"cpu_percent": 40.0, "memory_percent": 50, "active_workers": 2}. Ends with 0 for go, 7 for hold or
//! no-go, 8 for roll back, and 1 if it can't be said: then there is no verdict, and nothing may be taken for a go.

use std::error::Error;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use dsmil::gate::{Engine, GateFile, MetricsText, Samples, Verdict};

fn check_gate(gates: &str, metrics: &str) -> Result<Verdict, Box<dyn Error>> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let gates = GateFile::parse(&read(gates)?, gates)?;
    let mut samples = Samples::new();
    MetricsText::parse(&read(metrics)?, now)?.pour(&mut samples);
    let evaluation = Engine::new(gates).evaluate(&samples, now);
    println!("{}", evaluation.verdict);
    for reason in evaluation.reasons() {
        println!("  {reason}");
    }
    Ok(evaluation.verdict)
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [gates, metrics] = arguments.as_slice() else {
        eprintln!("usage: check_gate GATES.toml METRICS.json");
        return ExitCode::from(2);
    };
    match check_gate(gates, metrics) {
        Ok(Verdict::Go) => ExitCode::SUCCESS,
        Ok(Verdict::Hold | Verdict::NoGo) => ExitCode::from(7),
        Ok(Verdict::RollBack) => ExitCode::from(8),
        Err(error) => {
            eprintln!("check_gate: {error}");
            ExitCode::FAILURE
        }
    }
}
