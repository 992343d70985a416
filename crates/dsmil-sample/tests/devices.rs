//! The devices' sampler on the simulated driver, and the self-check of the quarantine.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(clippy::float_cmp, reason = "counts are whole")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{LONG, has, sample, value, well, wrong};
use dsmil_device::{Device, SharedModel, clear_stop, emergency_stop};
use dsmil_gate::Measurement;
use dsmil_protocol::{DeviceId, PERMANENT, RequestCode};
use dsmil_sample::{DeviceSampler, QuarantineSampler, Sampler, SystemClock, sample_once};
use dsmil_sim::{Action, Config, FaultRule, Faults, Model};
use tempfile::TempDir;

const ONE: DeviceId = DeviceId::new(0x8003);
const OTHER: DeviceId = DeviceId::new(0x8010);

/// A simulated driver, the device on it, and what tests hold of both.
struct Bench {
    model: SharedModel,
    run: TempDir,
    device: Arc<Device>,
}

impl Bench {
    fn new() -> Self {
        Self::with_policy("version = 1\n")
    }

    fn with_policy(policy: &str) -> Self {
        let run = tempfile::tempdir().unwrap();
        fs::set_permissions(run.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let file = run.path().join("policy.toml");
        fs::write(&file, policy).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let model: SharedModel = Arc::new(Mutex::new(Model::new(Config::with_seed(7))));
        let device = Device::options().run_dir(run.path()).policy(file).open_model(Arc::clone(&model)).unwrap();
        Self { model, run, device: Arc::new(device) }
    }

    fn fault(&self, rules: Vec<FaultRule>) {
        self.model.lock().unwrap().set_faults(Faults::from(rules));
    }

    fn accesses(&self, id: DeviceId) -> u64 {
        self.model.lock().unwrap().counters().id(id).total()
    }

    fn sampler(&self, ids: &[DeviceId]) -> DeviceSampler {
        DeviceSampler::with_device(ids.iter().copied(), Arc::clone(&self.device))
    }
}

fn of(seen: &[Measurement], metric: &str, id: DeviceId) -> f64 {
    value(seen, metric, &[("device", &id.to_string())])
}

#[test]
fn all_that_may_be_read_answer_and_the_quarantined_are_never_accessed() {
    let bench = Bench::new();
    let mut sampler = bench.sampler(&[]);
    for round in 1..=3u32 {
        let seen = well(&mut sampler);
        let mut asked = 0;
        for id in DeviceId::served() {
            if id.permanent().is_some() {
                assert_eq!(bench.accesses(id), 0, "{id}");
                assert!(seen.iter().all(|seen| seen.labels.get("device") != id.to_string()), "{id}");
                continue;
            }
            asked += 1;
            assert_eq!(of(&seen, "device_up", id), 1.0, "{id}");
            assert_eq!(of(&seen, "device_requests_total", id), f64::from(round), "{id}");
            assert_eq!(bench.accesses(id), u64::from(round), "one request each: {id}");
            assert!(of(&seen, "device_latency_ms", id) < 100.0);
            assert_eq!(of(&seen, "device_state_changes_total", id) + of(&seen, "device_errors_total", id), 0.0);
        }
        assert_eq!(asked, 103);
        assert_eq!(value(&seen, "devices_answering_percent", &[]), 100.0);
        assert_eq!(value(&seen, "device_error_percent", &[]), 0.0);
        let celsius = f64::from(bench.device.thermal().unwrap());
        assert_eq!(value(&seen, "temperature_celsius", &[("sensor", "dsmil-72dev")]), celsius);
        let by_hand = bench.model.lock().unwrap().record(Duration::ZERO, ONE).unwrap().thermal_celsius.unwrap();
        let measured = of(&seen, "device_temperature_celsius", ONE);
        assert!((measured - f64::from(by_hand)).abs() <= 3.0, "{measured} and {by_hand}");
    }
}

#[test]
fn a_policy_keeps_a_device_from_being_asked_and_no_denial_is_recorded() {
    let bench = Bench::with_policy("version = 1\n[[deny]]\nid = 0x8003\nreason = \"under repair\"\n");
    let mut sampler = bench.sampler(&[ONE, OTHER]);
    let seen = well(&mut sampler);
    assert_eq!(bench.accesses(ONE), 0);
    assert!(seen.iter().all(|seen| seen.labels.get("device") != ONE.to_string()), "silent: no evidence of it");
    assert_eq!(of(&seen, "device_up", OTHER), 1.0);
    let files: Vec<_> = fs::read_dir(bench.run.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(files.iter().all(|name| !name.to_string_lossy().contains("audit")), "{files:?}");
}

#[test]
fn one_that_fails_is_down_and_the_others_are_not() {
    let bench = Bench::new();
    let mut sampler = bench.sampler(&[ONE, OTHER]);
    well(&mut sampler);
    bench.fault(vec![FaultRule::on(RequestCode::ReadDevice, Action::Fail(nix::errno::Errno::EIO)).of(ONE)]);
    let seen = well(&mut sampler);
    assert_eq!((of(&seen, "device_up", ONE), of(&seen, "device_up", OTHER)), (0.0, 1.0));
    assert_eq!((of(&seen, "device_errors_total", ONE), of(&seen, "device_requests_total", ONE)), (1.0, 2.0));
    assert_eq!(value(&seen, "device_error_percent", &[]), 50.0);
    assert_eq!(value(&seen, "devices_answering_percent", &[]), 50.0);
    bench.fault(Vec::new());
    let seen = well(&mut sampler);
    assert_eq!((of(&seen, "device_up", ONE), of(&seen, "device_errors_total", ONE)), (1.0, 1.0));
    assert_eq!(value(&seen, "device_error_percent", &[]), 0.0, "since the sample before");
}

#[test]
fn one_that_lies_about_who_it_is_is_down() {
    let bench = Bench::new();
    let mut sampler = bench.sampler(&[ONE, OTHER]);
    let field = "device_id".to_owned();
    let lie = Action::Set { field, value: OTHER.get().into(), record: None };
    bench.fault(vec![FaultRule::on(RequestCode::ReadDevice, lie).of(ONE)]);
    let seen = well(&mut sampler);
    assert_eq!((of(&seen, "device_up", ONE), of(&seen, "device_up", OTHER)), (0.0, 1.0));
    assert!(seen.iter().all(|seen| seen.metric != "device_state" || seen.labels.get("device") != ONE.to_string()));
}

#[test]
fn one_that_is_slow_is_down_with_its_latency() {
    let bench = Bench::new();
    bench.fault(vec![FaultRule::on(RequestCode::ReadDevice, Action::Delay(Duration::from_millis(30))).of(ONE)]);
    let mut sampler = bench.sampler(&[ONE, OTHER]).answer_within(Duration::from_millis(15));
    let seen = well(&mut sampler);
    assert_eq!((of(&seen, "device_up", ONE), of(&seen, "device_up", OTHER)), (0.0, 1.0));
    assert!(of(&seen, "device_latency_ms", ONE) >= 30.0);
    // Its answer was right all the same.
    assert!(seen.iter().any(|seen| seen.metric == "device_state" && seen.labels.get("device") == ONE.to_string()));
}

#[test]
fn changes_of_state_are_counted_and_the_thermal_limit_is_a_state() {
    let bench = Bench::new();
    let mut sampler = bench.sampler(&[ONE]);
    let before = of(&well(&mut sampler), "device_state", ONE);
    bench.fault(vec![FaultRule::any(Action::ThermalLimit { celsius: 104 }).of(ONE)]);
    let seen = well(&mut sampler);
    assert_eq!((of(&seen, "device_state", ONE), of(&seen, "device_up", ONE)), (5.0, 0.0), "it refuses, and says why");
    assert_eq!(of(&seen, "device_state_changes_total", ONE), 1.0);
    bench.fault(Vec::new());
    let seen = well(&mut sampler);
    assert_eq!((of(&seen, "device_state", ONE), of(&seen, "device_state_changes_total", ONE)), (before, 2.0));
}

#[test]
fn a_sensor_that_is_gone_is_silent() {
    let bench = Bench::new();
    bench.fault(vec![FaultRule::any(Action::NoSensor)]);
    let seen = well(&mut bench.sampler(&[ONE]));
    assert_eq!(of(&seen, "device_up", ONE), 1.0);
    assert!(!has(&seen, "temperature_celsius") && !has(&seen, "device_temperature_celsius"));
}

#[test]
fn an_emergency_stop_is_of_all_of_them() {
    let bench = Bench::new();
    let mut sampler = bench.sampler(&[ONE]);
    emergency_stop(bench.run.path(), "a drill").unwrap();
    let (seen, errors) = sample(&mut sampler);
    assert!(seen.is_empty(), "nothing was asked, so nothing is known: {seen:?}");
    assert_eq!(errors[0].kind(), "stopped");
    assert!(sampler.metrics().contains(&"device_up".into()), "which can't be read then");
    clear_stop(bench.run.path(), "the drill is over").unwrap();
    assert_eq!(of(&well(&mut sampler), "device_requests_total", ONE), 1.0);
}

#[test]
fn a_device_that_is_gone_is_opened_again() {
    let bench = Bench::new();
    let opened = Arc::new(AtomicU32::new(0));
    let (count, run, model) = (Arc::clone(&opened), bench.run.path().to_owned(), Arc::clone(&bench.model));
    let open = move || {
        count.fetch_add(1, Ordering::Relaxed);
        Device::options().run_dir(&run).open_model(Arc::clone(&model)).map(Arc::new)
    };
    let mut sampler = DeviceSampler::new([ONE], Box::new(open));
    well(&mut sampler);
    well(&mut sampler);
    assert_eq!(opened.load(Ordering::Relaxed), 1);
    bench.fault(vec![FaultRule::on(RequestCode::ReadDevice, Action::Vanish(nix::errno::Errno::ENODEV))]);
    assert!(wrong(&mut sampler).starts_with("the device went away during"));
    assert!(wrong(&mut sampler).starts_with("cannot open sim:"), "it is still gone");
    *bench.model.lock().unwrap() = Model::new(Config::with_seed(7));
    assert_eq!(of(&well(&mut sampler), "device_up", ONE), 1.0);
    assert_eq!(opened.load(Ordering::Relaxed), 3);
}

#[test]
fn without_time_for_all_the_next_round_goes_on_where_this_one_stopped() {
    let bench = Bench::new();
    bench.fault(vec![FaultRule::on(RequestCode::ReadDevice, Action::Delay(Duration::from_millis(10)))]);
    let ids: Vec<_> = (0x8030..0x8038).map(DeviceId::new).collect();
    let mut sampler = bench.sampler(&ids);
    let mut asked: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for _ in 0..4 {
        let begun = Instant::now();
        let (seen, errors) = sample_once(&mut sampler, &SystemClock, Duration::from_millis(25));
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
        assert_eq!(errors[0].kind(), "timeout", "{errors:?}");
        assert!(errors[0].to_string().contains("were not asked"), "{errors:?}");
        assert!((1..8).contains(&seen.iter().filter(|seen| seen.metric == "device_up").count()));
    }
    for id in &ids {
        asked.insert(*id, bench.accesses(*id));
    }
    let (least, most) = (asked.values().min().unwrap(), asked.values().max().unwrap());
    assert!(most - least <= 1, "none is asked twice before all were asked once: {asked:?}");
}

#[test]
fn the_self_check_finds_seven_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut sampler = QuarantineSampler::new(folder.path());
    for _ in 0..2 {
        assert_eq!(value(&well(&mut sampler), "quarantine_enforced", &[]), PERMANENT.len() as f64);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    let mut nowhere = QuarantineSampler::new("/nowhere");
    assert!(wrong(&mut nowhere).starts_with("/nowhere/self-check."));
    let (seen, errors) = sample_once(&mut nowhere, &SystemClock, LONG);
    assert!(seen.is_empty() && errors.len() == 1, "what could not be checked is not said to hold");
}
