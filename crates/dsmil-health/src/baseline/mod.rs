//! What is usual for a device, learnt from what it does.

mod series;
mod slope;
mod usual;

use std::collections::BTreeMap;
use std::fmt;

use dsmil_gate::{Labels, Measurement, Period, is_stale};
use serde::{Deserialize, Serialize};

use self::series::{Role, Saved, Series};
use crate::HealthError;

/// The section `[baselines]` of the configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BaselineConfig {
    /// How many usual values are kept: 120, an hour at one in 30 seconds. 16 to 1000.
    pub window: usize,
    /// How many values must be known before any is judged: 30. 8 to `window`.
    pub warm_up: usize,
    /// How many scales from the median a value is unusual: 8. 3 to 1000.
    pub factor: f64,
    /// How far, in percent, the median may move from where it was learnt: 50. Over 0.
    pub drift_percent: f64,
    /// Over how long the slope of a temperature is taken: 5 minutes. At least a second.
    pub slope_window: Period,
    /// What has been unusual for so long without a break is learnt as the usual: 24 hours. At least a minute.
    pub adopt_after: Period,
    /// How many series, a device and a kind each, are watched at most: 4096. 1 to 1,000,000.
    pub max_series: usize,
}

impl Default for BaselineConfig {
    fn default() -> Self {
        Self {
            window: 120,
            warm_up: 30,
            factor: 8.0,
            drift_percent: 50.0,
            slope_window: Period::from_millis(300_000),
            adopt_after: Period::from_millis(24 * 3_600_000),
            max_series: 4096,
        }
    }
}

impl BaselineConfig {
    /// Whether every value is in its range. [`Baselines::new`] asks.
    ///
    /// # Errors
    /// [`HealthError::Config`], with the key.
    pub fn check(&self) -> Result<(), HealthError> {
        let wrong = |key: &str, value: String, range: &str| {
            Err(HealthError::config(format!("baselines.{key}"), format!("{value} is out of its range"), format!("write {range}")))
        };
        if !(16..=1000).contains(&self.window) {
            return wrong("window", self.window.to_string(), "16 to 1000");
        }
        if !(8..=self.window).contains(&self.warm_up) {
            return wrong("warm_up", self.warm_up.to_string(), "8 to the window");
        }
        if !(3.0..=1000.0).contains(&self.factor) {
            return wrong("factor", self.factor.to_string(), "3 to 1000");
        }
        if !(self.drift_percent.is_finite() && self.drift_percent > 0.0) {
            return wrong("drift_percent", self.drift_percent.to_string(), "a number over 0");
        }
        if self.slope_window.as_millis() < 1000 {
            return wrong("slope_window", self.slope_window.to_string(), "at least \"1s\"");
        }
        if self.adopt_after.as_millis() < 60_000 {
            return wrong("adopt_after", self.adopt_after.to_string(), "at least \"1m\"");
        }
        if !(1..=1_000_000).contains(&self.max_series) {
            return wrong("max_series", self.max_series.to_string(), "1 to 1000000");
        }
        Ok(())
    }
}

/// What can be unusual about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unusual {
    /// It answers more slowly: `device_latency_ms`, in milliseconds.
    Latency,
    /// More of its requests fail: the growth of `device_errors_total` for each of `device_requests_total`, 0 to 1.
    ErrorRate,
    /// It heats up or cools down faster: the slope of `device_temperature_celsius` or `temperature_celsius`, in degrees a minute.
    TemperatureSlope,
    /// It is asked more, or less, often: the growth of `device_requests_total` a second.
    AccessRate,
}

impl Unusual {
    /// The name: the label `kind` of `device_anomaly`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::ErrorRate => "error-rate",
            Self::TemperatureSlope => "temperature-slope",
            Self::AccessRate => "access-rate",
        }
    }

    /// Whether less than usual is nothing to speak of.
    const fn is_worse_above_only(self) -> bool {
        matches!(self, Self::Latency | Self::ErrorRate)
    }

    /// The smallest scale that means anything, in the kind's own unit.
    const fn least_scale(self) -> f64 {
        match self {
            Self::Latency => 0.5,
            Self::ErrorRate => 0.005,
            Self::TemperatureSlope => 0.25,
            Self::AccessRate => 0.05,
        }
    }
}

impl fmt::Display for Unusual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// In what way something is unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// This value is far from the last usual ones.
    Jump,
    /// The usual itself has moved, little by little, far from where it was learnt.
    Drift,
}

/// What a value was judged to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// As usual.
    Usual,
    /// Not as usual.
    Unusual(Reason),
    /// No longer judged: the device is gone, or its baseline was forgotten and is learnt anew.
    Ended,
}

/// A judgement, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assessment {
    /// The device: the label `device`, or `sensor` for a temperature that belongs to none.
    pub labels: Labels,
    /// What was judged.
    pub kind: Unusual,
    /// The judgement.
    pub judgement: Judgement,
    /// What was observed, in the kind's unit.
    pub observed: f64,
    /// What was expected: the median of the last usual values; for a drift the one that was learnt at first.
    pub expected: f64,
    /// How far what was observed, or for a drift the median, is from what was expected, in scales. Over `factor` it is unusual.
    pub deviation: f64,
    /// Since when it has been unusual without a break, in milliseconds since the Unix epoch.
    pub since: Option<i64>,
    /// When it was observed, in milliseconds since the Unix epoch.
    pub at: i64,
}

impl Assessment {
    /// Whether it is an anomaly.
    pub const fn is_anomalous(&self) -> bool {
        matches!(self.judgement, Judgement::Unusual(_))
    }

    /// As `device_anomaly{device,kind}`: 1, 0, or the end of the series.
    pub fn measurement(&self) -> Measurement {
        let labels: Labels = self.labels.iter().chain([("kind", self.kind.name())]).collect();
        match self.judgement {
            Judgement::Ended => Measurement::stale("device_anomaly", labels, self.at),
            Judgement::Usual => Measurement::new("device_anomaly", self.at, 0.0).with_labels(labels),
            Judgement::Unusual(_) => Measurement::new("device_anomaly", self.at, 1.0).with_labels(labels),
        }
    }
}

impl fmt::Display for Assessment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { labels, kind, observed, expected, deviation, .. } = self;
        let what = match self.judgement {
            Judgement::Usual => "as usual",
            Judgement::Unusual(Reason::Jump) => "unusual",
            Judgement::Unusual(Reason::Drift) => "has drifted",
            Judgement::Ended => "no longer judged",
        };
        write!(f, "{kind} of {labels} {what}: {observed:.3}, expected {expected:.3}, {deviation:+.1} scales off")
    }
}

/// What is usual for each device, and what isn't now.
///
/// For each device and kind the last usual values are kept. A value is unusual when it is more than `factor` scales from their
/// median; the scale is 1.4826 × their median deviation, at least 2 % of the median, and at least what the kind allows. An
/// unusual value is not learnt. That the median itself moves is held against where it was when the window was first full.
/// `docs/scores.md` says it in full.
#[derive(Clone, Debug)]
pub struct Baselines {
    config: BaselineConfig,
    series: BTreeMap<(Labels, Unusual), Series>,
    anomalies: BTreeMap<(Labels, Unusual), Assessment>,
    left_out: u64,
}

impl Baselines {
    /// Knowing nothing yet.
    ///
    /// # Errors
    /// [`HealthError::Config`].
    pub fn new(config: BaselineConfig) -> Result<Self, HealthError> {
        config.check()?;
        Ok(Self { config, series: BTreeMap::new(), anomalies: BTreeMap::new(), left_out: 0 })
    }

    /// Takes a measurement, and judges what follows from it. Nothing follows from other metrics, from what others attest, from
    /// values that are no number (or beyond 1e100) or come late, and while too little is known. Measurements come in the order of their
    /// times, of one time in any order.
    pub fn observe(&mut self, measurement: &Measurement) -> Vec<Assessment> {
        use Unusual::{AccessRate, ErrorRate, Latency, TemperatureSlope};
        let roles: &[(Unusual, Role)] = match measurement.metric.as_ref() {
            "device_latency_ms" => &[(Latency, Role::Value)],
            "device_errors_total" => &[(ErrorRate, Role::Errors)],
            "device_requests_total" => &[(ErrorRate, Role::Requests), (AccessRate, Role::Value)],
            "temperature_celsius" | "device_temperature_celsius" => &[(TemperatureSlope, Role::Value)],
            _ => return Vec::new(),
        };
        let Some(labels) = subject(&measurement.labels) else { return Vec::new() };
        roles.iter().filter_map(|(kind, role)| self.observe_one(&labels, *kind, *role, measurement)).collect()
    }

    fn observe_one(&mut self, labels: &Labels, kind: Unusual, role: Role, new: &Measurement) -> Option<Assessment> {
        let key = (labels.clone(), kind);
        if is_stale(new.value) {
            let judged = self.series.get_mut(&key).is_some_and(|series| series.end(&self.config));
            return self.ended(key, judged, new.at);
        }
        if new.value.is_nan() || new.value.abs() > MOST {
            return None;
        }
        if !self.series.contains_key(&key) && self.series.len() >= self.config.max_series {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        let series = self.series.entry(key.clone()).or_insert_with(|| Series::new(kind));
        let (observed, held) = series.push(role, new.at, new.value, &self.config)?;
        let assessment = Assessment {
            labels: labels.clone(),
            kind,
            judgement: held.judgement,
            observed,
            expected: held.expected,
            deviation: held.deviation,
            since: held.since,
            at: new.at,
        };
        if assessment.is_anomalous() {
            self.anomalies.insert(key, assessment.clone());
        } else {
            self.anomalies.remove(&key);
        }
        Some(assessment)
    }

    fn ended(&mut self, key: (Labels, Unusual), judged: bool, at: i64) -> Option<Assessment> {
        self.anomalies.remove(&key);
        let (labels, kind) = key;
        let ended = Assessment {
            labels,
            kind,
            judgement: Judgement::Ended,
            observed: 0.0,
            expected: 0.0,
            deviation: 0.0,
            since: None,
            at,
        };
        judged.then_some(ended)
    }

    /// What is unusual now, ordered by device and kind. After a restart: what has been judged since.
    pub fn anomalies(&self) -> impl Iterator<Item = &Assessment> {
        self.anomalies.values()
    }

    /// Forgets what is usual for a device (its labels as in [`Assessment::labels`]): it is learnt anew, for example after a repair.
    /// With the ends of the series that were judged.
    pub fn forget(&mut self, labels: &Labels, at: i64) -> Vec<Assessment> {
        let keys: Vec<_> = self.series.keys().filter(|(of, _)| of == labels).cloned().collect();
        let forget = |key: (Labels, Unusual)| {
            let judged = self.series.get_mut(&key).is_some_and(|series| series.forget(&self.config));
            self.ended(key, judged, at)
        };
        keys.into_iter().filter_map(forget).collect()
    }

    /// How many series are known.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// How many observations were left out since `max_series` was reached.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What is known, to be written down: about 2 KiB a series with a full window.
    pub fn save(&self) -> SavedBaselines {
        let series = self.series.iter().map(|((labels, _), series)| series.save(labels)).collect();
        SavedBaselines { version: VERSION, series }
    }

    /// Goes on from what was saved, as if never stopped. With a smaller window the oldest values are left out; series beyond
    /// `max_series` are too.
    ///
    /// # Errors
    /// [`HealthError::Config`], and [`HealthError::State`] for a state of another version or one that contradicts itself.
    pub fn restore(config: BaselineConfig, saved: SavedBaselines) -> Result<Self, HealthError> {
        let mut new = Self::new(config)?;
        let wrong = |what: String| HealthError::State { what };
        if saved.version != VERSION {
            return Err(wrong(format!("version {} is not known, only {VERSION}", saved.version)));
        }
        for one in saved.series.into_iter().take(new.config.max_series) {
            let key = (one.labels.clone(), one.kind);
            let name = format!("{} of {}", one.kind, one.labels);
            if subject(&one.labels).as_ref() != Some(&one.labels) {
                return Err(wrong(format!("{name} names no device")));
            }
            let series = one.restore(new.config.window).ok_or_else(|| wrong(format!("{name} contradicts itself")))?;
            if new.series.insert(key, series).is_some() {
                return Err(wrong(format!("{name} is there twice")));
            }
        }
        Ok(new)
    }
}

const VERSION: u32 = 1;

/// No device measures more: what is larger is no number, and would leave none of the sums one.
const MOST: f64 = 1e100;

/// What [`Baselines`] know, written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedBaselines {
    version: u32,
    series: Vec<Saved>,
}

/// The device that labels speak of, or the sensor; `None` if they speak of neither, or others attest it.
fn subject(labels: &Labels) -> Option<Labels> {
    if labels.get("source") == "external" {
        return None;
    }
    let name = ["device", "sensor"].into_iter().find(|name| !labels.get(name).is_empty())?;
    Some([(name, labels.get(name))].into_iter().collect())
}
