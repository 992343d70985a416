//! Which alerts nobody is to be told of at a time: those that are silenced, and those that another alert inhibits.

use std::collections::BTreeMap;

use dsmil_gate::Labels;

use crate::alert::{AlertState, Fingerprint};
use crate::config::{AlertConfig, Inhibit};
use crate::matcher::all_match;
use crate::silence::Silence;
use crate::state::State;

/// What mutes at one time.
pub(crate) struct Mutes {
    silences: Vec<Silence>,
    inhibitions: Vec<Sources>,
}

/// The firing sources of one inhibition, by the values of the labels in which a target must be equal.
struct Sources {
    inhibition: Inhibit,
    /// Each with whether it is like a target, too.
    by_equal: BTreeMap<Vec<String>, Vec<(Fingerprint, bool)>>,
}

impl Mutes {
    pub(crate) fn new(state: &State, config: &AlertConfig, now: i64) -> Self {
        let active = state.silences.values().filter(|record| record.ended_at.is_none() && record.silence.is_active(now));
        Self {
            silences: active.map(|record| record.silence.clone()).collect(),
            inhibitions: config.inhibitions.iter().map(|inhibition| Sources::new(inhibition, state)).collect(),
        }
    }

    /// The ids of the silences that cover it.
    pub(crate) fn silenced_by(&self, labels: &Labels) -> Vec<String> {
        self.silences.iter().filter(|silence| silence.covers(labels)).map(|silence| silence.id.clone()).collect()
    }

    /// The alerts that inhibit it.
    pub(crate) fn inhibited_by(&self, fingerprint: Fingerprint, labels: &Labels) -> Vec<Fingerprint> {
        let mut all: Vec<Fingerprint> = self.inhibitions.iter().flat_map(|of| of.inhibiting(fingerprint, labels)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether nobody is to be told of it.
    pub(crate) fn mutes(&self, fingerprint: Fingerprint, labels: &Labels) -> bool {
        self.silences.iter().any(|silence| silence.covers(labels))
            || self.inhibitions.iter().any(|of| of.inhibiting(fingerprint, labels).next().is_some())
    }
}

impl Sources {
    fn new(inhibition: &Inhibit, state: &State) -> Self {
        let mut by_equal: BTreeMap<Vec<String>, Vec<(Fingerprint, bool)>> = BTreeMap::new();
        for (fingerprint, alert) in &state.alerts {
            let labels = &alert.seen.labels;
            if alert.state == AlertState::Firing && all_match(&inhibition.source, labels) {
                let both = all_match(&inhibition.target, labels);
                by_equal.entry(values(&inhibition.equal, labels)).or_default().push((*fingerprint, both));
            }
        }
        Self { inhibition: inhibition.clone(), by_equal }
    }

    fn inhibiting(&self, fingerprint: Fingerprint, labels: &Labels) -> impl Iterator<Item = Fingerprint> {
        let target = !self.by_equal.is_empty() && all_match(&self.inhibition.target, labels);
        let sources = if target { self.by_equal.get(&values(&self.inhibition.equal, labels)) } else { None };
        // As in Alertmanager: what is like a source and a target is not inhibited by its like, nor by itself.
        let both = target && all_match(&self.inhibition.source, labels);
        let inhibits = move |(source, alike): &&(Fingerprint, bool)| *source != fingerprint && !(both && *alike);
        sources.into_iter().flatten().filter(inhibits).map(|(source, _)| *source)
    }
}

fn values(names: &[String], labels: &Labels) -> Vec<String> {
    names.iter().map(|name| labels.get(name).to_owned()).collect()
}
