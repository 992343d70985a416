//! Processes that use the library take turns; a program that doesn't is noticed.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::{Served, faults, options, result_of, role, run_dir, spawn_child};
use dsmil_device::{Device, Error, Interference, Limits};
use dsmil_protocol::{DeviceId, RequestCode};

const PROCESSES: usize = 8;
const LONG: Duration = Duration::from_secs(10);

#[test]
fn child() {
    match role().as_deref() {
        Some("scan") => scan_for(LONG),
        Some(other) => panic!("no such role: {other}"),
        None => {}
    }
}

fn scan_for(long: Duration) {
    // What is shown is that none is lost, not that a busy or emulated machine is fast.
    let limits = Limits { call_deadline: LONG, transfer_deadline: 3 * LONG, turn_timeout: 3 * LONG, ..Limits::default() };
    let device = Device::options().limits(limits).open_default().unwrap();
    let (begun, mut scans, mut slowest) = (Instant::now(), 0u64, Duration::ZERO);
    while begun.elapsed() < long {
        let one = Instant::now();
        let scan = device.scan().unwrap();
        assert_eq!(scan.records.len(), 108);
        slowest = slowest.max(one.elapsed());
        scans += 1;
    }
    println!("\nRESULT {scans} {}", slowest.as_millis());
}

#[test]
fn eight_processes_scan_for_ten_seconds_and_no_scan_is_lost_torn_or_refused() {
    let (run, served) = (run_dir(), Served::start());
    let children: Vec<_> = (0..PROCESSES).map(|_| spawn_child("scan", run.path(), &served.spec())).collect();
    let results: Vec<_> = children.into_iter().map(result_of).collect();
    let scans: Vec<u64> = results.iter().map(|result| result[0]).collect();
    let slowest = results.iter().map(|result| result[1]).max().unwrap();
    println!("scans {scans:?}, slowest {slowest} ms");
    let total: u64 = scans.iter().sum();
    let counters = served.counters();
    // As many sessions as scans: none was begun twice, so none was ever broken.
    assert_eq!(counters.requests(RequestCode::ScanStart), total);
    assert_eq!(counters.requests(RequestCode::ScanChunk), total * 22);
    assert_eq!(counters.requests(RequestCode::ScanComplete), total);
    assert!(scans.iter().all(|scans| *scans > 0), "{scans:?}");
}

#[test]
fn two_handles_of_one_process_take_turns_too() {
    let (run, served) = (run_dir(), Served::start());
    let threads = |_| {
        let device = options(&run).open(&served.spec()).unwrap();
        std::thread::spawn(move || (0..100).for_each(|_| assert_eq!(device.scan().unwrap().records.len(), 108)))
    };
    (0..4).map(threads).collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(served.counters().requests(RequestCode::ScanStart), 400);
}

#[test]
fn one_handle_is_shared_by_eight_threads() {
    let (run, served) = (run_dir(), Served::start());
    let device = options(&run).open(&served.spec()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for id in DeviceId::served().filter(|id| !id.is_permanent()).take(20) {
                    assert_eq!(device.read(id).unwrap().len(), 512);
                }
            });
        }
    });
    assert_eq!(served.counters().requests(RequestCode::ReadStart), 160);
}

#[test]
fn who_waits_too_long_for_the_turn_is_told_so() {
    let (run, served) = (run_dir(), Served::start());
    let limits = Limits { turn_timeout: Duration::from_millis(50), ..Limits::default() };
    let device = options(&run).limits(limits).open(&served.spec()).unwrap();
    let holder = std::fs::File::open(served.path()).unwrap();
    holder.lock().unwrap();
    let begun = Instant::now();
    let error = device.scan().unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    assert!(begun.elapsed() >= Duration::from_millis(50));
    // A single request needs no turn.
    device.version().unwrap();
    holder.unlock().unwrap();
    assert_eq!(device.scan().unwrap().records.len(), 108);
}

const FOREIGN: &str = r#"
[[fault]]
on = "SCAN_CHUNK"
skip = 3
times = 1
do = "foreign-session"
"#;

#[test]
fn a_foreign_session_is_noticed_and_the_scan_begun_again() {
    let (run, served) = (run_dir(), Served::start());
    let device = options(&run).open(&served.spec()).unwrap();
    device.scan().unwrap();
    let before = served.counters().requests(RequestCode::ScanStart);
    served.set_faults(faults(FOREIGN));
    assert_eq!(device.scan().unwrap().records.len(), 108);
    assert_eq!(served.counters().requests(RequestCode::ScanStart), before + 2);
}

#[test]
fn a_foreign_program_that_goes_on_is_named_after_a_bounded_number_of_attempts() {
    let (run, served) = (run_dir(), Served::start());
    let limits = Limits { attempts: 3, ..Limits::default() };
    let device = options(&run).limits(limits).open(&served.spec()).unwrap();
    served.set_faults(faults(&FOREIGN.replace("times = 1", "").replace("skip = 3", "skip = 1")));
    let error = device.scan().unwrap_err();
    let Error::Contended { attempts, last, .. } = &error else { panic!("{error}") };
    assert_eq!(*attempts, 3);
    assert!(matches!(last, Interference::Session(_)), "{last}");
    assert_eq!(served.counters().requests(RequestCode::ScanStart), 3);
}
