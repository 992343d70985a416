//! What the watch knows of itself, as metrics: rules look at them as at any other.

use dsmil_gate::{Labels, Measurement};
use dsmil_sample::SamplerReport;

use super::Core;

impl Core {
    /// What the watch knows of itself.
    pub(super) fn own_measurements(&self, now: i64) -> Vec<Measurement> {
        let flag = |on: bool| f64::from(u8::from(on));
        let mut all = vec![
            Measurement::new("store_full", now, flag(self.journal.is_full())),
            Measurement::new("log_full", now, flag(self.log.is_full() || self.journal.is_full())),
            Measurement::new("store_failing", now, flag(self.journal.failure().is_some())),
            Measurement::new("log_failing", now, flag(self.log_failure.is_some())),
            Measurement::new("audit_failing", now, flag(self.audit_failure.is_some())),
            Measurement::new("samples_given_up_total", now, self.journal.given_up() as f64),
            Measurement::new("samples_refused_total", now, self.journal.refused() as f64),
        ];
        for (receiver, stats) in self.alerts.receivers() {
            let labels: Labels = [("receiver", receiver)].into_iter().collect();
            for (metric, count) in [
                ("notifications_delivered_total", stats.delivered),
                ("notifications_failed_total", stats.failed),
                ("notifications_given_up_total", stats.given_up),
                ("notifications_waiting", stats.waiting as u64),
            ] {
                all.push(Measurement::new(metric, now, count as f64).with_labels(labels.clone()));
            }
        }
        all
    }
}

/// Whether a sampler kept its time, without looking at two counts: the first sample tells already.
pub(super) fn paces(report: &SamplerReport) -> Vec<Measurement> {
    let labels: Labels = [("sampler", &*report.sampler)].into_iter().collect();
    let of = |metric: &'static str, value: f64| {
        if report.retired {
            return Measurement::stale(metric, labels.clone(), report.finished);
        }
        Measurement::new(metric, report.finished, value).with_labels(labels.clone())
    };
    vec![of("sampler_missed_ticks", report.missed as f64), of("sampler_late", f64::from(u8::from(report.late)))]
}
