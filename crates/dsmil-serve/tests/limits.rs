//! What a client can't do: take too long, send too much, open too many connections, guess keys.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use common::fake::{Fake, Mood, family};
use common::{Setting, config, connect, entry, read_answer, request, secret, start, start_with};
use dsmil_gate::Labels;
use dsmil_serve::{Kind, Limits, ServeConfig, Server, generate_key};

/// Whether the other end closes within the ten seconds that a read waits.
fn is_closed(stream: &mut impl Read) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn who_sends_headers_slowly_loses_the_connection() {
    let limits = Limits { header_timeout: "200ms".parse().unwrap(), ..Limits::default() };
    let setting = start(limits);
    // Silent from the start.
    let (mut silent, begun) = (setting.connect(), Instant::now());
    assert!(is_closed(&mut silent) && begun.elapsed() < Duration::from_secs(5));
    // A byte now and then does not help.
    let mut slow = setting.connect();
    let begun = Instant::now();
    let text = request("GET", "/healthz", None, &["X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], "");
    let sent = text.iter().take_while(|byte| {
        sleep(Duration::from_millis(20));
        slow.write_all(&[**byte]).is_ok() && begun.elapsed() < Duration::from_secs(5)
    });
    assert!(sent.count() < text.len(), "a slow request was taken whole");
    // Between requests there is more time: the same connection may rest.
    let mut patient = setting.connect();
    for _ in 0..2 {
        patient.write_all(&request("GET", "/healthz", None, &[], "")).unwrap();
        assert_eq!(read_answer(&mut patient, false).unwrap().status, 200);
        sleep(Duration::from_millis(400));
    }
    // But not the first part of a second request.
    patient.write_all(b"GET /hea").unwrap();
    let begun = Instant::now();
    assert!(is_closed(&mut patient) && begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_connection_at_rest_is_closed_in_the_end() {
    let limits = Limits { keep_alive_timeout: "200ms".parse().unwrap(), ..Limits::default() };
    let setting = start(limits);
    let mut stream = setting.connect();
    stream.write_all(&request("GET", "/healthz", None, &[], "")).unwrap();
    assert_eq!(read_answer(&mut stream, false).unwrap().status, 200);
    let begun = Instant::now();
    assert!(is_closed(&mut stream) && begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn who_does_not_read_the_answer_loses_the_connection() {
    let limits = Limits { response_timeout: "300ms".parse().unwrap(), connections: 1, ..Limits::default() };
    let fake = Fake::default();
    let many = (0..180_000).map(|number| ([("number", format!("{number:060}"))].into_iter().collect::<Labels>(), 1.0)).collect();
    fake.extra.lock().unwrap().push(family("many", Kind::Gauge, None, many, 1));
    let setting = start_with(fake, limits, |_, _| {});
    let mut lazy = setting.connect();
    lazy.write_all(&request("GET", "/metrics", Some(&setting.metrics), &[], "")).unwrap();
    // The only connection that is allowed comes free again.
    let begun = Instant::now();
    while !is_served(&setting) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the connection was never given up");
        sleep(Duration::from_millis(50));
    }
    drop(lazy);
}

#[test]
fn what_is_too_long_is_refused() {
    let limits = Limits {
        body_bytes: 1024,
        header_bytes: 2048,
        headers: 16,
        request_timeout: "400ms".parse().unwrap(),
        ..Limits::default()
    };
    let setting = start(limits);
    let long = format!("X-Long: {}", "a".repeat(4096));
    let answer = setting.send("GET", "/api/v1/status", Some(&setting.read), &[&long], "");
    assert_eq!(answer.status, 431);
    assert_eq!(setting.ask("GET", &format!("/{}", "a".repeat(4096)), None).status / 100, 4);
    let many = vec!["X-Many: a"; 20];
    assert_eq!(setting.send("GET", "/api/v1/status", Some(&setting.read), &many, "").status, 431);

    let ack = "/api/v1/alerts/00000000000000a1/ack";
    let large = format!(r#"{{"comment": "{}"}}"#, "c".repeat(2000));
    setting.post(ack, &large).is_problem(413, "body-too-long");
    // A chunked body says nothing of its length before it is there.
    let mut stream = setting.connect();
    let head = request("PUT", ack, Some(&setting.operate), &["Transfer-Encoding: chunked"], "");
    let head = String::from_utf8(head).unwrap().replace("Content-Length: 0\r\n", "");
    stream.write_all(format!("{head}800\r\n{}\r\n", "c".repeat(0x800)).as_bytes()).unwrap();
    read_answer(&mut stream, false).unwrap().is_problem(413, "body-too-long");
    // Who has no key is refused before anything of the body is read.
    let mut stream = setting.connect();
    stream.write_all(b"POST /api/v1/silences HTTP/1.1\r\nHost: test\r\nContent-Length: 9999999999\r\n\r\n").unwrap();
    read_answer(&mut stream, false).unwrap().is_problem(401, "no-key");
    // A body that never comes.
    let mut stream = setting.connect();
    let headers = ["Content-Type: application/json", "Content-Length: 100"];
    let text = request("POST", ack, Some(&setting.operate), &headers, "");
    stream.write_all(String::from_utf8(text).unwrap().replace("Content-Length: 0\r\n", "").as_bytes()).unwrap();
    read_answer(&mut stream, false).unwrap().is_problem(408, "too-slow");
    assert!(is_closed(&mut stream), "what comes later must not be taken for a request");
    // A body that breaks off.
    let mut stream = setting.connect();
    let text = request("POST", ack, Some(&setting.operate), &headers, "");
    stream.write_all(String::from_utf8(text).unwrap().replace("Content-Length: 0\r\n", "").as_bytes()).unwrap();
    stream.write_all(b"{").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(read_answer(&mut stream, false).is_none_or(|answer| answer.status == 400));
    assert_eq!(setting.get("/api/v1/status").status, 200);
}

#[test]
fn a_connection_too_many_is_told_so() {
    let setting = start(Limits { connections: 3, ..Limits::default() });
    let mut held: Vec<_> = (0..3).map(|_| setting.connect()).collect();
    for stream in &mut held {
        stream.write_all(&request("GET", "/healthz", None, &[], "")).unwrap();
        assert_eq!(read_answer(stream, false).unwrap().status, 200);
    }
    let refused = setting.ask("GET", "/healthz", None);
    refused.is_problem(503, "too-many-connections");
    assert_eq!(refused.header("retry-after"), "1");
    // A crowd of them: each is told or closed, and none waits.
    let crowd: Vec<_> = (0..50).map(|_| setting.connect()).collect();
    for mut stream in crowd {
        assert!(is_closed(&mut stream));
    }
    drop(held);
    let begun = Instant::now();
    // Until the crowd has been seen off, some are closed without a word.
    while !is_served(&setting) {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

fn is_served(setting: &Setting) -> bool {
    let mut stream = setting.connect();
    _ = stream.write_all(&request("GET", "/healthz", None, &[], ""));
    read_answer(&mut stream, false).is_some_and(|answer| answer.status == 200)
}

#[test]
fn guessing_is_slowed_down_and_nobody_else_with_it() {
    let limits = Limits { failures: 4, failure_forgiven_after: "1h".parse().unwrap(), ..Limits::default() };
    let setting = start(limits);
    let good = request("GET", "/api/v1/status", Some(&setting.read), &[], "");
    let mut known = setting.connect();
    known.write_all(&good).unwrap();
    assert_eq!(read_answer(&mut known, false).unwrap().status, 200);

    // Without a key there is nothing to guess with: it does not count.
    for _ in 0..20 {
        setting.ask("GET", "/api/v1/status", None).is_problem(401, "no-key");
    }
    // Neither does a wrong role.
    for _ in 0..20 {
        setting.ask("GET", "/api/v1/status", Some(&setting.metrics)).is_problem(403, "wrong-role");
    }
    for number in 0..4 {
        setting.ask("GET", "/metrics", Some(&format!("guess{number}"))).is_problem(401, "wrong-key");
    }
    let refused = setting.ask("GET", "/metrics", Some("guess"));
    refused.is_problem(429, "too-many-failures");
    assert!((3500..=3601).contains(&refused.header("retry-after").parse::<u64>().unwrap()), "{refused:?}");
    // The right key is not looked at either, or guessing would go on.
    setting.ask("GET", "/metrics", Some(&setting.read)).is_problem(429, "too-many-failures");
    assert_eq!(setting.ask("GET", "/healthz", None).status, 200);
    // But who was known on a connection stays known there, with that key only.
    known.write_all(&good).unwrap();
    assert_eq!(read_answer(&mut known, false).unwrap().status, 200);
    known.write_all(&request("GET", "/api/v1/status", Some(&setting.operate), &[], "")).unwrap();
    read_answer(&mut known, false).unwrap().is_problem(429, "too-many-failures");
    // And not beyond the life of the key.
    let other = generate_key().unwrap();
    secret(&setting.keys_file(), &entry("other", "read", &other));
    setting.server.reload_keys().unwrap();
    known.write_all(&good).unwrap();
    assert_eq!(read_answer(&mut known, false).unwrap().status, 401);

    let forgiving = start(Limits { failures: 1, failure_forgiven_after: "100ms".parse().unwrap(), ..Limits::default() });
    forgiving.ask("GET", "/metrics", Some("guess")).is_problem(401, "wrong-key");
    sleep(Duration::from_millis(150));
    assert_eq!(forgiving.get("/metrics").status, 200);
}

#[test]
fn keys_are_replaced_while_it_runs() {
    let setting = start(Limits::default());
    let fresh = generate_key().unwrap();
    assert_eq!((fresh.key.len(), fresh.sha256.len()), (70, 64));
    assert!(!format!("{fresh:?}").contains(&fresh.key));
    // A file that can't be used changes nothing.
    fs::write(setting.keys_file(), "[[key]]").unwrap();
    assert_eq!(setting.server.reload_keys().unwrap_err().kind(), "keys-file");
    assert_eq!(setting.get("/api/v1/status").status, 200);
    fs::write(setting.keys_file(), entry("fresh", "read", &fresh)).unwrap();
    fs::set_permissions(setting.keys_file(), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(setting.server.reload_keys().unwrap_err().to_string().contains("chmod 600"));
    assert_eq!(setting.get("/api/v1/status").status, 200);
    fs::set_permissions(setting.keys_file(), fs::Permissions::from_mode(0o400)).unwrap();
    setting.server.reload_keys().unwrap();
    setting.get("/api/v1/status").is_problem(401, "wrong-key");
    assert_eq!(setting.ask("GET", "/api/v1/status", Some(&fresh.key)).json()["key"], "fresh");
}

#[test]
fn other_machines_are_served_only_on_purpose() {
    let dir = tempfile::tempdir().unwrap();
    let (base, _) = config(dir.path(), Limits::default());
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9472", "[::ffff:192.0.2.1]:9472", "[2001:db8::1]:9472"] {
        let config = ServeConfig { listen: listen.parse().unwrap(), ..base.clone() };
        let error = Server::start(&config, std::sync::Arc::new(Fake::default())).unwrap_err();
        assert_eq!(error.kind(), "plain-remote", "{listen}");
        assert!(error.to_string().contains("allow_plain_remote = true") && error.to_string().contains("[tls]"));
        ServeConfig { allow_plain_remote: true, ..config }.check().unwrap();
    }
    for listen in ["127.0.0.1:0", "127.9.9.9:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
        ServeConfig { listen: listen.parse().unwrap(), ..base.clone() }.check().unwrap();
    }
    let refused = |config: &ServeConfig| Server::start(config, std::sync::Arc::new(Fake::default())).unwrap_err();
    assert_eq!(refused(&ServeConfig { keys_file: None, ..base.clone() }).kind(), "no-keys-file");
    let setting = start(Limits::default());
    let taken = refused(&ServeConfig { listen: setting.server.local_addr(), ..base.clone() });
    assert_eq!(taken.kind(), "listen");
    for limits in [
        Limits { connections: 0, ..Limits::default() },
        Limits { header_bytes: 10, ..Limits::default() },
        Limits { headers: 100_000, ..Limits::default() },
        Limits { body_bytes: usize::MAX, ..Limits::default() },
        Limits { failures: 0, ..Limits::default() },
        Limits { request_timeout: "0".parse().unwrap(), ..Limits::default() },
        Limits { failure_forgiven_after: "2h".parse().unwrap(), ..Limits::default() },
    ] {
        let error = refused(&ServeConfig { limits, ..base.clone() });
        assert!(error.kind() == "setting" && error.to_string().starts_with("limits."), "{error}");
    }
}

#[test]
fn it_stops_in_time_and_finishes_what_it_began() {
    // A request under way is answered; a connection at rest and one in the midst of its headers don't hold it up.
    let setting = start(Limits { stop_timeout: "5s".parse().unwrap(), ..Limits::default() });
    let address = setting.server.local_addr();
    let (mut resting, mut half) = (setting.connect(), setting.connect());
    resting.write_all(&request("GET", "/healthz", None, &[], "")).unwrap();
    read_answer(&mut resting, false).unwrap();
    half.write_all(b"GET /healthz HT").unwrap();
    *setting.fake.mood.lock().unwrap() = Mood::Dawdles(500);
    let mut busy = setting.connect();
    busy.write_all(&request("GET", "/api/v1/health", Some(&setting.read), &[], "")).unwrap();
    let answer = spawn(move || read_answer(&mut busy, false));
    sleep(Duration::from_millis(150));
    let begun = Instant::now();
    setting.server.stop();
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(4500), "{took:?}");
    assert_eq!(answer.join().unwrap().unwrap().status, 200);
    assert!(is_closed(&mut resting) && is_closed(&mut half));
    assert!(std::net::TcpStream::connect(address).is_err(), "the address is free again");

    // A request that hangs is broken off.
    let setting = start(Limits { stop_timeout: "200ms".parse().unwrap(), ..Limits::default() });
    *setting.fake.mood.lock().unwrap() = Mood::Dawdles(3000);
    let mut hanging = connect(setting.server.local_addr());
    hanging.write_all(&request("GET", "/api/v1/health", Some(&setting.read), &[], "")).unwrap();
    sleep(Duration::from_millis(100));
    let begun = Instant::now();
    setting.server.stop();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(is_closed(&mut hanging));

    // From within another runtime, and by being dropped.
    let setting = start(Limits::default());
    let address = setting.server.local_addr();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { drop(setting.server) });
    let begun = Instant::now();
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
