//! What somebody else attests: a metric with the label `source="external"`, shown as such.

use std::collections::BTreeMap;

use dsmil_gate::Labels;
use serde::Deserialize;

use crate::health::view::{View, number};
use crate::{Check, CheckFn, Context, Found, HealthError, Kind, Source, config};

/// A metric that somebody else establishes, such as an audit's result. It becomes a check `external-NAME` with its own weight.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// Its name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The metric. Only series with the label `source="external"` are looked at.
    pub metric: String,
    /// Further labels that the series must have. One series must be left: of several nobody could say which one counts.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Which score it counts in: `health` or `security` (if not given).
    #[serde(default = "security")]
    pub kind: Kind,
    /// Its weight: over 0, at most 1000; 1 if not given.
    #[serde(default = "one")]
    pub weight: f64,
    /// The value with the share 1; 0 has the share 0; between them it grows along a line. 100 if not given.
    #[serde(default = "hundred")]
    pub full: f64,
    /// How old it may be; `look_back` if not given. What an auditor says holds longer than a sample.
    #[serde(default)]
    pub valid_for: Option<dsmil_gate::Period>,
}

const fn security() -> Kind {
    Kind::Security
}

const fn one() -> f64 {
    1.0
}

const fn hundred() -> f64 {
    100.0
}

impl Attestation {
    pub(crate) fn check(&self, key: &str) -> Result<(), HealthError> {
        config::check_weight(&format!("{key}.weight"), self.weight)?;
        config::positive(&format!("{key}.full"), self.full)?;
        if self.metric.is_empty() {
            return Err(HealthError::config(format!("{key}.metric"), "it is empty", "name a metric"));
        }
        Ok(())
    }
}

struct Attested {
    attestation: Attestation,
    labels: Labels,
    look_back: i64,
}

pub(crate) fn check(attestation: &Attestation, look_back: i64) -> Box<dyn CheckFn> {
    let mut labels = attestation.labels.clone();
    labels.insert("source".to_owned(), "external".to_owned());
    let look_back = attestation.valid_for.map_or(look_back, dsmil_gate::Period::as_millis);
    Box::new(Attested { attestation: attestation.clone(), labels: labels.into_iter().collect(), look_back })
}

impl CheckFn for Attested {
    fn check(&self) -> Check {
        let Attestation { name, kind, weight, .. } = &self.attestation;
        Check { source: Source::External, ..Check::new(format!("external-{name}"), *kind, *weight) }
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let Attestation { metric, full, .. } = &self.attestation;
        let view = View { samples: context.samples, now, look_back: self.look_back };
        let newest = match view.newest(metric, &self.labels) {
            Ok(newest) => newest,
            Err(why) => return Found::could_not_run(why),
        };
        let [one] = newest.as_slice() else {
            return Found::could_not_run(format!(
                "{} series fit {metric}{}: add labels until one does",
                newest.len(),
                self.labels
            ));
        };
        let text = format!("attested by others, not measured here: {metric}{} is {}", one.labels, number(one.value));
        Found::partly(one.value / full, text).with("observed", one.value).with("full", *full).with("observed_at", one.at)
    }
}
