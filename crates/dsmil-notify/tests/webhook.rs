//! Webhooks: what they get, and what their answers mean.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use common::{Server, plain, receiver};
use dsmil_notify::{NotifyError, deliver};
use serde_json::json;

fn hook(url: &str, http: &str) -> dsmil_notify::Receiver {
    receiver(&format!("kind = \"webhook\"\nurl = {url:?}\nexternal_url = \"http://here/\"\n[http]\n{http}"))
}

#[test]
fn it_gets_what_alertmanager_sends() {
    let server = Server::status("200 OK");
    let receipt = deliver(&hook(&server.url(), "headers = { X-Team = \"night\" }"), &plain()).unwrap();
    assert_eq!(receipt.detail, format!("{} answered 200", server.url()));
    let asked = server.next();
    assert_eq!(asked.line, "POST /hook HTTP/1.1");
    assert_eq!(asked.headers["content-type"], "application/json");
    assert_eq!(asked.headers["idempotency-key"], "00112233445566ff-7");
    assert_eq!(asked.headers["x-team"], "night");
    assert!(asked.headers["user-agent"].starts_with("dsmil/"));
    let alert = |device: &str, status: &str, ends_at: &str, value: &str| {
        let labels = format!("alertname=cpu,device={device}");
        json!({
            "status": status,
            "labels": { "alertname": "cpu", "device": device },
            "annotations": { "summary": "cpu_percent fail when > 80", "description": "too \"busy\"\nby far", "value": value },
            "startsAt": "2023-11-14T22:13:20.000Z",
            "endsAt": ends_at,
            "generatorURL": "http://here/",
            "fingerprint": dsmil_alert::Fingerprint::of(&common::labels(&labels)).to_string(),
        })
    };
    let expected = json!({
        "version": "4",
        "groupKey": "pager/{alertname=\"cpu\"}",
        "truncatedAlerts": 2,
        "status": "firing",
        "receiver": "pager",
        "groupLabels": { "alertname": "cpu" },
        "commonLabels": { "alertname": "cpu" },
        "commonAnnotations": { "summary": "cpu_percent fail when > 80", "description": "too \"busy\"\nby far" },
        "externalURL": "http://here/",
        "alerts": [alert("a", "firing", "0001-01-01T00:00:00Z", "91.5"), alert("b", "resolved", "2023-11-14T22:14:20.000Z", "+Inf")],
    });
    assert_eq!(asked.json(), expected);
}

#[test]
fn the_status_says_whether_to_try_again() {
    for (line, retryable) in [
        ("500 Oops", true),
        ("502 Bad Gateway", true),
        ("503 Later", true),
        ("429 Too Many Requests", true),
        ("408 Request Timeout", true),
        ("401 Unauthorized", true),
        ("403 Forbidden", true),
        ("404 Not Found", true),
        ("302 Found", true),
        ("307 Temporary Redirect", true),
        ("400 Bad Request", false),
        ("410 Gone", false),
        ("413 Too Large", false),
        ("415 What", false),
        ("422 No", false),
        ("431 Headers", false),
    ] {
        let server = Server::status(line);
        let error = deliver(&hook(&server.url(), ""), &plain()).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), ("status", retryable), "{line}");
        let expected = format!("notify: {} answered {}: because", server.url(), &line[..3]);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Server::status("200 OK");
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let answer =
            format!("HTTP/1.1 {status}\r\nLocation: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", elsewhere.url());
        let server = Server::answering(answer.leak().as_bytes());
        let error = deliver(&hook(&server.url(), ""), &plain()).unwrap_err();
        assert!(matches!(error, NotifyError::Status { .. }) && error.is_retryable(), "{error}");
    }
    assert!(elsewhere.asked.try_recv().is_err(), "nobody was asked there");
}

#[test]
fn rubbish_silence_and_floods_are_survived() {
    let kind = |server: &Server, http: &str| {
        let begun = Instant::now();
        let error = deliver(&hook(&server.url(), http), &plain()).unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(8), "{error}");
        assert!(error.to_string().len() < 1000 && !error.to_string().contains('\n'), "{error}");
        error.kind()
    };
    let short = "timeout = \"300ms\"\nconnect_timeout = \"300ms\"";
    assert_eq!(kind(&Server::answering(b"\x00\x01\x02 this is no HTTP \xff\r\n\r\n"), short), "connection");
    assert_eq!(kind(&Server::answering(b""), short), "connection", "it hangs up");
    assert_eq!(kind(&Server::answering(b"HTTP/1.1 200 O"), short), "connection", "it hangs up in the middle");
    assert_eq!(kind(&Server::answering(b"HTTP/1.1 999999 X\r\n\r\n"), short), "connection");
    let hangs = Server::doing(|stream| {
        thread::sleep(Duration::from_secs(2));
        drop(stream);
    });
    assert_eq!(kind(&hangs, short), "timeout");
    let drips = Server::doing(|mut stream| {
        _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ");
        for _ in 0..100 {
            if stream.write_all(b"x").is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!(kind(&drips, short), "timeout", "a byte now and then is no answer");
    let headers = Server::doing(|mut stream| {
        _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-Header: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").is_ok() {}
    });
    assert_eq!(kind(&headers, "timeout = \"3s\""), "connection", "headers without end");
    let endless = Server::doing(|mut stream| {
        _ = stream.write_all(b"HTTP/1.1 500 Oops\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    assert_eq!(kind(&endless, "timeout = \"3s\""), "status", "a body without end");
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = deliver(&hook(&format!("http://127.0.0.1:{closed}/"), short), &plain()).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), ("connection", true), "{error}");
    let error = deliver(&hook("http://nobody.invalid/", "timeout = \"2s\""), &plain()).unwrap_err();
    assert!(matches!(error.kind(), "connection" | "timeout") && error.is_retryable(), "{error}");
}

#[test]
fn the_answer_is_taken_even_if_its_body_is_not_whole() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    deliver(&hook(&server.url(), ""), &plain()).unwrap();
}

fn secret(folder: &Path, content: &str, mode: u32) -> String {
    let path = folder.join(format!("secret-{mode:o}-{}", content.len()));
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.display().to_string()
}

#[test]
fn secrets_come_from_files_that_only_their_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::status("200 OK");
    let token = |path: &str| hook(&server.url(), &format!("bearer_token_file = {path:?}"));
    deliver(&token(&secret(folder.path(), "s3cret\n", 0o600)), &plain()).unwrap();
    assert_eq!(server.next().headers["authorization"], "Bearer s3cret");
    let basic = format!("username = \"ann\"\npassword_file = {:?}", secret(folder.path(), "p:w", 0o400));
    deliver(&hook(&server.url(), &basic), &plain()).unwrap();
    assert_eq!(server.next().headers["authorization"], "Basic YW5uOnA6dw==");

    for (path, part) in [
        (secret(folder.path(), "s3cret", 0o640), "its mode is 0640. Remedy: chmod 600"),
        (secret(folder.path(), "s3cret", 0o604), "its mode is 0604"),
        (secret(folder.path(), "", 0o600), "no secret in one line"),
        (secret(folder.path(), "two\nlines", 0o600), "no secret in one line"),
        (secret(folder.path(), &"x".repeat(5000), 0o600), "longer than 4096 bytes"),
        (folder.path().display().to_string(), "no regular file"),
        (folder.path().join("nothing").display().to_string(), "cannot open"),
    ] {
        let error = deliver(&token(&path), &plain()).unwrap_err();
        assert!(error.to_string().contains(part) && error.is_retryable(), "{error}");
        assert!(matches!(error.kind(), "secret" | "file"));
        assert!(!error.to_string().contains("s3cret"));
    }
    assert!(server.asked.try_recv().is_err(), "nothing was sent without its secret");
}

#[test]
fn authorities_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, "no certificate").unwrap();
    let with = |path: &Path| hook("https://127.0.0.1:1/", &format!("ca_file = {path:?}"));
    let error = deliver(&with(&file), &plain()).unwrap_err();
    assert!(error.to_string().contains("has no certificate in it"), "{error}");
    fs::write(&file, vec![b'x'; 2 << 20]).unwrap();
    assert!(deliver(&with(&file), &plain()).unwrap_err().to_string().contains("longer than"));
    // A server that speaks no TLS is no server for https.
    let server = Server::status("200 OK");
    let error = deliver(&hook(&server.url().replace("http:", "https:"), "timeout = \"500ms\""), &plain()).unwrap_err();
    assert!(error.is_retryable(), "{error}");
}
