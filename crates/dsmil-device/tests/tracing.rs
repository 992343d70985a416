//! Every request leaves a span and an event for who wants to see them.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

mod common;

use std::io;
use std::sync::{Arc, Mutex};

use common::{faults, options, run_dir};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn spans_and_events_tell_each_request_and_what_went_wrong() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let run = run_dir();
        let device = options(&run).open("sim:seed=7").unwrap();
        device.model().unwrap().lock().unwrap().set_faults(faults(
            "[[fault]]\non = \"SCAN_CHUNK\"\nskip = 2\ntimes = 1\ndo = \"foreign-session\"\n[[fault]]\non = \"GET_STATUS\"\ntimes = 1\ndo = \"fail\"\nerrno = \"EIO\"\n",
        ));
        device.scan().unwrap();
        device.status().unwrap();
        device.read(0x8009.into()).unwrap_err();
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for part in [
        "operation{what=\"scan\"",
        "request{name=\"SCAN_START\"",
        "request{name=\"SCAN_CHUNK\"",
        "took_ns=",
        "another program interfered",
        "trying again",
        "denied",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    // Two attempts at the scan: 22 chunks, and the three before the foreign session was seen.
    assert!(text.matches("request{name=\"SCAN_CHUNK\"").count() >= 25);
}
