//! A monitor under systemd: what it tells it, and the unit file.

#![allow(clippy::unwrap_used)]

mod common;
mod watch;

use std::fs::File;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use watch::{Place, Running};

const GATES: &str = "version = 1\n[[rule]]\nname = \"long\"\nmetric = \"queue_length\"\nfail_when = \"> 100\"\nunit = \"jobs\"\n\
    on_fail = \"no-go\"\non_no_data = \"hold\"\n[[gate]]\nname = \"queue\"\nkind = \"all\"\nrules = [\"long\"]\n";

/// What systemd would be told on its socket.
struct Told(UnixDatagram);

impl Told {
    fn new(place: &Place) -> Self {
        Self(UnixDatagram::bind(place.path("notify.sock")).unwrap())
    }

    /// The next message; `None` if none comes in that time.
    fn next(&self, within: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(within)).unwrap();
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    /// The next message that has this line; what came before it.
    fn until(&self, line: &str) -> Vec<String> {
        let (mut before, until) = (Vec::new(), Instant::now() + Duration::from_secs(20));
        while Instant::now() < until {
            match self.next(Duration::from_secs(1)) {
                Some(message) if message.lines().any(|known| known == line) => {
                    before.push(message);
                    return before;
                }
                message => before.extend(message),
            }
        }
        panic!("{line} never came: {before:?}")
    }

    /// Whether the watchdog hears nothing for so long; looks for it for some time.
    fn falls_silent(&self, length: Duration, look: Duration) -> bool {
        let until = Instant::now() + look;
        let mut heard = Instant::now();
        while Instant::now() < until {
            if self.next(Duration::from_millis(100)).is_some_and(|message| message.contains("WATCHDOG=1")) {
                heard = Instant::now();
            }
            if heard.elapsed() >= length {
                return true;
            }
        }
        false
    }
}

fn start(place: &Place) -> (Told, Running) {
    let told = Told::new(place);
    let mut command = place.command(&["monitor", "--json"]);
    command.env("NOTIFY_SOCKET", place.path("notify.sock")).env("WATCHDOG_USEC", "2000000");
    let running = Running::start(place, &mut command);
    (told, running)
}

#[test]
fn systemd_hears_when_it_is_ready_reloads_goes_on_and_ends() {
    let place = Place::new();
    place.write("metrics.json", "{\"queue_length\": 1}");
    place.configure(GATES, "");
    let (told, running) = start(&place);
    assert_eq!(told.until("READY=1").len(), 1, "it is the first word");
    told.until("WATCHDOG=1");
    let with_steps = told.until("WATCHDOG=1").pop().unwrap();
    assert!(with_steps.contains("STATUS=") && with_steps.contains(" steps"), "{with_steps}");
    running.send(Signal::SIGHUP);
    let reloading = told.until("RELOADING=1").pop().unwrap();
    assert!(reloading.lines().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading}");
    told.until("READY=1");
    // A reload that fails ends with the old configuration, and is ready as well.
    place.write("monitor.toml", "version = 7\n");
    running.send(Signal::SIGHUP);
    told.until("RELOADING=1");
    told.until("READY=1");
    assert_eq!(running.end(Signal::SIGTERM), Some(0), "{}", place.log());
    told.until("STOPPING=1");
}

#[test]
fn the_watchdog_hears_nothing_while_the_loop_hangs() {
    let place = Place::new();
    place.write("metrics.json", "{\"queue_length\": 1}");
    place.configure(GATES, "");
    let (told, running) = start(&place);
    told.until("READY=1");
    watch::eventually("the first verdict is in the audit log", || place.path("run/audit/audit.lock").exists().then_some(()));
    told.until("WATCHDOG=1");
    assert!(!told.falls_silent(Duration::from_millis(1900), Duration::from_secs(3)), "all is well");
    // A verdict that changes must be in the audit log before it is seen, and somebody keeps the log locked.
    let lock = File::options().write(true).open(place.path("run/audit/audit.lock")).unwrap();
    lock.lock().unwrap();
    place.write("metrics.json", "{\"queue_length\": 500}");
    assert!(told.falls_silent(Duration::from_millis(2500), Duration::from_secs(15)), "systemd would have started it anew");
    lock.unlock().unwrap();
    told.until("WATCHDOG=1");
    // What could not be recorded then is recorded now.
    let recorded = || place.run(&["audit", "tail", "--json"]).out.contains("\"verdict\":\"no-go\"").then_some(());
    watch::eventually("the verdict is in the audit log", recorded);
    assert_eq!(running.end(Signal::SIGTERM), Some(0), "{}", place.log());
}

#[test]
fn the_unit_is_without_fault_and_exposes_little() {
    let place = Place::new();
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/systemd/dsmil-monitor.service");
    // The program is installed later.
    let text = std::fs::read_to_string(unit).unwrap();
    assert!(text.contains("ExecStart=/usr/bin/dsmil monitor"));
    std::fs::write(place.path("dsmil-monitor.service"), text.replace("/usr/bin/dsmil", env!("CARGO_BIN_EXE_dsmil"))).unwrap();
    let analyze =
        |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).arg(place.path("dsmil-monitor.service")).output();
    let verified = match analyze(&["verify", "--man=no"]) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: there is no systemd-analyze here");
            return;
        }
        verified => verified.unwrap(),
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("dsmil-monitor.service"), "{said}");
    // Exposure in tenths, 100 is everything: 1.8 when this was written.
    let secure = analyze(&["security", "--offline=true", "--no-pager", "--threshold=20"]).unwrap();
    let said = String::from_utf8_lossy(&secure.stdout);
    assert!(secure.status.success(), "{said}{}", String::from_utf8_lossy(&secure.stderr));
    assert!(said.contains("Overall exposure level"), "{said}");
}
