//! What can be opened, and what is said of what can't.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use common::{Served, faults, options, role, run_dir};
use dsmil_device::{Device, Error, OpenFailure};
use dsmil_protocol::RequestCode;

fn failure(spec: &str) -> (OpenFailure, String) {
    let run = run_dir();
    match options(&run).open(spec).unwrap_err() {
        ref error @ Error::Open { kind, .. } => (kind, error.to_string()),
        other => panic!("{spec}: {other}"),
    }
}

#[test]
fn a_missing_node_says_how_to_load_the_driver_or_to_do_without() {
    let (kind, text) = failure("/dev/dsmil-72dev-that-is-not-there");
    assert_eq!(kind, OpenFailure::Missing);
    assert!(text.contains("modprobe dsmil-72dev") && text.contains("sim:"), "{text}");
}

#[test]
fn what_is_no_such_device_is_told_apart_and_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let ordinary = folder.path().join("file");
    fs::write(&ordinary, "text").unwrap();
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [ordinary.to_str().unwrap(), pipe.to_str().unwrap(), folder.path().to_str().unwrap(), "/dev/null", "/dev/tty"] {
        let (kind, text) = failure(path);
        assert_eq!(kind, OpenFailure::NotADevice, "{path}: {text}");
        assert!(text.contains(path) && text.contains("no dsmil device"), "{text}");
    }
}

#[test]
fn a_file_on_fuse_that_knows_none_of_the_requests_is_told_apart_by_asking() {
    let served = Served::start();
    let counters = served.folder.path().join("dsmil/counters.json");
    let run = run_dir();
    let error = options(&run).open(counters.to_str().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error}");
}

#[test]
fn a_driver_that_is_not_initialised_says_so() {
    let (kind, text) = failure("sim:initialised=no");
    assert_eq!(kind, OpenFailure::NotInitialised);
    assert!(text.contains("not initialised"), "{text}");
}

#[test]
fn a_served_device_whose_server_was_killed_is_missing_and_not_a_hang() {
    let (run, served) = (run_dir(), Served::start());
    let device = options(&run).open(&served.spec()).unwrap();
    let path = served.spec();
    served.stop();
    assert!(matches!(device.scan(), Err(Error::Vanished { .. })));
    assert_eq!(failure(&path).0, OpenFailure::Missing);
}

#[test]
fn the_file_is_closed_on_exec() {
    let (run, served) = (run_dir(), Served::start());
    let device = options(&run).open(&served.spec()).unwrap();
    let fd = device.with_fd(|fd| fd.unwrap().as_raw_fd()).unwrap();
    let flags = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
    let flags = flags.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim().to_owned();
    let octal = i32::from_str_radix(&flags, 8).unwrap();
    assert_ne!(octal & nix::libc::O_CLOEXEC, 0, "flags {flags}");
}

#[test]
fn a_closed_device_answers_nothing_and_may_be_closed_again() {
    let run = run_dir();
    let device = options(&run).open("sim:").unwrap();
    device.close().unwrap();
    device.close().unwrap();
    assert!(matches!(device.scan(), Err(Error::Closed)));
    assert!(matches!(device.latency(), Err(Error::Closed)));
}

#[test]
fn a_dry_run_checks_everything_and_asks_nothing() {
    let (run, served) = (run_dir(), Served::start());
    let device = options(&run).dry_run(true).open(&served.spec()).unwrap();
    let wanted = |result: Result<(), Error>, request| match result.unwrap_err() {
        Error::DryRun { request: asked, .. } => assert_eq!(asked, request),
        other => panic!("{other}"),
    };
    wanted(device.version().map(drop), RequestCode::GetVersion);
    wanted(device.scan().map(drop), RequestCode::ScanDevices);
    wanted(device.info(0x8003.into()).map(drop), RequestCode::ReadDevice);
    wanted(device.read(0x8003.into()).map(drop), RequestCode::ReadStart);
    wanted(device.probe().map(drop), RequestCode::GetVersion);
    assert!(matches!(device.read(0x8009.into()), Err(Error::Denied { .. })));
    assert_eq!(served.counters().sequence(), 0);
}

#[test]
fn latency_is_kept_for_each_request_and_each_device() {
    let (run, served) = (run_dir(), Served::start());
    let device = options(&run).open(&served.spec()).unwrap();
    for _ in 0..3 {
        device.scan().unwrap();
    }
    device.info(0x8003.into()).unwrap();
    device.read(0x8003.into()).unwrap();
    served.set_faults(faults("[[fault]]\non = \"READ_DEVICE\"\nid = 0x8004\ndo = \"delay\"\nms = 60\n"));
    device.info(0x8004.into()).unwrap();
    let report = device.latency().unwrap();
    let of = |request| report.requests.iter().find(|(which, _)| *which == request).unwrap().1;
    assert_eq!((of(RequestCode::ScanChunk).count, of(RequestCode::ReadChunk).count), (66, 3));
    let summary = of(RequestCode::ScanChunk);
    assert!(summary.min <= summary.p50 && summary.p50 <= summary.p95 && summary.p95 <= summary.p99 && summary.p99 <= summary.max);
    assert_eq!(
        report.devices.iter().map(|(id, summary)| (id.get(), summary.count)).collect::<Vec<_>>(),
        [(0x8003, 2), (0x8004, 1)]
    );
    let slow = report.slow(std::time::Duration::from_millis(50));
    assert_eq!(slow.iter().map(|(id, _)| id.get()).collect::<Vec<_>>(), [0x8004]);
}

#[test]
fn a_recording_is_played_back_to_the_same_answers_and_to_no_others() {
    let run = run_dir();
    let trace = run.path().join("trace.jsonl");
    let spec = format!("record:{},sim:seed=7", trace.display());
    let recorded = options(&run).open(&spec).unwrap();
    let (scan, data) = (recorded.scan().unwrap(), recorded.read(0x8003.into()).unwrap());
    assert!(recorded.thermal().is_ok());
    recorded.close().unwrap();

    let replay = format!("replay:{}", trace.display());
    let played = options(&run).open(&replay).unwrap();
    assert_eq!(played.scan().unwrap(), scan);
    assert_eq!(played.read(0x8003.into()).unwrap(), data);
    assert!(matches!(played.read(0x8009.into()), Err(Error::Denied { .. })));
    let error = played.status().unwrap_err();
    assert!(error.to_string().contains("GET_THERMAL where GET_STATUS"), "{error}");
    assert!(matches!(played.status(), Err(Error::Trace { .. })), "and then it has ended");

    let text = fs::read_to_string(&trace).unwrap();
    fs::write(&trace, text.replace("\"answer\":\"00", "\"answer\":\"0g")).unwrap();
    assert!(matches!(options(&run).open(&replay), Err(Error::Trace { line: 2, .. })));
    fs::write(&trace, "{}").unwrap();
    assert!(matches!(options(&run).open(&replay), Err(Error::Trace { line: 1, .. })));
}

/// This binary again as a user who may not: opens the device and prints the error.
#[test]
fn child() {
    if role().is_some() {
        let device = std::env::var("DSMIL_DEVICE").unwrap();
        let error = Device::options().open(&device).unwrap_err();
        assert!(matches!(error, Error::Open { kind: OpenFailure::Refused, .. }), "{error}");
        println!("\nSAYS {error}");
    }
}

fn said_to_an_outsider(run: &std::path::Path, device: &std::path::Path) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env("DSMIL_TEST_ROLE", "outsider").current_dir("/");
    command.env("DSMIL_RUN_DIR", run).env("DSMIL_DEVICE", device).uid(61_237).gid(61_237);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().find_map(|line| line.split_once("SAYS ").map(|(_, rest)| rest.to_owned())).unwrap()
}

#[test]
fn a_refused_node_says_which_group_or_udev_rule_is_missing() {
    assert!(nix::unistd::geteuid().is_root(), "this test plays another user: run it as root");
    let (folder, run, served) = (tempfile::tempdir().unwrap(), run_dir(), Served::start());
    for path in [folder.path(), run.path(), served.folder.path()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    chown(run.path(), Some(61_237), Some(61_237)).unwrap();
    // Only its owner may: the rule that gives it to a group is missing.
    let text = said_to_an_outsider(run.path(), &served.path());
    assert!(text.contains("mode is 0600") && text.contains("udev rule"), "{text}");
    // A group may, and this user isn't in it.
    let node = folder.path().join("node");
    fs::write(&node, "").unwrap();
    chown(&node, Some(0), Some(61_238)).unwrap();
    fs::set_permissions(&node, fs::Permissions::from_mode(0o660)).unwrap();
    let text = said_to_an_outsider(run.path(), &node);
    assert!(text.contains("not in the group 61238") && text.contains("usermod -aG"), "{text}");
}

#[test]
fn a_device_may_be_sent_to_and_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Device>();
}
