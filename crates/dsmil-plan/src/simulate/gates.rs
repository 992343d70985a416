//! What the gates say in a simulation.

use std::collections::BTreeMap;

use dsmil_gate::Verdict;
use dsmil_toml::Period;

use super::draw::{Chance, For, whose};
use crate::Plan;
use crate::check::find_gate;
use crate::model::GateOdds;

/// How soon a gate is asked again where nobody says, in milliseconds: 5 minutes.
const RECHECK: i64 = 300_000;

/// Every gate that the plan names, once, under its name in its file.
pub(super) struct Gates {
    names: Vec<String>,
    odds: Vec<GateOdds>,
    rechecks: Vec<i64>,
    hashes: Vec<u64>,
    index: BTreeMap<String, usize>,
}

impl Gates {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut gates =
            Self { names: Vec::new(), odds: Vec::new(), rechecks: Vec::new(), hashes: Vec::new(), index: BTreeMap::new() };
        let mut own: BTreeMap<(String, String), usize> = BTreeMap::new();
        for name in plan.gate_names() {
            let Some((source, gate)) = find_gate(&plan.gates, name).first().copied() else { continue };
            let key = (source.path.clone(), gate.name.clone());
            let at = *own.entry(key.clone()).or_insert_with(|| {
                gates.names.push(gate.name.clone());
                gates.rechecks.push(gate.recheck.unwrap_or(RECHECK));
                gates.hashes.push(whose(&format!("{}:{}", key.0, key.1)));
                gates.odds.push(GateOdds::default());
                gates.names.len() - 1
            });
            gates.index.insert(name.to_owned(), at);
        }
        for (name, odds) in &plan.file.simulation.gates {
            let Some((source, gate)) = find_gate(&plan.gates, name).first().copied() else { continue };
            if let Some(at) = own.get(&(source.path.clone(), gate.name.clone())) {
                gates.odds[*at] = *odds;
            }
        }
        gates
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    pub(super) fn name(&self, gate: usize) -> &str {
        &self.names[gate]
    }

    pub(super) fn recheck(&self, gate: usize, asked: Option<Period>) -> i64 {
        asked.map_or(self.rechecks[gate], Period::as_millis)
    }

    /// What a gate says when somebody asks it the `count`-th time.
    pub(super) fn asked(&self, gate: usize, who: u64, count: u64, now: i64, chance: Chance) -> Verdict {
        if matches!(chance, Chance::Run(_)) && now < self.odds[gate].opens_after.as_millis() {
            return Verdict::Hold;
        }
        self.drawn(gate, who, count, chance)
    }

    pub(super) fn drawn(&self, gate: usize, who: u64, count: u64, chance: Chance) -> Verdict {
        let odds = &self.odds[gate];
        let Some(drawn) = chance.millionths(who ^ self.hashes[gate], For::Gate, count) else { return Verdict::Go };
        let (hold, no_go) = (odds.hold.millionths(), odds.no_go.millionths());
        if drawn < hold {
            Verdict::Hold
        } else if drawn < hold + no_go {
            Verdict::NoGo
        } else if drawn < hold + no_go + odds.roll_back.millionths() {
            Verdict::RollBack
        } else {
            Verdict::Go
        }
    }
}
