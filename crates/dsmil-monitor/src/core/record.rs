//! What goes into the health log.

use dsmil_gate::{Evaluation, Measurement, Samples, is_stale};
use dsmil_health::Scores;
use dsmil_history::HealthRecord;

/// The newest value of each series that has one, the scores and the verdicts.
pub(crate) fn health_record(
    samples: &Samples,
    evaluation: &Evaluation,
    scores: Option<&Scores>,
    deployment_id: Option<&str>,
    now: i64,
) -> HealthRecord {
    let passed = |name: &str| {
        let check = scores.and_then(|scores| scores.health.check(name).or_else(|| scores.security.check(name)));
        check.is_some_and(dsmil_health::CheckResult::has_passed)
    };
    let mut record = HealthRecord {
        at: now,
        kernel_module: passed("kernel-module"),
        device_node: passed("device-node-mode"),
        chunked_ioctl: passed("chunked-scan"),
        deployment_id: deployment_id.map(str::to_owned),
        health_score: scores.map(|scores| scores.health.value),
        security_score: scores.map(|scores| scores.security.value),
        verdicts: evaluation.gates.iter().map(|gate| (gate.name.clone(), gate.verdict)).collect(),
        ..HealthRecord::default()
    };
    for series in samples.all() {
        if let Some(newest) = series.newest(now).filter(|newest| !is_stale(newest.value)) {
            let measured = Measurement::new(series.metric().to_owned(), newest.at, newest.value);
            record.measure(&measured.with_labels(series.labels().clone()));
        }
    }
    record
}
