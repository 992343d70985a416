//! Metrics from commands: those that behave, and those that don't.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(clippy::float_cmp, reason = "what is read is exact")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use common::{value, well, wrong};
use dsmil_sample::{Batch, Clock, CommandSampler, Marks, SampleError, Sampler, SystemClock, sample_once};

/// A script: what a shell does is what the tests want commands to do.
fn script(text: &str) -> CommandSampler {
    CommandSampler::new("/bin/sh", ["-c", text], [], Marks::default())
}

fn fails(text: &str, timeout_ms: u64) -> (SampleError, Duration) {
    let begun = Instant::now();
    let (seen, mut errors) = sample_once(&mut script(text), &SystemClock, Duration::from_millis(timeout_ms));
    assert!(seen.is_empty() && errors.len() == 1, "{seen:?} {errors:?}");
    (errors.remove(0), begun.elapsed())
}

/// Whether a process is there and runs.
fn runs(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
}

/// Waits for a process to be gone.
fn is_gone_soon(pid: &str) -> bool {
    (0..200).any(|_| {
        thread::sleep(Duration::from_millis(5));
        !runs(pid)
    })
}

fn wait_for(file: &Path) -> String {
    for _ in 0..1000 {
        if let Ok(text) = fs::read_to_string(file)
            && text.ends_with('\n')
        {
            return text;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("{} was not written", file.display());
}

#[test]
fn its_output_is_read_and_observed_when_it_began() {
    let before = SystemClock.unix_ms();
    let mut sampler = script("sleep 0.2; echo '{\"queue_length\": 7, \"lag_seconds\": {\"value\": 0.5, \"at\": 1700000000000}}'");
    let seen = well(&mut sampler);
    assert_eq!(value(&seen, "queue_length", &[]), 7.0);
    let at = |metric: &str| seen.iter().find(|seen| seen.metric == metric).unwrap().at;
    assert_eq!(at("lag_seconds"), 1_700_000_000_000);
    let after_start = at("queue_length") - before;
    assert!((0..150).contains(&after_start), "{after_start} ms");
}

#[test]
fn arguments_are_arguments_and_no_shell_reads_them() {
    let argument = "{\"value\": 3}; $(exit 1) `false` * \"";
    let text = "import json, sys; print(json.dumps({'length': len(sys.argv[1]), 'input': len(sys.stdin.read())}))";
    let mut sampler = CommandSampler::new("/usr/bin/python3", ["-c", text, argument], [], Marks::default());
    let seen = well(&mut sampler);
    assert_eq!(value(&seen, "length", &[]), argument.len() as f64);
    assert_eq!(value(&seen, "input", &[]), 0.0, "it gets no input");
}

#[test]
fn one_that_is_missing_or_may_not_run_is_told() {
    let told = |program: &str| wrong(&mut CommandSampler::new(program, [""; 0], [], Marks::default()));
    let missing = told("/nowhere/at/all");
    assert_eq!(missing, "command \"/nowhere/at/all\": it can't be started: No such file or directory (os error 2)");
    assert!(told("/etc/passwd").contains("it can't be started: Permission denied"));
}

#[test]
fn one_that_fails_is_told_with_what_it_complained_of() {
    let (error, _) = fails("echo '{\"a\": 1}'; echo 'no such queue' >&2; exit 3", 5000);
    assert_eq!(error.to_string(), "command \"/bin/sh\": exit status: 3: no such queue");
    let (error, _) = fails("kill -9 $$", 5000);
    assert!(error.to_string().contains("signal: 9"), "{error}");
    // Much is complained of, and the end of it is kept.
    let (error, _) = fails("seq 100000 >&2; exit 1", 10_000);
    assert!(error.to_string().ends_with("99999\\n100000") && error.to_string().len() < 700, "{error}");
    let (error, _) = fails("echo rubbish", 5000);
    assert!(error.to_string().starts_with("output of /bin/sh: "), "{error}");
    assert_eq!(fails("true", 5000).0.kind(), "parse", "silence is not an answer");
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_has_started() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let text = format!("sleep 1000 & echo $! $$ > {}; wait", pids.display());
    let (error, took) = fails(&text, 300);
    assert_eq!(error.kind(), "timeout");
    assert!((Duration::from_millis(300)..Duration::from_secs(2)).contains(&took), "{took:?}");
    for pid in fs::read_to_string(&pids).unwrap().split_whitespace() {
        assert!(is_gone_soon(pid), "{pid} is still there");
    }
}

#[test]
fn one_that_will_not_hear_of_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let text = format!("trap '' TERM; echo $$ > {}; while true; do sleep 0.05; done", pids.display());
    let (error, took) = fails(&text, 300);
    assert_eq!(error.kind(), "timeout");
    assert!((Duration::from_millis(600)..Duration::from_secs(3)).contains(&took), "it had its 0.3 s to end: {took:?}");
    assert!(is_gone_soon(&fs::read_to_string(&pids).unwrap()));
}

#[test]
fn one_that_leaves_a_child_with_its_output_does_not_hold_the_sampler() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let begun = Instant::now();
    let seen = well(&mut script(&format!("sleep 1000 & echo $! > {}; echo '{{\"a\": 1}}'", pids.display())));
    assert_eq!(value(&seen, "a", &[]), 1.0);
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(is_gone_soon(&fs::read_to_string(&pids).unwrap()), "what is left of its group is killed");
    // One that leaves the group on purpose is not followed, and not waited for.
    let text = format!(
        "setsid sh -c 'echo $$ > {0}.2; exec sleep 1000' & while ! [ -s {0}.2 ]; do sleep 0.01; done; echo '{{\"a\": 1}}'",
        pids.display()
    );
    let begun = Instant::now();
    assert_eq!(well(&mut script(&text)).len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(3));
    let daemon = wait_for(&folder.path().join("pids.2"));
    assert!(runs(&daemon));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(daemon.trim().parse().unwrap()), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
}

#[test]
fn one_that_floods_is_stopped() {
    let (error, took) = fails("yes '{\"a\": 1}'", 10_000);
    assert_eq!(error.to_string(), "/bin/sh: more than 4194304 bytes; the rest was left out");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let (error, _) = fails("yes >&2", 300);
    assert_eq!(error.kind(), "timeout", "a flood of complaints is thrown away");
}

#[test]
fn one_that_nobody_waits_for_any_more_is_ended() {
    let cancelled = AtomicBool::new(false);
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            cancelled.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let mut batch = Batch::new(&SystemClock, Duration::from_mins(1), &cancelled);
        assert_eq!(script("sleep 1000").sample(&mut batch).unwrap_err().kind(), "timeout");
    });
    assert!(begun.elapsed() < Duration::from_secs(5));
}
