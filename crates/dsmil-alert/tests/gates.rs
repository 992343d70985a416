//! From the evaluation of a gate file to alerts.

#![allow(clippy::unwrap_used)]

mod common;

use common::{MINUTE, labels};
use dsmil_alert::{ActiveAlert, active_alerts};
use dsmil_gate::{Engine, GateFile, Labels, Samples, Severity};

const RULES: &str = r#"
    version = 1
    [[rule]]
    name = "cpu-high"
    metric = "cpu_percent"
    fail_when = "> 80"
    for = "1m"
    unit = "percent"
    severity = "critical"
    on_fail = "no-go"
    on_no_data = "fail"
    description = "too busy"
    [[rule]]
    name = "gone"
    metric = "device_up"
    labels = { device = "0x8003" }
    function = "absent"
    on_fail = "escalate"
    [[rule]]
    name = "room"
    metric = "disk_free_bytes"
    require = "> 10"
    on_fail = "hold"
    on_no_data = "hold"
"#;

struct Gates {
    engine: Engine,
    samples: Samples,
}

impl Gates {
    fn new() -> Self {
        Self { engine: Engine::new(GateFile::parse(RULES, "g.toml").unwrap()), samples: Samples::new() }
    }

    fn at(&mut self, now: i64) -> Vec<ActiveAlert> {
        let evaluation = self.engine.evaluate(&self.samples, now);
        active_alerts(&evaluation, self.engine.file())
    }
}

/// `name{labels} state since`.
fn line(alert: &ActiveAlert) -> String {
    let state = if alert.firing { "firing" } else { "pending" };
    format!("{} {state} {}", alert.labels, alert.since / 1000)
}

#[test]
fn series_missing_evidence_and_absence_are_alerts_of_their_own() {
    let mut gates = Gates::new();
    let lines = |alerts: Vec<ActiveAlert>| alerts.iter().map(line).collect::<Vec<_>>();
    let no_data = r#"{alertname="cpu-high:no_data",on_fail="no-go",severity="critical"}"#;
    let gone = r#"{alertname="gone",device="0x8003",on_fail="escalate",severity="warning"}"#;
    assert_eq!(lines(gates.at(0)), [format!("{no_data} pending 0"), format!("{gone} firing 0")], "on_no_data = hold is no alert");
    assert_eq!(lines(gates.at(MINUTE)), [format!("{no_data} firing 0"), format!("{gone} firing 0")]);

    gates.samples.record("cpu_percent", &labels("core=0"), 2 * MINUTE, 90.0);
    gates.samples.record("cpu_percent", &labels("core=1"), 2 * MINUTE, 10.0);
    gates.samples.record("device_up", &labels("device=0x8003"), 2 * MINUTE, 1.0);
    gates.samples.record("disk_free_bytes", &Labels::default(), 2 * MINUTE, 1.0);
    let core = r#"{alertname="cpu-high",core="0",on_fail="no-go",severity="critical"}"#;
    let room = r#"{alertname="room",on_fail="hold",severity="warning"}"#;
    let alerts = gates.at(2 * MINUTE);
    assert_eq!(alerts[0].value, Some(90.0));
    assert_eq!(alerts[0].summary, "cpu_percent fail when > 80 percent");
    assert_eq!((alerts[0].severity, alerts[0].description.as_deref()), (Severity::Critical, Some("too busy")));
    assert_eq!((alerts[0].no_data, alerts[0].fired_at), (false, None));
    assert_eq!(lines(alerts), [format!("{core} pending 120"), format!("{room} firing 120")]);
    let alerts = gates.at(3 * MINUTE);
    assert_eq!(alerts[0].fired_at, Some(3 * MINUTE));
    assert_eq!(lines(alerts), [format!("{core} firing 120"), format!("{room} firing 120")]);
}

#[test]
fn a_rule_that_can_not_be_read_fires_at_once_and_its_alerts_stay() {
    let mut gates = Gates::new();
    gates.samples.record("device_up", &labels("device=0x8003"), 0, 1.0);
    gates.samples.record("cpu_percent", &Labels::default(), 0, 90.0);
    gates.samples.record("disk_free_bytes", &Labels::default(), 0, 100.0);
    gates.at(0);
    gates.samples.set_error("cpu_percent", Some("the source does not answer"));
    let alerts = gates.at(1000);
    assert_eq!(alerts[0].labels.get("alertname"), "cpu-high:error");
    assert!(alerts[0].firing && alerts[0].no_data);
    assert_eq!(alerts[0].summary, "rule cpu-high: the source does not answer");
    assert_eq!(line(&alerts[1]), r#"{alertname="cpu-high",on_fail="no-go",severity="critical"} pending 0"#);
    gates.samples.set_error("cpu_percent", None);
    assert_eq!(gates.at(2000).len(), 1);
}

#[test]
fn labels_of_a_series_never_hide_those_of_the_rule() {
    let mut gates = Gates::new();
    let clash = labels("alertname=x,severity=y,exported_severity=z,on_fail=");
    gates.samples.record("disk_free_bytes", &clash, 0, 1.0);
    let alerts = gates.at(0);
    let room = alerts.iter().find(|alert| alert.labels.get("alertname") == "room").unwrap();
    let expected =
        "alertname=room,severity=warning,on_fail=hold,exported_alertname=x,exported_severity=z,exported_exported_severity=y";
    assert_eq!(room.labels, labels(expected));
}

#[test]
fn the_fingerprint_is_of_all_labels_and_of_nothing_else() {
    let one = common::firing("alertname=cpu,device=a");
    let mut other = ActiveAlert { value: None, since: 7, firing: false, ..one.clone() };
    assert_eq!(one.fingerprint(), other.fingerprint());
    other.labels = labels("alertname=cpu,devic=ea");
    assert_ne!(one.fingerprint(), other.fingerprint(), "lengths keep names and values apart");
    let text = one.fingerprint().to_string();
    assert_eq!(text.len(), 16);
    assert_eq!(text.parse::<dsmil_alert::Fingerprint>().unwrap(), one.fingerprint());
    for wrong in ["", "12", "000000000000000g", "+000000000000001", "00000000000000000"] {
        assert_eq!(wrong.parse::<dsmil_alert::Fingerprint>().unwrap_err().kind(), "fingerprint");
    }
}
