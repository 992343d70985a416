//! Samples as the checks see them: what is fresh, what has fallen silent, what is somebody else's.

use dsmil_gate::{Labels, Sample, Samples, Series, is_stale};

/// The samples at a time, with the age that evidence may have.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) samples: &'a Samples,
    pub(crate) now: i64,
    pub(crate) look_back: i64,
}

/// The newest value of a series.
pub(crate) struct Newest<'a> {
    pub(crate) labels: &'a Labels,
    pub(crate) at: i64,
    pub(crate) value: f64,
}

/// How a series stands.
pub(crate) enum Fresh {
    /// A value within the look-back.
    Value(Sample),
    /// The newest is too old, or no finite number.
    Silent(&'static str),
    /// It ended with a stale marker, and is not missed; or nothing of it is known yet.
    Ended,
}

impl<'a> View<'a> {
    pub(crate) fn begin(&self) -> i64 {
        self.now.saturating_sub(self.look_back)
    }

    /// The series of a metric. What others attest is left out, unless the labels ask for it: it is not our evidence.
    pub(crate) fn series(&self, metric: &str, wanted: &'a Labels) -> Vec<&'a Series> {
        let ours = |labels: &Labels| wanted.get("source") == "external" || labels.get("source") != "external";
        let of_metric = self.samples.matching(metric, wanted).filter(|(labels, _)| ours(labels));
        of_metric.filter_map(|(_, id)| self.samples.get(id)).collect()
    }

    pub(crate) fn fresh(&self, series: &Series) -> Fresh {
        match series.newest(self.now) {
            None => Fresh::Ended,
            Some(sample) if is_stale(sample.value) => Fresh::Ended,
            Some(sample) if sample.at < self.begin() => Fresh::Silent("its newest sample is too old"),
            Some(sample) if !sample.value.is_finite() => Fresh::Silent("its newest value is no finite number"),
            Some(sample) => Fresh::Value(sample),
        }
    }

    /// Why a metric has no evidence at all, for a check that found none.
    pub(crate) fn nothing(&self, metric: &str, wanted: &Labels) -> String {
        let look_back = dsmil_gate::Period::from_millis(self.look_back);
        format!("nothing was observed of {metric}{wanted} in the last {look_back}: does its sampler run?")
    }

    /// Why a metric can't be read, if its source says so.
    pub(crate) fn readable(&self, metric: &str) -> Result<(), String> {
        self.samples.error(metric).map_or(Ok(()), |why| Err(format!("{metric} can't be read: {why}")))
    }

    /// The newest value of every series that goes on; an error if one fell silent, or there is none.
    pub(crate) fn newest(&self, metric: &str, wanted: &'a Labels) -> Result<Vec<Newest<'a>>, String> {
        self.readable(metric)?;
        let mut all = Vec::new();
        for series in self.series(metric, wanted) {
            let labels = series.labels();
            match self.fresh(series) {
                Fresh::Value(sample) => all.push(Newest { labels, at: sample.at, value: sample.value }),
                Fresh::Silent(why) => return Err(format!("{metric}{labels} is missing: {why}")),
                Fresh::Ended => {}
            }
        }
        if all.is_empty() { Err(self.nothing(metric, wanted)) } else { Ok(all) }
    }

    /// The newest value of every series that goes on; those that fell silent are left out.
    pub(crate) fn speaking(&self, metric: &str, wanted: &'a Labels) -> Vec<Newest<'a>> {
        let fresh = |series: &'a Series| match self.fresh(series) {
            Fresh::Value(sample) => Some(Newest { labels: series.labels(), at: sample.at, value: sample.value }),
            Fresh::Silent(_) | Fresh::Ended => None,
        };
        self.series(metric, wanted).into_iter().filter_map(fresh).collect()
    }

    /// Whether a series goes on: its newest sample is a value within the look-back.
    pub(crate) fn ends_with_value(&self, series: &Series) -> bool {
        matches!(self.fresh(series), Fresh::Value(_))
    }

    /// The values of a series within the look-back, without stale markers.
    pub(crate) fn values(&self, series: &'a Series) -> impl Iterator<Item = f64> {
        let within = series.between(self.begin(), self.now).iter();
        within.map(|sample| sample.value).filter(|value| !is_stale(*value))
    }

    /// By how much a counter grew within the look-back; one that starts anew counts from 0. A counter of which nothing is
    /// known from before the look-back is taken to have begun with it.
    pub(crate) fn increase(&self, series: &Series) -> f64 {
        let earlier = series.newest(self.begin().saturating_sub(1)).filter(|sample| !is_stale(sample.value));
        let mut last = earlier.map_or(0.0, |sample| sample.value);
        let mut grown = 0.0;
        for value in self.values(series) {
            grown += if value >= last { value - last } else { value };
            last = value;
        }
        grown
    }
}

/// The label by which people know a series.
pub(crate) fn name_of<'a>(labels: &'a Labels, label: &str) -> &'a str {
    let name = labels.get(label);
    if name.is_empty() { "(unnamed)" } else { name }
}

/// The first few names, and how many there are besides.
pub(crate) fn some_of(names: &[String]) -> String {
    const MOST: usize = 8;
    let shown = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}

/// A value to at most two places.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}
