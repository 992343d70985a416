//! What a decision costs: `cargo run --release -p dsmil-alert --example cost`.
//!
//! Each figure is the median of 21 rounds, in microseconds.

use std::time::Instant;

use dsmil_alert::{ActiveAlert, AlertConfig, Alerts, Input, ReceiverKind};
use dsmil_gate::{Labels, Severity};

fn firing(device: usize) -> ActiveAlert {
    let labels: Labels = [
        ("alertname", "device-down".to_owned()),
        ("device", format!("{device:#06x}")),
        ("on_fail", "hold".to_owned()),
        ("severity", "warning".to_owned()),
    ]
    .into_iter()
    .collect();
    ActiveAlert {
        labels,
        firing: true,
        severity: Severity::Warning,
        no_data: false,
        since: 0,
        fired_at: None,
        value: Some(0.0),
        summary: "device_up require >= 1".to_owned(),
        description: None,
    }
}

fn median(mut round: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..21)
        .map(|_| {
            let begun = Instant::now();
            round();
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[10]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:>8} {:>14} {:>14} {:>14}", "alerts", "all fire, µs", "nothing new, µs", "tick, µs");
    for count in [0, 1, 108, 10_000] {
        let config = AlertConfig { receivers: vec!["log".to_owned()], ..AlertConfig::default() };
        let fresh = Alerts::new(config, [("log".to_owned(), ReceiverKind::Notified)].into())?;
        let input = Input::Observed((0..count).map(firing).collect());
        let mut alerts = fresh.clone();
        for event in fresh.decide(&input, 0)? {
            alerts.apply(&event);
        }
        let all = median(|| drop(fresh.decide(&input, 0)));
        let same = median(|| drop(alerts.decide(&input, 1000)));
        let tick = median(|| drop(alerts.decide(&Input::Tick, 1000)));
        println!("{count:>8} {all:>14.1} {same:>14.1} {tick:>14.1}");
    }
    Ok(())
}
