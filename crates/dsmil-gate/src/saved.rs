//! What an engine remembers, to be written down and read back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Instance, Live};
use crate::machine::{Machine, Phase};
use crate::rule::Rule;
use crate::samples::Labels;

/// The version of what is saved.
const VERSION: u32 = 1;

/// Everything that an engine remembers between two times. It holds no value of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    version: u32,
    /// Of the gate file, see [`crate::GateFile::fingerprint`].
    gate_file: String,
    at: Option<i64>,
    rules: Vec<RuleState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleState {
    name: String,
    /// What the rule says, as a hash: a rule that was changed doesn't go on from the state of the one before.
    meaning: String,
    no_data: Machine,
    series: Vec<SeriesState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesState {
    labels: Labels,
    machine: Machine,
}

/// A saved state that this engine can't go on from. The engine is left as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It was saved by another version of this library.
    #[error(
        "restore the gate state: version {found} is not known, only {VERSION}; start without it, or use the release that wrote it"
    )]
    Version {
        /// The version that it has.
        found: u32,
    },
    /// It is of other gates.
    #[error(
        "restore the gate state: it belongs to a gate file with the fingerprint {found}, this one has {expected}; restore it with \
         its own gate file, or start without it"
    )]
    OtherGates {
        /// The fingerprint that it has.
        found: String,
        /// The fingerprint that it should have.
        expected: String,
    },
    /// It contradicts itself: it was changed since it was saved.
    #[error("restore the gate state: rule {rule}: {what}; start without it")]
    Damaged {
        /// The rule whose state is at fault.
        rule: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl Engine {
    /// Everything that must survive a restart.
    pub fn save(&self) -> State {
        let rules = self.file().rules().iter().zip(&self.live);
        let of_rule = |instance: &Instance| SeriesState { labels: instance.labels.clone(), machine: instance.machine };
        State {
            version: VERSION,
            gate_file: self.file().fingerprint().to_owned(),
            at: self.at,
            rules: rules
                .map(|(rule, live)| RuleState {
                    name: rule.name.clone(),
                    meaning: rule.meaning(),
                    no_data: live.no_data,
                    series: live.instances.iter().map(of_rule).collect(),
                })
                .collect(),
        }
    }

    /// Goes on from a saved state as if it had never stopped, also with what is only kept firing.
    ///
    /// # Errors
    /// [`StateError`] for a state of other gates, of another version, or one that was tampered with; then nothing has
    /// changed.
    pub fn restore(&mut self, state: &State) -> Result<(), StateError> {
        if state.version != VERSION {
            return Err(StateError::Version { found: state.version });
        }
        let expected = self.file().fingerprint().to_owned();
        if state.gate_file != expected {
            return Err(StateError::OtherGates { found: state.gate_file.clone(), expected });
        }
        if state.rules.len() != self.live.len() {
            return Err(StateError::Damaged { rule: "(all)".to_owned(), what: "there are more or fewer rules than in the file" });
        }
        for (rule, saved) in self.file().rules().iter().zip(&state.rules) {
            let damaged = |what| StateError::Damaged { rule: rule.name.clone(), what };
            if rule.name != saved.name || rule.meaning() != saved.meaning {
                return Err(damaged("the state is of another rule"));
            }
            saved.check(state.at).map_err(damaged)?;
        }
        self.reset();
        self.at = state.at;
        for (live, saved) in self.live.iter_mut().zip(&state.rules) {
            live.take_over(saved);
        }
        Ok(())
    }

    /// Goes on from the state of another version of the gate file: each rule that says the same as before keeps its state,
    /// every other begins anew. The names of those that begin anew.
    ///
    /// # Errors
    /// [`StateError::Version`] and [`StateError::Damaged`]; then nothing has changed.
    pub fn adopt(&mut self, state: &State) -> Result<Vec<String>, StateError> {
        if state.version != VERSION {
            return Err(StateError::Version { found: state.version });
        }
        for saved in &state.rules {
            saved.check(state.at).map_err(|what| StateError::Damaged { rule: saved.name.clone(), what })?;
        }
        self.reset();
        let at = state.at;
        let known: BTreeMap<&str, &RuleState> = state.rules.iter().map(|saved| (saved.name.as_str(), saved)).collect();
        let mut anew = Vec::new();
        let rules: Vec<(String, String)> = self.file().rules().iter().map(|rule| (rule.name.clone(), rule.meaning())).collect();
        for ((name, meaning), live) in rules.into_iter().zip(&mut self.live) {
            if let Some(saved) = known.get(name.as_str()).filter(|saved| saved.meaning == meaning) {
                live.take_over(saved);
            } else {
                // It waits for its evidence from the time of the change on.
                live.no_data = Machine::new(at.unwrap_or(0));
                anew.push(name);
            }
        }
        self.at = at;
        Ok(anew)
    }
}

impl RuleState {
    fn check(&self, at: Option<i64>) -> Result<(), &'static str> {
        if !self.series.iter().is_sorted_by(|a, b| a.labels < b.labels) {
            return Err("its series are not in order");
        }
        let mut machines = self.series.iter().map(|series| &series.machine).chain([&self.no_data]);
        if machines.all(|machine| is_whole(machine, at)) { Ok(()) } else { Err("its times contradict its state") }
    }
}

impl Live {
    fn take_over(&mut self, saved: &RuleState) {
        self.no_data = saved.no_data;
        let alive =
            |saved: &SeriesState| Instance { labels: saved.labels.clone(), series: None, machine: saved.machine, seen: None };
        self.instances = saved.series.iter().map(alive).collect();
    }
}

impl Rule {
    fn meaning(&self) -> String {
        crate::gate_file::fingerprint(self)
    }
}

fn is_whole(machine: &Machine, at: Option<i64>) -> bool {
    let firing = machine.phase == Phase::Firing;
    let times = [Some(machine.since), machine.fired_at, machine.kept_since];
    let known = at.is_none_or(|at| times.into_iter().flatten().all(|time| time <= at));
    machine.fired_at.is_some() == firing && (firing || machine.kept_since.is_none()) && known
}
