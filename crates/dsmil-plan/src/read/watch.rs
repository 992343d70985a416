//! `[store]`, `[[escalation]]`, `[[rollback]]`, `[[report]]`.

use dsmil_toml::{Period, Table};

use crate::model::{Content, Escalation, EventKind, Format, Level, Report, ReportAt, Response, Rollback, RollbackOn, Store};
use crate::read::order::verdict_of;
use crate::read::required_name;
use crate::read::value::{must_be_filled, name, names, percent, period, positive_period, strings, words};
use crate::read::worker::STEPS;

const WHO: &str = "write ids, roles or teams of workers, or names of people: [\"...\"]";

pub(crate) fn store(table: Table<'_, '_>) -> Option<Store> {
    table.required_text("namespace", "write namespace = \"...\"");
    let namespace = table.text_again("namespace");
    let mut keys = ["status", "progress", "deliverables", "completion"].map(|key| template(&table, key)).into_iter();
    let mut next = || keys.next().flatten();
    let (status, progress, deliverables, completion) = (next(), next(), next(), next());
    table.finish();
    Some(Store { namespace: namespace?, status, progress, deliverables, completion })
}

/// A key with places for names.
fn template(table: &Table<'_, '_>, key: &'static str) -> Option<String> {
    let text = table.text(key, "write a key such as \"{phase}/{worker}/status\"")?;
    for part in text.value.split('{').skip(1) {
        let word = part.split_once('}').map(|(word, _)| word);
        if !word.is_some_and(|word| ["plan", "phase", "worker"].contains(&word)) {
            let what = format!("{{{}}} stands for nothing", word.unwrap_or(part));
            table.fault(text.at, key, what, "write {plan}, {phase} or {worker}");
        }
    }
    Some(text.value.to_owned())
}

pub(crate) fn escalation(table: Table<'_, '_>) -> Option<Escalation> {
    const ON: &str = "write on = [\"device-failed\"] or other kinds of events";
    let own = required_name(&table);
    must_be_filled(&table, "on", ON);
    let on = words(&table, "on", &EventKind::WORDS);
    let of = names(&table, "of", STEPS);
    let levels = table.tables("level");
    if levels.is_empty() {
        table.own_fault("the escalation has no level", "write at least one [[escalation.level]]");
    }
    let count = levels.len();
    let level = levels.into_iter().enumerate().map(|(index, table)| one_level(table, index + 1 == count)).collect();
    table.finish();
    Some(Escalation { name: own?, on, of, level })
}

fn one_level(table: Table<'_, '_>, is_last: bool) -> Level {
    let response = table.word("do", &Response::WORDS).map_or(Response::Notify, |word| word.value);
    if !is_last && !table.has("within") {
        table.own_fault(
            "the level has no deadline, so the next one is never reached",
            "write within = \"30s\" or another time to settle it in",
        );
    }
    if response == Response::Notify && !table.is_filled("whom") {
        table.own_fault("nobody is told", WHO);
    }
    let level =
        Level { within: period(&table, "within"), whom: names(&table, "whom", WHO), how: strings(&table, "how"), response };
    table.finish();
    level
}

pub(crate) fn rollback(table: Table<'_, '_>) -> Option<Rollback> {
    const TO: &str = "write to = \"device\", \"stage\", \"run\" or the name of a stage or phase";
    let own = required_name(&table);
    let on = rollback_on(&table);
    table.required_text("to", TO);
    let to = name(&table, "to", TO);
    let within = positive_period(&table, "within").unwrap_or(Period::from_millis(5000));
    let start = names(&table, "start", "write ids of workers: start = [\"...\"]");
    table.finish();
    Some(Rollback { name: own?, on: on?, to: to?, within, start })
}

fn rollback_on(table: &Table<'_, '_>) -> Option<RollbackOn> {
    const REMEDY: &str = "write one of on = { verdict = { gate = \"...\", is = \"roll-back\" } }, { failed = [\"...\"] }, { device-failures = 10 }";
    if !table.has("on") {
        table.own_fault("nothing sets the rollback off", REMEDY);
    }
    let inner = table.table("on", REMEDY)?;
    let given = ["verdict", "failed", "device-failures"].into_iter().filter(|key| inner.has(key)).count();
    if given != 1 {
        inner.own_fault(
            if given == 0 { "nothing sets the rollback off" } else { "more than one thing sets the rollback off" },
            REMEDY,
        );
    }
    let mut on = verdict_of(&inner).map(RollbackOn::Verdict);
    if inner.has("failed") {
        must_be_filled(&inner, "failed", REMEDY);
        on = on.or(Some(RollbackOn::Failed(names(&inner, "failed", STEPS))));
    }
    on = on.or_else(|| percent(&inner, "device-failures", 100).map(RollbackOn::DeviceFailures));
    inner.finish();
    on
}

pub(crate) fn report(table: Table<'_, '_>) -> Option<Report> {
    let own = required_name(&table);
    if table.has("every") == table.has("at") {
        let what = if table.has("at") { "the report has two occasions" } else { "the report is never made" };
        table.own_fault(what, "write either every = \"1h\" or at = \"run-end\"");
    }
    let mut formats = words(&table, "formats", &Format::WORDS);
    if formats.is_empty() {
        formats.push(Format::Markdown);
    }
    let report = own.map(|own| Report {
        name: own,
        every: positive_period(&table, "every"),
        at: table.word("at", &ReportAt::WORDS).map(|word| word.value),
        to: names(&table, "to", WHO),
        contents: words(&table, "contents", &Content::WORDS),
        formats,
    })?;
    table.finish();
    Some(report)
}
