//! Calls that take too long, that are interrupted, or that fail for a moment.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Served, faults, options, run_dir};
use dsmil_device::{Device, Error, Limits};
use dsmil_protocol::RequestCode;
use dsmil_sim::{Config, Model};
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};

type Shared = Arc<Mutex<Model>>;

fn simulated(run: &tempfile::TempDir, limits: Limits) -> (Device, Shared) {
    let model = Arc::new(Mutex::new(Model::new(Config::with_seed(7))));
    (options(run).limits(limits).open_model(Arc::clone(&model)).unwrap(), model)
}

fn set(model: &Shared, text: &str) {
    model.lock().unwrap().set_faults(faults(text));
}

fn asked(model: &Shared, request: RequestCode) -> u64 {
    model.lock().unwrap().counters().requests(request)
}

const STUCK: &str = "[[fault]]\non = \"GET_STATUS\"\ndo = \"delay\"\nms = 30000\n";

#[test]
fn a_call_that_is_stuck_is_left_at_its_deadline_where_the_kernel_allows_it() {
    let run = run_dir();
    let (device, model) = simulated(&run, Limits::default());
    set(&model, STUCK);
    let begun = Instant::now();
    let error = device.status().unwrap_err();
    let took = begun.elapsed();
    assert!(matches!(error, Error::Deadline { interrupted: true, what: "GET_STATUS", .. }), "{error}");
    assert!(took >= Duration::from_millis(100) && took < Duration::from_secs(5), "{took:?}");
    set(&model, "");
    device.status().unwrap();
}

#[test]
fn the_signal_that_ends_a_stuck_call_never_hits_a_call_of_the_callers_own() {
    let run = run_dir();
    let limits = Limits { call_deadline: Duration::from_millis(10), ..Limits::default() };
    let (device, model) = simulated(&run, limits);
    // Around the deadline, so that the call and the signal race.
    set(&model, &STUCK.replace("30000", "12"));
    let mut late = 0;
    for _ in 0..50 {
        late += u32::from(device.status().is_err());
        let pause = TimeSpec::from_duration(Duration::from_millis(8));
        clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::empty(), &pause).expect("no signal here");
    }
    assert!(late > 0, "no call was late: nothing was shown");
}

#[test]
fn a_served_call_that_cannot_be_interrupted_ends_with_the_answer_and_is_late_all_the_same() {
    let (run, served) = (run_dir(), Served::start());
    let device = options(&run).open(&served.spec()).unwrap();
    served.set_faults(faults(&STUCK.replace("30000", "300")));
    let begun = Instant::now();
    let error = device.status().unwrap_err();
    assert!(matches!(error, Error::Deadline { interrupted: false, .. }), "{error}");
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn an_operation_has_a_deadline_for_all_its_calls_together() {
    let run = run_dir();
    let limits = Limits { transfer_deadline: Duration::from_millis(200), ..Limits::default() };
    let (device, model) = simulated(&run, limits);
    set(&model, "[[fault]]\non = \"SCAN_CHUNK\"\ndo = \"delay\"\nms = 40\n");
    let error = device.scan().unwrap_err();
    assert!(matches!(error, Error::Deadline { what: "scan", .. }), "{error}");
    assert!(asked(&model, RequestCode::ScanChunk) < 22);
}

#[test]
fn eintr_never_reaches_the_caller_and_costs_no_try() {
    let run = run_dir();
    let (device, model) = simulated(&run, Limits { tries: 1, ..Limits::default() });
    set(&model, "[[fault]]\non = \"any\"\ntimes = 200\ndo = \"interrupt\"\n");
    assert_eq!(device.scan().unwrap().records.len(), 108);
    device.status().unwrap();
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    for (errno, tries) in
        [("EIO", 4), ("EAGAIN", 4), ("EBUSY", 4), ("EPERM", 1), ("EINVAL", 1), ("ENODEV", 1), ("ENXIO", 1), ("ENOTTY", 1)]
    {
        let run = run_dir();
        let (device, model) = simulated(&run, Limits::default());
        let before = asked(&model, RequestCode::GetThermal);
        set(&model, &format!("[[fault]]\non = \"GET_THERMAL\"\ndo = \"fail\"\nerrno = \"{errno}\"\n"));
        let error = device.thermal().unwrap_err();
        assert_eq!(asked(&model, RequestCode::GetThermal) - before, tries, "{errno}: {error}");
        match error {
            Error::Vanished { .. } => assert!(matches!(errno, "ENODEV" | "ENXIO")),
            Error::Unsupported { .. } => assert_eq!(errno, "ENOTTY"),
            Error::Request { attempts, .. } => assert_eq!(u64::from(attempts), tries),
            other => panic!("{errno}: {other}"),
        }
    }
}

#[test]
fn three_failures_that_pass_are_not_noticed() {
    let run = run_dir();
    let (device, model) = simulated(&run, Limits::default());
    set(&model, "[[fault]]\non = \"READ_DEVICE\"\ntimes = 3\ndo = \"fail\"\nerrno = \"EIO\"\n");
    device.info(0x8003.into()).unwrap();
}

#[test]
fn a_caller_can_break_a_long_call_off() {
    let run = run_dir();
    let model = Arc::new(Mutex::new(Model::new(Config::with_seed(7))));
    let questions = Arc::new(AtomicU32::new(0));
    let asked = Arc::clone(&questions);
    let wants_out = Arc::new(move || asked.fetch_add(1, Ordering::Relaxed) >= 2);
    let device = options(&run).interrupt(wants_out).open_model(Arc::clone(&model)).unwrap();
    assert_eq!(questions.load(Ordering::Relaxed), 0, "a short call is not worth a question");
    set(&model, "[[fault]]\non = \"SCAN_CHUNK\"\ndo = \"delay\"\nms = 30\n");
    let error = device.scan().unwrap_err();
    assert!(matches!(error, Error::Interrupted { during: "SCAN_CHUNK" }), "{error}");
    assert_eq!(questions.load(Ordering::Relaxed), 3);
}

#[test]
fn eintr_with_nothing_else_behind_it_ends_at_the_deadline() {
    let run = run_dir();
    let limits = Limits { transfer_deadline: Duration::from_millis(100), ..Limits::default() };
    let (device, model) = simulated(&run, limits);
    set(&model, "[[fault]]\non = \"GET_STATUS\"\ndo = \"interrupt\"\n");
    assert!(matches!(device.status(), Err(Error::Deadline { what: "status", .. })));
}

#[test]
fn limits_out_of_range_are_refused_by_name() {
    let run = run_dir();
    for (name, limits) in [
        ("call_deadline", Limits { call_deadline: Duration::ZERO, ..Limits::default() }),
        ("transfer_deadline", Limits { transfer_deadline: Duration::MAX, ..Limits::default() }),
        ("turn_timeout", Limits { turn_timeout: Duration::ZERO, ..Limits::default() }),
        ("tries", Limits { tries: 0, ..Limits::default() }),
        ("attempts", Limits { attempts: 101, ..Limits::default() }),
        ("back_off", Limits { back_off: Duration::from_secs(2), ..Limits::default() }),
    ] {
        let error = options(&run).limits(limits).open("sim:").unwrap_err();
        assert!(matches!(error, Error::Argument { name: which, .. } if which == name), "{error}");
        assert_eq!(error.errno(), Some(Errno::EINVAL));
    }
}

#[test]
fn a_caller_can_stop_waiting_for_another_thread() {
    let run = run_dir();
    let model = Arc::new(Mutex::new(Model::new(Config::with_seed(7))));
    let device = options(&run).interrupt(Arc::new(|| true)).open_model(Arc::clone(&model)).unwrap();
    set(&model, "[[fault]]\non = \"GET_STATUS\"\ndo = \"delay\"\nms = 90\n");
    std::thread::scope(|scope| {
        scope.spawn(|| device.status());
        std::thread::sleep(Duration::from_millis(10));
        let error = device.version().unwrap_err();
        assert!(matches!(error, Error::Interrupted { during: "waiting for another thread" }), "{error}");
    });
}
