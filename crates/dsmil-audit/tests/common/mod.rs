//! What the tests share.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use dsmil_audit::{Durability, Entry, Kind, Log, Options, Outcome, Report, verify};
use jiff::Timestamp;

/// A clock that stands still until it is told otherwise, in milliseconds since 1970.
#[derive(Clone)]
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    pub fn at(time: &str) -> Self {
        Self(Arc::new(AtomicI64::new(time.parse::<Timestamp>().unwrap().as_millisecond())))
    }

    pub fn set(&self, time: &str) {
        self.0.store(time.parse::<Timestamp>().unwrap().as_millisecond(), Ordering::SeqCst);
    }

    pub fn options(&self) -> Options {
        let hands = self.clone();
        Options { clock: Arc::new(move || Timestamp::from_millisecond(hands.0.load(Ordering::SeqCst)).unwrap()), ..quick() }
    }
}

/// No sync: most tests cut no power.
pub fn quick() -> Options {
    Options { durability: Durability::Kernel, program: Some("test".into()), ..Options::default() }
}

pub fn fill(log: &Log, count: u64) {
    for n in 0..count {
        log.record(Entry::new("read").target(format!("0x{n:04x}")).new_value(n), Outcome::Ok).unwrap();
    }
}

pub fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(Into::into).collect()
}

pub fn put(path: &Path, lines: &[String]) {
    fs::write(path, lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>()).unwrap();
}

/// Kind, line and number of each finding.
pub fn found(report: &Report) -> Vec<(Kind, u64, Option<u64>)> {
    report.findings.iter().map(|f| (f.kind, f.line, f.seq)).collect()
}

pub fn clean(dir: &Path) -> Report {
    let report = verify(dir, None).unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    report
}

/// Seals a line anew, as somebody would who knows how: nothing secret is needed.
pub fn reseal(line: &str) -> String {
    use sha2::{Digest, Sha256};
    let body = &line[..line.rfind(",\"hash\":").unwrap()];
    let hash = Sha256::digest(body.as_bytes()).iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"));
    format!("{body},\"hash\":\"{hash}\"}}")
}
