//! Every path, with every kind of key; and what each of them says.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

mod common;

use std::collections::BTreeSet;
use std::io::Write;

use common::fake::{Fake, Mood};
use common::{Answer, read_answer, request, start, start_with};
use dsmil_serve::{Limits, openapi};
use serde_json::Value;

const SILENCE: &str = r#"{"matchers": ["device=\"0x8003\""], "duration": "2h", "comment": "maintenance"}"#;

/// Method, path as it is asked, path in the document, body, and the status with the right key.
const ROUTES: [(&str, &str, &str, &str, u16); 16] = [
    ("GET", "/metrics", "/metrics", "", 200),
    ("GET", "/api/v1/openapi.json", "/api/v1/openapi.json", "", 200),
    ("GET", "/api/v1/status", "/api/v1/status", "", 200),
    ("GET", "/api/v1/health", "/api/v1/health", "", 200),
    ("GET", "/api/v1/security", "/api/v1/security", "", 200),
    ("GET", "/api/v1/devices", "/api/v1/devices", "", 200),
    ("GET", "/api/v1/verdicts", "/api/v1/verdicts", "", 200),
    ("GET", "/api/v1/alerts", "/api/v1/alerts", "", 200),
    ("GET", "/api/v1/alerts/history", "/api/v1/alerts/history", "", 200),
    ("POST", "/api/v1/alerts/00000000000000a1/ack", "/api/v1/alerts/{fingerprint}/ack", "{}", 200),
    ("GET", "/api/v1/silences", "/api/v1/silences", "", 200),
    ("POST", "/api/v1/silences", "/api/v1/silences", SILENCE, 201),
    ("DELETE", "/api/v1/silences/s-0", "/api/v1/silences/{id}", "", 204),
    ("GET", "/api/v1/series", "/api/v1/series", "", 200),
    ("GET", "/api/v1/history?metric=cpu_percent", "/api/v1/history", "", 200),
    ("GET", "/nowhere", "", "", 404),
];

#[test]
fn every_path_with_every_kind_of_key() {
    let setting = start(Limits { failures: 1000, ..Limits::default() });
    for (method, target, _, body, right) in ROUTES {
        let with = |key: Option<&str>| setting.send(method, target, key, &["Content-Type: application/json"], body);
        let refused = with(None);
        refused.is_problem(401, "no-key");
        assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"dsmil\"");
        for wrong in ["wrong", "", "x y", &"a".repeat(600), &setting.read[1..], &format!("{}x", setting.read)] {
            let refused = with(Some(wrong));
            refused.is_problem(401, "wrong-key");
            assert!(refused.header("www-authenticate").contains("invalid_token"));
        }
        let roles = [(&setting.metrics, 0), (&setting.read, 1), (&setting.operate, 2)];
        let needed = if target == "/metrics" { 0 } else { 1 + u8::from(method != "GET") };
        for (key, role) in roles {
            let answer = with(Some(key));
            if role < needed {
                answer.is_problem(403, "wrong-role");
            } else {
                assert_eq!(answer.status, right, "{method} {target} {role}: {answer:?}");
            }
            assert!(!answer.body.contains(key.as_str()), "a key must not come back");
        }
    }
    for path in ["/healthz", "/readyz"] {
        for key in [None, Some("wrong"), Some(setting.metrics.as_str())] {
            let answer = setting.ask("GET", path, key);
            assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"ok":true}"#));
        }
    }
}

#[test]
fn the_document_has_every_path_and_no_other() {
    let document = openapi();
    let mut written = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            written.insert((method.to_uppercase(), path.clone()));
            let open = matches!(path.as_str(), "/healthz" | "/readyz");
            for status in ["401", "403", "422", "429"] {
                assert_eq!(operation["responses"][status].is_object(), !open, "{method} {path} {status}");
            }
            assert_eq!(operation["security"].is_array(), !open);
            assert!(operation["operationId"].is_string());
        }
    }
    let probes = ["/healthz", "/readyz"].map(|path| ("GET".to_owned(), path.to_owned()));
    let served = ROUTES.iter().filter(|route| route.4 != 404).map(|route| (route.0.to_owned(), route.2.to_owned()));
    assert_eq!(written, served.chain(probes).collect());

    // And a path that is in the document has exactly its methods.
    let setting = start(Limits::default());
    for (path, item) in document["paths"].as_object().unwrap() {
        let target = path.replace("{fingerprint}", "a").replace("{id}", "a");
        let refused = setting.ask("PATCH", &target, Some(&setting.operate));
        refused.is_problem(405, "wrong-method");
        let options = setting.ask("OPTIONS", &target, Some(&setting.operate));
        assert_eq!(options.status, 204);
        let mut wanted: BTreeSet<String> = item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        if wanted.contains("GET") {
            wanted.insert("HEAD".to_owned());
        }
        for answer in [&refused, &options] {
            let allowed: BTreeSet<String> = answer.header("allow").split(',').map(str::to_owned).collect();
            assert_eq!(allowed, wanted, "{path}");
        }
    }
}

#[test]
fn a_key_is_sent_in_one_of_two_ways() {
    let setting = start(Limits { failures: 1000, ..Limits::default() });
    let with = |headers: &[&str]| setting.send("GET", "/api/v1/status", None, headers, "");
    let key = &setting.read;
    let (plain, bearer, scheme) =
        (format!("X-API-Key: {key}"), format!("Authorization: Bearer {key}"), format!("authorization: bEARER   {key} "));
    for right in [&plain, &bearer, &scheme] {
        let answer = with(&[right]);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!((answer.json()["key"].as_str(), answer.json()["role"].as_str()), (Some("read"), Some("read")));
    }
    let basic = format!("Authorization: Basic {key}");
    let bare = format!("Authorization: {key}");
    let wrong: [&[&str]; 8] = [
        &[&plain, &bearer], // which of them?
        &[&bearer, &bearer],
        &[&plain, &plain],
        &[&basic],
        &[&bare],
        &["Authorization: Bearer"],
        &["X-API-Key:"],
        &["Authorization: Bearer \u{e9}"],
    ];
    for headers in wrong {
        with(headers).is_problem(401, "wrong-key");
    }
    setting.ask("GET", &format!("/api/v1/status?key={key}"), None).is_problem(401, "no-key");
}

#[test]
fn answers_carry_their_headers() {
    let setting = start(Limits::default());
    let check = |answer: &Answer, kind: &str| {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_eq!(answer.header("content-type"), kind);
    };
    check(&setting.get("/api/v1/health"), "application/json");
    check(&setting.get("/metrics"), "text/plain; version=0.0.4; charset=utf-8");
    check(&setting.get("/nowhere"), "application/problem+json");
    check(&setting.ask("GET", "/api/v1/health", None), "application/problem+json");
    check(&setting.ask("GET", "/healthz", None), "application/json");
    let open = setting.send("GET", "/metrics", Some(&setting.metrics), &["Accept: application/openmetrics-text"], "");
    check(&open, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.body.ends_with("# EOF\n"));

    let (get, head) = (setting.get("/api/v1/health"), setting.ask("HEAD", "/api/v1/health", Some(&setting.read)));
    assert_eq!((head.status, head.header("content-length")), (200, get.header("content-length")));
    setting.get("/").is_problem(404, "no-such-path");
    setting.get("/metrics/").is_problem(404, "no-such-path");
    setting.get("/%6detrics").is_problem(404, "no-such-path");
    setting.ask("GET", "//healthz", None).is_problem(401, "no-key");
    setting.ask("GET", "/healthz/../metrics", None).is_problem(401, "no-key");
}

#[test]
fn what_is_asked_for_is_what_comes() {
    let setting = start(Limits::default());
    let page = setting.get("/api/v1/devices?limit=2&offset=4").json();
    assert_eq!((page["total"].as_u64(), page["items"][0]["id"].as_str()), (Some(108), Some("0x8004")));
    assert_eq!((page["items"].as_array().unwrap().len(), page["items"][0]["up"].as_bool()), (2, Some(false)));
    assert_eq!(setting.get("/api/v1/devices?offset=1000").json()["items"], Value::Array(Vec::new()));
    assert_eq!(setting.get("/api/v1/health").json()["score"], 50.0);
    let verdicts = setting.get("/api/v1/verdicts").json();
    assert_eq!((&verdicts["verdict"], &verdicts["gates"][0]["score"]), (&"hold".into(), &"NaN".into()));
    assert_eq!(verdicts["rules"][0]["series"][0]["value"], "+Inf");

    assert_eq!(setting.get("/api/v1/alerts").json()["total"], 2);
    let pending = setting.get("/api/v1/alerts?state=pending").json();
    assert_eq!((&pending["total"], &pending["items"][0]["name"]), (&1.into(), &"disk-full".into()));
    assert_eq!(setting.get("/api/v1/alerts?severity=critical&name=disk-full").json()["total"], 0);

    let series = setting.get("/api/v1/series?metric=load_1m").json();
    assert_eq!((&series["total"], &series["items"][0]["value"]), (&1.into(), &Value::Null));
    let history = setting.get("/api/v1/history?metric=cpu_percent&from=1000&to=9000&resolution=1m&limit=3").json();
    assert_eq!((&history["resolution"], &history["truncated"]), (&"1m".into(), &true.into()));
    let times: Vec<_> = history["series"][0]["points"].as_array().unwrap().iter().map(|point| &point["at"]).collect();
    assert_eq!(times, [1000, 2000, 3000]);
    let labelled = setting.get("/api/v1/history?metric=cpu_percent&label=host%3Da%26b&label=sensor=x").json();
    assert_eq!(labelled["series"], Value::Array(Vec::new()));
    setting.get("/api/v1/history?metric=never_seen").is_problem(404, "not-found");
}

#[test]
fn alerts_are_acknowledged_and_silenced() {
    let setting = start(Limits::default());
    let ack = setting.post("/api/v1/alerts/00000000000000a1/ack", r#"{"by": "Ada", "comment": "on it"}"#);
    assert_eq!((ack.status, ack.json()["by"].as_str()), (200, Some("Ada via operate")));
    let alerts = setting.get("/api/v1/alerts?state=firing").json();
    assert_eq!(alerts["items"][0]["acknowledged"]["comment"], "on it");
    assert_eq!(setting.post("/api/v1/alerts/00000000000000a1/ack", "{}").json()["by"], "operate");
    setting.post("/api/v1/alerts/00000000000000b2/ack", "{}").is_problem(409, "conflict");
    setting.post("/api/v1/alerts/none/ack", "{}").is_problem(404, "not-found");
    setting.post("/api/v1/alerts/%ff/ack", "{}").is_problem(404, "not-found");
    setting.post(&format!("/api/v1/alerts/{}/ack", "a".repeat(300)), "{}").is_problem(404, "not-found");

    let silence = setting.post("/api/v1/silences", SILENCE);
    assert_eq!((silence.status, silence.header("location")), (201, "/api/v1/silences/s-0"));
    let silence = silence.json();
    assert_eq!(silence["ends_at"].as_i64().unwrap() - silence["starts_at"].as_i64().unwrap(), 7_200_000);
    assert_eq!((&silence["matchers"][0], &silence["by"]), (&"device=\"0x8003\"".into(), &"operate".into()));
    assert_eq!(setting.get("/api/v1/silences").json()["items"][0], silence);
    let delete = |id: &str| setting.ask("DELETE", &format!("/api/v1/silences/{id}"), Some(&setting.operate));
    assert_eq!(delete("s-0").status, 204);
    assert_eq!(setting.get("/api/v1/silences").json()["items"][0]["state"], "expired");
    delete("s-0").is_problem(409, "conflict");
    delete("s-1").is_problem(404, "not-found");

    // The journal, two at a time.
    let mut kinds = Vec::new();
    let mut target = "/api/v1/alerts/history?limit=2".to_owned();
    loop {
        let page = setting.get(&target).json();
        kinds.extend(page["items"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()));
        let Some(before) = page["next_before"].as_i64() else { break };
        target = format!("/api/v1/alerts/history?limit=2&before={before}");
    }
    assert_eq!(kinds, [3, 2, 1]);
}

#[test]
fn a_wrong_parameter_is_named() {
    let setting = start(Limits::default());
    for (target, parameter) in [
        ("/api/v1/devices?limit=0", "limit"),
        ("/api/v1/devices?limit=1001", "limit"),
        ("/api/v1/devices?limit=%2B5", "limit"),
        ("/api/v1/devices?limit=1e2", "limit"),
        ("/api/v1/devices?limit=99999999999999999999999", "limit"),
        ("/api/v1/devices?limit=", "limit"),
        ("/api/v1/devices?limit=1&limit=2", "limit"),
        ("/api/v1/devices?offset=-1", "offset"),
        ("/api/v1/devices?colour=red", "colour"),
        ("/api/v1/status?x", "x"),
        ("/metrics?name=cpu_percent", "name"),
        ("/api/v1/alerts?state=burning", "state"),
        ("/api/v1/alerts?severity=Critical", "severity"),
        ("/api/v1/alerts?name=", "name"),
        ("/api/v1/history", "metric"),
        ("/api/v1/history?metric=9x", "metric"),
        ("/api/v1/history?metric=a%0Ab", "metric"),
        ("/api/v1/history?metric=a&from=5&to=4", "from"),
        ("/api/v1/history?metric=a&from=now", "from"),
        ("/api/v1/history?metric=a&to=253402300800000", "to"),
        ("/api/v1/history?metric=a&resolution=5m", "resolution"),
        ("/api/v1/history?metric=a&limit=50001", "limit"),
        ("/api/v1/history?metric=a&label=x", "label"),
        ("/api/v1/history?metric=a&label=%3Dx", "label"),
        ("/api/v1/history?metric=a&label=x=1&label=x=2", "label"),
        ("/api/v1/alerts/history?before=-1", "before"),
        (&format!("/api/v1/alerts?name={}", "n".repeat(257)), "name"),
    ] {
        let answer = setting.get(target);
        answer.is_problem(422, "invalid");
        assert_eq!(answer.json()["parameter"], parameter, "{target}");
    }
}

#[test]
fn a_wrong_body_is_explained() {
    let setting = start(Limits::default());
    let ack = "/api/v1/alerts/00000000000000a1/ack";
    setting.send("POST", ack, Some(&setting.operate), &[], "{}").is_problem(415, "not-json");
    setting.send("POST", ack, Some(&setting.operate), &["Content-Type: text/json"], "{}").is_problem(415, "not-json");
    let lenient = setting.send("POST", ack, Some(&setting.operate), &["Content-Type: Application/JSON; charset=utf-8"], "{}");
    assert_eq!(lenient.status, 200);
    let far = i64::MAX;
    for (target, body, parameter, says) in [
        (ack, "", "body", "EOF"),
        (ack, "[]", "body", "line 1 column"),
        (ack, "null", "body", "null"),
        (ack, r#"{"bye": "x"}"#, "body", "unknown field `bye`"),
        (ack, r#"{"by": 5}"#, "body", "invalid type"),
        (ack, r#"{"by": "x", "by": "y"}"#, "body", "duplicate field"),
        (ack, r#"{"by": " "}"#, "by", "1 to 50"),
        (ack, r#"{"by": "a\nb"}"#, "by", "control"),
        (ack, &format!(r#"{{"comment": "{}"}}"#, "é".repeat(1001)), "comment", "1000"),
        ("/api/v1/silences", "{}", "body", "missing field `matchers`"),
        ("/api/v1/silences", r#"{"matchers": [], "duration": "1h", "comment": "x"}"#, "matchers", "1 to 32"),
        ("/api/v1/silences", r#"{"matchers": ["a"], "duration": "1h", "comment": "x"}"#, "body", "no operator"),
        ("/api/v1/silences", r#"{"matchers": ["a=~\"(\""], "duration": "1h", "comment": "x"}"#, "body", "unclosed"),
        ("/api/v1/silences", r#"{"matchers": ["a!=b"], "duration": "1h", "comment": "x"}"#, "matchers", "everything"),
        ("/api/v1/silences", r#"{"matchers": ["a=b"], "duration": "1h", "comment": " "}"#, "comment", "say why"),
        ("/api/v1/silences", r#"{"matchers": ["a=b"], "comment": "x"}"#, "ends_at", "either"),
        ("/api/v1/silences", r#"{"matchers": ["a=b"], "duration": "1h", "ends_at": 5, "comment": "x"}"#, "ends_at", "either"),
        ("/api/v1/silences", r#"{"matchers": ["a=b"], "duration": "0", "comment": "x"}"#, "duration", "after"),
        ("/api/v1/silences", r#"{"matchers": ["a=b"], "duration": "2y", "comment": "x"}"#, "duration", "a year"),
        ("/api/v1/silences", r#"{"matchers": ["a=b"], "duration": "soon", "comment": "x"}"#, "body", "no duration"),
        ("/api/v1/silences", r#"{"matchers": ["a=b"], "ends_at": 5, "comment": "x"}"#, "ends_at", "future"),
        (
            "/api/v1/silences",
            &format!(r#"{{"matchers": ["a=b"], "starts_at": {far}, "duration": "1h", "comment": "x"}}"#),
            "starts_at",
            "9999",
        ),
        (
            "/api/v1/silences",
            &format!(r#"{{"matchers": ["a=b"], "starts_at": 5, "ends_at": {far}, "comment": "x"}}"#),
            "ends_at",
            "a year",
        ),
    ] {
        let answer = setting.post(target, body);
        answer.is_problem(422, "invalid");
        assert_eq!(answer.json()["parameter"], parameter, "{body}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(says), "{body}: {answer:?}");
    }
}

#[test]
fn a_monitor_that_fails_does_not_bring_the_server_down() {
    let setting = start(Limits { request_timeout: "300ms".parse().unwrap(), ..Limits::default() });
    let feels = |mood| *setting.fake.mood.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = mood;
    feels(Mood::Panics);
    for target in ["/metrics", "/api/v1/health", "/api/v1/status", "/api/v1/history?metric=cpu_percent"] {
        setting.get(target).is_problem(500, "internal");
    }
    assert_eq!(setting.ask("GET", "/healthz", None).status, 503);
    feels(Mood::Breaks);
    let broken = setting.get("/api/v1/health");
    broken.is_problem(500, "internal");
    assert!(!broken.body.contains("secret"));
    feels(Mood::NotReady);
    let ready = setting.ask("GET", "/readyz", None);
    assert_eq!((ready.status, ready.body.as_str()), (503, r#"{"ok":false}"#));
    assert_eq!(setting.get("/api/v1/status").json()["ready"]["reasons"][0], "the store in /secret/place is full");
    feels(Mood::Dawdles(900));
    let slow = setting.get("/api/v1/health");
    slow.is_problem(503, "unavailable");
    assert_eq!(slow.header("retry-after"), "1");
    feels(Mood::Well);
    assert_eq!(setting.get("/api/v1/health").status, 200);
}

#[test]
fn one_connection_serves_many_requests() {
    let setting = start_with(Fake::default(), Limits::default(), |_, _| {});
    let mut stream = setting.connect();
    let one = request("GET", "/api/v1/status", Some(&setting.read), &[], "");
    for _ in 0..3 {
        stream.write_all(&one).unwrap();
        assert_eq!(read_answer(&mut stream, false).unwrap().status, 200);
    }
    // And several at once, of which each is judged by its own key.
    let refused = request("GET", "/api/v1/status", Some("wrong"), &[], "");
    stream.write_all(&[one.clone(), refused, one].concat()).unwrap();
    let statuses: Vec<u16> = (0..3).map(|_| read_answer(&mut stream, false).unwrap().status).collect();
    assert_eq!(statuses, [200, 401, 200]);
}

#[test]
fn odd_forms_of_a_request_are_no_way_around_the_key() {
    let setting = start(Limits::default());
    let forms =
        [("CONNECT", "test:80"), ("OPTIONS", "*"), ("GET", "http://test/metrics"), ("TRACE", "/metrics"), ("BREW", "/metrics")];
    for (method, target) in forms {
        setting.ask(method, target, None).is_problem(401, "no-key");
        setting.ask(method, target, Some(&setting.metrics)).status_in(&[200, 403]);
    }
    setting.ask("CONNECT", "test:80", Some(&setting.operate)).is_problem(404, "no-such-path");
    setting.ask("OPTIONS", "*", Some(&setting.operate)).is_problem(404, "no-such-path");
    setting.ask("BREW", "/metrics", Some(&setting.operate)).is_problem(405, "wrong-method");
    assert!(setting.ask("GET", "http://test/metrics", Some(&setting.metrics)).body.contains("cpu_percent 12.5"));
    // A probe takes no more than its method, and knows nothing of keys.
    let refused = setting.ask("POST", "/healthz", None);
    refused.is_problem(405, "wrong-method");
    assert_eq!(refused.header("allow"), "GET,HEAD");
    // HTTP/1.0, without a host.
    let mut old = setting.connect();
    old.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    read_answer(&mut old, false).unwrap().is_problem(401, "no-key");
}
