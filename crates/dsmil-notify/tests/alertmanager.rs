//! Held against Debian's `prometheus-alertmanager`: what is sent arrives, groups and resolves there; what could not be sent
//! while it was away arrives in order when it is back; and our webhook says the same as its own.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{Server, alert, labels, notification, now, receiver};
use dsmil_alert::{ActiveAlert, AlertConfig, Alerts, Input};
use dsmil_gate::Severity;
use dsmil_notify::{Receiver, deliver};
use serde_json::Value;
use tempfile::TempDir;

/// A real Alertmanager with a folder of its own, ended when it is dropped.
struct Alertmanager {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Alertmanager {
    /// On a free port, telling `hook`.
    fn start(hook: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "route:\n  receiver: hook\n  group_by: [alertname]\n  group_wait: 200ms\n  group_interval: 500ms\n  repeat_interval: 1h\n\
             receivers:\n- name: hook\n  webhook_configs:\n  - url: {}\n",
            hook.url()
        );
        fs::write(folder.path().join("config.yml"), config).unwrap();
        let (child, port) = run(&folder, 0);
        Self { child, port, folder }
    }

    fn stop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }

    /// On the port that it had.
    fn start_again(&mut self) {
        self.child = run(&self.folder, self.port).0;
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn get(&self, path: &str) -> Value {
        let text = ureq::get(format!("{}/api/v2/{path}", self.url())).call().unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The devices of the alerts that are active.
    fn active(&self) -> BTreeSet<String> {
        let alerts = self.get("alerts");
        alerts.as_array().unwrap().iter().map(|alert| alert["labels"]["device"].as_str().unwrap().to_owned()).collect()
    }

    fn await_active(&self, expected: &[&str]) {
        let expected: BTreeSet<String> = expected.iter().map(|device| (*device).to_owned()).collect();
        let until = Instant::now() + Duration::from_secs(10);
        while self.active() != expected {
            assert!(Instant::now() < until, "{:?} and not {expected:?}", self.active());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(folder: &TempDir, port: u16) -> (Child, u16) {
    let mut command = Command::new("prometheus-alertmanager");
    command.arg(format!("--config.file={}", folder.path().join("config.yml").display()));
    command.arg(format!("--storage.path={}", folder.path().join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--cluster.listen-address=");
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child =
        child.unwrap_or_else(|error| panic!("start prometheus-alertmanager (Debian has a package of that name): {error}"));
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut seen = String::new();
    let found = log.by_ref().find_map(|line| {
        seen += &line;
        let address = line.split("address=127.0.0.1:").nth(1)?;
        address.split_whitespace().next()?.parse().ok()
    });
    let Some(port) = found else {
        _ = child.kill();
        panic!("it did not start: {seen}");
    };
    // It must not be held up by its log.
    thread::spawn(move || log.for_each(drop));
    let until = Instant::now() + Duration::from_secs(20);
    while ureq::get(format!("http://127.0.0.1:{port}/-/ready")).call().is_err() {
        assert!(Instant::now() < until, "it is never ready");
        thread::sleep(Duration::from_millis(50));
    }
    (child, port)
}

fn manager(urls: &[String], more: &str) -> Receiver {
    let more = format!("{more}\nhttp.connect_timeout = \"1s\"\nhttp.timeout = \"5s\"");
    receiver(&format!("kind = \"alertmanager\"\nurls = {urls:?}\n{more}"))
}

/// Keys at all levels, with what is in them: what a reader of the payload relies on.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(items) => Value::Array(items.first().map(shape).into_iter().collect()),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        other => other.clone(),
    }
}

#[test]
fn alerts_arrive_group_and_resolve_and_its_webhook_is_ours() {
    let hook = Server::status("200 OK");
    let real = Alertmanager::start(&hook);
    let begun = now() - 60_000;
    let told = notification(vec![
        alert("alertname=cpu,device=a", begun, None),
        alert("alertname=cpu,device=b,9odd-name.é=x,empty=", begun, None),
        alert("alertname=disk,device=c", begun, None),
    ]);
    let more = "labels = { host = \"rack\", device = \"never\" }\ngenerator_url = \"http://here/\"";
    let to = manager(&[format!("{}/", real.url())], more);
    let before = now();
    let receipt = deliver(&to, &told).unwrap();
    assert!(receipt.detail.ends_with("/api/v2/alerts answered 200"), "{}", receipt.detail);
    real.await_active(&["a", "b", "c"]);

    let alerts = real.get("alerts");
    let of = |device: &str| alerts.as_array().unwrap().iter().find(|alert| alert["labels"]["device"] == device).unwrap().clone();
    assert_eq!(of("a")["labels"], serde_json::json!({ "alertname": "cpu", "device": "a", "host": "rack" }));
    assert_eq!(of("b")["labels"]["_9odd_name__"], "x", "names that Prometheus doesn't know are made fit: {}", of("b"));
    assert_eq!(of("a")["annotations"]["summary"], "cpu_percent fail when > 80");
    assert_eq!(of("a")["annotations"]["value"], "91.5");
    assert_eq!(of("a")["generatorURL"], "http://here/");
    let time = |text: &Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert_eq!(time(&of("a")["startsAt"]), begun);
    let ends = time(&of("a")["endsAt"]);
    assert!((before + 180_000..=now() + 180_000).contains(&ends), "three times the minute of resend_interval");

    let groups = real.get("alerts/groups");
    let sizes: BTreeSet<(String, usize)> = (groups.as_array().unwrap().iter())
        .map(|group| (group["labels"]["alertname"].as_str().unwrap().to_owned(), group["alerts"].as_array().unwrap().len()))
        .collect();
    assert_eq!(sizes, BTreeSet::from([("cpu".to_owned(), 2), ("disk".to_owned(), 1)]));

    // Its webhook tells of both groups.
    let payloads = [hook.next().json(), hook.next().json()];
    let theirs = payloads.iter().find(|payload| payload["groupLabels"]["alertname"] == "disk").unwrap();
    let own = Server::status("200 OK");
    let mut same = notification(vec![alert("alertname=disk,device=c,host=rack", begun, None)]);
    same.truncated = 0;
    same.group_labels = labels("alertname=disk");
    deliver(&receiver(&format!("kind = \"webhook\"\nurl = {:?}\nexternal_url = \"http://here/\"", own.url())), &same).unwrap();
    let ours = own.next().json();
    assert_eq!(shape(&ours), shape(theirs), "the same keys, with the same types");
    for key in ["version", "status", "groupLabels", "commonLabels", "commonAnnotations", "truncatedAlerts"] {
        assert_eq!(ours[key], theirs[key], "{key}");
    }
    for key in ["status", "labels", "annotations", "endsAt", "generatorURL"] {
        assert_eq!(ours["alerts"][0][key], theirs["alerts"][0][key], "{key}");
    }
    assert_eq!(time(&ours["alerts"][0]["startsAt"]), time(&theirs["alerts"][0]["startsAt"]));

    // What has resolved is resolved there, and its webhook says so.
    let ended = notification(vec![alert("alertname=disk,device=c", begun, Some(now()))]);
    deliver(&to, &ended).unwrap();
    real.await_active(&["a", "b"]);
    let resolved = hook.next().json();
    assert_eq!((&resolved["status"], &resolved["groupLabels"]["alertname"]), (&"resolved".into(), &"disk".into()));
}

#[test]
fn what_is_sent_again_goes_on_and_what_is_not_ends() {
    let hook = Server::status("200 OK");
    let real = Alertmanager::start(&hook);
    let to = manager(&[real.url()], "resend_interval = \"1s\"");
    let both = notification(vec![alert("alertname=cpu,device=a", now(), None), alert("alertname=cpu,device=b", now(), None)]);
    deliver(&to, &both).unwrap();
    real.await_active(&["a", "b"]);
    let one = notification(vec![both.alerts[0].clone()]);
    let until = Instant::now() + Duration::from_millis(3600);
    while Instant::now() < until {
        deliver(&to, &one).unwrap();
        assert!(real.active().contains("a"));
        thread::sleep(Duration::from_millis(600));
    }
    real.await_active(&["a"]);
}

#[test]
fn one_of_a_cluster_is_enough() {
    let hook = Server::status("200 OK");
    let real = Alertmanager::start(&hook);
    let (down, broken) = ("http://127.0.0.1:1".to_owned(), Server::status("500 Oops"));
    let broken_url = format!("http://127.0.0.1:{}", broken.port);
    let told = notification(vec![alert("alertname=cpu,device=a", now(), None)]);
    deliver(&manager(&[down.clone(), real.url(), broken_url.clone()], ""), &told).unwrap();
    real.await_active(&["a"]);
    let error = deliver(&manager(&[down, broken_url], ""), &told).unwrap_err();
    assert!(error.is_retryable(), "{error}");
    // What it refuses for what it says is not tried again: an alert that has no label at all.
    let error = deliver(&manager(&[real.url()], ""), &notification(vec![alert("", now(), None)])).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), ("status", false));
    assert!(error.to_string().contains("answered 400"), "{error}");
}

fn firing(device: &str) -> ActiveAlert {
    ActiveAlert {
        labels: labels(&format!("alertname=cpu,device={device}")),
        firing: true,
        severity: Severity::Warning,
        no_data: false,
        since: now(),
        fired_at: None,
        value: None,
        summary: "busy".to_owned(),
        description: None,
    }
}

/// Decides on an input now, and applies what follows.
fn step(alerts: &mut Alerts, input: &Input) {
    for event in alerts.decide(input, now()).unwrap() {
        alerts.apply(&event);
    }
}

/// One attempt for each that is due: the sequences that were taken.
fn pump(alerts: &mut Alerts, to: &Receiver) -> Vec<u64> {
    let due: Vec<_> = alerts.due(now()).iter().map(|due| (due.notification.clone(), due.attempt)).collect();
    let mut taken = Vec::new();
    for (told, attempt) in due {
        let input = match deliver(to, &told) {
            Ok(_) => {
                taken.push(told.sequence);
                Input::Delivered { notification: told.id, attempt }
            }
            Err(error) => {
                Input::Failed { notification: told.id, attempt, permanent: !error.is_retryable(), why: error.to_string() }
            }
        };
        step(alerts, &input);
    }
    taken
}

#[test]
fn what_happened_while_it_was_away_arrives_in_order() {
    let hook = Server::status("200 OK");
    let mut real = Alertmanager::start(&hook);
    let to = manager(&[real.url()], "resend_interval = \"1m\"");
    let config = AlertConfig { receivers: vec!["am".to_owned()], ..AlertConfig::default() };
    let mut alerts = Alerts::new(config, [("am".to_owned(), to.kind())].into()).unwrap();

    step(&mut alerts, &Input::Observed(vec![firing("a"), firing("b")]));
    assert_eq!(pump(&mut alerts, &to), [1]);
    real.await_active(&["a", "b"]);

    real.stop();
    step(&mut alerts, &Input::Observed(vec![firing("b"), firing("c")]));
    assert_eq!(pump(&mut alerts, &to), [0; 0]);
    step(&mut alerts, &Input::Observed(vec![firing("b"), firing("d")]));
    step(&mut alerts, &Input::Observed(vec![firing("d")]));
    assert_eq!(alerts.waiting().count(), 3);
    assert_eq!(alerts.receivers()["am"].failed, 1);
    assert!(alerts.receivers()["am"].last_error.as_ref().unwrap().contains("/api/v2/alerts"));

    real.start_again();
    let (mut taken, until) = (Vec::new(), Instant::now() + Duration::from_secs(10));
    while alerts.waiting().count() > 0 {
        assert!(Instant::now() < until, "{taken:?}");
        taken.extend(pump(&mut alerts, &to));
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(taken, [2, 3, 4], "each once, in order");
    real.await_active(&["d"]);
}
