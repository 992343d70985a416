//! `dsmil monitor` and those who look at it: how it starts, is told things, and ends.

#![allow(clippy::unwrap_used)]

mod common;
mod watch;

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use dsmil_history::Reader;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use watch::{Hook, Keys, Place, eventually, files, now};

/// A rule over the length of a queue, and the gate that it closes.
fn gates(rule: &str, bound: u32, on_fail: &str) -> String {
    format!(
        "version = 1\n[[rule]]\nname = \"{rule}\"\nmetric = \"queue_length\"\nfail_when = \"> {bound}\"\nunit = \"jobs\"\n\
         on_fail = \"{on_fail}\"\non_no_data = \"hold\"\n[[gate]]\nname = \"queue\"\nkind = \"all\"\nrules = [\"{rule}\"]\n"
    )
}

const AT_ONCE: &str = "[alerts]\nreceivers = [\"hook\"]\ngroup_wait = \"0s\"\ngroup_interval = \"100ms\"\n";

fn place(value: &Value, more: &str) -> Place {
    let place = Place::new();
    place.write("metrics.json", &json!({ "queue_length": value }).to_string());
    place.configure(&gates("long", 100, "no-go"), more);
    place
}

#[test]
fn sigterm_and_sigint_end_it_cleanly() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let place = place(&json!(500), "");
        let running = place.start(&[]);
        assert_eq!(running.ready["state_dir"], place.state().display().to_string());
        assert_eq!(running.ready["pid"], running.id());
        place.await_alert("long", "firing");
        assert_eq!(running.end(signal), Some(0), "{}", place.log());
        // What was written is in the database, and not beside it.
        let left = files(&place.state());
        assert!(left.get("history.sqlite-wal").is_none_or(|length| *length == 0), "{left:?}");
        Reader::open(place.state()).unwrap().check().unwrap();
        // The last step took in what came, and nothing is told twice at the next start.
        let before = place.alerts();
        let again = place.start(&[]);
        assert_eq!(place.await_alert("long", "firing")["since"], before[0]["since"]);
        assert_eq!(again.end(signal), Some(0));
    }
}

#[test]
fn the_second_on_one_directory_says_who_holds_it() {
    let place = place(&json!(1), "");
    let running = place.start(&[]);
    let second = place.run(&["monitor"]).expect(1);
    assert!(
        second.err.contains(&format!("process {}", running.id())) || second.err.contains(&running.id().to_string()),
        "{}",
        second.err
    );
    assert!(second.err.contains("since 20"), "{}", second.err);
    let (status, error) = place.json(&["monitor", "--once"]);
    assert_eq!((status, &error["error"]["kind"]), (1, &json!("held")), "{error}");
    assert_eq!(running.end(Signal::SIGKILL), None);
    let third = place.start(&[]);
    assert_eq!(third.end(Signal::SIGTERM), Some(0));
}

#[test]
fn one_round_says_what_the_gates_decide() {
    for (value, on_fail, status, verdict) in [
        (json!(1), "no-go", 0, "go"),
        (json!(500), "hold", 7, "hold"),
        (json!(500), "no-go", 7, "no-go"),
        (json!(500), "roll-back", 8, "roll-back"),
        (Value::Null, "no-go", 7, "no-go"),
    ] {
        let place = place(&value, "");
        place.write("gates.toml", &gates("long", 100, on_fail));
        let (found, document) = place.json(&["monitor", "--once"]);
        assert_eq!(found, status, "{document}");
        assert_eq!(document["evaluation"]["verdict"], verdict);
        assert_eq!(document["saved"], true);
        assert!(document["scores"]["health"]["value"].is_f64());
        let text = place.run(&["monitor", "--once"]);
        assert_eq!((text.status, text.out.lines().next()), (status, Some(verdict)), "{text:?}");
        let (_, tail) = place.json(&["audit", "tail"]);
        assert!(tail.to_string().contains(&format!("\"verdict\":\"{verdict}\"")), "{tail}");
    }
}

#[test]
fn a_dry_run_checks_and_does_nothing() {
    let place = place(&json!(1), "[receivers.hook]\nkind = \"log\"\n");
    let ran = place.run(&["monitor", "--dry-run"]).expect(0);
    assert!(ran.out.contains("dry run: would watch sim: and write to"), "{}", ran.out);
    let (status, document) = place.json(&["monitor", "--dry-run", "--once"]);
    assert_eq!((status, &document["gates"]), (0, &json!(1)), "{document}");
    assert!(!place.state().exists());
    place.write("gates.toml", "version = 1\n[[rule]]\nname = \"x\"\n");
    let ran = place.run(&["monitor", "--dry-run"]).expect(1);
    assert!(ran.err.contains("gates.toml, line 2, column 1, rule[0]"), "{}", ran.err);
    place.write("monitor.toml", "version = 1\n[alerts]\nreceivers = [\"nobody\"]\n");
    let ran = place.run(&["monitor", "--dry-run"]).expect(1);
    assert!(ran.err.contains("monitor.toml:3:1: alerts: receivers: there is no receiver \"nobody\""), "{}", ran.err);
    place.write("monitor.toml", "version = 1\n");
    std::fs::set_permissions(place.path("monitor.toml"), std::fs::Permissions::from_mode(0o666)).unwrap();
    let (status, error) = place.json(&["monitor", "--dry-run"]);
    assert_eq!((status, &error["error"]["kind"]), (1, &json!("config")));
    assert!(error["error"]["message"].as_str().unwrap().contains("chmod go-w"), "{error}");
}

#[test]
fn two_gate_files_may_not_use_one_name() {
    let place = place(&json!(1), "");
    place.write("more.toml", &gates("long", 7, "hold"));
    let config = std::fs::read_to_string(place.path("monitor.toml"))
        .unwrap()
        .replace("[\"gates.toml\"]", "[\"gates.toml\", \"more.toml\"]");
    place.write("monitor.toml", &config);
    let ran = place.run(&["monitor"]).expect(1);
    assert!(ran.err.contains("more.toml: rule long stands in") && ran.err.contains("rename one of the two"), "{}", ran.err);
}

#[test]
fn a_reload_keeps_what_fires_and_changes_rules_receivers_and_keys() {
    let (one, two) = (Hook::new(), Hook::new());
    let with =
        |hook: &Hook| format!("{AT_ONCE}\n{}\n[serve]\nlisten = \"127.0.0.1:0\"\nkeys_file = \"keys.toml\"\n", hook.receiver());
    let place = place(&json!(500), &with(&one));
    let old = Keys::make(&place);
    let running = place.start(&[]);
    let before = place.await_alert("long", "firing");
    one.await_heard("long", "firing");
    assert_eq!(running.get("/api/v1/alerts", Some(&old.read)).0, 200);

    // Another rule beside it, another receiver, other keys.
    let both = format!(
        "{}{}",
        gates("long", 100, "no-go"),
        gates("longer", 300, "hold").replace("version = 1\n", "").replace("\"queue\"", "\"other\"")
    );
    place.configure(&both, &with(&two));
    let new = Keys::make(&place);
    running.send(Signal::SIGHUP);
    two.await_heard("longer", "firing");
    let after = place.await_alert("long", "firing");
    assert_eq!((&before["since"], &before["starts_at"]), (&after["since"], &after["starts_at"]));
    assert_eq!(running.get("/api/v1/alerts", Some(&old.read)).0, 401);
    assert_eq!(running.get("/api/v1/alerts", Some(&new.read)).0, 200);
    assert!(place.log().contains("read the configuration again"), "{}", place.log());

    // What can't be used changes nothing, and is told.
    let told = one.told().len();
    for broken in
        ["version = 1\n[alerts]\nreceivers = [\"nobody\"]\n", "version = 2\n", "", "version = 1\ngates = [\"nowhere.toml\"]\n"]
    {
        let length = place.log().len();
        place.write("monitor.toml", broken);
        running.send(Signal::SIGHUP);
        let tells =
            || place.log()[length..].contains("the configuration can't be used: the old one stays in force").then_some(());
        eventually("the log says that it can't be used", tells);
    }
    let length = place.log().len();
    place.write("keys.toml", "[[key]]\nname = 7\n");
    running.send(Signal::SIGHUP);
    eventually("the log says that the keys can't be used", || {
        place.log()[length..].contains("the keys can't be used").then_some(())
    });
    assert_eq!(running.get("/api/v1/alerts", Some(&new.read)).0, 200, "the keys are as they were");
    place.write("metrics.json", &json!({ "queue_length": 1 }).to_string());
    two.await_heard("longer", "resolved");
    two.await_heard("long", "resolved");
    assert_eq!(one.told().iter().skip(told).filter(|told| told.body["status"] == "firing").count(), 0);
    assert_eq!(running.end(Signal::SIGTERM), Some(0));
}

#[test]
fn keys_open_what_their_roles_say() {
    let place = place(&json!(500), "");
    let keys = Keys::make(&place);
    let running = place.start(&["--listen", "127.0.0.1:0", "--keys", &place.text("keys.toml")]);
    let alert = place.await_alert("long", "firing");
    let status = |path: &str, key: Option<&str>| running.get(path, key).0;
    assert_eq!(status("/healthz", None), 200);
    eventually("it is ready", || (status("/readyz", None) == 200).then_some(()));
    for path in ["/metrics", "/api/v1/alerts", "/api/v1/verdicts", "/api/v1/health", "/api/v1/devices", "/api/v1/series"] {
        assert_eq!(status(path, None), 401, "{path}");
        assert_eq!(status(path, Some("dsmil_wrong")), 401, "{path}");
        let with_metrics_key = if path == "/metrics" { 200 } else { 403 };
        assert_eq!(status(path, Some(&keys.metrics)), with_metrics_key, "{path}");
        assert_eq!(status(path, Some(&keys.read)), 200, "{path}");
        assert_eq!(status(path, Some(&keys.operate)), 200, "{path}");
    }
    let ack = format!("/api/v1/alerts/{}/ack", alert["fingerprint"].as_str().unwrap());
    let post =
        |key: &str| watch::ask(running.address(), "POST", &ack, Some(key), "{\"by\": \"Ada\", \"comment\": \"on it\"}").unwrap();
    assert_eq!(post(&keys.read).0, 403);
    let (status, answer) = post(&keys.operate);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(place.await_alert("long", "firing")["acked"]["by"], "Ada via operate");
    let silence = json!({ "matchers": ["alertname=\"long\""], "comment": "known", "duration": "1h" }).to_string();
    let (status, made) = watch::ask(running.address(), "POST", "/api/v1/silences", Some(&keys.operate), &silence).unwrap();
    assert!(matches!(status, 200 | 201), "{made}");
    let id = serde_json::from_str::<Value>(&made).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(place.await_alert("long", "firing")["silenced_by"], json!([id]));
    assert_eq!(running.end(Signal::SIGTERM), Some(0));
    // No keys, no service; and keys that others may read are none.
    let ran = place.run(&["monitor", "--listen", "127.0.0.1:0"]).expect(1);
    assert!(ran.err.contains("keys"), "{}", ran.err);
    std::fs::set_permissions(place.path("keys.toml"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = place.run(&["monitor", "--listen", "127.0.0.1:0", "--keys", &place.text("keys.toml")]).expect(1);
    assert!(ran.err.contains("chmod"), "{}", ran.err);
}

#[test]
fn scores_that_are_old_say_nothing_of_now() {
    let place = place(&json!(1), "");
    let ran = place.run(&["health"]).expect(1);
    assert!(!ran.err.is_empty(), "no monitor was ever there");
    place.run(&["monitor", "--once"]).expect(0);
    for which in ["health", "security"] {
        let (status, score) = place.json(&[which]);
        assert_eq!((status, &score["stale"]), (0, &json!(false)), "{score}");
        assert!(score["value"].as_f64().unwrap() > 0.0 && now() - score["at"].as_i64().unwrap() < 60_000);
        assert!(score["checks"].as_array().unwrap().len() > 3);
        std::thread::sleep(Duration::from_millis(5));
        let (status, score) = place.json(&[which, "--max-age", "1ms"]);
        assert_eq!((status, &score["stale"]), (1, &json!(true)));
        let ran = place.run(&[which, "--max-age", "1ms"]).expect(1);
        assert!(ran.err.contains("it says nothing of now"), "{}", ran.err);
    }
}

#[test]
fn validate_runs_the_checks_as_often_as_it_is_told() {
    let place = place(&json!(1), "");
    let (status, scores) = place.json(&["validate"]);
    let full = |scores: &Value| ["health", "security"].iter().all(|which| scores[which]["value"] == json!(100.0));
    assert_eq!(status, i32::from(!full(&scores)), "{scores}");
    let begun = Instant::now();
    let ran = place.run(&["validate", "--continuous", "--times", "2", "--every", "300ms", "--json"]);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let documents: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents.len(), 2, "{}", ran.out);
    assert!(documents.iter().all(|scores| scores["health"]["checks"].is_array()));
    let ran = place.run(&["validate", "--continuous", "--times", "2", "--every", "10ms"]);
    assert!(ran.out.starts_with("20") && ran.out.contains(" of 100"), "{}", ran.out);
    assert!(!place.state().exists(), "it keeps nothing");
    place.run(&["validate", "--times", "2"]).expect(2);
}

#[test]
fn what_was_measured_can_be_asked_for() {
    let value = json!([{ "labels": { "job": "a" }, "value": 1.5 }, { "labels": { "job": "b" }, "value": 7 }]);
    let place = place(&value, "");
    place.run(&["monitor", "--once"]).expect(0);
    let (status, found) = place.json(&["metrics", "query", "queue_length", "--label", "job=a", "--last", "10m"]);
    assert_eq!(status, 0);
    let series = found["series"].as_array().unwrap();
    assert_eq!((series.len(), &series[0]["labels"], &series[0]["points"][0]["value"]), (1, &json!({ "job": "a" }), &json!(1.5)));
    let (_, both) = place.json(&["metrics", "query", "queue_length", "--resolution", "minute"]);
    assert_eq!(both["series"].as_array().unwrap().len(), 2);
    assert_eq!(both["series"][1]["points"][0]["rollup"]["count"], 1);
    let (_, list) = place.json(&["metrics", "list"]);
    let names: Vec<&str> = list["series"].as_array().unwrap().iter().map(|series| series["metric"].as_str().unwrap()).collect();
    for name in ["queue_length", "health_score", "check_passed", "sampler_up", "store_full", "quarantine_enforced"] {
        assert!(names.contains(&name), "{name} of {names:?}");
    }
    let text = place.run(&["metrics", "query", "queue_length"]).expect(0).out;
    assert!(text.contains("queue_length{job=\"b\"}") && text.contains('7'), "{text}");
    assert!(place.run(&["metrics", "query", "nothing"]).expect(0).out.contains("nothing was measured"));
    place.run(&["metrics", "query", "x", "--label", "job"]).expect(2);
}
