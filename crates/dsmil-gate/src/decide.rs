//! From where the rules stand to zones and gates.

use serde::Serialize;

use crate::gate_file::{Gate, Kind, Zone};
use crate::machine::Phase;
use crate::rule::{OnFail, Rule, Verdict};

/// Where one rule stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standing {
    pub(crate) verdict: Verdict,
    pub(crate) phase: Phase,
    /// Evidence that the rule needs is not there.
    pub(crate) missing: bool,
    /// It fires, or it could not be evaluated.
    pub(crate) failing: bool,
}

impl Standing {
    /// Nothing fails and nothing is missing.
    pub(crate) const WELL: Self = Self { verdict: Verdict::Go, phase: Phase::Inactive, missing: false, failing: false };
}

impl Default for Standing {
    fn default() -> Self {
        Self { verdict: Verdict::Hold, phase: Phase::Inactive, missing: true, failing: false }
    }
}

/// What one gate decides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// May the step be taken?
    pub verdict: Verdict,
    /// The share of the weights that go, for a gate that scores.
    pub score: Option<f64>,
    /// A person is to be called.
    pub escalate: bool,
}

/// The zone's band, and what it means.
pub(crate) fn zone_outcome(zone: &Zone, standings: &[Standing]) -> (usize, Verdict) {
    let worst = zone.bands.len() - 1;
    let mut band = 0;
    let mut verdict = zone.bands[0].verdict;
    for (index, candidate) in zone.bands.iter().enumerate() {
        for rule in &candidate.rules {
            let standing = standings[*rule];
            if standing.missing {
                // Nobody knows which band it is.
                return (worst, zone.bands[worst].verdict.max(Verdict::Hold));
            }
            if standing.failing {
                band = index;
                verdict = verdict.max(candidate.verdict);
            } else if standing.phase == Phase::Pending {
                verdict = verdict.max(Verdict::Hold);
            }
        }
    }
    (band, verdict)
}

#[inline]
pub(crate) fn gate_outcome(gate: &Gate, rules: &[Rule], standings: &[Standing], zones: &[(usize, Verdict)]) -> Outcome {
    let of_rules = gate.rules.iter().map(|rule| standings[*rule].verdict);
    let verdicts = of_rules.chain(gate.zones.iter().map(|zone| zones[*zone].1));
    let mut any_goes = false;
    let mut worst = Verdict::Go;
    for verdict in verdicts {
        any_goes |= verdict == Verdict::Go;
        worst = worst.max(verdict);
    }
    let mut score = None;
    let outvoted = match gate.kind {
        Kind::All => false,
        Kind::Any => any_goes,
        Kind::Score { threshold } => {
            let (mut earned, mut all) = (0.0, 0.0);
            for rule in &gate.rules {
                all += rules[*rule].weight;
                earned += if standings[*rule].verdict == Verdict::Go { rules[*rule].weight } else { 0.0 };
            }
            let share = earned / all;
            score = Some(share);
            // A sum of weights such as 0.1 is not exact: what misses by a rounding doesn't miss.
            share + 1e-12 >= threshold
        }
    };
    // What asks to roll back is never outvoted.
    let verdict = if outvoted && worst < Verdict::RollBack { Verdict::Go } else { worst };
    let calls = |rule: &usize| rules[*rule].on_fail == OnFail::Escalate && standings[*rule].failing;
    Outcome { verdict, score, escalate: verdict != Verdict::Go && gate.rules.iter().any(calls) }
}
