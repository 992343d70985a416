//! What `docs/alerts.md` shows is what the code takes.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dsmil_alert::{AlertConfig, Inhibit, Route};
use dsmil_notify::Receiver;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    alerts: AlertConfig,
    receivers: BTreeMap<String, Receiver>,
}

fn blocks(language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/alerts.md");
    let text = fs::read_to_string(path).unwrap();
    let begin = format!("```{language}\n");
    text.split(&begin).skip(1).map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn the_examples_are_taken_and_what_is_called_a_default_is_one() {
    let shown: Shown = toml::from_str(&blocks("toml")).unwrap();
    let names = ["am", "hook", "log", "page"];
    assert!(shown.receivers.keys().eq(names), "all kinds are shown");
    for receiver in shown.receivers.values() {
        receiver.check().unwrap();
    }
    let mut kinds = Receiver::kinds(&shown.receivers);
    kinds.insert("pager".to_owned(), kinds["page"]);
    shown.alerts.check(&kinds).unwrap();
    let AlertConfig { receivers, routes, inhibitions, .. } = shown.alerts.clone();
    assert_eq!((receivers.len(), routes.len(), inhibitions.len()), (1, 1, 1));
    assert_ne!((&routes[0], &inhibitions[0]), (&Route::default(), &Inhibit::default()));
    let plain = AlertConfig { receivers: vec![], routes: vec![], inhibitions: vec![], ..shown.alerts };
    assert_eq!(plain, AlertConfig::default());
}

#[test]
fn the_line_that_is_shown_has_the_keys_that_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    let mut alert: dsmil_alert::NotifiedAlert = serde_json::from_value(serde_json::json!({
        "fingerprint": "9bd5da491869f171", "status": "firing", "labels": { "alertname": "cpu-high" }, "severity": "warning",
        "starts_at": 0, "ends_at": null, "value": 91.5, "summary": "s", "description": null, "acked_by": null,
    }))
    .unwrap();
    alert.labels = [("alertname", "cpu-high"), ("on_fail", "hold"), ("severity", "warning")].into_iter().collect();
    let notification = dsmil_alert::Notification {
        id: "00112233445566ff-7".to_owned(),
        sequence: 7,
        receiver: "page".to_owned(),
        group: "page/{alertname=\"cpu-high\"}".to_owned(),
        group_labels: [("alertname", "cpu-high")].into_iter().collect(),
        cause: dsmil_alert::Cause::Change,
        alerts: vec![dsmil_alert::NotifiedAlert {
            starts_at: 1_772_359_200_000,
            summary: "cpu_percent fail when > 80 percent".to_owned(),
            ..alert
        }],
        truncated: 0,
        created_at: 1_772_359_230_000,
    };
    let receiver: Receiver = toml::from_str(&format!("kind = \"log\"\npath = \"{}\"", path.display())).unwrap();
    dsmil_notify::deliver(&receiver, &notification).unwrap();
    let written: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&blocks("json")).unwrap();
    assert_eq!(written, shown);
}
