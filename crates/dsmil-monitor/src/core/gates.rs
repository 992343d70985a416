//! The gates of all files, carried on together.

use std::collections::BTreeMap;

use dsmil_alert::{ActiveAlert, active_alerts};
use dsmil_gate::{Engine, Evaluation, GateFile, Samples, State, Verdict};
use sha2::{Digest, Sha256};

use crate::MonitorError;
use crate::own_rules::{OWN_GATES, own_gates};

/// The gates of one file.
#[derive(Debug)]
struct Watched {
    file: String,
    engine: Engine,
    /// The state as it was saved last, without its time: it is saved anew only when it says something else.
    saved: String,
}

/// The gates of all files.
#[derive(Debug)]
pub(crate) struct Gates {
    watched: Vec<Watched>,
}

impl Gates {
    /// The files, and the rules over the monitor itself. `longest` is the longest interval of a sampler, in milliseconds.
    pub(crate) fn new(files: Vec<(String, GateFile)>, longest: i64) -> Result<Self, MonitorError> {
        let own = own_gates(longest).map_err(|error| MonitorError::Internal { what: error.to_string() })?;
        let files: Vec<_> = files.into_iter().chain([(OWN_GATES.to_owned(), own)]).collect();
        one_name_each(&files)?;
        let watched = files.into_iter().map(|(file, gates)| Watched { file, engine: Engine::new(gates), saved: String::new() });
        Ok(Self { watched: watched.collect() })
    }

    /// How far back any rule looks, in milliseconds.
    pub(crate) fn look_back(&self) -> i64 {
        self.watched.iter().map(|watched| watched.engine.file().longest_look_back()).max().unwrap_or(0)
    }

    /// Goes on from what was saved. A rule that says something else than it did then begins anew, and is named.
    pub(crate) fn restore(
        &mut self,
        mut saved: impl FnMut(&str) -> Result<Option<String>, MonitorError>,
    ) -> Result<Vec<String>, MonitorError> {
        let mut anew = Vec::new();
        for watched in &mut self.watched {
            let key = key(&watched.file);
            let Some(text) = saved(&key)? else { continue };
            let damaged = |what: String| MonitorError::State { key: key.clone(), what };
            let state: State = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
            let changed = watched.engine.adopt(&state).map_err(|error| damaged(error.to_string()))?;
            anew.extend(changed.into_iter().map(|rule| format!("{}: {rule}", watched.file)));
            watched.saved = without_time(&state);
        }
        Ok(anew)
    }

    /// Takes over from the gates before a reload, and tells which rules begin anew.
    pub(crate) fn take_over(&mut self, before: &Self) -> Vec<String> {
        let mut anew = Vec::new();
        for watched in &mut self.watched {
            let Some(old) = before.watched.iter().find(|old| old.file == watched.file) else { continue };
            // A state that was made a moment ago is whole.
            if let Ok(changed) = watched.engine.adopt(&old.engine.save()) {
                anew.extend(changed.into_iter().map(|rule| format!("{}: {rule}", watched.file)));
            }
        }
        anew
    }

    /// Carries all gates on to `now`: what they decide, and the alerts that are pending or firing.
    pub(crate) fn evaluate(&mut self, samples: &Samples, now: i64) -> (Evaluation, Vec<ActiveAlert>) {
        let mut alerts = Vec::new();
        let mut all: Option<Evaluation> = None;
        let mut fingerprints = Sha256::new();
        for watched in &mut self.watched {
            let found = watched.engine.evaluate(samples, now);
            alerts.extend(active_alerts(&found, watched.engine.file()));
            fingerprints.update(&found.gate_file);
            match &mut all {
                None => all = Some(found),
                Some(all) => join(all, found),
            }
        }
        let nothing = || Evaluation {
            at: now,
            gate_file: String::new(),
            verdict: Verdict::Hold,
            gates: Vec::new(),
            zones: Vec::new(),
            rules: Vec::new(),
            events: Vec::new(),
        };
        let mut all = all.unwrap_or_else(nothing);
        all.gate_file = fingerprints.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        (all, alerts)
    }

    /// What is to be saved: the states that say something else than when they were saved last.
    pub(crate) fn changed(&mut self) -> Vec<(String, String)> {
        let mut changed = Vec::new();
        for watched in &mut self.watched {
            let state = watched.engine.save();
            let said = without_time(&state);
            if said != watched.saved {
                changed.push((key(&watched.file), serde_json::to_string(&state).unwrap_or_default()));
                watched.saved = said;
            }
        }
        changed
    }
}

fn key(file: &str) -> String {
    format!("gates:{file}")
}

fn without_time(state: &State) -> String {
    let mut value = serde_json::to_value(state).unwrap_or_default();
    value["at"] = serde_json::Value::Null;
    value.to_string()
}

fn join(all: &mut Evaluation, more: Evaluation) {
    all.verdict = all.verdict.max(more.verdict);
    all.gates.extend(more.gates);
    all.zones.extend(more.zones);
    all.rules.extend(more.rules);
    all.events.extend(more.events);
}

/// An alert is known by its rule, a verdict by its gate: no two files may use one name.
fn one_name_each(files: &[(String, GateFile)]) -> Result<(), MonitorError> {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (file, gates) in files {
        let rules = gates.rules().iter().map(|rule| ("rule", rule.name.as_str()));
        let zones = gates.zones().iter().map(|zone| ("zone", zone.name.as_str()));
        let of_gates = gates.gates().iter().map(|gate| ("gate", gate.name.as_str()));
        for (kind, name) in rules.chain(zones).chain(of_gates) {
            if let Some(other) = seen.insert((kind, name), file) {
                let what =
                    format!("{kind} {name} stands in {other} too: rename one of the two, since alerts and verdicts go by it");
                return Err(MonitorError::Gates { file: file.clone(), what });
            }
        }
    }
    Ok(())
}
