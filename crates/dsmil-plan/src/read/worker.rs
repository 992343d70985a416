//! `[[worker]]`, hooks and approvals.

use dsmil_toml::{Period, Table};

use crate::model::{Approval, Builtin, Help, Hook, Hooks, OnFail, Worker};
use crate::read::asking;
use crate::read::value::{
    identifier, must_be_filled, name, names, pairs, percent, period, place, positive_period, spread, strings, text,
};
use crate::{Name, Percent};

const ACTION: &str = "write one of command = [\"program\", \"argument\"], builtin = \"wait\", callback = \"name of a handler\"";

pub(crate) fn worker(table: Table<'_, '_>) -> Option<Worker> {
    const ID: &str = "write id = \"...\", of letters, digits, -, _ and ., at most 64";
    table.required_text("id", ID);
    let id = identifier(&table, "id", ID);
    let Hook { command, builtin, callback, with, .. } = action(&table, true);
    let gates = asking(&table);
    let worker = Worker {
        id: id.clone().unwrap_or_else(|| Name::new("", place(&table, table.at, ""))),
        role: text(&table, "role"),
        description: text(&table, "description"),
        parent: name(&table, "parent", "write the id of a worker or the name of a person"),
        team: text(&table, "team"),
        phase: name(&table, "phase", "write the name of a phase"),
        pipeline: name(&table, "pipeline", "write the name of a pipeline"),
        priority: priority(&table),
        needs: names(&table, "needs", STEPS),
        alongside: names(&table, "alongside", STEPS),
        until: names(&table, "until", STEPS),
        duration: period(&table, "duration"),
        spread: spread(&table, "spread"),
        load: percent(&table, "load", 100).unwrap_or_default(),
        command,
        builtin,
        callback,
        with,
        env: pairs(&table, "env"),
        directory: text(&table, "directory"),
        deliverables: strings(&table, "deliverables"),
        entry: name(&table, "entry", GATE),
        success: name(&table, "success", GATE),
        recheck: gates.recheck,
        give_up: gates.give_up,
        approval: approval(&table),
        before: hook_list(&table, "before"),
        after: hook_list(&table, "after"),
        timeout: positive_period(&table, "timeout"),
        retries: table.whole_number("retries", 0..=100).and_then(|number| u32::try_from(number.value).ok()).unwrap_or(0),
        retry_delay: period(&table, "retry_delay").unwrap_or_default(),
        idempotent: table.truth("idempotent").is_some_and(|truth| truth.value),
        fallback: name(&table, "fallback", "write the id of a worker"),
        breaker: name(&table, "breaker", "write the name of a breaker"),
        helps: help(&table),
        on_fail: table.word("on_fail", &OnFail::WORDS).map_or(OnFail::Abort, |word| word.value),
    };
    timing(&table, &worker);
    table.finish();
    id.map(|_| worker)
}

pub(crate) const STEPS: &str = "write names of workers, stages or phases: [\"...\"]";
pub(crate) const GATE: &str = "write the name of a gate of one of the gate_files";

fn timing(table: &Table<'_, '_>, worker: &Worker) {
    if worker.is_background() && (table.has("duration") || table.has("spread")) {
        table.own_fault("the worker has a duration and goes on until others have ended", "remove until, or duration and spread");
    }
    if !worker.is_background() && worker.pipeline.is_none() && !table.has("duration") && !table.has("spread") {
        table.own_fault(
            "the worker has no duration",
            "write duration = \"1h\", or until = [\"...\"] for one that goes on until others have ended",
        );
    }
    if worker.retries > 0 && !worker.idempotent {
        let at = table.value("retries").map_or(table.at, |value| value.span().start);
        table.fault(
            at,
            "retries",
            "it is tried again and not idempotent",
            "write idempotent = true if doing it twice does no harm, or remove retries",
        );
    }
}

pub(crate) fn priority(table: &Table<'_, '_>) -> u8 {
    table.whole_number("priority", 1..=9).and_then(|number| u8::try_from(number.value).ok()).unwrap_or(5)
}

/// The keys that say what is done.
fn action(table: &Table<'_, '_>, with: bool) -> Hook {
    let given = ["command", "builtin", "callback"].into_iter().filter(|key| table.has(key)).count();
    if given != 1 {
        let what = if given == 0 { "nothing is to be done" } else { "more than one thing is to be done" };
        table.own_fault(what, ACTION);
    }
    let command = table.value("command").map(|_| strings(table, "command"));
    if command.as_ref().is_some_and(|command| command.first().is_none_or(String::is_empty)) && table.source.is_sound() {
        let at = table.value("command").map_or(table.at, |value| value.span().start);
        table.fault(at, "command", "there is no program", ACTION);
    }
    let callback = text(table, "callback");
    if callback.as_ref().is_some_and(String::is_empty) {
        let at = table.value("callback").map_or(table.at, |value| value.span().start);
        table.fault(at, "callback", "the name is empty", ACTION);
    }
    Hook {
        command,
        builtin: table.word("builtin", &Builtin::WORDS).map(|word| word.value),
        callback,
        with: if with { pairs(table, "with") } else { std::collections::BTreeMap::new() },
        timeout: Period::default(),
        required: true,
    }
}

pub(crate) fn hook(table: Table<'_, '_>) -> Hook {
    let mut hook = action(&table, true);
    hook.timeout = positive_period(&table, "timeout").unwrap_or(Period::from_millis(30_000));
    hook.required = table.truth("required").is_none_or(|truth| truth.value);
    table.finish();
    hook
}

fn hook_list(table: &Table<'_, '_>, key: &'static str) -> Vec<Hook> {
    table.tables(key).into_iter().map(hook).collect()
}

pub(crate) fn hooks(table: Table<'_, '_>) -> Hooks {
    let hooks =
        Hooks { before: hook_list(&table, "before"), progress: hook_list(&table, "progress"), after: hook_list(&table, "after") };
    table.finish();
    hooks
}

/// `approval = { by = ["nsa"], within = "4h" }`.
pub(crate) fn approval(table: &Table<'_, '_>) -> Option<Approval> {
    const REMEDY: &str = "write approval = { by = [\"...\"] }, with workers, roles, teams or people";
    let inner = table.table("approval", REMEDY)?;
    must_be_filled(&inner, "by", REMEDY);
    let approval = Approval { by: names(&inner, "by", REMEDY), within: positive_period(&inner, "within") };
    inner.finish();
    Some(approval)
}

fn help(table: &Table<'_, '_>) -> Option<Help> {
    const REMEDY: &str = "write helps = { worker = \"...\" }";
    let inner = table.table("helps", REMEDY)?;
    inner.required_text("worker", REMEDY);
    let worker = name(&inner, "worker", REMEDY);
    let speed_up = percent(&inner, "speed_up", 10_000);
    if speed_up == Some(Percent::NONE) {
        inner.own_fault("the helper doesn't help", "write a speed_up above 0, or remove helps");
    }
    inner.finish();
    Some(Help { worker: worker?, speed_up })
}
