//! What holds for every plan.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write;

use common::plan;
use dsmil_plan::{BarKind, Mode, Outcome, Plan};
use proptest::prelude::*;

/// Number of workers, limits, and for each worker: duration, load, priority, needs, chance of failure.
#[derive(Clone, Debug)]
struct Random {
    workers: Vec<(i64, u32, u8, Vec<usize>, u32)>,
    most: u32,
}

fn toml(random: &Random) -> String {
    let mut text = format!("[limits]\nworkers = {}\n", random.most);
    for (at, (duration, load, priority, needs, _)) in random.workers.iter().enumerate() {
        let needs: Vec<String> = needs.iter().map(|other| format!("\"w{other}\"")).collect();
        _ = writeln!(
            text,
            "[[worker]]\nid = \"w{at}\"\nspread = \"{}s..{}s\"\nload = {load}\npriority = {priority}\nneeds = [{}]\nidempotent = true\nretries = 3\nretry_delay = \"2s\"\nentry = \"open\"\nrecheck = \"5s\"\nbuiltin = \"wait\"",
            duration,
            duration * 3,
            needs.join(", ")
        );
    }
    text += "[simulation.gates]\nopen = { hold = 20 }\n[simulation.workers]\n";
    for (at, (.., failure)) in random.workers.iter().enumerate() {
        _ = writeln!(text, "w{at} = {{ failure = {failure} }}");
    }
    text
}

fn random() -> impl Strategy<Value = Random> {
    let worker = |at: usize| {
        let needs = proptest::collection::btree_set(0..at.max(1), 0..3);
        let needs = needs.prop_map(move |needs| needs.into_iter().filter(|other| *other < at).collect::<Vec<_>>());
        (1i64..100, 0u32..70, 1u8..9, needs, 0u32..30)
    };
    (2usize..10, 1u32..5).prop_flat_map(move |(count, most)| {
        (0..count).map(worker).collect::<Vec<_>>().prop_map(move |workers| Random { workers, most })
    })
}

/// The length of the longest way, by trying all ways.
fn longest(random: &Random, at: usize, likely: &[i64]) -> i64 {
    let before = random.workers[at].3.iter().map(|other| longest(random, *other, likely)).max().unwrap_or(0);
    before + likely[at]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_obeys_needs_and_limits(random in random(), run in 0u32..1000, mode in 0..3usize) {
        let plan = plan(&toml(&random));
        let mode = [Mode::Dynamic, Mode::Static, Mode::Serial][mode];
        let timeline = plan.simulation().timeline(mode, run);
        let row = |at: usize| timeline.row(&format!("w{at}")).unwrap();
        for (at, (_, _, _, needs, _)) in random.workers.iter().enumerate() {
            for other in needs {
                if let Some(start) = row(at).start {
                    prop_assert!(row(*other).end.is_some_and(|end| end <= start));
                }
            }
            let bars = &row(at).bars;
            prop_assert!(bars.windows(2).all(|two| two[0].to <= two[1].from), "{bars:?}");
            prop_assert!(bars.iter().all(|bar| 0 <= bar.from && bar.from <= bar.to && bar.to <= timeline.end));
        }
        let mut moments: Vec<i64> = timeline.rows.iter().flat_map(|row| &row.bars).map(|bar| bar.from).collect();
        moments.sort_unstable();
        for moment in moments {
            let works = |row: &&dsmil_plan::Row| row.bars.iter().any(|bar| bar.kind == BarKind::Works && bar.from <= moment && moment < bar.to);
            let running: Vec<_> = timeline.rows.iter().filter(works).collect();
            let load: u32 = running.iter().map(|row| plan.worker(&row.name).unwrap().load.millionths()).sum();
            prop_assert!(load <= 1_000_000);
            let most = if mode == Mode::Serial { 1 } else { random.most as usize };
            prop_assert!(running.len() <= most);
        }
        if timeline.outcome == Outcome::Completed {
            prop_assert!(timeline.rows.iter().all(|row| row.end.is_some()));
            prop_assert_eq!(timeline.rows.iter().filter_map(|row| row.end).max(), Some(timeline.end));
        }
    }

    #[test]
    fn the_critical_path_is_the_longest_of_all_ways(random in random()) {
        let plan = plan(&toml(&random));
        let graph = plan.graph();
        let likely: Vec<i64> = random.workers.iter().map(|(duration, ..)| duration * 2000).collect();
        let brute = (0..random.workers.len()).map(|at| longest(&random, at, &likely)).max().unwrap();
        prop_assert_eq!(graph.length(), brute);
        let path: Vec<usize> = graph.critical_path().iter().map(|name| name[1..].parse().unwrap()).collect();
        prop_assert_eq!(path.iter().map(|at| likely[*at]).sum::<i64>(), brute);
        prop_assert!(path.windows(2).all(|two| random.workers[two[1]].3.contains(&two[0])));
        for step in graph.steps() {
            prop_assert!(step.slack >= 0);
            prop_assert!(!step.is_critical || step.slack == 0);
        }
        let order: Vec<&str> = graph.order().collect();
        for (at, (_, _, _, needs, _)) in random.workers.iter().enumerate() {
            let place = |at: usize| order.iter().position(|name| *name == format!("w{at}")).unwrap();
            prop_assert!(needs.iter().all(|other| place(*other) < place(at)));
        }
    }

    #[test]
    fn with_room_for_all_and_nothing_going_wrong_a_run_is_as_long_as_its_critical_path(mut random in random()) {
        random.most = 100;
        random.workers.iter_mut().for_each(|worker| worker.1 = 0);
        let plan = plan(&toml(&random));
        prop_assert_eq!(plan.timeline(Mode::Dynamic).end, plan.graph().length());
        let sum: i64 = random.workers.iter().map(|(duration, ..)| duration * 2000).sum();
        prop_assert_eq!(plan.timeline(Mode::Serial).end, sum);
    }

    #[test]
    fn a_plan_that_is_written_and_read_is_the_same(random in random()) {
        let plan = plan(&toml(&random));
        let text = plan.to_toml();
        let again = common::parse(&text).unwrap();
        prop_assert_eq!(again.fingerprint(), plan.fingerprint());
        prop_assert_eq!(again.to_toml(), text);
    }

    #[test]
    fn the_same_seed_gives_the_same_result(random in random(), seed in any::<u64>()) {
        let plan = plan(&toml(&random));
        prop_assert_eq!(plan.simulation().runs(5).seed(seed).run(), plan.simulation().runs(5).seed(seed).run());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}", cut in 0usize..4000) {
        let _ = Plan::parse(&text, "p.toml", &|_| Err(String::new()));
        let whole = include_str!("../../../examples/plans/phase2a.toml");
        let at = (0..=cut.min(whole.len())).rev().find(|at| whole.is_char_boundary(*at)).unwrap();
        let _ = Plan::parse(&format!("{}{text}", &whole[..at]), "p.toml", &|_| Err(String::new()));
    }
}

#[test]
fn a_large_plan_is_read_drawn_and_simulated() {
    let mut text = String::from("version = 1\nname = \"large\"\n[limits]\nworkers = 50\n");
    for at in 0..1000 {
        let needs = if at < 20 { String::new() } else { format!("needs = [\"w{}\", \"w{}\"]\n", at - 20, at - 7) };
        _ = writeln!(text, "[[worker]]\nid = \"w{at}\"\nspread = \"1m..5m\"\nbuiltin = \"wait\"\n{needs}");
    }
    let plan = Plan::parse(&text, "p.toml", &|_| Err(String::new())).unwrap();
    assert_eq!(plan.graph().order().count(), 1000);
    assert!(plan.graph().to_svg().len() > 100_000);
    assert_eq!(plan.simulation().runs(2).run().dynamic.completed, 2);
}
