//! What one run has left behind.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::machine::State;
use super::setup::Setup;

/// What a step waits for, apart from other steps. Gates and breakers are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    Gate(usize),
    Workers,
    Load,
    OneAtATime,
    Approval,
    Retry,
    Breaker(usize),
}

/// How a run ends, and at which node it was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Outcome {
    #[default]
    Completed,
    Failed(usize),
    Paused(usize),
    RolledBack(usize),
    Stuck,
}

/// What a bar of the timeline shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BarKind {
    Works,
    Waits,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bar {
    pub(super) node: usize,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) kind: BarKind,
}

/// What something followed from: another node's end, or its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Because {
    pub(super) node: usize,
    pub(super) at_start: bool,
}

#[derive(Default)]
pub(super) struct Trace {
    pub(super) end: i64,
    pub(super) outcome: Outcome,
    pub(super) bars: Vec<Bar>,
    /// Start and end of each node that has started and ended.
    pub(super) times: BTreeMap<usize, (i64, i64)>,
    pub(super) waits: BTreeMap<Cause, i64>,
    pub(super) waits_of: BTreeMap<usize, i64>,
    pub(super) peak_workers: u32,
    /// In millionths.
    pub(super) peak_load: u64,
    /// The nodes with work of their own on whose ends the end of the run depended.
    pub(super) path: Vec<usize>,
    /// Attempts that failed.
    pub(super) failures: u32,
    pub(super) failed_devices: u32,
    pub(super) fallbacks: u32,
    /// How often a circuit breaker opened.
    pub(super) opened: u32,
    pub(super) degraded: bool,
}

/// Back from the last end to what it followed from, and so on.
pub(super) fn path(setup: &Setup<'_>, states: &[State]) -> Vec<usize> {
    let ended = (0..states.len()).filter(|node| states[*node].started.is_some() && states[*node].ended.is_some());
    let last = ended.max_by_key(|node| (states[*node].ended, Reverse(setup.net.nodes[*node].is_background), Reverse(*node)));
    let mut found = Vec::new();
    let mut next = last.map(|node| (node, false));
    // Each step goes to an earlier event; the bound is for what never happens.
    for _ in 0..=2 * states.len() {
        let Some((node, at_start)) = next else { break };
        let because = if at_start { states[node].why_start } else { states[node].why_end };
        // Its own work made it end, and not somebody else's.
        let by_itself = !at_start && because.is_none_or(|because| because.node == node);
        if by_itself && !setup.net.nodes[node].is_background {
            found.push(node);
        }
        next = because.map(|because| (because.node, because.at_start));
    }
    found.reverse();
    found
}
