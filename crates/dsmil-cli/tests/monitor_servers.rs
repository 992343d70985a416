//! A monitor beside a real Prometheus and a real Alertmanager: they see what it sees, at the same moments.

#![allow(clippy::unwrap_used)]

mod common;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use dsmil_history::{Query, Reader, Resolution};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use watch::servers::{Server, free_address};
use watch::{Hook, Keys, Place, eventually};

type Name = (String, BTreeMap<String, String>);

fn name(metric: &Value) -> Name {
    let mut labels: BTreeMap<String, String> = serde_json::from_value(metric.clone()).unwrap();
    labels.remove("job");
    labels.remove("instance");
    (labels.remove("__name__").unwrap(), labels)
}

#[test]
fn a_scrape_yields_every_metric_with_its_values_and_times() {
    let place = Place::new();
    let keys = Keys::make(&place);
    place.write("metrics.json", r#"{"queue_length": [{"labels": {"job_name": "a \"b\"\\c"}, "value": 1.25}], "odd": "+Inf"}"#);
    let file = format!("[[samplers.file]]\nname = \"test\"\npath = {:?}\n", place.text("metrics.json"));
    let text = format!(
        "version = 1\nevaluate_every = \"500ms\"\nscore_every = \"1s\"\n[samplers]\ninterval = \"1s\"\nquarantine.interval = \"1s\"\n\
         temperature.enabled = false\n{file}[alerts]\nreceivers = [\"log\"]\n[receivers.log]\nkind = \"log\"\npath = {:?}\n",
        place.text("alerts.jsonl")
    );
    place.write("monitor.toml", &text);
    let running = place.start(&["--listen", "127.0.0.1:0", "--keys", &place.text("keys.toml")]);
    let prometheus = Server::prometheus(running.address(), &keys.metrics, &[]);
    eventually("some scrapes", || (prometheus.query("count_over_time(health_score[1m]) > 1").len() == 1).then_some(()));
    let reader = Reader::open(place.state()).unwrap();
    let known: BTreeSet<Name> = (reader.series(None).unwrap().into_iter())
        .map(|series| (series.metric, series.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
        .collect();
    assert!(known.len() > 500, "103 devices and the machine: {}", known.len());
    let scraped = || -> BTreeMap<Name, Vec<Value>> {
        let all = prometheus.query(r#"{job="dsmil",__name__!~"up|scrape_.*"}[2m]"#);
        all.into_iter().map(|series| (name(&series["metric"]), series["values"].as_array().unwrap().clone())).collect()
    };
    eventually("every series", || known.iter().all(|name| scraped().contains_key(name)).then_some(()));
    let scraped = scraped();
    let (page, series) = (running.get("/metrics", Some(&keys.metrics)), scraped.len());
    assert_eq!(page.0, 200);
    let lines = page.1.lines().filter(|line| !line.starts_with('#')).count();
    assert!(lines >= known.len(), "{lines} lines, {series} series");
    assert_eq!(running.end(Signal::SIGTERM), Some(0));
    // Each sample that it has is in the store, at the same millisecond, to the bit.
    let mut compared = 0;
    let mut stored: BTreeMap<String, BTreeMap<Name, BTreeMap<i64, u64>>> = BTreeMap::new();
    for ((metric, labels), values) in &scraped {
        let of_metric = stored.entry(metric.clone()).or_insert_with(|| {
            let query = Query { resolution: Resolution::Raw, ..Query::new(metric.clone(), 0, i64::MAX) };
            let series = reader.query(&query).unwrap().into_iter();
            let labels =
                |labels: &dsmil::gate::Labels| labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            series
                .map(|series| {
                    (
                        (metric.clone(), labels(&series.labels)),
                        series.points.iter().map(|point| (point.at, point.value.to_bits())).collect(),
                    )
                })
                .collect()
        });
        let points = &of_metric[&(metric.clone(), labels.clone())];
        for value in values {
            let at = (value[0].as_f64().unwrap() * 1000.0).round() as i64;
            let bits = value[1].as_str().unwrap().parse::<f64>().unwrap().to_bits();
            assert_eq!(points.get(&at), Some(&bits), "{metric} {labels:?} at {at}: {value}");
            compared += 1;
        }
    }
    assert!(compared > 2 * known.len(), "{compared} samples");
}

/// What is changed together, and the rules that speak of it.
const GENERATED: &str = r#"
version = 1

[[rule]]
name = "at-once"
metric = "queue_length"
fail_when = "> 100"
unit = "jobs"
on_fail = "no-go"
on_no_data = "hold"

[[rule]]
name = "after-a-while"
metric = "queue_length"
fail_when = "> 100"
for = "2s"
unit = "jobs"
on_fail = "no-go"
on_no_data = "hold"

[[rule]]
name = "never-long-enough"
metric = "queue_length"
fail_when = "> 100"
for = "1h"
unit = "jobs"
on_fail = "no-go"
on_no_data = "hold"

[[rule]]
name = "kept"
metric = "queue_length"
labels = { lane = "b" }
fail_when = "> 100"
keep_firing_for = "3s"
unit = "jobs"
on_fail = "hold"
on_no_data = "hold"

[[rule]]
name = "cleared-later"
metric = "room_celsius"
fail_when = "> 85"
clear_at = 75
unit = "celsius"
on_fail = "hold"
on_no_data = "hold"

[[rule]]
name = "averaged"
metric = "queue_length"
function = "max"
window = "3s"
fail_when = "> 100"
unit = "jobs"
on_fail = "hold"
on_no_data = "hold"

[[rule]]
name = "gone"
metric = "heartbeat"
function = "absent"
window = "3s"
on_fail = "hold"
"#;

/// What the file says in a phase of the test: all is well, all is bad, half of it, all is well again.
fn metrics(phase: usize) -> Value {
    let bad = phase == 1;
    let lanes =
        |value: f64| json!([{ "labels": { "lane": "a" }, "value": value }, { "labels": { "lane": "b" }, "value": value }]);
    let mut all = json!({
        "queue_length": lanes(if bad { 500.0 } else { 7.0 }),
        "room_celsius": ([60, 90, 80, 70][phase]),
        "cpu_percent": if bad { 90 } else { 10 },
        "memory_percent": if bad { 90 } else { 10 },
        "active_workers": if bad { 9 } else { 1 },
        "security_percent": if bad { 90 } else { 100 },
        "test_success_percent": if bad { 90 } else { 100 },
        "budget_violation_percent": 0.1, "endpoint_success_percent": 99, "compliance_percent": 99,
    });
    if !bad {
        all["heartbeat"] = json!(1);
    }
    all
}

/// Writes the file again and again, each time with the metrics of the phase, so that they have a new time.
fn drive(place: &Arc<Place>, phase: &Arc<std::sync::atomic::AtomicUsize>, stop: &Arc<AtomicBool>) -> thread::JoinHandle<()> {
    let (place, phase, stop) = (Arc::clone(place), Arc::clone(phase), Arc::clone(stop));
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            place.write("metrics.json", &metrics(phase.load(Ordering::Relaxed)).to_string());
            sleep(Duration::from_millis(200));
        }
    })
}

/// When an alert with these labels began to be pending and to fire, and when it ended, in milliseconds.
type Course = BTreeMap<(String, String), Vec<(&'static str, i64)>>;

/// As Prometheus saw it: there is a sample of `ALERTS` at each evaluation.
fn course_there(prometheus: &Server) -> Course {
    let mut seen: BTreeMap<(String, String), BTreeMap<i64, &'static str>> = BTreeMap::new();
    for series in prometheus.query("ALERTS[5m]") {
        let text = |name: &str| series["metric"][name].as_str().unwrap_or_default().to_owned();
        let state = if text("alertstate") == "firing" { "firing" } else { "pending" };
        for value in series["values"].as_array().unwrap() {
            let at = (value[0].as_f64().unwrap() * 1000.0).round() as i64;
            seen.entry((text("alertname"), text("lane"))).or_default().insert(at, state);
        }
    }
    let mut course = Course::new();
    for (alert, states) in seen {
        let changes = course.entry(alert).or_default();
        let mut last: Option<(i64, &'static str)> = None;
        for (at, state) in states {
            if let Some((before, _)) = last.filter(|(before, _)| at - before > 1200) {
                changes.push(("ended", before + 500));
                last = None;
            }
            if last.is_none_or(|(_, before)| before != state) {
                changes.push((state, at));
            }
            last = Some((at, state));
        }
        if let Some((before, _)) = last {
            changes.push(("ended", before + 500));
        }
    }
    course
}

/// As we saw it: the events of the journal.
fn course_here(place: &Place) -> Course {
    let (_, document) = place.json(&["alerts", "history", "-n", "100000"]);
    let mut course = Course::new();
    for event in document["events"].as_array().unwrap().iter().rev() {
        let (Some(name), at) = (event["name"].as_str(), event["at"].as_i64().unwrap()) else { continue };
        let what = match event["kind"].as_str().unwrap() {
            "pending" => "pending",
            "fired" => "firing",
            "resolved" | "subsided" => "ended",
            _ => continue,
        };
        let lane = event["labels"]["lane"].as_str().unwrap_or_default().to_owned();
        course.entry((name.to_owned(), lane)).or_default().push((what, at));
    }
    course
}

#[test]
fn exported_rules_fire_at_the_same_moments() {
    let place = Arc::new(Place::new());
    let keys = Keys::make(&place);
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/gates");
    place.write("metrics.json", &metrics(0).to_string());
    place.configure(GENERATED, "");
    let config = std::fs::read_to_string(place.path("monitor.toml")).unwrap();
    let files = format!("gates = [\"gates.toml\", \"{examples}/deploy.toml\", \"{examples}/quality.toml\"]");
    place.write("monitor.toml", &config.replace("gates = [\"gates.toml\"]", &files));
    let export = |path: &str| place.run(&["gate", "export", "--prometheus", path]).expect(0).out;
    // All example files load; those of which the test brings the metrics fire, too.
    let mut rules = vec![("generated.yml".to_owned(), export(&place.text("gates.toml")))];
    for file in ["alerts", "cluster", "deploy", "phases", "quality", "rollback", "success"] {
        rules.push((format!("{file}.yml"), export(&format!("{examples}/{file}.toml"))));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let phase = Arc::default();
    let driver = drive(&place, &phase, &stop);
    let running = place.start(&["--listen", "127.0.0.1:0", "--keys", &place.text("keys.toml")]);
    let prometheus = Server::prometheus(running.address(), &keys.metrics, &rules);
    let groups = prometheus.get("/api/v1/rules");
    assert_eq!(groups["data"]["groups"].as_array().unwrap().len(), rules.len(), "{groups}");
    eventually("the server sees our metrics", || (prometheus.query("queue_length").len() == 2).then_some(()));
    sleep(Duration::from_secs(1));
    let begun = watch::now();
    for (next, length) in [(1, 6000), (2, 6000), (3, 2500)] {
        phase.store(next, Ordering::Relaxed);
        sleep(Duration::from_millis(length));
    }
    sleep(Duration::from_millis(1500));
    let (there, here) = (course_there(&prometheus), course_here(&place));
    stop.store(true, Ordering::Relaxed);
    driver.join().unwrap();
    assert_eq!(running.end(Signal::SIGTERM), Some(0), "{}", place.log());

    let examples = ["cpu-yellow", "cpu-red", "cpu-room", "memory-red", "workers-room", "security", "tests"];
    let is_tested = |name: &str| GENERATED.contains(&format!("\"{name}\"")) || examples.contains(&name);
    let named = |course: &Course| -> Course {
        let of_test = course.iter().filter(|((name, _), _)| is_tested(name));
        // Before the first scrape, what is absent was absent there.
        let since = |changes: &[(&'static str, i64)]| changes.iter().copied().filter(|(_, at)| *at >= begun).collect();
        of_test.map(|(alert, changes)| (alert.clone(), since(changes))).collect()
    };
    let (there, here) = (named(&there), named(&here));
    assert!(here.len() >= 14, "{here:#?}");
    assert_eq!(there.keys().collect::<Vec<_>>(), here.keys().collect::<Vec<_>>(), "\nthere {there:#?}\nhere {here:#?}");
    for (alert, ours) in &here {
        let theirs = &there[alert];
        let words = |changes: &[(&'static str, i64)]| changes.iter().map(|(what, _)| *what).collect::<Vec<_>>();
        // What fires at once is not pending first here; there it may be so for no time at all.
        assert_eq!(words(theirs), words(ours), "{alert:?}\nthere {theirs:?}\nhere {ours:?}");
        for ((what, their), (_, our)) in theirs.iter().zip(ours) {
            // They see it by the next scrape (500 ms), and decide by the next evaluation (500 ms); we by the next step (100 ms).
            let later = their - our;
            assert!((-700..=1700).contains(&later), "{alert:?} {what}: {later} ms later there");
        }
    }
}

#[test]
fn alerts_arrive_at_an_alertmanager_that_was_down_and_are_grouped_silenced_and_resolved_there() {
    let (place, hook) = (Place::new(), Hook::new());
    let address = free_address();
    let rule = |name: &str, metric: &str| {
        format!(
            "[[rule]]\nname = \"{name}\"\nmetric = \"{metric}\"\nfail_when = \"> 100\"\nunit = \"jobs\"\non_fail = \"no-go\"\non_no_data = \"hold\"\n"
        )
    };
    let gates = format!(
        "version = 1\n{}{}{}",
        rule("long", "queue_length"),
        rule("broken", "broken_jobs"),
        rule("waiting", "waiting_jobs")
    );
    let receiver = format!(
        "[receivers.am]\nkind = \"alertmanager\"\nurls = [\"http://{address}\"]\nresend_interval = \"1s\"\nlabels = {{ host = \"rack-7\" }}\n"
    );
    let lanes =
        |value: u32| json!([{ "labels": { "lane": "a" }, "value": value }, { "labels": { "lane": "b" }, "value": value }]);
    let metrics = |long: u32, broken: u32, waiting: u32| {
        json!({ "queue_length": lanes(long), "broken_jobs": broken, "waiting_jobs": waiting }).to_string()
    };
    place.write("metrics.json", &metrics(500, 1, 1));
    place.configure(&gates, &format!("[alerts]\nreceivers = [\"am\"]\n{receiver}"));
    let running = place.start(&[]);
    place.await_alert("long", "firing");
    // Nobody is there.
    let failed = || place.run(&["alerts", "history"]).out.contains("failed").then_some(());
    eventually("the attempt fails", failed);
    let manager = Server::alertmanager(address, hook.address);
    let states = || -> BTreeMap<(String, String), String> {
        let alerts = manager.get("/api/v2/alerts");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = alerts.as_array().unwrap().iter();
        all.map(|alert| ((text(&alert["labels"]["alertname"]), text(&alert["labels"]["lane"])), text(&alert["status"]["state"])))
            .collect()
    };
    let is =
        |name: &str, lane: &str, state: &str| states().get(&(name.to_owned(), lane.to_owned())).is_some_and(|is| is == state);
    eventually("both arrive", || (is("long", "a", "active") && is("long", "b", "active")).then_some(()));
    let alerts = manager.get("/api/v2/alerts");
    assert_eq!(alerts[0]["labels"]["host"], "rack-7");
    assert_eq!(alerts[0]["annotations"]["summary"], "queue_length fail when > 100 jobs");
    let since = place.await_alert("long", "firing")["starts_at"].as_i64().unwrap();
    let starts: jiff::Timestamp = alerts[0]["startsAt"].as_str().unwrap().parse().unwrap();
    assert_eq!(starts.as_millisecond(), since, "it fires since then, and not since it arrived");
    // They are one group, and its webhook hears of both at once.
    hook.await_heard("long", "firing");
    eventually("one notification has both", || hook.told().iter().any(|told| told.alerts().len() == 2).then_some(()));
    let groups = manager.get("/api/v2/alerts/groups");
    assert_eq!((groups.as_array().unwrap().len(), groups[0]["alerts"].as_array().unwrap().len()), (1, 2), "{groups}");

    // A silence there, and an inhibition.
    let ends = jiff::Timestamp::from_millisecond(watch::now() + 3_600_000).unwrap().to_string();
    let begins = jiff::Timestamp::from_millisecond(watch::now()).unwrap().to_string();
    let matchers = json!([{ "name": "lane", "value": "a", "isRegex": false, "isEqual": true }]);
    manager.post(
        "/api/v2/silences",
        &json!({ "matchers": matchers, "startsAt": begins, "endsAt": ends, "createdBy": "ann", "comment": "x" }),
    );
    place.write("metrics.json", &metrics(500, 500, 500));
    eventually("silenced and inhibited", || {
        (is("long", "a", "suppressed")
            && is("long", "b", "active")
            && is("broken", "", "active")
            && is("waiting", "", "suppressed"))
        .then_some(())
    });

    // What is sent again stays, although each time it is to end soon; what has resolved is gone at once.
    let until = Instant::now() + Duration::from_millis(4500);
    while Instant::now() < until {
        assert!(is("long", "b", "active") && is("broken", "", "active"), "{:?}", states());
        sleep(Duration::from_millis(250));
    }
    place.write("metrics.json", &metrics(1, 500, 500));
    eventually("they have resolved", || (!is("long", "b", "active") && is("broken", "", "active")).then_some(()));
    hook.await_heard("long", "resolved");
    place.write("metrics.json", &metrics(1, 1, 1));
    eventually("all have resolved", || states().is_empty().then_some(()));
    // One that goes down and comes back hears of what it has missed.
    drop(manager);
    place.write("metrics.json", &metrics(500, 1, 1));
    place.await_alert("long", "firing");
    sleep(Duration::from_secs(1));
    let manager = Server::alertmanager(address, hook.address);
    let active = || manager.get("/api/v2/alerts").as_array().unwrap().len();
    eventually("both are there again", || (active() == 2).then_some(()));
    assert_eq!(running.end(Signal::SIGTERM), Some(0), "{}", place.log());
}
