//! What an engine remembers, to be written down and read back.

use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Instance};
use crate::machine::{Machine, Phase};
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
            if rule.name != saved.name {
                return Err(damaged("the state is of another rule"));
            }
            if !saved.series.iter().is_sorted_by(|a, b| a.labels < b.labels) {
                return Err(damaged("its series are not in order"));
            }
            let machines = saved.series.iter().map(|series| &series.machine).chain([&saved.no_data]);
            if !machines.into_iter().all(|machine| is_whole(machine, state.at)) {
                return Err(damaged("its times contradict its state"));
            }
        }
        self.reset();
        self.at = state.at;
        for (live, saved) in self.live.iter_mut().zip(&state.rules) {
            live.no_data = saved.no_data;
            let alive =
                |saved: &SeriesState| Instance { labels: saved.labels.clone(), series: None, machine: saved.machine, seen: None };
            live.instances = saved.series.iter().map(alive).collect();
        }
        Ok(())
    }
}

fn is_whole(machine: &Machine, at: Option<i64>) -> bool {
    let firing = machine.phase == Phase::Firing;
    let times = [Some(machine.since), machine.fired_at, machine.kept_since];
    let known = at.is_none_or(|at| times.into_iter().flatten().all(|time| time <= at));
    machine.fired_at.is_some() == firing && (firing || machine.kept_since.is_none()) && known
}
