//! What the simulation makes of gates, failures, breakers, populations, approvals, rollbacks and stages: cases that can be
//! reckoned by hand.

#![allow(clippy::unwrap_used)]

mod common;

use common::{DAY, HOUR, MINUTE, example, plan};
use dsmil_plan::{BarKind, Mode, Outcome, Percent, SimulationReport, Timeline, WaitingFor};

/// A worker of one line.
fn worker(id: &str, duration: &str, more: &str) -> String {
    format!("[[worker]]\nid = \"{id}\"\nduration = \"{duration}\"\nbuiltin = \"wait\"\n{more}\n")
}

fn run(body: &str) -> SimulationReport {
    plan(body).simulation().runs(200).run()
}

fn times(timeline: &Timeline, name: &str) -> Option<(i64, i64)> {
    let row = timeline.row(name).unwrap();
    Some((row.start?, row.end?))
}

#[test]
fn the_same_seed_gives_the_same_result_and_another_one_another() {
    let plan = example("phase2a");
    let one = plan.simulation().runs(50).seed(3).run();
    assert_eq!(one, plan.simulation().runs(50).seed(3).run());
    assert_ne!(one.dynamic.ends, plan.simulation().runs(50).seed(4).run().dynamic.ends);
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(json, serde_json::to_string(&plan.simulation().runs(50).seed(3).run()).unwrap());
    // A run is the same whether it is one of few or of many.
    assert_eq!(
        plan.simulation().seed(3).timeline(Mode::Dynamic, 7),
        plan.simulation().runs(9).seed(3).timeline(Mode::Dynamic, 7)
    );
}

#[test]
fn a_further_worker_changes_nobody_elses_luck() {
    let body = worker("a", "1h", "spread = \"30m..2h\"");
    let more = format!("{}{body}", worker("zero", "1m", "spread = \"1s..2m\""));
    for run in 0..20 {
        let (one, two) = (plan(&body), plan(&more));
        let one = one.simulation().timeline(Mode::Dynamic, run);
        let two = two.simulation().timeline(Mode::Dynamic, run);
        assert_eq!(times(&one, "a"), times(&two, "a"));
    }
}

#[test]
fn a_gate_that_holds_is_asked_again_when_the_gate_says_or_the_plan() {
    let opens = "[simulation.gates]\nopen = { opens_after = \"10m\" }\n";
    // The gate's own recheck is 7 minutes: at 0, 7 and 14.
    let own = run(&format!("{}{opens}", worker("a", "1h", "entry = \"open\"")));
    assert_eq!(own.dynamic.ends.unwrap().min, HOUR + 14 * MINUTE);
    assert_eq!(own.dynamic.expected, HOUR);
    assert_eq!(own.waiting[0].reason, WaitingFor::Gate("open".to_owned()));
    assert_eq!((own.waiting[0].mean, own.waiting[0].runs), (14 * MINUTE, 200));
    // The plan's: at 0, 3, 6, 9, 12.
    let plan_s = run(&format!("{}{opens}", worker("a", "1h", "entry = \"open\"\nrecheck = \"3m\"")));
    assert_eq!(plan_s.dynamic.ends.unwrap().max, HOUR + 12 * MINUTE);
    // After its work: from 5 minutes on, at 5 and 12.
    let success = run(&format!("{}{opens}", worker("a", "5m", "success = \"open\"")));
    assert_eq!(success.dynamic.ends.unwrap().max, 12 * MINUTE);
    // Who gives up has failed.
    let gives_up = run(&format!("{}{opens}", worker("a", "1h", "entry = \"open\"\nrecheck = \"3m\"\ngive_up = \"6m\"")));
    assert_eq!(gives_up.dynamic.failed, 200);
}

#[test]
fn a_gate_that_never_goes_ends_as_stuck_and_is_doubted() {
    let plan = plan(&format!("{}[simulation.gates]\nopen = {{ hold = 100 }}\n", worker("a", "1h", "entry = \"open\"")));
    let report = plan.simulation().runs(2).run();
    assert_eq!((report.dynamic.stuck, report.dynamic.ends), (2, None));
    assert!(plan.lint().iter().any(|lint| lint.what.contains("never goes")));
}

#[test]
fn how_often_a_gate_holds_is_how_often_it_was_said_to() {
    let body = format!("{}[simulation.gates]\nopen = {{ hold = 25 }}\n", worker("a", "1h", "entry = \"open\""));
    let report = plan(&body).simulation().runs(20_000).run();
    // Held in a quarter of the runs; 1 / (1 - 0.25) - 1 rechecks of 7 minutes on the mean.
    assert!((4800..=5200).contains(&report.waiting[0].runs), "{}", report.waiting[0].runs);
    let mean = report.waiting[0].mean;
    assert!((mean - 7 * MINUTE / 3).abs() < 6000, "{mean}");
}

#[test]
fn retries_wait_and_a_fallback_takes_over_when_they_are_used_up() {
    let more = "idempotent = true\nretries = 2\nretry_delay = \"5m\"\nfallback = \"b\"";
    let body = format!(
        "{}{}{}[simulation.workers]\na = {{ failure = 100 }}\n",
        worker("a", "10m", more),
        worker("b", "1h", ""),
        worker("c", "1m", "needs = [\"a\"]")
    );
    let report = run(&body);
    // 3 attempts of 10 minutes, 2 delays of 5, the fallback's hour, and c.
    assert_eq!(report.dynamic.ends.unwrap().median, 40 * MINUTE + HOUR + MINUTE);
    assert_eq!((report.incidents.attempts, report.incidents.fallbacks), (600, 200));
    assert_eq!(report.dynamic.expected, 11 * MINUTE);
    let retry = report.waiting.iter().find(|waiting| waiting.reason == WaitingFor::Retry).unwrap();
    assert_eq!(retry.mean, 10 * MINUTE);
    assert_eq!(report.critical_paths[0].steps, ["b", "c"]);
}

#[test]
fn what_fails_ends_the_run_or_not_as_the_plan_says() {
    let body = |on_fail: &str| {
        let first = worker("a", "10m", &format!("on_fail = \"{on_fail}\""));
        let rest = worker("b", "1h", "needs = [\"a\"]") + &worker("undo", "3m", "");
        let back = "[[rollback]]\nname = \"back\"\non = { failed = [\"a\"] }\nto = \"run\"\nstart = [\"undo\"]\n";
        format!("{first}{rest}{back}[simulation.workers]\na = {{ failure = 100 }}\n")
    };
    let end = |on_fail: &str| plan(&body(on_fail)).simulation().timeline(Mode::Dynamic, 0);
    assert_eq!(end("abort").outcome, Outcome::Failed { step: "a".to_owned() });
    assert_eq!(end("abort").end, 10 * MINUTE);
    assert_eq!(end("pause").outcome, Outcome::Paused { step: "a".to_owned() });
    assert_eq!((end("continue").outcome, end("continue").end), (Outcome::Completed, HOUR + 10 * MINUTE));
    let back = end("roll-back");
    assert_eq!(back.outcome, Outcome::RolledBack { step: "a".to_owned() });
    assert_eq!(times(&back, "undo"), Some((10 * MINUTE, 13 * MINUTE)));
    assert_eq!(times(&back, "b"), None);
}

#[test]
fn an_attempt_ends_at_its_time_out() {
    let body = worker("a", "1h", "spread = \"1h..3h\"\ntimeout = \"30m\"\non_fail = \"continue\"");
    let timeline = plan(&body).simulation().timeline(Mode::Dynamic, 0);
    assert_eq!(times(&timeline, "a"), Some((0, 30 * MINUTE)));
}

#[test]
fn a_breaker_opens_after_failures_in_a_row_and_lets_one_try() {
    // a and b fail by turns: at 1 minute the second failure opens it, until 11; c goes through then.
    let more = "breaker = \"fuse\"\non_fail = \"continue\"";
    let body = format!(
        "[[breaker]]\nname = \"fuse\"\nfailures = 2\ncool_down = \"10m\"\n{}{}{}{}[simulation.workers]\na = {{ failure = 100 }}\nb = {{ failure = 100 }}\n",
        worker("a", "1m", more),
        worker("b", "1m", more),
        worker("c", "5m", "breaker = \"fuse\"\nneeds = [\"a\"]"),
        worker("d", "5m", "breaker = \"fuse\"\nneeds = [\"a\"]"),
    );
    let report = run(&body);
    assert_eq!(report.incidents.breakers, 200);
    let timeline = plan(&body).simulation().timeline(Mode::Dynamic, 0);
    // While c tries whether it may close again, d waits.
    assert_eq!(times(&timeline, "c"), Some((11 * MINUTE, 16 * MINUTE)));
    assert_eq!(times(&timeline, "d"), Some((16 * MINUTE, 21 * MINUTE)));
    assert!(report.waiting.iter().any(|waiting| waiting.reason == WaitingFor::Breaker("fuse".to_owned())));
}

#[test]
fn triggers_on_failure_verdict_and_time_start_what_they_name() {
    let aid = worker("aid", "2m", "") + &worker("end", "1m", "needs = [\"aid\"]");
    let trigger = |on: &str| format!("[[trigger]]\nname = \"t\"\non = {on}\nstart = [\"aid\"]\n");
    let a = worker("a", "10m", "on_fail = \"continue\"\nsuccess = \"open\"");
    let failing = "[simulation.workers]\na = { failure = 100 }\n";
    let with = |on: &str, more: &str| plan(&format!("{a}{aid}{}{more}", trigger(on))).simulation().timeline(Mode::Dynamic, 0);
    let failed = with("{ failed = [\"a\"] }", failing);
    assert_eq!(times(&failed, "aid"), Some((10 * MINUTE, 12 * MINUTE)));
    // What never happens keeps nobody waiting for ever.
    let well = with("{ failed = [\"a\"] }", "");
    assert_eq!((times(&well, "aid"), times(&well, "end")), (None, Some((10 * MINUTE, 11 * MINUTE))));
    let timed = with("{ time = \"3m\" }", "");
    assert_eq!(times(&timed, "aid"), Some((3 * MINUTE, 5 * MINUTE)));
    let verdict =
        with("{ verdict = { gate = \"open\", is = \"hold\" } }", "[simulation.gates]\nopen = { opens_after = \"11m\" }\n");
    assert_eq!(times(&verdict, "aid"), Some((10 * MINUTE, 12 * MINUTE)));
    let silent = with("{ verdict = { gate = \"open\", is = \"hold\" } }", "");
    assert_eq!((times(&silent, "aid"), silent.outcome), (None, Outcome::Completed));
}

#[test]
fn a_trigger_looks_again_while_its_gate_holds_and_gives_up() {
    let body = |more: &str, odds: &str| {
        format!(
            "{}{}{}[[trigger]]\nname = \"t\"\non = {{ completed = [\"a\"] }}\nif = {{ gate = \"open\", running = [\"b\"] }}\nstart = [\"help\"]\nrecheck = \"5m\"\n{more}\n[simulation.gates]\nopen = {{ {odds} }}\n",
            worker("a", "10m", ""),
            worker("b", "1h", "load = 20"),
            worker("help", "10m", "load = 10\nhelps = { worker = \"b\" }")
        )
    };
    // Looked at 10, 15, 20 and 25 minutes; from then on b goes at one and a half of its pace for 10 minutes.
    let late = plan(&body("", "opens_after = \"21m\"")).simulation().timeline(Mode::Dynamic, 0);
    assert_eq!(times(&late, "help"), Some((25 * MINUTE, 35 * MINUTE)));
    assert_eq!(times(&late, "b"), Some((0, 55 * MINUTE)));
    // Given up after 10 minutes.
    let given_up = plan(&body("give_up = \"10m\"", "opens_after = \"50m\"")).simulation().timeline(Mode::Dynamic, 0);
    assert_eq!((times(&given_up, "help"), times(&given_up, "b")), (None, Some((0, HOUR))));
    // The one to be helped ends before the gate opens.
    let too_late = plan(&body("", "opens_after = \"3h\"")).simulation().timeline(Mode::Dynamic, 0);
    assert_eq!((times(&too_late, "help"), too_late.end), (None, HOUR));
    // Without triggers on the way nobody is helped; b has ended by then.
    assert_eq!(plan(&body("", "hold = 0")).timeline(Mode::Static).end, HOUR);
}

#[test]
fn limits_let_pass_by_priority_and_what_fits() {
    let body = format!(
        "[limits]\nload = 100\nworkers = 3\n{}{}{}{}",
        worker("big", "10m", "load = 80\npriority = 2"),
        worker("first", "10m", "load = 60\npriority = 1"),
        worker("small", "10m", "load = 40\npriority = 3"),
        worker("none", "10m", "priority = 4")
    );
    let timeline = plan(&body).timeline(Mode::Dynamic);
    assert_eq!(times(&timeline, "first"), Some((0, 10 * MINUTE)));
    // The big one doesn't fit beside the first; the small one does, and so does one without load.
    assert_eq!(times(&timeline, "small"), Some((0, 10 * MINUTE)));
    assert_eq!(times(&timeline, "none"), Some((0, 10 * MINUTE)));
    assert_eq!(times(&timeline, "big"), Some((10 * MINUTE, 20 * MINUTE)));
    let big = timeline.row("big").unwrap();
    assert_eq!((big.bars[0].kind, big.bars[0].to), (BarKind::Waits, 10 * MINUTE));
    assert_eq!((timeline.peak_load, timeline.peak_workers), (Percent::WHOLE, 3));
    let serial = plan(&body).timeline(Mode::Serial);
    assert_eq!(serial.end, 40 * MINUTE);
}

#[test]
fn a_person_takes_the_time_that_is_assumed() {
    let more = "approval = { by = [\"boss\"] }";
    let body = format!("[people]\nboss = \"x\"\n{}[simulation]\napproval = \"20m\"\n", worker("a", "10m", more));
    let report = run(&body);
    assert_eq!(report.dynamic.expected, 30 * MINUTE);
    assert_eq!((&report.waiting[0].reason, report.waiting[0].mean), (&WaitingFor::Approval, 20 * MINUTE));
}

fn stage(more: &str, simulation: &str) -> String {
    format!(
        "[devices]\nbaseline = [0x8000]\n[[stage]]\nname = \"s\"\ndevices = [\"0x8010..0x8017\"]\nstep_duration = \"1m\"\nstep_observe = \"4m\"\nobserve = \"30m\"\nexit = \"open\"\nbackground = [\"keep\"]\n{more}\n[[rollback]]\nname = \"back\"\non = {{ verdict = {{ gate = \"keep\", is = \"roll-back\" }} }}\nto = \"stage\"\n[simulation]\n{simulation}\n"
    )
}

#[test]
fn a_stage_takes_the_time_of_its_batches_and_its_observation() {
    let end = |more: &str| plan(&stage(more, "")).timeline(Mode::Dynamic).end;
    assert_eq!(end(""), 8 * 5 * MINUTE + 30 * MINUTE);
    assert_eq!(end("batch = 3"), 3 * 5 * MINUTE + 30 * MINUTE);
    assert_eq!(end("percent = [10, 50, 100]"), 3 * 5 * MINUTE + 30 * MINUTE);
    assert_eq!(end("minimum = \"1d\""), DAY);
    // A target of 6 is 5 of the 8: the others are spares.
    assert_eq!(end("target = 6"), 5 * 5 * MINUTE + 30 * MINUTE);
}

#[test]
fn devices_that_fail_are_replaced_and_too_many_fail_the_stage() {
    let run = |more: &str, simulation: &str| plan(&stage(more, simulation)).simulation().runs(2000).run();
    let none = run("", "device_failure = 0");
    assert_eq!((none.dynamic.completed, none.incidents.devices), (2000, 0));
    // One of eight is 12.5 % and more than 10 %: every run in which one fails goes back. 1 - 0.95^8 of them: a third.
    let strict = run("", "device_failure = 5");
    assert!((600..=750).contains(&strict.dynamic.rolled_back), "{}", strict.dynamic.rolled_back);
    assert_eq!(strict.dynamic.rolled_back + strict.dynamic.completed, 2000);
    let lenient = run("max_failures = 50", "device_failure = 5");
    assert!(lenient.dynamic.rolled_back < 5);
    let paused = run("on_device_fail = \"pause\"", "device_failure = 100");
    assert_eq!((paused.dynamic.paused, paused.incidents.devices), (2000, 2000));
}

#[test]
fn a_gate_in_the_background_rolls_back_in_the_middle() {
    let report = plan(&stage("", "gates = { keep = { roll-back = 30 } }")).simulation().runs(2000).run();
    assert!((540..=660).contains(&report.dynamic.rolled_back), "{}", report.dynamic.rolled_back);
    let rolled = (0..100)
        .map(|run| plan(&stage("", "gates = { keep = { roll-back = 100 } }")).simulation().timeline(Mode::Dynamic, run).end);
    let ends: Vec<i64> = rolled.collect();
    let whole = 70 * MINUTE;
    assert!(
        ends.iter().all(|end| *end < whole) && ends.iter().any(|end| *end < whole / 3) && ends.iter().any(|end| *end > whole / 2)
    );
}

#[test]
fn a_window_counts_the_runs_that_keep_to_it() {
    let body = format!("[limits]\nwindow = \"80m\"\n{}", worker("a", "1h", "spread = \"40m..2h\""));
    let report = plan(&body).simulation().runs(10_000).run();
    // Triangular over 40, 60, 120: 1 - (120 - 80)^2 / (80 * 60) = 2/3.
    let kept = report.dynamic.in_window.unwrap();
    assert!((6500..=6830).contains(&kept), "{kept}");
    assert_eq!(report.serial.completed, 10_000);
}
