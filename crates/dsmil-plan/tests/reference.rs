//! A second, naive scheduler, which goes through time in single milliseconds, held against the simulation on random plans:
//! dependencies, phases, priorities, both limits, background work, triggers and help.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;

use common::plan;
use dsmil_plan::Mode;
use proptest::prelude::*;

/// A worker of a random plan. Whom it waits for comes before it; numbers are indices.
#[derive(Clone, Debug, Default)]
struct Random {
    duration: i64,
    load: u32,
    priority: u8,
    needs: Vec<usize>,
    alongside: Vec<usize>,
    phase: Option<usize>,
    /// Goes on until these have ended, in place of the duration. They come after it.
    until: Vec<usize>,
    /// Starts when this one has completed, if that other one still runs, which it then helps by this percentage.
    trigger: Option<(usize, Option<(usize, u32)>)>,
}

#[derive(Clone, Debug)]
struct Case {
    workers: Vec<Random>,
    phases: usize,
    most: u32,
}

fn toml(case: &Case) -> String {
    let mut text = format!("[limits]\nworkers = {}\n", case.most);
    for phase in 0..case.phases {
        _ = writeln!(text, "[[phase]]\nname = \"p{phase}\"");
    }
    let list = |workers: &[usize]| workers.iter().map(|other| format!("\"w{other}\"")).collect::<Vec<_>>().join(", ");
    for (at, worker) in case.workers.iter().enumerate() {
        _ = writeln!(
            text,
            "[[worker]]\nid = \"w{at}\"\nload = {}\npriority = {}\nbuiltin = \"wait\"",
            worker.load, worker.priority
        );
        _ = writeln!(text, "needs = [{}]\nalongside = [{}]", list(&worker.needs), list(&worker.alongside));
        match worker.until.as_slice() {
            [] => _ = writeln!(text, "duration = \"{}ms\"", worker.duration),
            until => _ = writeln!(text, "until = [{}]", list(until)),
        }
        if let Some(phase) = worker.phase {
            _ = writeln!(text, "phase = \"p{phase}\"");
        }
        if let Some((_, Some((helped, by)))) = worker.trigger {
            _ = writeln!(text, "helps = {{ worker = \"w{helped}\", speed_up = {by} }}");
        }
    }
    for (at, worker) in case.workers.iter().enumerate() {
        let Some((on, help)) = worker.trigger else { continue };
        _ = writeln!(text, "[[trigger]]\nname = \"t{at}\"\non = {{ completed = [\"w{on}\"] }}\nstart = [\"w{at}\"]");
        if let Some((helped, _)) = help {
            _ = writeln!(text, "if = {{ running = [\"w{helped}\"] }}");
        }
    }
    text
}

/// Start and end of each worker that ran, by going through time.
fn naive(case: &Case) -> BTreeMap<String, (i64, i64)> {
    let count = case.workers.len();
    let mut called: Vec<bool> = case.workers.iter().map(|worker| worker.trigger.is_none()).collect();
    let mut decided = called.clone();
    let (mut start, mut end): (Vec<Option<i64>>, Vec<Option<i64>>) = (vec![None; count], vec![None; count]);
    let mut skipped = vec![false; count];
    let mut left: Vec<i64> = case.workers.iter().map(|worker| worker.duration * 100).collect();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|at| (case.workers[*at].priority, *at));
    let mut begun = vec![false; case.phases];
    for now in 0..2000 {
        // The millisecond that has passed.
        for at in 0..count {
            if start[at].is_some_and(|start| start < now) && end[at].is_none() && case.workers[at].until.is_empty() {
                left[at] -= 100 + helped_by(case, at, &start, &end, now);
            }
        }
        for at in 0..count {
            if start[at].is_some() && end[at].is_none() && case.workers[at].until.is_empty() && left[at] <= 0 {
                end[at] = Some(now);
            }
        }
        // What happens at this moment, until nothing does any more.
        loop {
            let before = (start.clone(), end.clone(), skipped.clone(), begun.clone(), decided.clone());
            let over = |at: usize, end: &[Option<i64>], skipped: &[bool]| end[at].is_some() || skipped[at];
            for at in 0..count {
                let until = &case.workers[at].until;
                let done = !until.is_empty() && until.iter().all(|other| over(*other, &end, &skipped));
                if start[at].is_some() && end[at].is_none() && done {
                    end[at] = Some(now);
                }
            }
            for at in 0..count {
                let Some((on, help)) = case.workers[at].trigger else { continue };
                if decided[at] || !over(on, &end, &skipped) {
                    continue;
                }
                decided[at] = true;
                let runs = |other: usize| start[other].is_some() && end[other].is_none();
                called[at] = end[on].is_some() && help.is_none_or(|(helped, _)| runs(helped));
                skipped[at] = !called[at];
            }
            for phase in 0..case.phases {
                let members = |phase: usize| {
                    (0..count).filter(move |at| case.workers[*at].phase == Some(phase) && case.workers[*at].until.is_empty())
                };
                begun[phase] = phase == 0 || (begun[phase - 1] && members(phase - 1).all(|at| over(at, &end, &skipped)));
            }
            let now_is = (end.clone(), skipped.clone(), begun.clone(), decided.clone());
            if now_is != (before.1.clone(), before.2.clone(), before.3.clone(), before.4.clone()) {
                // All that follows from what has ended, before anybody starts.
                continue;
            }
            // Those that are ready now, in their order; who starts at this moment may let others start in the next round.
            let ready: Vec<usize> = order
                .iter()
                .copied()
                .filter(|at| {
                    let worker = &case.workers[*at];
                    start[*at].is_none()
                        && called[*at]
                        && worker.needs.iter().all(|other| over(*other, &end, &skipped))
                        && worker.alongside.iter().all(|other| start[*other].is_some() || skipped[*other])
                        && worker.phase.is_none_or(|phase| begun[phase])
                })
                .collect();
            for at in ready {
                let running: Vec<usize> = (0..count).filter(|other| start[*other].is_some() && end[*other].is_none()).collect();
                let load: u32 = running.iter().map(|other| case.workers[*other].load).sum();
                if running.len() < case.most as usize && load + case.workers[at].load <= 100 {
                    start[at] = Some(now);
                    if case.workers[at].until.is_empty() && left[at] <= 0 {
                        break;
                    }
                }
            }
            if before == (start.clone(), end.clone(), skipped.clone(), begun.clone(), decided.clone()) {
                break;
            }
        }
        if (0..count).all(|at| end[at].is_some() || skipped[at]) {
            break;
        }
    }
    let times = (0..count).filter_map(|at| Some((format!("w{at}"), (start[at]?, end[at]?))));
    times.collect()
}

/// By how many percent somebody was helped in the millisecond before `now`.
fn helped_by(case: &Case, at: usize, start: &[Option<i64>], end: &[Option<i64>], now: i64) -> i64 {
    let helps = |(helper, worker): (usize, &Random)| {
        let (helped, by) = worker.trigger.and_then(|(_, help)| help)?;
        let runs = start[helper].is_some_and(|start| start < now) && end[helper].is_none_or(|end| end >= now);
        (helped == at && runs).then_some(i64::from(by))
    };
    case.workers.iter().enumerate().filter_map(helps).sum()
}

prop_compose! {
    fn worker(at: usize, phases: usize)(
        duration in 1i64..30,
        load in 0u32..60,
        priority in 1u8..4,
        picks in proptest::collection::vec(any::<proptest::sample::Index>(), 6),
        kinds in proptest::collection::vec(0u32..100, 4),
        phase in 0..phases.max(1),
        by in 1u32..80,
    ) -> Random {
        let mut own = Random { duration, load, priority, ..Random::default() };
        if at == 0 {
            return own;
        }
        let pick = |which: usize| picks[which].index(at);
        if kinds[0] < 60 {
            own.needs.push(pick(0));
        }
        if kinds[0] < 20 && !own.needs.contains(&pick(1)) {
            own.needs.push(pick(1));
        }
        if kinds[1] < 15 && !own.needs.contains(&pick(2)) {
            own.alongside.push(pick(2));
        }
        if kinds[2] < 40 && phases > 0 {
            own.phase = Some(phase);
        }
        if kinds[3] < 25 {
            // Helpers depend on nothing but what calls them.
            own = Random { duration, load, priority, ..Random::default() };
            own.trigger = Some((pick(3), (pick(4) != pick(3)).then(|| (pick(4), by))));
        }
        own
    }
}

fn case() -> impl Strategy<Value = Case> {
    (2usize..12, 0usize..3, 1u32..5).prop_flat_map(|(count, phases, most)| {
        let workers: Vec<_> = (0..count).map(|at| worker(at, phases)).collect();
        (workers, any::<proptest::sample::Index>(), any::<bool>()).prop_map(move |(mut workers, pick, background)| {
            let last = workers.len() - 1;
            if background && workers[last].trigger.is_none() && last > 0 {
                // One that goes on until an earlier one has ended, and for which nobody waits.
                let until = pick.index(last);
                workers[last] = Random { load: 5, priority: 1, until: vec![until], ..Random::default() };
            }
            Case { workers, phases, most }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, max_global_rejects: 100_000, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_simulation_does_what_a_naive_scheduler_does(case in case()) {
        let text = format!("version = 1\nname = \"p\"\n{}", toml(&case));
        // Random plans may be impossible: a phase without members, a circle, a trigger that can't fire.
        let parsed = common::parse(&text);
        prop_assume!(parsed.is_ok());
        let expected = naive(&case);
        let timeline = plan(&toml(&case)).timeline(Mode::Dynamic);
        let found: BTreeMap<String, (i64, i64)> = timeline
            .rows
            .iter()
            .filter(|row| row.name.starts_with('w'))
            .filter_map(|row| Some((row.name.clone(), (row.start?, row.end?))))
            .collect();
        prop_assert_eq!(found, expected, "{}", toml(&case));
    }
}
