//! Every check of health: passed, failed with its share, and not run for want of evidence.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod common;

use std::path::Path;

use common::{Fixture, NOW, expect, labels, one, sample, samples, well, well_but, well_without};
use dsmil_device::emergency_stop;
use dsmil_gate::{Labels, Measurement, Samples};
use dsmil_health::{Checks, Context, ScoresConfig};
use dsmil_sim::Faults;

fn check_at(name: &str, samples: &Samples, now: i64) -> dsmil_health::CheckResult {
    let context = Context::new(samples, "/nonexistent");
    one(&Checks::new(ScoresConfig::default()).unwrap().run(&context, now), name)
}

fn check(name: &str, samples: &Samples) -> dsmil_health::CheckResult {
    check_at(name, samples, NOW)
}

const SAMPLED: [(&str, &str); 8] = [
    ("devices-answer", "device_up"),
    ("device-errors", "device_error_percent"),
    ("thermal-headroom", "temperature_celsius"),
    ("cpu-headroom", "cpu_percent"),
    ("memory-headroom", "memory_percent"),
    ("disk-headroom", "disk_free_bytes"),
    ("sampler-ticks", "sampler_missed_total"),
    ("sampler-failures", "sampler_failures_total"),
];

#[test]
fn a_machine_that_is_well_passes_everything() {
    let fixture = Fixture::new();
    let scores = fixture.run();
    assert!(scores.health.is_full(), "{}", scores.health);
    assert!((scores.health.value - 100.0).abs() < f64::EPSILON);
}

#[test]
fn what_was_not_observed_counts_as_failed() {
    for (name, metric) in SAMPLED {
        expect(&check(name, &well_without(metric)), "could-not-run", 0.0, metric);
    }
}

#[test]
fn what_is_too_old_counts_as_failed() {
    let samples = samples(&well());
    for (name, _) in SAMPLED {
        assert!(check_at(name, &samples, NOW + 90_000).has_passed(), "{name}: 2 minutes old, and that included");
        let late = check_at(name, &samples, NOW + 90_001);
        assert!(!late.has_passed() && late.share == 0.0, "{late}");
    }
}

#[test]
fn what_is_no_number_counts_as_failed() {
    for (name, metric) in SAMPLED {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let result = check(name, &well_but(metric, |one| one.value = value));
            assert!(!result.has_passed() && result.share == 0.0, "{value}: {result}");
        }
    }
}

#[test]
fn a_source_that_reports_an_error_counts_as_failed() {
    for (name, metric) in SAMPLED {
        let mut samples = samples(&well());
        samples.set_error(metric, Some("the sensor is on fire"));
        expect(&check(name, &samples), "could-not-run", 0.0, "the sensor is on fire");
    }
}

#[test]
fn what_others_attest_is_not_our_evidence() {
    for (name, metric) in SAMPLED {
        let external = well_but(metric, |one| {
            one.labels = one.labels.iter().chain([("source", "external")]).collect::<Labels>();
        });
        expect(&check(name, &external), "could-not-run", 0.0, metric);
    }
}

#[test]
fn each_device_that_is_down_silent_or_late_takes_its_part() {
    let name = "devices-answer";
    let down = |one: &mut Measurement| one.value = f64::from(one.labels.get("device") != "0x8001");
    expect(
        &check(name, &well_but("device_up", down)),
        "failed",
        0.75,
        "3 of 4 devices answer within 100 ms; not answering: 0x8001",
    );
    let late = |one: &mut Measurement| one.value = if one.labels.get("device") == "0x8002" { 100.0 } else { 99.9 };
    expect(&check(name, &well_but("device_latency_ms", late)), "failed", 0.75, "too late: 0x8002 (100 ms)");
    let unknown: Vec<_> =
        well().into_iter().filter(|one| one.metric != "device_latency_ms" || one.labels.get("device") == "0x8000").collect();
    expect(&check(name, &samples(&unknown)), "failed", 0.25, "no latency known");
    let silent = |one: &mut Measurement| one.at -= if one.labels.get("device") == "0x8003" { 200_000 } else { 0 };
    expect(&check(name, &well_but("device_up", silent)), "failed", 0.75, "not answering: 0x8003");
    let mut gone = samples(&well());
    gone.take(&Measurement::stale("device_up", labels(&[("device", "0x8003")]), NOW));
    expect(&check(name, &gone), "passed", 1.0, "3 of 3");
}

#[test]
fn shares_fall_along_a_line() {
    let with = |metric, value| well_but(metric, move |one| one.value = value);
    for (value, outcome, share) in [(5.0, "passed", 1.0), (7.5, "failed", 0.5), (10.0, "failed", 0.0), (100.0, "failed", 0.0)] {
        expect(&check("device-errors", &with("device_error_percent", value)), outcome, share, "of the requests fail");
    }
    for (value, outcome, share) in [(85.0, "passed", 1.0), (87.5, "failed", 0.75), (95.0, "failed", 0.0), (120.0, "failed", 0.0)]
    {
        expect(&check("thermal-headroom", &with("temperature_celsius", value)), outcome, share, "°C");
    }
    for (value, outcome, share) in [(80.0, "passed", 1.0), (90.0, "failed", 0.5), (100.0, "failed", 0.0), (130.0, "failed", 0.0)]
    {
        expect(&check("cpu-headroom", &with("cpu_percent", value)), outcome, share, "of the processors are free; 20 % should be");
    }
    for (value, outcome, share) in [(85.0, "passed", 1.0), (92.5, "failed", 0.5), (100.0, "failed", 0.0)] {
        expect(&check("memory-headroom", &with("memory_percent", value)), outcome, share, "15 % should be");
    }
    for (value, outcome, share) in [(2e9, "passed", 1.0), (1e9, "failed", 0.5), (0.0, "failed", 0.0)] {
        expect(&check("disk-headroom", &with("disk_free_bytes", value)), outcome, share, "2000 MB should be");
    }
}

#[test]
fn the_hottest_counts_and_a_silent_sensor_is_missed() {
    let name = "thermal-headroom";
    let mut all = well();
    all.push(sample("device_temperature_celsius", &[("device", "0x8001")], NOW, 90.0));
    expect(&check(name, &samples(&all)), "failed", 0.5, "0x8001, has 90 °C");
    all.push(sample("temperature_celsius", &[("sensor", "old")], NOW - 300_000, 40.0));
    expect(&check(name, &samples(&all)), "could-not-run", 0.0, "temperature_celsius{sensor=\"old\"} is missing");
    all.push(Measurement::stale("temperature_celsius", labels(&[("sensor", "old")]), NOW));
    expect(&check(name, &samples(&all)), "failed", 0.5, "0x8001");
}

#[test]
fn averages_and_peaks_are_over_the_look_back() {
    let mut busy = well();
    busy.push(sample("cpu_percent", &[], NOW, 100.0));
    busy.push(sample("memory_percent", &[], NOW, 92.5));
    let busy = samples(&busy);
    // (35 + 35 + 100) / 3, well within; the peak of the memory is not.
    expect(&check("cpu-headroom", &busy), "passed", 1.0, "43.33 % of the processors");
    expect(&check("memory-headroom", &busy), "failed", 0.5, "7.5 % of the memory");
}

#[test]
fn a_disk_has_the_bound_of_its_use_or_of_its_rule() {
    let name = "disk-headroom";
    let free = |text: &str, bytes: f64| {
        let pairs = if text.is_empty() { vec![("path", "/x")] } else { vec![("path", "/x"), ("use", text)] };
        let mut all: Vec<_> = well().into_iter().filter(|one| one.metric != "disk_free_bytes").collect();
        all.push(sample("disk_free_bytes", &pairs, NOW, bytes));
        samples(&all)
    };
    for (text, bound) in [("backup", 2e9), ("log", 1e9), ("monitoring", 500e6), ("", 500e6)] {
        expect(&check(name, &free(text, bound)), "passed", 1.0, "/x");
        expect(&check(name, &free(text, bound / 4.0)), "failed", 0.25, "/x");
    }
    let config = r#"{"disks": [{"labels": {"path": "/x"}, "min_free_bytes": 8e9}]}"#;
    let config = || serde_json::from_str::<ScoresConfig>(config).unwrap();
    let run = |samples: &Samples| one(&Checks::new(config()).unwrap().run(&Context::new(samples, "/nonexistent"), NOW), name);
    expect(&run(&free("", 2e9)), "failed", 0.25, "8000 MB should be");
    expect(&run(&samples(&well())), "could-not-run", 0.0, "disk_free_bytes{path=\"/x\"}");
}

#[test]
fn a_late_missed_or_failed_tick_costs_the_sampler_its_share() {
    for (name, metric) in [
        ("sampler-ticks", "sampler_missed_total"),
        ("sampler-ticks", "sampler_late_total"),
        ("sampler-failures", "sampler_failures_total"),
    ] {
        let mut all = well();
        all.push(sample(metric, &[("sampler", "cpu")], NOW, 1.0));
        expect(&check(name, &samples(&all)), "failed", 0.5, "1 of 2 samplers");
        // What was missed before the look-back is over.
        let mut all: Vec<_> = well();
        all.iter_mut().filter(|one| one.metric == metric).for_each(|one| one.value = 7.0);
        all.push(sample(metric, &[("sampler", "cpu")], NOW - 600_000, 7.0));
        all.push(sample(metric, &[("sampler", "devices")], NOW - 600_000, 7.0));
        assert!(check(name, &samples(&all)).has_passed());
        // A counter that began anew: what it says now came since.
        all.push(sample(metric, &[("sampler", "cpu")], NOW, 2.0));
        expect(&check(name, &samples(&all)), "failed", 0.5, "cpu");
    }
    let down = |one: &mut Measurement| one.value = f64::from(one.labels.get("sampler") != "devices");
    expect(&check("sampler-failures", &well_but("sampler_up", down)), "failed", 0.5, "failing or silent: devices");
    let silent = |one: &mut Measurement| one.at -= if one.labels.get("sampler") == "devices" { 600_000 } else { 0 };
    expect(&check("sampler-ticks", &well_but("sampler_late_total", silent)), "failed", 0.5, "silent: devices");
}

#[test]
fn the_driver_is_asked() {
    let fixture = Fixture::new();
    expect(&fixture.check("driver-answers"), "passed", 1.0, "version 1.0.0");
    expect(&fixture.check("kernel-module"), "passed", 1.0, "its module is loaded");
    let faults = |text: &str| fixture.model.lock().unwrap().set_faults(Faults::parse(text, Path::new("t.toml")).unwrap());
    faults("[[fault]]\non = \"GET_STATUS\"\ndo = \"set\"\nfield = \"kernel_module_loaded\"\nvalue = 0\n");
    expect(&fixture.check("kernel-module"), "failed", 0.0, "not loaded");
    faults("[[fault]]\non = \"GET_STATUS\"\ndo = \"set\"\nfield = \"thermal_safe\"\nvalue = 0\n");
    expect(&fixture.check("kernel-module"), "failed", 0.0, "not safe");
    faults("[[fault]]\non = \"any\"\ndo = \"fail\"\nerrno = \"EIO\"\n");
    let result = fixture.check("driver-answers");
    expect(&result, "failed", 0.0, "EIO");
    assert_eq!(result.evidence.values["error"], "request");
    expect(&fixture.check("kernel-module"), "failed", 0.0, "EIO");
    faults("[[fault]]\non = \"any\"\ndo = \"vanish\"\nerrno = \"ENODEV\"\n");
    expect(&fixture.check("driver-answers"), "failed", 0.0, "went away");
}

#[test]
fn a_driver_that_can_not_be_asked_counts_as_failed() {
    let fixture = Fixture::new();
    emergency_stop(&fixture.run, "smoke").unwrap();
    for name in ["driver-answers", "kernel-module"] {
        expect(&fixture.check(name), "could-not-run", 0.0, "smoke");
        expect(&check(name, &samples(&well())), "could-not-run", 0.0, "no device is configured");
    }
    let well = samples(&well());
    let context = Context::new(&well, &fixture.run).device(&fixture.spec, Err("there is no node".to_owned()));
    let scores = Checks::new(ScoresConfig::default()).unwrap().run(&context, NOW);
    expect(&one(&scores, "driver-answers"), "could-not-run", 0.0, "there is no node");
}
