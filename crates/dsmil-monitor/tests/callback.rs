//! A monitor within a program: a callback that hangs is told of and holds up nobody, and steps come to those who subscribed.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use dsmil_device::Device;
use dsmil_gate::{GateFile, Measurement};
use dsmil_monitor::{Monitor, MonitorConfig, Next, Start, Step};
use dsmil_sample::{CallbackSampler, Scheduled};

const CONFIG: &str = "version = 1\nevaluate_every = \"100ms\"\nscore_every = \"1s\"\n[samplers]\ncpu.enabled = false\n\
    memory.enabled = false\nload.enabled = false\ntemperature.enabled = false\nmonitor.enabled = false\nworkers.enabled = false\n\
    disks.enabled = false\ndevices.enabled = false\n";

const GATES: &str = "version = 1\n[[rule]]\nname = \"long\"\nmetric = \"queue_length\"\nfail_when = \"> 100\"\nstaleness = \"3s\"\nunit = \"jobs\"\n\
    on_fail = \"no-go\"\non_no_data = \"fail\"\n[[gate]]\nname = \"queue\"\nkind = \"all\"\nrules = [\"long\"]\n";

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn callback(name: &str, metric: &'static str, mut value: impl FnMut() -> f64 + Send + 'static) -> Scheduled {
    let callback = CallbackSampler::new([metric], move || Ok(vec![Measurement::new(metric, now(), value())]));
    Scheduled {
        name: name.to_owned(),
        interval: Duration::from_secs(1),
        timeout: Duration::from_millis(500),
        identity: String::new(),
        sampler: Box::new(callback),
    }
}

fn start(folder: &std::path::Path, callbacks: Vec<Scheduled>) -> Monitor {
    let run_dir = folder.join("run");
    let gates = GateFile::parse(GATES, "g.toml").unwrap();
    let start = Start {
        config: MonitorConfig::parse(CONFIG, "c.toml").unwrap(),
        gates: vec![("g.toml".to_owned(), gates)],
        config_path: None,
        state_dir: folder.join("state"),
        spec: "sim:".parse().unwrap(),
        options: Device::options().run_dir(&run_dir),
        run_dir,
        policy: None,
        callbacks,
        workers: None,
    };
    Monitor::start(start).unwrap()
}

/// The first step for which this holds, of those that come within 20 seconds.
fn await_step(steps: &dsmil_monitor::Subscription, is: impl Fn(&Step) -> bool) -> Arc<Step> {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        match steps.next(Duration::from_secs(1)) {
            Next::Step(step, _) if is(&step) => return step,
            Next::Ended => break,
            _ => {}
        }
    }
    panic!("such a step never came")
}

fn verdict(step: &Step, gate: &str) -> String {
    step.evaluation.gate(gate).map(|gate| gate.verdict.to_string()).unwrap_or_default()
}

#[test]
fn a_callback_that_hangs_is_told_of_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (hang, release) = (Arc::new(AtomicBool::new(false)), mpsc::channel::<()>());
    let (hangs, released) = (Arc::clone(&hang), release.1);
    let queue = callback("queue", "queue_length", move || {
        if hangs.load(Ordering::Relaxed) {
            _ = released.recv();
        }
        7.0
    });
    let other = callback("other", "other_length", || 1.0);
    let monitor = start(folder.path(), vec![queue, other]);
    let steps = monitor.subscribe();
    await_step(&steps, |step| verdict(step, "queue") == "go" && verdict(step, "monitor") == "go");
    hang.store(true, Ordering::Relaxed);
    // It can't be read: that closes the gate, and the monitor says that it can't be relied upon.
    let hung = await_step(&steps, |step| verdict(step, "queue") != "go" && verdict(step, "monitor") == "hold");
    assert!(hung.errors.iter().any(|error| error.contains("sampler queue")), "{:?}", hung.errors);
    await_step(&steps, |step| step.measurements.iter().any(|measurement| measurement.metric == "other_length"));
    let fires = |name: &str| monitor.view().alerts.iter().any(|alert| alert.name == name && alert.state.to_string() == "firing");
    let until = Instant::now() + Duration::from_secs(10);
    while !fires("sampler-down") {
        assert!(Instant::now() < until, "{:?}", monitor.view().alerts);
        std::thread::sleep(Duration::from_millis(20));
    }
    // It ends, and all is well again.
    hang.store(false, Ordering::Relaxed);
    release.0.send(()).unwrap();
    await_step(&steps, |step| verdict(step, "queue") == "go");
    let until = Instant::now() + Duration::from_secs(10);
    while fires("sampler-down") {
        assert!(Instant::now() < until, "{:?}", monitor.view().alerts);
        std::thread::sleep(Duration::from_millis(20));
    }
    // And one that hangs when it is to end is left behind.
    hang.store(true, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(1200));
    let begun = Instant::now();
    monitor.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(matches!(drain(&steps), Next::Ended));
    drop(release.0);
}

fn drain(steps: &dsmil_monitor::Subscription) -> Next {
    loop {
        match steps.next(Duration::from_secs(1)) {
            Next::Step(..) => {}
            other => return other,
        }
    }
}
