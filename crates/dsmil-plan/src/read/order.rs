//! `[[phase]]`, `[[pipeline]]`, `[[trigger]]`, `[[breaker]]`, `[[population]]`.

use dsmil_gate::Verdict;
use dsmil_toml::{Period, Table};

use crate::Name;
use crate::model::{Breaker, Condition, On, OnFail, Phase, Pipeline, Population, Trigger, VerdictOf};
use crate::read::value::{must_be_filled, name, names, period, positive_period, text};
use crate::read::worker::{GATE, STEPS, approval};
use crate::read::{asking, required_name};

pub(crate) fn phase(table: Table<'_, '_>) -> Option<Phase> {
    let own = required_name(&table);
    let gates = asking(&table);
    let phase = own.map(|own| Phase {
        name: own,
        title: text(&table, "title"),
        description: text(&table, "description"),
        needs: names(&table, "needs", STEPS),
        entry: name(&table, "entry", GATE),
        exit: name(&table, "exit", GATE),
        recheck: gates.recheck,
        give_up: gates.give_up,
        approval: approval(&table),
        deadline: positive_period(&table, "deadline"),
        on_fail: table.word("on_fail", &OnFail::WORDS).map_or(OnFail::Abort, |word| word.value),
    })?;
    table.finish();
    Some(phase)
}

pub(crate) fn pipeline(table: Table<'_, '_>) -> Option<Pipeline> {
    let pipeline = required_name(&table).map(|own| Pipeline {
        name: own,
        title: text(&table, "title"),
        description: text(&table, "description"),
        beside: names(&table, "beside", "write names of phases: beside = [\"...\"]"),
    })?;
    table.finish();
    Some(pipeline)
}

pub(crate) fn breaker(table: Table<'_, '_>) -> Option<Breaker> {
    let breaker = required_name(&table).map(|own| Breaker {
        name: own,
        failures: table.whole_number("failures", 1..=100).and_then(|number| u32::try_from(number.value).ok()).unwrap_or(3),
        cool_down: positive_period(&table, "cool_down").unwrap_or(Period::from_millis(60_000)),
    })?;
    table.finish();
    Some(breaker)
}

pub(crate) fn population(table: Table<'_, '_>) -> Option<Population> {
    const MEMBERS: &str = "write members = [\"...\"], with ids of workers";
    let own = required_name(&table);
    must_be_filled(&table, "members", MEMBERS);
    let members = names(&table, "members", MEMBERS);
    let minimum = table.whole_number("minimum", 1..=10_000);
    if !table.has("minimum") {
        table.own_fault("minimum is missing", "write minimum = 3 or another number of members that must be left");
    }
    if let Some(minimum) = &minimum
        && usize::try_from(minimum.value).is_ok_and(|minimum| minimum > members.len())
        && !members.is_empty()
    {
        let what = format!("{} of {} members can't be left", minimum.value, members.len());
        table.fault(minimum.at, "minimum", what, "write a smaller number, or more members");
    }
    let on_below = table.word("on_below", &OnFail::WORDS).map_or(OnFail::Abort, |word| word.value);
    table.finish();
    let minimum = u32::try_from(minimum.map_or(1, |minimum| minimum.value)).unwrap_or(1);
    Some(Population { name: own?, members, minimum, on_below })
}

pub(crate) fn trigger(table: Table<'_, '_>) -> Option<Trigger> {
    const START: &str = "write start = [\"...\"], with ids of workers";
    let own = required_name(&table);
    let on = on(&table);
    let condition = condition(&table);
    must_be_filled(&table, "start", START);
    let start = names(&table, "start", START);
    let gates = asking(&table);
    for (key, given) in [("recheck", gates.recheck), ("give_up", gates.give_up)] {
        if given.is_some() && condition.gate.is_none() {
            let at =
                table.value(if key == "recheck" { "recheck" } else { "give_up" }).map_or(table.at, |value| value.span().start);
            table.fault(at, key, "there is no gate to ask again", "write if = { gate = \"...\" }, or remove it");
        }
    }
    table.finish();
    Some(Trigger { name: own?, on: on?, condition, start, recheck: gates.recheck, give_up: gates.give_up })
}

fn on(table: &Table<'_, '_>) -> Option<On> {
    const REMEDY: &str = "write one of on = { completed = [\"...\"] }, { failed = [\"...\"] }, { verdict = { gate = \"...\", is = \"no-go\" } }, { time = \"2h\" }";
    if !table.has("on") {
        table.own_fault("nothing sets the trigger off", REMEDY);
    }
    let inner = table.table("on", REMEDY)?;
    let given = ["completed", "failed", "verdict", "time"].into_iter().filter(|key| inner.has(key)).count();
    if given != 1 {
        inner.own_fault(
            if given == 0 { "nothing sets the trigger off" } else { "more than one thing sets the trigger off" },
            REMEDY,
        );
    }
    let mut on = None;
    for key in ["completed", "failed"] {
        if inner.has(key) {
            must_be_filled(&inner, key, REMEDY);
            let steps = names(&inner, key, STEPS);
            on = Some(if key == "completed" { On::Completed(steps) } else { On::Failed(steps) });
        }
    }
    on = on.or_else(|| verdict_of(&inner).map(On::Verdict));
    on = on.or_else(|| period(&inner, "time").map(On::Time));
    // Known, whatever else there is.
    for key in ["completed", "failed", "verdict", "time"] {
        inner.value(key);
    }
    inner.finish();
    on
}

const VERDICTS: [(&str, Verdict); 4] =
    [("go", Verdict::Go), ("hold", Verdict::Hold), ("no-go", Verdict::NoGo), ("roll-back", Verdict::RollBack)];

/// `verdict = { gate = "keep", is = "roll-back" }`.
pub(crate) fn verdict_of(table: &Table<'_, '_>) -> Option<VerdictOf> {
    const REMEDY: &str = "write verdict = { gate = \"...\", is = \"roll-back\" }";
    let inner = table.table("verdict", REMEDY)?;
    inner.required_text("gate", REMEDY);
    inner.required_text("is", REMEDY);
    let gate: Option<Name> = name(&inner, "gate", REMEDY);
    let is = inner.has("is").then(|| inner.word("is", &VERDICTS)).flatten();
    inner.finish();
    Some(VerdictOf { gate: gate?, is: is?.value })
}

fn condition(table: &Table<'_, '_>) -> Condition {
    let Some(inner) = table.table("if", "write if = { gate = \"...\", running = [\"...\"] }") else {
        return Condition::default();
    };
    let condition = Condition { gate: name(&inner, "gate", GATE), running: names(&inner, "running", STEPS) };
    inner.finish();
    condition
}
