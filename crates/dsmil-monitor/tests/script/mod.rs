//! A scripted day of a monitor in virtual time: samplers, gates, alerts, silences, deliveries, scores, log. Each step is decided by
//! its number alone, so that it can be gone on with from wherever it stopped.

#![allow(dead_code, unreachable_pub)]

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dsmil_alert::{AlertState, Fingerprint, Input, Notification, Silence};
use dsmil_gate::{GateFile, Labels, Measurement};
use dsmil_health::{Check, CheckResult, Found, Kind, Score, Scores};
use dsmil_history::{StateDir, Store};
use dsmil_monitor::{Core, Intake, MonitorConfig, VerdictLog};
use dsmil_sample::{SampleError, SamplerReport};

pub const STEPS: i64 = 30;
pub const MINUTE: i64 = 60_000;
/// 2026-11-21T00:00:00Z.
const START: i64 = 1_795_219_200_000;
/// A fingerprint that is acknowledged: that of the rule `hot` for the sensor `a`.
const ACKED: [(&str, &str); 4] = [("alertname", "hot"), ("on_fail", "roll-back"), ("sensor", "a"), ("severity", "critical")];

const CONFIG: &str = r#"
version = 1
deployment_id = "rack-7"

[history]
ballast_bytes = 16384
retention = { raw = "4h", minute = "5h", hour = "1d" }

[log]
max_bytes = 4000

[baselines]
window = 16
warm_up = 8

[alerts]
receivers = ["ops"]
group_by = ["alertname"]
group_wait = "1m"
group_interval = "5m"
repeat_interval = "20m"
keep_resolved = "30m"
give_up_after = "20m"

[[alerts.route]]
matchers = ['alertname=~".+"']
receivers = ["am"]
continue = true

[[alerts.route]]
matchers = ['severity="critical"']
receivers = ["pager", "ops"]

[[alerts.route]]
matchers = ['severity="info"']
receivers = ["dead", "ops"]

[[alerts.inhibit]]
source = ['alertname="hot"']
target = ['alertname="busy"']

[receivers.ops]
kind = "log"

[receivers.pager]
kind = "webhook"
url = "http://127.0.0.1:1/"

[receivers.dead]
kind = "webhook"
url = "http://127.0.0.1:1/"

[receivers.am]
kind = "alertmanager"
urls = ["http://127.0.0.1:1"]
resend_interval = "8m"
"#;

pub fn config() -> MonitorConfig {
    MonitorConfig::parse(CONFIG, "script.toml").unwrap()
}

pub fn gates() -> Vec<(String, GateFile)> {
    let file = "gates.toml";
    vec![(file.to_owned(), GateFile::parse(include_str!("gates.toml"), file).unwrap())]
}

/// The time of a step: it passes hours. Before the last there is time enough that what is usual for the devices is saved with it.
pub fn time(step: i64) -> i64 {
    START + 10 * 60 * MINUTE + step * 4 * MINUTE + if step >= STEPS - 1 { 11 * MINUTE } else { 0 }
}

pub fn state_dir(root: &Path) -> PathBuf {
    root.join("state")
}

pub fn told(root: &Path) -> PathBuf {
    root.join("told.jsonl")
}

pub fn open(root: &Path, now: i64) -> Core {
    Core::open(StateDir::hold(state_dir(root)).unwrap(), config(), gates(), now).unwrap()
}

/// Goes on where the directory shows that it stopped, until the end.
pub fn run(root: &Path, say: &dyn Fn(String)) {
    std::fs::create_dir_all(root).unwrap();
    let mut script = Script::open(root, say);
    let last = script.last_step();
    if let Some(last) = last {
        script.after(last);
    }
    for step in last.map_or(0, |last| last + 1)..STEPS {
        script.step(step);
        script.after(step);
    }
}

struct Script<'a> {
    core: Core,
    verdicts: VerdictLog,
    told: File,
    say: &'a dyn Fn(String),
}

impl<'a> Script<'a> {
    fn open(root: &Path, say: &'a dyn Fn(String)) -> Self {
        let begun = last_step(root).map_or(START, time);
        let core = open(root, begun);
        let run_dir = root.join("run");
        std::fs::create_dir_all(run_dir.join("audit")).unwrap();
        let whole = std::fs::read(told(root)).unwrap_or_default().last().is_none_or(|last| *last == b'\n');
        let mut told = OpenOptions::new().create(true).append(true).open(told(root)).unwrap();
        if !whole {
            // Half a line, as `dsmil-notify` ends it.
            told.write_all(b"\n").unwrap();
        }
        Self { core, verdicts: VerdictLog::new(&run_dir), told, say }
    }

    fn last_step(&self) -> Option<i64> {
        newest(self.core.store())
    }

    fn step(&mut self, number: i64) {
        let now = time(number);
        let step = self.core.step(Intake { reports: reports(number), scores: scores(number), ..Intake::default() }, now);
        assert!(step.saved, "{:?}", self.core.store_failure());
        assert_eq!(self.core.log_failure(), None);
        (self.say)(format!("stepped {number}"));
        self.verdicts.record(&step.evaluation, &step.changes).unwrap();
        for gate in &step.evaluation.gates {
            (self.say)(format!("seen {} {} {now}", gate.name, gate.verdict));
        }
    }

    /// What comes between two steps: deliveries, and what people ask for.
    fn after(&mut self, number: i64) {
        self.deliver(time(number));
        self.asks(number);
        self.deliver(time(number));
    }

    fn deliver(&mut self, now: i64) {
        loop {
            let due: Vec<(Notification, u32)> =
                self.core.due(now).iter().map(|due| (due.notification.clone(), due.attempt)).collect();
            if due.is_empty() {
                return;
            }
            for (notification, attempt) in due {
                let id = notification.id.clone();
                let outcome = if let Some(why) = fails(&notification, attempt) {
                    Input::Failed { notification: id.clone(), attempt, permanent: false, why: why.to_owned() }
                } else {
                    let line = serde_json::to_string(&notification).unwrap() + "\n";
                    self.told.write_all(line.as_bytes()).unwrap();
                    Input::Delivered { notification: id.clone(), attempt }
                };
                let delivered = matches!(outcome, Input::Delivered { .. });
                self.core.settle(&[outcome], now);
                assert_eq!(self.core.store_failure(), None);
                if delivered {
                    (self.say)(format!("recorded {id}"));
                }
            }
        }
    }

    /// Whoever asked and got no answer, because of a kill, asks again.
    fn asks(&mut self, number: i64) {
        let now = time(number);
        match number {
            6 => self.ask(number, &silence("first", "alertname=\"slow\"", now, 24), now),
            9 => self.ask(number, &silence("second", "alertname=\"failing\"", now, 300), now),
            12 => {
                let labels: Labels = ACKED.into_iter().collect();
                let fingerprint = Fingerprint::of(&labels);
                let alerts = self.core.alerts(now);
                let alert = alerts.iter().find(|alert| alert.fingerprint == fingerprint).unwrap();
                assert_eq!(alert.state, AlertState::Firing);
                if alert.acked.is_none() {
                    let (by, comment) = ("ann".to_owned(), "on it".to_owned());
                    self.ask(number, &Input::Acknowledge { fingerprint, by, comment }, now);
                } else {
                    (self.say)(format!("asked {number}"));
                }
            }
            16 => self.ask(number, &Input::Expire { id: "second".to_owned(), by: "ben".to_owned() }, now),
            _ => {}
        }
    }

    fn ask(&mut self, number: i64, input: &Input, now: i64) {
        if let Err(error) = self.core.ask(input, now) {
            // Only that it is so already.
            assert!(matches!(error.kind(), "silence" | "unknown-silence"), "{error}");
        }
        (self.say)(format!("asked {number}"));
    }
}

/// The newest step that is in a store.
fn newest(store: &dsmil_history::Reader) -> Option<i64> {
    let newest = store.series(Some("script_step")).unwrap().into_iter().map(|series| series.last).max()?;
    (0..STEPS).find(|step| time(*step) == newest)
}

fn last_step(root: &Path) -> Option<i64> {
    let dir = StateDir::hold(state_dir(root)).unwrap();
    newest(&Store::open(&dir, &config().history).unwrap())
}

/// The pager takes a notification at the third attempt, and the dead one never.
fn fails(notification: &Notification, attempt: u32) -> Option<&'static str> {
    match notification.receiver.as_str() {
        "dead" => Some("nobody is there"),
        "pager" if attempt < 3 => Some("busy"),
        _ => None,
    }
}

fn silence(id: &str, matcher: &str, now: i64, minutes: i64) -> Input {
    Input::Silence(Silence {
        id: id.to_owned(),
        matchers: vec![matcher.parse().unwrap()],
        starts_at: now,
        ends_at: now + minutes * MINUTE,
        by: "ann".to_owned(),
        comment: "known".to_owned(),
    })
}

fn labelled(metric: &'static str, label: (&str, &str), at: i64, value: f64) -> Measurement {
    Measurement::new(metric, at, value).with_labels([label].into_iter().collect())
}

fn report(sampler: &str, at: i64, measurements: Vec<Measurement>) -> SamplerReport {
    let up = labelled("sampler_up", ("sampler", sampler), at, 1.0);
    SamplerReport {
        sampler: Arc::from(sampler),
        scheduled_at: at - 300,
        started: at - 200,
        finished: at,
        late_by: Duration::ZERO,
        late: false,
        missed: 0,
        measurements,
        meter: vec![up],
        errors: Vec::new(),
        unreadable: Vec::new(),
        retired: false,
    }
}

/// What the devices said in a step, a moment before it.
fn devices(step: i64) -> SamplerReport {
    let at = time(step) - 100;
    let mut all = Vec::new();
    for device in 0..3 {
        let name = format!("0x800{device}");
        let one = |metric, value| labelled(metric, ("device", &name), at - 10 * device, value);
        let spike = if device == 1 && (8..11).contains(&step) { 9.0 } else { 0.0 };
        all.push(one("device_latency_ms", 1.0 + (step % 3) as f64 / 8.0 + spike));
        all.push(one("device_requests_total", (step * 10 + device) as f64));
        let errors = if device == 2 && step >= 7 { (step - 6).min(6) * 2 } else { 0 };
        all.push(one("device_errors_total", errors as f64));
        all.push(one("device_temperature_celsius", 40.0 + step as f64 / 10.0));
    }
    report("devices", at, all)
}

fn reports(step: i64) -> Vec<SamplerReport> {
    let at = time(step);
    let temperature = match step {
        3..=8 => 90.0,
        // Below the bound, above the one that clears.
        9..=13 => 80.0,
        _ => 60.0,
    };
    let sensor = |name: &str, value: f64| labelled("temperature_celsius", ("sensor", name), at - 50, value);
    let mut heat = vec![sensor("a", temperature), sensor("b", if step == 15 { f64::NAN } else { 50.0 })];
    if step == 5 {
        // One that comes late, and one that was there already.
        heat.extend([Measurement { at: at - 90_000, ..sensor("b", 51.0) }, sensor("a", 91.0)]);
    }
    if step == 20 {
        heat.push(Measurement::stale("temperature_celsius", [("sensor", "c")].into_iter().collect(), at));
    } else if step < 20 {
        heat.push(sensor("c", 70.0));
    }
    let mut all = vec![
        report("temperature", at - 40, heat),
        report("script", at, vec![Measurement::new("script_step", at, step as f64)]),
        queue(step),
    ];
    // The processor's sampler falls silent for a while.
    if !(17..20).contains(&step) {
        let busy = if (10..13).contains(&step) || step == 24 { 95.0 } else { 30.0 };
        all.push(report("cpu", at - 30, vec![Measurement::new("cpu_percent", at - 30, busy)]));
    }
    // The devices' report of step 6 comes one step late.
    match step {
        6 => {}
        7 => all.extend([devices(6), devices(7)]),
        _ => all.push(devices(step)),
    }
    all
}

/// A source that can't be read for a while.
fn queue(step: i64) -> SamplerReport {
    let at = time(step) - 20;
    if !(14..26).contains(&step) {
        return report("queue", at, vec![Measurement::new("queue_length", at, 7.0)]);
    }
    let source = std::io::Error::from(ErrorKind::NotFound);
    SamplerReport {
        meter: vec![labelled("sampler_up", ("sampler", "queue"), at, 0.0)],
        errors: vec![SampleError::Read { path: "/queue.json".into(), source, remedy: None }],
        unreadable: vec!["queue_length".into()],
        ..report("queue", at, Vec::new())
    }
}

fn scores(step: i64) -> Option<Scores> {
    let result = |name: &str, kind, found| CheckResult::new(&Check::new(name, kind, 2.0), found, time(step), 0.5);
    let share = (step % 7) as f64 / 7.0;
    let health = vec![
        result("chunked-scan", Kind::Health, Found::passed("108 of 108")),
        result("devices", Kind::Health, Found::partly(share, "some")),
    ];
    let security = vec![result("kernel-module", Kind::Security, Found::failed("not loaded"))];
    let scores = Scores {
        health: Score::new(Kind::Health, health, Vec::new()),
        security: Score::new(Kind::Security, security, Vec::new()),
    };
    (step % 2 == 0).then_some(scores)
}
