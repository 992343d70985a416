//! The samples that rules look at: for each metric and label set a series, ordered by time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

/// The bits of a stale marker, the same NaN that Prometheus uses: from here on the series has no value.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether a value is a stale marker. An ordinary NaN is not.
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// Label names and values, ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// The pairs, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a label; a label that is not there is empty, as in Prometheus.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether a series with these labels is one that `wanted` asks for.
    pub fn satisfy(&self, wanted: &Self) -> bool {
        wanted.iter().all(|(name, value)| self.get(name) == value)
    }

    /// Without the labels that are empty: what a selector contributes to the labels of `absent`.
    #[must_use]
    pub(crate) fn present(&self) -> Self {
        self.iter().filter(|(_, value)| !value.is_empty()).collect()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl std::fmt::Display for Labels {
    /// `{a="1",b="2"}`, and nothing at all for no labels.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name}={value:?}", if index == 0 { "{" } else { "," })?;
        }
        f.write_str(if self.is_empty() { "" } else { "}" })
    }
}

/// One observation.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was observed, in milliseconds since the Unix epoch.
    pub at: i64,
    /// What was observed.
    pub value: f64,
}

/// One observation with the name of its series: what samplers give, and what stores keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The metric's name.
    pub metric: Cow<'static, str>,
    /// Its labels.
    pub labels: Labels,
    /// When it was observed, in milliseconds since the Unix epoch.
    pub at: i64,
    /// What was observed; a stale marker ends the series.
    pub value: f64,
}

impl Measurement {
    /// A measurement of a metric without labels.
    pub fn new(metric: impl Into<Cow<'static, str>>, at: i64, value: f64) -> Self {
        Self { metric: metric.into(), labels: Labels::default(), at, value }
    }

    /// With these labels in place of those that it had.
    #[must_use]
    pub fn with_labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// The end of a series: from here on it has no value, and is not missed.
    #[must_use]
    pub fn stale(metric: impl Into<Cow<'static, str>>, labels: Labels, at: i64) -> Self {
        Self { metric: metric.into(), labels, at, value: f64::from_bits(STALE_BITS) }
    }
}

/// A series within [`Samples`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is the newest of its series.
    Newest,
    /// It came late and stands at its place in time.
    Late,
    /// The same sample was there already.
    Duplicate,
    /// Another value was there for that time; the first stays.
    Conflict,
    /// There is no such series here.
    NoSuchSeries,
}

/// The samples of one metric and label set, ordered by time, one for each time.
#[derive(Clone, Debug)]
pub struct Series {
    metric: String,
    labels: Labels,
    samples: Vec<Sample>,
    /// What lies before has been dropped; it is moved out when the room is needed.
    start: usize,
}

impl Series {
    /// The metric's name.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// Its labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// All samples, the oldest first, with stale markers and NaN.
    #[inline]
    pub fn samples(&self) -> &[Sample] {
        &self.samples[self.start..]
    }

    /// The newest sample that was known at `now`, a stale marker too.
    #[inline]
    pub fn newest(&self, now: i64) -> Option<Sample> {
        let samples = self.samples();
        match samples.last() {
            // Nearly always: nothing comes from the future.
            Some(last) if last.at <= now => Some(*last),
            _ => samples[..samples.partition_point(|sample| sample.at <= now)].last().copied(),
        }
    }

    /// The samples from `from` to `to`, both included.
    pub fn between(&self, from: i64, to: i64) -> &[Sample] {
        let samples = self.samples();
        let end = samples.partition_point(|sample| sample.at <= to);
        let begin = samples[..end].partition_point(|sample| sample.at < from);
        &samples[begin..end]
    }

    fn push(&mut self, sample: Sample) -> Pushed {
        let later = self.samples().iter().rev().take_while(|other| other.at > sample.at).count();
        let index = self.samples.len() - later;
        if let Some(same) = self.samples()[..index - self.start].last().filter(|other| other.at == sample.at) {
            #[expect(clippy::float_cmp, reason = "the same sample is the same to the last bit")]
            // Zero is zero, whatever its sign; a NaN is the same as itself.
            let equal = same.value.to_bits() == sample.value.to_bits() || same.value == sample.value;
            return if equal { Pushed::Duplicate } else { Pushed::Conflict };
        }
        if self.samples.len() == self.samples.capacity() && self.start > 0 {
            self.samples.drain(..self.start);
            self.start = 0;
        }
        let index = self.samples.len() - later;
        self.samples.insert(index, sample);
        if later == 0 { Pushed::Newest } else { Pushed::Late }
    }

    fn prune(&mut self, before: i64) {
        let samples = self.samples();
        let dropped = samples.partition_point(|sample| sample.at < before);
        self.start += dropped.min(samples.len().saturating_sub(1));
    }
}

/// All samples. Time is the caller's: nothing here reads a clock.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    series: Vec<Series>,
    index: BTreeMap<String, BTreeMap<Labels, SeriesId>>,
    errors: BTreeMap<String, String>,
    /// Tells which series stand where: a hash over their names in order, so that an engine knows when to look anew.
    layout: u64,
}

impl Samples {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The series of a metric and its labels, added if it is new. Labels with an empty value are none, as in Prometheus.
    pub fn series(&mut self, metric: &str, labels: &Labels) -> SeriesId {
        let labels = labels.present();
        if let Some(id) = self.index.get(metric).and_then(|of_metric| of_metric.get(&labels)) {
            return *id;
        }
        let id = SeriesId(u32::try_from(self.series.len()).unwrap_or(u32::MAX));
        let mut hasher = DefaultHasher::new();
        (self.layout, metric, &labels).hash(&mut hasher);
        self.layout = hasher.finish();
        self.index.entry(metric.to_owned()).or_default().insert(labels.clone(), id);
        self.series.push(Series { metric: metric.to_owned(), labels, samples: Vec::new(), start: 0 });
        id
    }

    /// Adds an observation. One that comes late takes its place in time; of two for one time the first stays.
    pub fn push(&mut self, series: SeriesId, at: i64, value: f64) -> Pushed {
        match self.series.get_mut(series.0 as usize) {
            Some(series) => series.push(Sample { at, value }),
            None => Pushed::NoSuchSeries,
        }
    }

    /// Says that the series ends here: until the next sample it has no value.
    pub fn push_stale(&mut self, series: SeriesId, at: i64) -> Pushed {
        self.push(series, at, f64::from_bits(STALE_BITS))
    }

    /// Adds an observation by name: [`Samples::series`] and [`Samples::push`].
    pub fn record(&mut self, metric: &str, labels: &Labels, at: i64, value: f64) -> Pushed {
        let series = self.series(metric, labels);
        self.push(series, at, value)
    }

    /// Adds a measurement: [`Samples::record`].
    pub fn take(&mut self, measurement: &Measurement) -> Pushed {
        self.record(&measurement.metric, &measurement.labels, measurement.at, measurement.value)
    }

    /// Says that this metric could not be read, and why; `None` when it can be read again. Until then every rule
    /// that looks at it is a failing rule.
    pub fn set_error(&mut self, metric: &str, why: Option<&str>) {
        match why {
            Some(why) => self.errors.insert(metric.to_owned(), why.to_owned()),
            None => self.errors.remove(metric),
        };
    }

    #[inline]
    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Why this metric could not be read.
    #[inline]
    pub fn error(&self, metric: &str) -> Option<&str> {
        // Nearly always there is none at all.
        if self.has_errors() { self.errors.get(metric).map(String::as_str) } else { None }
    }

    /// Drops the samples before a time, except the newest of each series: a series that fell silent is to be missed, and
    /// not forgotten. Ids stay as they are.
    pub fn prune(&mut self, before: i64) {
        for series in &mut self.series {
            series.prune(before);
        }
    }

    /// Without the series that have no sample from `before` on: forgets, on purpose, what fell silent long ago. The ids
    /// of the old one don't fit the new one.
    #[must_use]
    pub fn without_silent(self, before: i64) -> Self {
        let mut kept = Self { errors: self.errors, ..Self::default() };
        let speaks = |series: &Series| series.samples().last().is_some_and(|newest| newest.at >= before);
        for series in self.series.into_iter().filter(speaks) {
            let id = kept.series(&series.metric, &series.labels);
            kept.series[id.0 as usize].samples = series.samples[series.start..].to_vec();
        }
        kept
    }

    /// A series; `None` if the id is of other samples.
    #[inline]
    pub fn get(&self, series: SeriesId) -> Option<&Series> {
        self.series.get(series.0 as usize)
    }

    /// The series of a metric that have these labels, ordered by their labels.
    pub fn matching<'a>(&'a self, metric: &str, wanted: &'a Labels) -> impl Iterator<Item = (&'a Labels, SeriesId)> {
        let of_metric = self.index.get(metric).into_iter().flatten();
        of_metric.filter(|(labels, _)| labels.satisfy(wanted)).map(|(labels, id)| (labels, *id))
    }

    /// All series, in the order in which they were added.
    pub fn all(&self) -> impl Iterator<Item = &Series> {
        self.series.iter()
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    pub(crate) fn layout(&self) -> u64 {
        self.layout
    }
}
