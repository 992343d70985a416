//! The watch without its clock: what came in since the last step, and the time, make the next step. Everything that a step
//! decides is on the disk before anyone is told of it, so that a kill -9 at any moment loses nothing that was accepted.

mod gates;
mod journal;
mod own;
pub(crate) mod recall;
mod record;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;

use dsmil_alert::{ActiveAlert, AlertEvent, AlertView, Alerts, Due, Input, SilenceView};
use dsmil_gate::{Evaluation, GateFile, Measurement, Samples, Verdict};
use dsmil_health::{Assessment, AuditAnchor, Baselines, Scores};
use dsmil_history::{HealthLog, Reader, StateDir, Store};
use dsmil_sample::{SamplerReport, Unreadable};
use parking_lot::RwLock;
use serde::Serialize;

use crate::{MonitorConfig, MonitorError};

use gates::Gates;
use journal::{Entry, Journal};

pub use journal::MAX_WAITING_SAMPLES;
pub use step::{Intake, Step, VerdictChange};

/// The kind of the journal's events about alerts: an [`AlertEvent`] each.
pub const ALERT_EVENT: &str = "alert";
/// The kind of the journal's events about verdicts: an [`Evaluation`] each, and the gates that decided otherwise.
pub const VERDICT_EVENT: &str = "verdict";
/// The key of the saved alerts, with the number of the last event that they hold.
pub const ALERTS_STATE: &str = "alerts";
/// The key of the last scores.
pub const SCORES_STATE: &str = "scores";
/// The key of the last verdicts.
pub const VERDICTS_STATE: &str = "verdicts";
/// The key of how far the audit log was found sound.
const AUDIT_STATE: &str = "audit-anchor";
/// The key of what is usual for the devices.
const BASELINES_STATE: &str = "baselines";

/// The alerts are saved whole after so many events; those before are then no longer needed for a restart.
const SNAPSHOT_EVERY: usize = 500;
/// What is usual for the devices is saved this often, in milliseconds; what came since is learnt again from the samples.
const BASELINES_EVERY: i64 = 600_000;
/// So long events stay for those who look back, in milliseconds.
const KEEP_EVENTS: i64 = 90 * DAY;
const DAY: i64 = 86_400_000;
/// A step that comes so much later than the one before, in milliseconds, comes by a clock that has leapt.
const LEAP: i64 = 3_600_000;

/// The watch without its clock. One thread steps it; others look at [`Core::samples`].
#[derive(Debug)]
pub struct Core {
    config: MonitorConfig,
    journal: Journal,
    log: HealthLog,
    gates: Gates,
    samples: Arc<RwLock<Samples>>,
    unreadable: Unreadable,
    alerts: Alerts,
    baselines: Baselines,
    verdicts: BTreeMap<String, Verdict>,
    scores: Option<Arc<Scores>>,
    evaluation: Option<Arc<Evaluation>>,
    errors: BTreeMap<String, String>,
    /// Since the alerts were saved whole.
    events_since_snapshot: usize,
    /// The number of the journal's newest event.
    last_event: i64,
    baselines_at: Option<i64>,
    last_step: Option<i64>,
    leapt_at: Option<i64>,
    pruned_at: Option<i64>,
    look_back: i64,
    log_failure: Option<String>,
    audit_failure: Option<String>,
    /// The directory is held as long as this lives, and let go last.
    _dir: StateDir,
}

impl Core {
    /// Opens the store and the health log in a directory that is held, and goes on where they were left. `files` are the gate files
    /// of the configuration.
    ///
    /// # Errors
    /// [`MonitorError`]; then nothing was changed but what the store and the log put right by themselves.
    pub fn open(dir: StateDir, config: MonitorConfig, files: Vec<(String, GateFile)>, now: i64) -> Result<Self, MonitorError> {
        let store = Store::open(&dir, &config.history)?;
        let log = HealthLog::open(dir.path(), &config.log)?;
        let mut gates = Gates::new(files, config.longest_interval())?;
        let anew = gates.restore(|key| Ok(store.state(key)?))?;
        if !anew.is_empty() {
            tracing::info!(rules = anew.join(", "), "these rules were changed, and begin anew");
        }
        let (alerts, after, replayed) = recall::alerts(&store, config.alerts.clone(), config.receivers())?;
        let look_back = config.look_back(gates.look_back());
        let samples = recall::samples(&store, now.saturating_sub(look_back))?;
        let newest = samples.all().filter_map(|series| Some(series.newest(i64::MAX)?.at)).max();
        let verdicts = match store.state(VERDICTS_STATE)? {
            Some(text) => recall::parse(VERDICTS_STATE, &text)?,
            None => BTreeMap::new(),
        };
        Ok(Self {
            baselines: recall::baselines(&store, config.baselines.clone())?,
            journal: Journal::new(store),
            log,
            gates,
            samples: Arc::new(RwLock::new(samples)),
            unreadable: Unreadable::new(),
            alerts,
            verdicts,
            scores: None,
            evaluation: None,
            errors: BTreeMap::new(),
            events_since_snapshot: replayed,
            last_event: after,
            baselines_at: None,
            last_step: newest,
            leapt_at: None,
            pruned_at: None,
            look_back,
            log_failure: None,
            audit_failure: None,
            config,
            _dir: dir,
        })
    }

    /// Takes the next step: takes in what came, evaluates the gates, decides on alerts, and writes it all down. Blocks for the disk.
    ///
    /// It can't fail: a disk that refuses is in [`Step::saved`], in the metrics `store_full` and `log_full`, and in the alerts.
    pub fn step(&mut self, intake: Intake, now: i64) -> Step {
        let Intake { reports, scores, audit_anchor } = intake;
        let mut measurements = self.take_in(reports);
        measurements.extend(self.judge(&measurements));
        measurements.extend(self.own_measurements(now));
        if let Some(scores) = &scores {
            measurements.extend(scores.measurements(now));
        }
        let (evaluation, active) = self.evaluate(&measurements, now);
        let changes = self.changes(&evaluation);
        let mut entries = verdict_entry(&evaluation, &changes);
        let mut states = self.due_states(now);
        let alerts = self.decide(&[Input::Observed(active)], now);
        entries.extend(alerts.iter().map(entry));
        states.extend(self.gates.changed());
        if !changes.is_empty() {
            states.push((VERDICTS_STATE.to_owned(), json(&self.verdicts)));
        }
        if let Some(scores) = &scores {
            states.push((SCORES_STATE.to_owned(), scores.to_json().to_string()));
        }
        if let Some(anchor) = &audit_anchor {
            states.push((AUDIT_STATE.to_owned(), json(anchor)));
        }
        self.journal.add(&measurements, entries, states);
        let saved = self.write(alerts.len());
        if self.is_clock_steady(now) {
            self.journal.maintain(now);
            self.prune(now, saved);
        }
        let scores = scores.map(Arc::new);
        let evaluation = Arc::new(evaluation);
        self.evaluation = Some(Arc::clone(&evaluation));
        if let Some(scores) = &scores {
            self.scores = Some(Arc::clone(scores));
            self.append_record(&evaluation, now);
        }
        let errors = self.errors();
        Step { at: now, measurements, evaluation, changes, scores, alerts, errors, saved }
    }

    /// Takes in what became of notifications ([`Input::Delivered`], [`Input::Failed`]), and writes it down. Blocks for the disk.
    pub fn settle(&mut self, outcomes: &[Input], now: i64) -> Vec<AlertEvent> {
        let events = self.decide(outcomes, now);
        self.journal.add(&[], events.iter().map(entry).collect(), Vec::new());
        self.write(events.len());
        events
    }

    /// What a person wants of an alert or a silence. When it returns, it is on the disk.
    ///
    /// # Errors
    /// [`MonitorError::Alert`] if it can't be, [`MonitorError::NotSaved`] if it could not be written down; it is then tried again
    /// with the next step.
    pub fn ask(&mut self, input: &Input, now: i64) -> Result<Vec<AlertEvent>, MonitorError> {
        let events = self.alerts.decide(input, now)?;
        self.apply(&events);
        self.journal.add(&[], events.iter().map(entry).collect(), Vec::new());
        if self.write(events.len()) {
            return Ok(events);
        }
        let why = self.journal.failure().unwrap_or("the store refuses").to_owned();
        Err(MonitorError::NotSaved { why })
    }

    /// The notifications that are to be delivered now: none while their events are not on the disk.
    pub fn due(&self, now: i64) -> Vec<Due<'_>> {
        if self.journal.has_entries() { Vec::new() } else { self.alerts.due(now) }
    }

    /// Puts another configuration in force; states of what didn't change go on. The directory, the history's and the log's options
    /// stay as they were at the start. Which rules begin anew.
    ///
    /// # Errors
    /// [`MonitorError`]; then all stays as it was.
    pub fn reload(
        &mut self,
        config: MonitorConfig,
        files: Vec<(String, GateFile)>,
        now: i64,
    ) -> Result<Vec<String>, MonitorError> {
        let mut gates = Gates::new(files, config.longest_interval())?;
        let anew = gates.take_over(&self.gates);
        let mut alerts = self.alerts.clone();
        alerts.reconfigure(config.alerts.clone(), config.receivers())?;
        let baselines = Baselines::restore(config.baselines.clone(), self.baselines.save())?;
        let look_back = config.look_back(gates.look_back());
        if look_back > self.look_back {
            *self.samples.write() = recall::samples(self.journal.store(), now.saturating_sub(look_back))?;
        }
        (self.gates, self.alerts, self.baselines, self.look_back) = (gates, alerts, baselines, look_back);
        self.config = MonitorConfig { history: self.config.history.clone(), log: self.config.log.clone(), ..config };
        Ok(anew)
    }

    /// How far the audit log was found sound before the last restart.
    ///
    /// # Errors
    /// [`MonitorError`].
    pub fn audit_anchor(&self) -> Result<Option<AuditAnchor>, MonitorError> {
        self.store().state(AUDIT_STATE)?.map(|text| recall::parse(AUDIT_STATE, &text)).transpose()
    }

    /// The newest samples, shared with whoever wants to look at them.
    pub fn samples(&self) -> Arc<RwLock<Samples>> {
        Arc::clone(&self.samples)
    }

    /// The store, for reading.
    pub fn store(&self) -> &Reader {
        self.journal.store()
    }

    /// The alerts as they stand.
    pub fn alerts(&self, now: i64) -> Vec<AlertView> {
        self.alerts.alerts(now)
    }

    /// The silences as they stand.
    pub fn silences(&self, now: i64) -> Vec<SilenceView> {
        self.alerts.silences(now)
    }

    /// What the last step decided.
    pub fn evaluation(&self) -> Option<Arc<Evaluation>> {
        self.evaluation.clone()
    }

    /// The scores that were computed last since the start.
    pub fn scores(&self) -> Option<Arc<Scores>> {
        self.scores.clone()
    }

    /// What is unusual now.
    pub fn anomalies(&self) -> Vec<Assessment> {
        self.baselines.anomalies().cloned().collect()
    }

    /// What can't be sampled, and why.
    pub fn errors(&self) -> Vec<String> {
        self.errors.values().cloned().collect()
    }

    /// Why the store doesn't take everything; `None` if it does.
    pub fn store_failure(&self) -> Option<&str> {
        self.journal.failure()
    }

    /// Says whether verdicts could be recorded in the audit log: with the next step it is a metric, and an alert.
    pub fn set_audit_failure(&mut self, why: Option<String>) {
        self.audit_failure = why;
    }

    /// Why a verdict could not be recorded in the audit log; `None` if all were.
    pub fn audit_failure(&self) -> Option<&str> {
        self.audit_failure.as_deref()
    }

    /// Why the health log took no record; `None` if it did.
    pub fn log_failure(&self) -> Option<&str> {
        self.log_failure.as_deref()
    }

    fn take_in(&mut self, reports: Vec<SamplerReport>) -> Vec<Measurement> {
        let mut measurements = Vec::new();
        let mut samples = self.samples.write();
        for report in reports {
            for (metric, why) in self.unreadable.update(&report) {
                samples.set_error(&metric, why.as_deref());
            }
            match report.why() {
                Some(why) => drop(self.errors.insert(report.sampler.to_string(), why)),
                None => drop(self.errors.remove(&*report.sampler)),
            }
            measurements.extend(own::paces(&report));
            measurements.extend(report.measurements);
            measurements.extend(report.meter);
        }
        measurements
    }

    /// What is unusual about the devices.
    fn judge(&mut self, measurements: &[Measurement]) -> Vec<Measurement> {
        let judged = measurements.iter().flat_map(|measurement| self.baselines.observe(measurement));
        judged.map(|assessment| assessment.measurement()).collect()
    }

    fn evaluate(&mut self, measurements: &[Measurement], now: i64) -> (Evaluation, Vec<ActiveAlert>) {
        let mut samples = self.samples.write();
        for measurement in measurements {
            samples.take(measurement);
        }
        samples.prune(now.saturating_sub(self.look_back));
        self.gates.evaluate(&samples, now)
    }

    fn changes(&mut self, evaluation: &Evaluation) -> Vec<VerdictChange> {
        let mut changes = Vec::new();
        let mut verdicts = BTreeMap::new();
        for gate in &evaluation.gates {
            let from = self.verdicts.get(&gate.name).copied();
            if from != Some(gate.verdict) {
                changes.push(VerdictChange { gate: gate.name.clone(), from, to: gate.verdict });
            }
            verdicts.insert(gate.name.clone(), gate.verdict);
        }
        self.verdicts = verdicts;
        changes
    }

    /// What follows from these. The events are applied at once: nobody is told of what follows from them before they are on the
    /// disk, see [`Core::due`].
    fn decide(&mut self, inputs: &[Input], now: i64) -> Vec<AlertEvent> {
        let mut all = Vec::new();
        for input in inputs {
            match self.alerts.decide(input, now) {
                Ok(events) => {
                    self.apply(&events);
                    all.extend(events);
                }
                // Only people can ask for what can't be.
                Err(error) => tracing::error!(%error, "alerts"),
            }
        }
        all
    }

    fn apply(&mut self, events: &[AlertEvent]) {
        for event in events {
            self.alerts.apply(event);
        }
    }

    /// States that are saved now and then.
    fn due_states(&mut self, now: i64) -> Vec<(String, String)> {
        let mut states = Vec::new();
        let daily = self.pruned_at.is_none_or(|last| !(last..last.saturating_add(DAY)).contains(&now));
        if (self.events_since_snapshot >= SNAPSHOT_EVERY || (daily && self.events_since_snapshot > 0))
            && !self.journal.has_entries()
        {
            let saved = recall::SavedAlerts { after: self.last_event, alerts: self.alerts.snapshot() };
            states.push((ALERTS_STATE.to_owned(), json(&saved)));
            self.events_since_snapshot = 0;
        }
        if self.baselines_at.is_none_or(|last| !(last..last.saturating_add(BASELINES_EVERY)).contains(&now))
            && !self.baselines.is_empty()
        {
            let saved = recall::SavedUsual { until: now, usual: self.baselines.save() };
            states.push((BASELINES_STATE.to_owned(), json(&saved)));
            self.baselines_at = Some(now);
        }
        states
    }

    /// Writes down what waits; whether all but samples is on the disk.
    fn write(&mut self, new_events: usize) -> bool {
        self.events_since_snapshot += new_events;
        let (saved, last_event) = self.journal.write();
        if let Some(last) = last_event {
            self.last_event = last;
        }
        saved
    }

    /// Whether the clock can be relied upon for what is removed by age: one that leaps ahead would make everything old at once.
    /// After a leap of more than an hour nothing is removed for an hour, and then it is believed.
    fn is_clock_steady(&mut self, now: i64) -> bool {
        if self.last_step.is_none_or(|last| now.saturating_sub(last) > LEAP) {
            self.leapt_at = Some(now);
        }
        self.last_step = Some(now);
        self.leapt_at.is_none_or(|leapt| !(leapt..leapt.saturating_add(LEAP)).contains(&now))
    }

    /// Once a day: events that nobody asks for any more. The alerts are saved whole before.
    fn prune(&mut self, now: i64, saved: bool) {
        if saved && self.pruned_at.is_none_or(|last| !(last..last.saturating_add(DAY)).contains(&now)) {
            self.pruned_at = Some(now);
            for kind in [ALERT_EVENT, VERDICT_EVENT] {
                self.journal.prune(kind, now.saturating_sub(KEEP_EVENTS));
            }
        }
    }

    fn append_record(&mut self, evaluation: &Evaluation, now: i64) {
        if self.journal.is_full() {
            // Both are on one disk, and what room is left was set aside for alerts.
            self.log_failure = Some("the disk is full, and what room is left is for alerts".to_owned());
            return;
        }
        let record = {
            let samples = self.samples.read();
            record::health_record(&samples, evaluation, self.scores.as_deref(), self.config.deployment_id.as_deref(), now)
        };
        self.log_failure = self.log.append(&record).err().map(|error| error.to_string());
        if let Some(why) = &self.log_failure {
            tracing::error!(why, "the health log takes no record");
        }
        if self.is_clock_steady(now)
            && let Err(error) = self.log.maintain(now)
        {
            tracing::warn!(%error, "the health log can't be tidied up");
        }
    }
}

fn verdict_entry(evaluation: &Evaluation, changes: &[VerdictChange]) -> Vec<Entry> {
    if changes.is_empty() {
        return Vec::new();
    }
    let body = serde_json::json!({ "changes": changes, "evaluation": evaluation }).to_string();
    vec![Entry { at: evaluation.at, kind: VERDICT_EVENT, body }]
}

fn entry(event: &AlertEvent) -> Entry {
    Entry { at: event.at, kind: ALERT_EVENT, body: json(event) }
}

/// Strings, numbers, lists and maps only: there is nothing that could not be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
