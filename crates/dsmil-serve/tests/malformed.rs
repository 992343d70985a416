//! Some thousands of requests with random damage: never a crash, never an answer of substance without a key.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

mod common;

use std::io::{Read, Write};
use std::net::Shutdown;

use common::{request, start};
use dsmil_serve::Limits;

const REQUESTS: u32 = 3000;

/// xorshift64*: the same damage in every run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let tokens: [&[u8]; 18] = [
            b"\r\n",
            b"\n",
            b"\0",
            b" ",
            b":",
            b"\r\n\r\n",
            b"HTTP/1.1",
            b"HTTP/0.9",
            b"HTTP/2.0",
            b"Transfer-Encoding: chunked\r\n",
            b"Content-Length: 5\r\n",
            b"Content-Length: -1\r\n",
            b"Connection: upgrade\r\n",
            b"Expect: 100-continue\r\n",
            b"Authorization: Bearer \xff\r\n",
            b"CONNECT",
            b"/../",
            b"http://a/metrics",
        ];
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.splice(at..at, tokens[self.below(tokens.len())].iter().copied())),
                3 => drop(bytes.drain(at..(at + self.below(12)).min(bytes.len()))),
                _ => {
                    let part = bytes[at..(at + self.below(40)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
    }
}

/// The statuses of everything that comes back until the other end closes.
fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    text.split("HTTP/1.").skip(1).filter_map(|part| part.get(2..5)?.parse().ok()).collect()
}

#[test]
fn damaged_requests_do_no_harm() {
    let limits = Limits {
        header_timeout: "100ms".parse().unwrap(),
        request_timeout: "100ms".parse().unwrap(),
        failures: 10_000,
        failure_forgiven_after: "10ms".parse().unwrap(),
        ..Limits::default()
    };
    let setting = start(limits);
    let json = ["Content-Type: application/json"];
    let whole = [
        request("GET", "/metrics", None, &[], ""),
        request("GET", "/api/v1/history?metric=cpu_percent&label=a%3Db&from=1&to=2", Some("wrong"), &[], ""),
        request("POST", "/api/v1/silences", None, &json, r#"{"matchers": ["a=b"], "duration": "1h", "comment": "x"}"#),
        request("POST", "/api/v1/alerts/00000000000000a1/ack", Some("wrong"), &json, r#"{"by": "x"}"#),
        [request("GET", "/api/v1/health", None, &[], ""), request("DELETE", "/api/v1/silences/s-0", None, &[], "")].concat(),
    ];
    let mut rng = Rng(0x5eed);
    let mut seen = [0u32; 600];
    for _ in 0..REQUESTS {
        let mut bytes = whole[rng.below(whole.len())].clone();
        rng.damage(&mut bytes);
        let mut stream = setting.connect();
        // The other end may have closed already.
        _ = stream.write_all(&bytes);
        _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer);
        for status in statuses(&answer) {
            seen[status as usize] += 1;
            let harmless = matches!(status, 100 | 400 | 401 | 405 | 408 | 413 | 414 | 417 | 429 | 431 | 501 | 505);
            assert!(harmless, "{status} for {:?}: {}", String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&answer));
        }
    }
    assert!(seen[400] > 100 && seen[401] > 100, "the damage reached both the parser and the keys");
    assert_eq!(setting.get("/api/v1/status").status, 200);
}

/// With the right key: whatever is damaged, an answer is never a failure of the server.
#[test]
fn damaged_requests_with_a_key_are_no_failure() {
    let short = "100ms".parse().unwrap();
    let setting =
        start(Limits { header_timeout: short, request_timeout: "5s".parse().unwrap(), failures: 10_000, ..Limits::default() });
    let json = ["Content-Type: application/json"];
    let key = Some(setting.operate.as_str());
    let mut rng = Rng(0xfeed);
    let silence = r#"{"matchers": ["a=~\"b|c\""], "starts_at": 5, "duration": "1h30m", "by": "é", "comment": "x"}"#;
    let parts: [(&str, &str, &str); 4] = [
        ("GET", "/api/v1/history?metric=cpu_percent&label=a%3Db&from=1&to=2&resolution=1m", ""),
        ("GET", "/api/v1/alerts?state=firing&limit=5&offset=2", ""),
        ("POST", "/api/v1/silences", silence),
        ("POST", "/api/v1/alerts/00000000000000a1/ack", r#"{"by": "x", "comment": "\u00e9"}"#),
    ];
    let mut answered = 0;
    for _ in 0..1000 {
        let (method, target, body) = parts[rng.below(parts.len())];
        // The damage goes into what our own code reads: the target or the body.
        let (mut damaged_target, mut damaged_body) = (target.as_bytes().to_vec(), body.as_bytes().to_vec());
        rng.damage(if body.is_empty() { &mut damaged_target } else { &mut damaged_body });
        let head = request(method, "TARGET", key, &json, "");
        let head = String::from_utf8(head).unwrap().replace("Content-Length: 0\r\n", "");
        let (before, after) = head.split_once("TARGET").unwrap();
        let after =
            after.replacen("\r\n\r\n", &format!("\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", damaged_body.len()), 1);
        let mut stream = setting.connect();
        _ = stream.write_all(&[before.as_bytes(), &damaged_target, after.as_bytes(), &damaged_body].concat());
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer);
        for status in statuses(&answer) {
            answered += 1;
            assert!(
                status < 500,
                "{status} for {:?}: {}",
                String::from_utf8_lossy(&damaged_body),
                String::from_utf8_lossy(&answer)
            );
        }
    }
    assert!(answered > 900, "{answered}");
}
