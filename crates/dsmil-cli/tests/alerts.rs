//! `dsmil alerts` with a monitor that runs and without one: what people want goes through its inbox, and is never lost.

#![allow(clippy::unwrap_used)]

mod common;
mod watch;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use watch::{Hook, Place, eventually};

const GATES: &str = "version = 1\n[[rule]]\nname = \"long\"\nmetric = \"queue_length\"\nfail_when = \"> 100\"\nunit = \"jobs\"\n\
    severity = \"critical\"\non_fail = \"no-go\"\non_no_data = \"hold\"\n";

fn firing(hook: &Hook) -> Place {
    let place = Place::new();
    place.write("metrics.json", "{\"queue_length\": 500}");
    let alerts = "[alerts]\nreceivers = [\"hook\"]\ngroup_wait = \"0s\"\ngroup_interval = \"100ms\"\nrepeat_interval = \"1s\"\n";
    place.configure(GATES, &format!("{alerts}{}", hook.receiver()));
    place
}

fn fingerprint(alert: &Value) -> String {
    alert["fingerprint"].as_str().unwrap().to_owned()
}

/// The kinds of events, the newest first.
fn history(place: &Place) -> Vec<(String, Value)> {
    let (status, document) = place.json(&["alerts", "history", "-n", "1000"]);
    assert_eq!(status, 0);
    let events = document["events"].as_array().unwrap();
    events.iter().map(|event| (event["kind"].as_str().unwrap().to_owned(), event.clone())).collect()
}

#[test]
fn acknowledging_stops_repeats_while_it_runs() {
    let hook = Hook::new();
    let place = firing(&hook);
    let running = place.start(&[]);
    let alert = place.await_alert("long", "firing");
    eventually("it is repeated", || (hook.told().len() >= 2).then_some(()));
    let (status, taken) = place.json(&["alerts", "ack", &fingerprint(&alert), "--by", "ann", "--comment", "on it"]);
    assert_eq!((status, &taken["taken"]), (0, &json!(true)), "{taken}");
    let acked = place.await_alert("long", "firing");
    assert_eq!((&acked["acked"]["by"], &acked["acked"]["comment"]), (&json!("ann"), &json!("on it")));
    // One may have been on its way.
    let after = hook.told().len() + 1;
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert!(hook.told().len() <= after, "it is repeated though somebody looks after it");
    let text = place.run(&["alerts", "list", "--firing"]).expect(0).out;
    assert!(text.contains("firing, ann is on it") && text.ends_with("1 firing\n"), "{text}");
    // Resolved is told all the same.
    place.write("metrics.json", "{\"queue_length\": 1}");
    hook.await_heard("long", "resolved");
    let kinds: Vec<String> = history(&place).into_iter().map(|(kind, _)| kind).collect();
    for kind in ["fired", "queued", "delivered", "acknowledged", "resolved"] {
        assert!(kinds.iter().any(|known| known == kind), "{kind} of {kinds:?}");
    }
    assert_eq!(running.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_silence_keeps_quiet_and_ends_early() {
    let hook = Hook::new();
    let place = firing(&hook);
    place.write("metrics.json", "{\"queue_length\": 1}");
    let running = place.start(&[]);
    eventually("a step", || {
        (!place.alerts().is_empty() || place.run(&["metrics", "list", "queue_length"]).out.contains("queue_length")).then_some(())
    });
    let (status, taken) =
        place.json(&["alerts", "silence", "alertname=long", "severity=~\"crit.*\"", "--for", "1h", "--comment", "works"]);
    assert_eq!((status, &taken["taken"]), (0, &json!(true)), "{taken}");
    let id = taken["id"].as_str().unwrap().to_owned();
    place.write("metrics.json", "{\"queue_length\": 500}");
    let alert = place.await_alert("long", "firing");
    assert_eq!(alert["silenced_by"], json!([id]));
    let (_, silences) = place.json(&["alerts", "silences"]);
    assert_eq!((&silences["silences"][0]["state"], &silences["silences"][0]["comment"]), (&json!("active"), &json!("works")));
    assert!(!hook.heard("long", "firing"));
    let (status, taken) = place.json(&["alerts", "unsilence", &id]);
    assert_eq!((status, &taken["taken"]), (0, &json!(true)), "{taken}");
    hook.await_heard("long", "firing");
    let again = place.run(&["alerts", "unsilence", &id]).expect(2);
    assert!(again.err.contains(&format!("no silence {id} holds")), "{}", again.err);
    assert_eq!(running.end(Signal::SIGTERM), Some(0));
}

#[test]
fn what_is_wanted_while_none_runs_waits_for_the_next() {
    let hook = Hook::new();
    let place = firing(&hook);
    let running = place.start(&[]);
    let alert = place.await_alert("long", "firing");
    hook.await_heard("long", "firing");
    assert_eq!(running.end(Signal::SIGKILL), None);
    let ran = place.run(&["alerts", "ack", &fingerprint(&alert), "--by", "ben"]).expect(0);
    assert!(ran.out.contains("left in the inbox") && ran.out.contains("the next one takes it"), "{}", ran.out);
    let (_, left) = place.json(&["alerts", "silence", "alertname=\"sampler-down\"", "--for", "2h", "--comment", "x"]);
    assert_eq!(left["taken"], false);
    assert_eq!(place.await_alert("long", "firing")["acked"], Value::Null);
    // Rubbish in the inbox is moved aside, and keeps nobody from the rest.
    std::fs::write(place.state().join("inbox/00000000000000000000-1.json"), "{\"acknowledge\": 7}").unwrap();
    let running = place.start(&[]);
    let acked = || (place.await_alert("long", "firing")["acked"]["by"] == "ben").then_some(());
    eventually("ben has acknowledged", acked);
    let silenced =
        || place.json(&["alerts", "silences"]).1["silences"].as_array().unwrap().first().map(|silence| silence["id"].clone());
    assert_eq!(eventually("the silence", silenced), left["id"]);
    let inbox: Vec<String> = watch::files(&place.state().join("inbox")).into_keys().collect();
    assert_eq!(inbox, ["00000000000000000000-1.refused"]);
    assert!(place.log().contains("this is no wish"), "{}", place.log());
    // It is there once, and still after another start.
    assert_eq!(running.end(Signal::SIGTERM), Some(0));
    let running = place.start(&[]);
    assert_eq!(place.await_alert("long", "firing")["acked"]["by"], "ben");
    assert_eq!(history(&place).iter().filter(|(kind, _)| kind == "acknowledged").count(), 1);
    assert_eq!(history(&place).iter().filter(|(kind, _)| kind == "silenced").count(), 1);
    assert_eq!(running.end(Signal::SIGTERM), Some(0));
}

#[test]
fn what_can_not_be_is_refused_at_once() {
    let hook = Hook::new();
    let place = firing(&hook);
    let ran = place.run(&["alerts", "list"]).expect(1);
    assert!(ran.err.contains("history"), "no monitor was ever there: {}", ran.err);
    place.run(&["monitor", "--once"]);
    let ran = place.run(&["alerts", "ack", "0123456789abcdef"]).expect(2);
    assert!(ran.err.contains("no alert 0123456789abcdef fires: `dsmil alerts list` shows those that do"), "{}", ran.err);
    place.run(&["alerts", "ack", "xyz"]).expect(2);
    for (matchers, length, message) in [
        ("a", "1h", "is no matcher"),
        ("a=\"\"", "1h", "at least one"),
        ("a=b", "0s", ""),
        ("a=b", "99999h", "year"),
        ("a=~\"(\"", "1h", "is no matcher"),
    ] {
        let ran = place.run(&["alerts", "silence", matchers, "--for", length, "--comment", "x"]);
        assert_eq!(ran.status, 2, "{matchers} {length}: {ran:?}");
        assert!(ran.err.contains(message), "{matchers} {length}: {}", ran.err);
    }
    // The alert of the one round waits for whoever starts next.
    let alert = place.await_alert("long", "firing");
    let (status, would) = place.json(&["alerts", "ack", &fingerprint(&alert), "--dry-run"]);
    assert_eq!((status, &would["fingerprint"]), (0, &alert["fingerprint"]), "{would}");
    assert!(!place.state().join("inbox").exists());
    assert!(hook.told().is_empty());
    let running = place.start(&[]);
    hook.await_heard("long", "firing");
    assert_eq!(running.end(Signal::SIGTERM), Some(0));
}

#[test]
fn history_tells_of_one_alert_or_of_all() {
    let hook = Hook::new();
    let place = firing(&hook);
    let running = place.start(&[]);
    let alert = place.await_alert("long", "firing");
    hook.await_heard("long", "firing");
    eventually("the delivery is recorded", || history(&place).iter().any(|(kind, _)| kind == "delivered").then_some(()));
    let (_, all) = place.json(&["alerts", "history", "--fingerprint", &fingerprint(&alert)]);
    let events = all["events"].as_array().unwrap();
    assert!(!events.is_empty() && events.iter().all(|event| event["name"] == "long"), "{all}");
    let ids: Vec<i64> = history(&place).iter().map(|(_, event)| event["id"].as_i64().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "the newest first");
    let (_, one) = place.json(&["alerts", "history", "-n", "1"]);
    assert_eq!(one["events"].as_array().unwrap().len(), 1);
    let text = place.run(&["alerts", "history"]).expect(0).out;
    assert!(text.contains("fired") && text.contains("delivered"), "{text}");
    assert_eq!(running.end(Signal::SIGTERM), Some(0));
}
