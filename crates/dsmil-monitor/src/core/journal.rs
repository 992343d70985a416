//! What must be on the disk before anyone is told of it, and what becomes of it when the disk refuses.

use std::collections::BTreeMap;

use dsmil_gate::Measurement;
use dsmil_history::{Batch, Maintenance, NewEvent, Store};

/// So many samples wait for a disk that is full or broken; then the oldest are given up, and counted.
pub const MAX_WAITING_SAMPLES: usize = 200_000;
/// A compaction rewrites the journal's beginning; between two of them lie so many milliseconds.
const MAINTAIN_EVERY: i64 = 60_000;

/// An event that is not on the disk yet.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: i64,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
}

/// The store, and what waits for it.
#[derive(Debug)]
pub(crate) struct Journal {
    store: Store,
    samples: Vec<Measurement>,
    entries: Vec<Entry>,
    states: BTreeMap<String, String>,
    given_up: u64,
    refused: u64,
    failure: Option<String>,
    maintained_at: Option<i64>,
}

impl Journal {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            samples: Vec::new(),
            entries: Vec::new(),
            states: BTreeMap::new(),
            given_up: 0,
            refused: 0,
            failure: None,
            maintained_at: None,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Adds to what is kept next.
    pub(crate) fn add(&mut self, samples: &[Measurement], entries: Vec<Entry>, states: Vec<(String, String)>) {
        self.samples.extend_from_slice(samples);
        if let Some(over) = self.samples.len().checked_sub(MAX_WAITING_SAMPLES) {
            self.samples.drain(..over);
            self.given_up += over as u64;
        }
        self.entries.extend(entries);
        self.states.extend(states);
    }

    /// Writes what waits: whether nothing of it but samples still waits, and the number of the last event. Blocks for the disk.
    pub(crate) fn write(&mut self) -> (bool, Option<i64>) {
        let events: Vec<NewEvent<'_>> =
            self.entries.iter().map(|entry| NewEvent { at: entry.at, kind: entry.kind, body: &entry.body }).collect();
        let states: Vec<(&str, &str)> = self.states.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        let batch = Batch { samples: &self.samples, events: &events, states: &states };
        let without_samples = Batch { samples: &[], ..batch };
        let mut all = true;
        let written = match self.store.commit(&batch) {
            Err(error) if error.is_full() => {
                all = false;
                // The failure is worth telling of even if the alerts about it found room.
                self.failure = Some(error.to_string());
                let nothing = events.is_empty() && states.is_empty();
                if nothing {
                    return (true, None);
                }
                self.store.commit_essential(&without_samples)
            }
            written => written,
        };
        match written {
            Ok(committed) => {
                self.refused += committed.refused as u64;
                self.entries.clear();
                self.states.clear();
                if all {
                    self.samples.clear();
                    self.failure = None;
                }
                (true, committed.events.last().copied())
            }
            Err(error) => {
                tracing::error!(%error, samples = self.samples.len(), events = self.entries.len(), "the store refuses");
                self.failure = Some(error.to_string());
                (false, None)
            }
        }
    }

    /// Rolls up and removes what is old, a bounded piece at a time, once a minute.
    pub(crate) fn maintain(&mut self, now: i64) -> Option<Maintenance> {
        if self.maintained_at.is_some_and(|last| (last..last.saturating_add(MAINTAIN_EVERY)).contains(&now)) {
            return None;
        }
        self.maintained_at = Some(now);
        match self.store.maintain(now) {
            Ok(done) => {
                if done.more {
                    // The rest with the next step.
                    self.maintained_at = None;
                }
                Some(done)
            }
            Err(error) => {
                tracing::error!(%error, "the store can't be maintained");
                self.failure = Some(error.to_string());
                None
            }
        }
    }

    /// Removes events that nobody asks for any more.
    pub(crate) fn prune(&mut self, kind: &str, before: i64) {
        if let Err(error) = self.store.prune_events(kind, before) {
            tracing::warn!(%error, kind, "old events can't be removed");
        }
    }

    /// Whether an event waits.
    pub(crate) fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Why not everything is on the disk; `None` if all is.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether the disk is full.
    pub(crate) fn is_full(&self) -> bool {
        self.store.is_full()
    }

    /// How many samples the store refused because they came later than samples are kept.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// How many samples were given up because the disk took none.
    pub(crate) fn given_up(&self) -> u64 {
        self.given_up
    }
}
