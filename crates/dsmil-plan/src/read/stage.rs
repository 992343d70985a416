//! `[[stage]]`.

use dsmil_toml::{Period, Table, whole};

use crate::Percent;
use crate::model::{OnDeviceFail, OnFail, Stage};
use crate::read::value::{name, names, percent, period, spread, text};
use crate::read::worker::{GATE, STEPS, approval, hook, priority};
use crate::read::{asking, device, required_name};

pub(crate) fn stage(table: Table<'_, '_>) -> Option<Stage> {
    let own = required_name(&table);
    let hook_of = |key: &'static str| {
        let remedy = format!("write {key} = {{ command = [\"...\"] }}");
        table.table(key, &remedy).map(hook)
    };
    let gates = asking(&table);
    let stage = own.map(|own| Stage {
        name: own,
        title: text(&table, "title"),
        description: text(&table, "description"),
        phase: name(&table, "phase", "write the name of a phase"),
        priority: priority(&table),
        needs: names(&table, "needs", STEPS),
        alongside: names(&table, "alongside", STEPS),
        target: table.whole_number("target", 1..=108).and_then(|number| u32::try_from(number.value).ok()),
        devices: device::list(&table, "devices"),
        percent: shares(&table),
        batch: table.whole_number("batch", 1..=108).and_then(|number| u32::try_from(number.value).ok()).unwrap_or(1),
        step_duration: period(&table, "step_duration").unwrap_or(Period::from_millis(1000)),
        step_spread: spread(&table, "step_spread"),
        step_observe: period(&table, "step_observe").unwrap_or_default(),
        observe: period(&table, "observe").unwrap_or_default(),
        minimum: period(&table, "minimum").unwrap_or_default(),
        load: percent(&table, "load", 100).unwrap_or_default(),
        apply: hook_of("apply"),
        undo: hook_of("undo"),
        entry: name(&table, "entry", GATE),
        exit: name(&table, "exit", GATE),
        background: names(&table, "background", GATE),
        recheck: gates.recheck,
        give_up: gates.give_up,
        approval: approval(&table),
        on_device_fail: table.word("on_device_fail", &OnDeviceFail::WORDS).map_or(OnDeviceFail::Skip, |word| word.value),
        max_failures: percent(&table, "max_failures", 100).unwrap_or(Percent::whole(10)),
        on_fail: table.word("on_fail", &OnFail::WORDS).map_or(OnFail::RollBack, |word| word.value),
    })?;
    form(&table, &stage);
    table.finish();
    Some(stage)
}

fn form(table: &Table<'_, '_>, stage: &Stage) {
    if !table.is_filled("devices") && stage.percent.is_empty() {
        table.own_fault("the stage adds nothing", "write devices = [\"...\"], or percent = [10, 50, 100] and apply");
    }
    if !table.is_filled("devices") && table.is_filled("percent") && !table.has("apply") {
        table.own_fault("nothing says how a share is applied", "write apply = { command = [\"...\", \"{percent}\"] }");
    }
    if !table.is_filled("devices") && table.has("target") {
        table.own_fault("the stage has a target and no devices", "write devices = [\"...\"]");
    }
    if table.is_filled("percent") && table.has("batch") {
        table.own_fault("the stage has percentages and a batch", "keep one of the two: a percentage is a batch");
    }
}

fn shares(table: &Table<'_, '_>) -> Vec<Percent> {
    const REMEDY: &str = "write percentages that ascend to 100: percent = [10, 50, 100]";
    let mut shares: Vec<Percent> = Vec::new();
    let items = table.list("percent", REMEDY);
    for (index, item) in items.iter().enumerate() {
        let number = match item.get_ref() {
            number if number.is_integer() => whole(number).map(|number| number as f64),
            number => number.as_float().and_then(|float| float.as_str().parse().ok()),
        };
        let share = number.and_then(|number| Percent::from_written(number, 100)).filter(|share| *share > Percent::NONE);
        match share {
            Some(share) if shares.last().is_none_or(|before| *before < share) => shares.push(share),
            Some(_) => {
                table.fault(item.span().start, &format!("percent[{index}]"), "the percentages don't ascend", REMEDY);
                return shares;
            }
            None => {
                table.fault(item.span().start, &format!("percent[{index}]"), "this is no percentage from above 0 to 100", REMEDY);
                return shares;
            }
        }
    }
    if shares.last().is_some_and(|last| *last != Percent::WHOLE)
        && let Some(item) = items.last()
    {
        let at = item.span().start;
        table.fault(at, &format!("percent[{}]", items.len() - 1), "the percentages don't end with 100", REMEDY);
    }
    shares
}
