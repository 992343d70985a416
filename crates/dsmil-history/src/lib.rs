//! What was measured, and what happened: the store and the health log.
//!
//! A [`StateDir`] is held by one process. In it a [`Store`] keeps samples, their roll-ups, events and states in SQLite: what
//! [`Store::commit`] has accepted survives a kill -9 and a power failure. A [`Reader`] reads it meanwhile, from any process. A
//! [`HealthLog`] is the same history for scripts: `health_log.jsonl`, a record a line. The files, their formats and their sizes
//! are described in `docs/history.md`.
//!
//! ```
//! use dsmil_gate::Measurement;
//! use dsmil_history::{Batch, NewEvent, Query, StateDir, Store, StoreOptions};
//!
//! # let parent = tempfile::tempdir().unwrap();
//! # let path = parent.path().join("state");
//! let dir = StateDir::hold(&path)?;
//! let mut store = Store::open(&dir, &StoreOptions::default())?;
//! let samples = [Measurement::new("cpu_percent", 1_000, 40.0), Measurement::new("cpu_percent", 31_000, 60.0)];
//! let events = [NewEvent { at: 31_000, kind: "gate", body: r#"{"gate":"deploy"}"# }];
//! let committed = store.commit(&Batch { samples: &samples, events: &events, states: &[("engine", "{}")] })?;
//! assert_eq!(committed.events, [1]);
//! let found = store.query(&Query::new("cpu_percent", 0, 60_000))?;
//! assert_eq!(found[0].points[1].value, 60.0);
//! # Ok::<(), dsmil_history::Error>(())
//! ```

#![forbid(unsafe_code)]

mod error;
mod log;
mod options;
mod state_dir;
mod store;

pub use error::Error;
pub use log::{HealthLog, HealthRecord, LogMaintenance, LogReader};
pub use options::{LogOptions, Retention, StoreOptions, Sync};
pub use state_dir::StateDir;
pub use store::{
    Batch, Committed, Dropped, Maintenance, NewEvent, Point, Query, Reader, Resolution, Rollup, SeriesInfo, SeriesPoints, Store,
    StoredEvent,
};
