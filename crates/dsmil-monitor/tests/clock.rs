//! A wall clock that leaps: nothing is lost, nothing fires or ends by the leap alone, and what waits goes on waiting.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use dsmil_alert::{AlertState, Input, Silence};
use dsmil_gate::{GateFile, Measurement};
use dsmil_history::{Query, Resolution, StateDir};
use dsmil_monitor::{Core, Intake, MonitorConfig, Step};
use dsmil_sample::SamplerReport;

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;
/// 2026-11-21T10:00:00Z.
const START: i64 = 1_795_255_200_000;

const GATES: &str = "version = 1\n[[rule]]\nname = \"long\"\nmetric = \"queue_length\"\nfail_when = \"> 100\"\nfor = \"10m\"\n\
    keep_firing_for = \"10m\"\nunit = \"jobs\"\non_fail = \"no-go\"\non_no_data = \"hold\"\n[[gate]]\nname = \"queue\"\nkind = \"all\"\nrules = [\"long\"]\n";

const CONFIG: &str = "version = 1\n[history]\nballast_bytes = 0\nretention = { raw = \"1d\", minute = \"1d\", hour = \"1d\" }\n\
    [alerts]\nreceivers = [\"log\"]\ngroup_wait = \"0s\"\n[receivers.log]\nkind = \"log\"\n";

struct Stand {
    core: Option<Core>,
    folder: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let mut stand = Self { core: None, folder: tempfile::tempdir().unwrap() };
        stand.open(START);
        stand
    }

    fn open(&mut self, now: i64) {
        self.core = None;
        let dir = StateDir::hold(self.folder.path().join("state")).unwrap();
        let gates = vec![("g.toml".to_owned(), GateFile::parse(GATES, "g.toml").unwrap())];
        self.core = Some(Core::open(dir, MonitorConfig::parse(CONFIG, "c.toml").unwrap(), gates, now).unwrap());
    }

    fn core(&mut self) -> &mut Core {
        self.core.as_mut().unwrap()
    }

    fn step(&mut self, now: i64, value: f64) -> Step {
        let step = self.core().step(Intake { reports: vec![report(now, value)], ..Intake::default() }, now);
        assert!(step.saved);
        step
    }

    fn state(&mut self, now: i64) -> Option<AlertState> {
        self.core().alerts(now).iter().find(|alert| alert.name == "long").map(|alert| alert.state)
    }

    /// How many samples of the queue are in the store.
    fn kept(&mut self) -> usize {
        let query = Query { resolution: Resolution::Raw, ..Query::new("queue_length", 0, i64::MAX) };
        self.core().store().query(&query).unwrap().iter().map(|series| series.points.len()).sum()
    }
}

fn report(now: i64, value: f64) -> SamplerReport {
    SamplerReport {
        sampler: Arc::from("queue"),
        scheduled_at: now,
        started: now,
        finished: now,
        late_by: Duration::ZERO,
        late: false,
        missed: 0,
        measurements: vec![Measurement::new("queue_length", now, value)],
        meter: Vec::new(),
        errors: Vec::new(),
        unreadable: Vec::new(),
        retired: false,
    }
}

#[test]
fn a_clock_that_goes_back_neither_fires_nor_ends_anything() {
    let mut stand = Stand::new();
    for minute in 0..5 {
        stand.step(START + minute * MINUTE, 500.0);
    }
    assert_eq!(stand.state(START + 4 * MINUTE), Some(AlertState::Pending));
    // A day back: the ten minutes begin anew, and are ten minutes.
    let back = START - DAY;
    for minute in 0..10 {
        stand.step(back + minute * MINUTE, 500.0);
        assert_eq!(stand.state(back + minute * MINUTE), Some(AlertState::Pending), "after {minute} minutes");
    }
    let fired = stand.step(back + 10 * MINUTE, 500.0);
    assert_eq!(stand.state(fired.at), Some(AlertState::Firing));
    let told: Vec<String> = stand.core().due(fired.at).iter().map(|due| due.notification.id.clone()).collect();
    assert_eq!(told.len(), 1, "it is told at once");
    // Back again while it fires, and over a restart: it fires all the time, and its end is told as well.
    let back = back - DAY;
    stand.open(back);
    stand.step(back, 500.0);
    assert_eq!(stand.state(back), Some(AlertState::Firing));
    let again: Vec<String> = stand.core().due(back + DAY).iter().map(|due| due.notification.id.clone()).collect();
    assert_eq!(again, told, "it still waits, once");
    stand.core().settle(&[Input::Delivered { notification: told[0].clone(), attempt: 1 }], back);
    for minute in 1..=12 {
        stand.step(back + minute * MINUTE, 1.0);
    }
    assert_eq!(stand.state(back + 12 * MINUTE), Some(AlertState::Resolved));
    assert_eq!(stand.core().due(back + 12 * MINUTE).len(), 1);
    assert_eq!(stand.kept(), 5 + 11 + 13, "no sample is lost");
}

#[test]
fn a_clock_that_leaps_ahead_removes_nothing_and_is_no_evidence() {
    let mut stand = Stand::new();
    for minute in 0..5 {
        stand.step(START + minute * MINUTE, 1.0);
    }
    assert_eq!(stand.core().evaluation().unwrap().gate("queue").unwrap().verdict.to_string(), "go");
    // Ten years ahead, without a new sample: the old ones say nothing of now.
    let ahead = START + 3650 * DAY;
    let step = stand.core().step(Intake::default(), ahead);
    assert_eq!(step.evaluation.gate("queue").unwrap().verdict.to_string(), "hold");
    for minute in 1..30 {
        stand.step(ahead + minute * MINUTE, 1.0);
    }
    assert_eq!(stand.kept(), 5 + 29, "nothing is removed by its age for an hour");
    // It was a mistake: all is as before, and the samples of the future are not seen.
    let step = stand.step(START + 6 * MINUTE, 2.0);
    assert_eq!(step.evaluation.gate("queue").unwrap().verdict.to_string(), "go");
    let rule = step.evaluation.rules.iter().find(|rule| rule.name == "long").unwrap();
    assert!(serde_json::to_string(rule).unwrap().contains("\"value\":2.0"), "{rule:?}");
    assert_eq!(stand.kept(), 5 + 29 + 1);
}

#[test]
fn a_machine_that_slept_goes_on_where_it_was() {
    let mut stand = Stand::new();
    for minute in 0..=10 {
        stand.step(START + minute * MINUTE, 500.0);
    }
    assert_eq!(stand.state(START + 10 * MINUTE), Some(AlertState::Firing));
    let silence = Silence {
        id: "night".to_owned(),
        matchers: vec!["alertname=long".parse().unwrap()],
        starts_at: START + 10 * MINUTE,
        ends_at: START + 70 * MINUTE,
        by: "ann".to_owned(),
        comment: "works".to_owned(),
    };
    stand.core().ask(&Input::Silence(silence), START + 10 * MINUTE).unwrap();
    assert_eq!(stand.core().silences(START + 11 * MINUTE).len(), 1);
    // Three hours later the silence is over, and what still fires fires since then.
    let woke = START + 190 * MINUTE;
    stand.step(woke, 500.0);
    let alert = stand.core().alerts(woke).into_iter().find(|alert| alert.name == "long").unwrap();
    assert_eq!((alert.state, alert.since), (AlertState::Firing, START));
    assert!(alert.silenced_by.is_empty());
    assert_eq!(stand.kept(), 12);
}
