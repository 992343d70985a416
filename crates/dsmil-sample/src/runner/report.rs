//! What the consumer gets: one report for each tick of each sampler.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dsmil_gate::{Labels, Measurement};

use crate::SampleError;
use crate::sampler::label;

/// What came of one tick of one sampler.
#[derive(Debug)]
pub struct SamplerReport {
    /// The sampler's name.
    pub sampler: Arc<str>,
    /// When it was due, on the wall clock of when it began, in milliseconds since the Unix epoch.
    pub scheduled_at: i64,
    /// When it began.
    pub started: i64,
    /// When it ended, or was given up.
    pub finished: i64,
    /// How late it began.
    pub late_by: Duration,
    /// Whether that is worth a word: [`Ticker::tolerance`](crate::Ticker::tolerance).
    pub late: bool,
    /// How many ticks were missed since the last report.
    pub missed: u64,
    /// What was seen, each with the time of its observation; a [stale marker](Measurement::stale) for a series that was
    /// taken out of the configuration.
    pub measurements: Vec<Measurement>,
    /// The sampler's own metrics: `sampler_up`, `sampler_duration_ms`, `sampler_late_total`, `sampler_missed_total`,
    /// `sampler_failures_total`.
    pub meter: Vec<Measurement>,
    /// What could not be seen, and why. Empty: all is well.
    pub errors: Vec<SampleError>,
    /// The metrics of this sampler of which nothing at all was seen, where there are errors.
    pub unreadable: Vec<Cow<'static, str>>,
    /// The sampler was taken out of the configuration: this is its last report.
    pub retired: bool,
}

impl SamplerReport {
    /// Why its metrics can't be read: its errors in one line; `None` if there are none.
    pub fn why(&self) -> Option<String> {
        let mut texts: Vec<String> = self.errors.iter().take(3).map(ToString::to_string).collect();
        if let more @ 1.. = self.errors.len().saturating_sub(3) {
            texts.push(format!("and {more} more"));
        }
        (!texts.is_empty()).then(|| format!("sampler {}: {}", self.sampler, texts.join("; ")))
    }
}

/// Which metrics can't be read now, over all samplers: several may give the same one, and it can be read again when
/// none of them fails to.
#[derive(Clone, Debug, Default)]
pub struct Unreadable {
    by_metric: BTreeMap<Cow<'static, str>, BTreeMap<Arc<str>, String>>,
}

impl Unreadable {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a report, and tells which metrics it changes: `Some` why it can't be read, `None`: it can be read again.
    /// Made for [`Samples::set_error`](dsmil_gate::Samples::set_error).
    pub fn update(&mut self, report: &SamplerReport) -> Vec<(Cow<'static, str>, Option<String>)> {
        let mut changed: BTreeSet<Cow<'static, str>> = BTreeSet::new();
        for (metric, samplers) in &mut self.by_metric {
            if !report.unreadable.contains(metric) && samplers.remove(&report.sampler).is_some() {
                changed.insert(metric.clone());
            }
        }
        if let Some(why) = report.why() {
            for metric in &report.unreadable {
                let samplers = self.by_metric.entry(metric.clone()).or_default();
                if samplers.insert(Arc::clone(&report.sampler), why.clone()).as_ref() != Some(&why) {
                    changed.insert(metric.clone());
                }
            }
        }
        let why = |metric: &Cow<'static, str>| self.by_metric[metric].values().next().cloned();
        let changes = changed.iter().map(|metric| (metric.clone(), why(metric))).collect();
        self.by_metric.retain(|_, samplers| !samplers.is_empty());
        changes
    }

    /// The metrics that can't be read now, and why.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_metric.iter().filter_map(|(metric, samplers)| Some((metric.as_ref(), samplers.values().next()?.as_str())))
    }
}

/// What a runner counts of one sampler.
#[derive(Debug)]
pub(super) struct Meter {
    labels: Labels,
    pub(super) late: u64,
    pub(super) missed: u64,
    pub(super) failures: u64,
}

impl Meter {
    pub(super) fn new(sampler: &str) -> Self {
        Self { labels: label("sampler", sampler), late: 0, missed: 0, failures: 0 }
    }

    /// The metrics, as of a time.
    pub(super) fn measurements(&self, at: i64, took: Duration, up: bool) -> Vec<Measurement> {
        let metrics = [
            ("sampler_up", f64::from(up)),
            ("sampler_duration_ms", took.as_secs_f64() * 1e3),
            ("sampler_late_total", self.late as f64),
            ("sampler_missed_total", self.missed as f64),
            ("sampler_failures_total", self.failures as f64),
        ];
        metrics.map(|(metric, value)| Measurement::new(metric, at, value).with_labels(self.labels.clone())).into()
    }

    /// Their ends.
    pub(super) fn retired(&self, at: i64) -> Vec<Measurement> {
        let ended = |seen: Measurement| Measurement::stale(seen.metric, seen.labels, at);
        self.measurements(at, Duration::ZERO, false).into_iter().map(ended).collect()
    }
}

/// So many series of one sampler are remembered.
const MAX_SERIES: usize = 2 * crate::MAX_MEASUREMENTS;

/// The series that a sampler has given: what it should give again, and what ends when it is taken out.
#[derive(Debug, Default)]
pub(super) struct Known {
    series: BTreeMap<Cow<'static, str>, BTreeSet<Labels>>,
    len: usize,
}

impl Known {
    /// Remembers what was seen. Labels that never come again don't fill the memory: it then starts anew.
    pub(super) fn learn(&mut self, seen: &[Measurement]) {
        if self.len > MAX_SERIES {
            *self = Self::default();
        }
        for Measurement { metric, labels, .. } in seen {
            let of_metric = match self.series.get_mut(metric) {
                Some(of_metric) => of_metric,
                None => self.series.entry(metric.clone()).or_default(),
            };
            if !of_metric.contains(labels) {
                of_metric.insert(labels.clone());
                self.len += 1;
            }
        }
    }

    /// The names of the metrics.
    pub(super) fn metrics(&self) -> impl Iterator<Item = &Cow<'static, str>> {
        self.series.keys()
    }

    /// Stale markers for everything that `now` doesn't know.
    pub(super) fn ended(self, now: &Self, at: i64) -> Vec<Measurement> {
        let lives = |metric: &str, labels: &Labels| now.series.get(metric).is_some_and(|known| known.contains(labels));
        let all =
            self.series.into_iter().flat_map(|(metric, labels)| labels.into_iter().map(move |labels| (metric.clone(), labels)));
        all.filter(|(metric, labels)| !lives(metric, labels))
            .map(|(metric, labels)| Measurement::stale(metric, labels, at))
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}
