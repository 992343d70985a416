//! From a `[[rule]]` table to a checked rule.

use crate::parse::required_word;
use crate::rule::{Condition, Function, OnFail, OnNoData, Op, Reading, Rule, Severity};
use crate::samples::Labels;
use dsmil_toml::Table;

/// As Prometheus has it: a value older than five minutes is no value.
const STALENESS: i64 = 300_000;
const METRIC_REMEDY: &str = "write metric = \"...\", of letters, digits, _ and :, not beginning with a digit";
const LABEL_REMEDY: &str = "write labels = { name = \"value\" }, names of letters, digits and _, not beginning with a digit";
const CONDITION_REMEDY: &str =
    "write an operator and a number, such as \"< 75\", or a range with both ends included, such as \"60..80\"";

pub(crate) fn rule(table: Table<'_, '_>) -> Option<Rule> {
    let name = table.text_again("name");
    let metric = metric(&table);
    let labels = labels(&table);
    let function = function(&table);
    let window = window(&table, function);
    let condition = condition(&table, function);
    let clear_at = clear_at(&table, condition.as_ref().map(|(condition, ..)| *condition));
    let on_no_data = on_no_data(&table, function);
    let weight = table.number("weight", "write a number from 0, such as 1.0");
    if let Some(weight) = weight.as_ref().filter(|weight| weight.value < 0.0) {
        table.fault(weight.at, "weight", "the weight is negative", "write a number from 0, such as 1.0");
    }
    let staleness = table.positive_duration("staleness");
    if let Some(staleness) = staleness.as_ref().filter(|_| window.is_some()) {
        let remedy = "remove it: with a window, only what lies in the window counts";
        table.fault(staleness.at, "staleness", "a rule with a window has no staleness", remedy);
    }
    let severity =
        table.word("severity", &[("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)]);
    let on_fail = required_word(
        &table,
        "on_fail",
        &[("hold", OnFail::Hold), ("no-go", OnFail::NoGo), ("roll-back", OnFail::RollBack), ("escalate", OnFail::Escalate)],
    );
    let hold_for = table.duration("for").map_or(0, |duration| duration.value);
    let keep_firing_for = table.duration("keep_firing_for").map_or(0, |duration| duration.value);
    let unit = table.text("unit", "write unit = \"percent\" or the like").map(|text| text.value.to_owned());
    let description = table.text("description", "write it in quotation marks").map(|text| text.value.to_owned());
    let line = table.source.position(table.at).0;
    table.finish();
    let (condition, reading, written) = condition?;
    Some(Rule {
        name: name?,
        metric: metric?,
        labels,
        function: function?,
        window,
        condition,
        reading,
        written,
        unit,
        hold_for,
        keep_firing_for,
        clear_at,
        severity: severity.map_or(Severity::Warning, |severity| severity.value),
        on_fail: on_fail?.value,
        on_no_data,
        weight: weight.map_or(1.0, |weight| weight.value),
        staleness: staleness.map_or(STALENESS, |staleness| staleness.value),
        description,
        line,
    })
}

/// Whether Prometheus would take it for a metric's name, or without colons for a label's.
pub(crate) fn is_name(text: &str, colons: bool) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    !text.is_empty() && text.len() <= 128 && text.chars().all(plain) && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn metric(table: &Table<'_, '_>) -> Option<String> {
    let metric = table.required_text("metric", METRIC_REMEDY)?;
    if is_name(metric.value, true) {
        return Some(metric.value.to_owned());
    }
    table.fault(metric.at, "metric", format!("{:?} is not the name of a metric", metric.value), METRIC_REMEDY);
    None
}

fn labels(table: &Table<'_, '_>) -> Labels {
    let pairs = table.pairs("labels", LABEL_REMEDY);
    for (name, _) in &pairs {
        if !is_name(name.value, false) || name.value.starts_with("__") {
            table.fault(name.at, "labels", format!("{:?} is not the name of a label", name.value), LABEL_REMEDY);
        }
    }
    pairs.into_iter().map(|(name, value)| (name.value, value.value)).collect()
}

fn function(table: &Table<'_, '_>) -> Option<Function> {
    const QUANTILE: &str = "write quantile = 0.95 or another number from 0 to 1";
    let quantile = table.number("quantile", QUANTILE);
    let function = table.word(
        "function",
        &[
            ("last", Function::Last),
            ("avg", Function::Avg),
            ("min", Function::Min),
            ("max", Function::Max),
            ("quantile", Function::Quantile(0.5)),
            ("rate", Function::Rate),
            ("increase", Function::Increase),
            ("absent", Function::Absent),
        ],
    );
    let (function, at) = match function {
        Some(function) => (function.value, function.at),
        None if table.has("function") => return None,
        None => (Function::Last, table.at),
    };
    match (function, quantile) {
        (Function::Quantile(_), Some(quantile)) if (0.0..=1.0).contains(&quantile.value) => {
            Some(Function::Quantile(quantile.value))
        }
        (Function::Quantile(_), Some(quantile)) => {
            table.fault(quantile.at, "quantile", format!("{} does not lie from 0 to 1", quantile.value), QUANTILE);
            None
        }
        (Function::Quantile(_), None) => {
            if !table.has("quantile") {
                table.fault(at, "quantile", "quantile is missing", QUANTILE);
            }
            None
        }
        (other, Some(quantile)) => {
            table.fault(quantile.at, "quantile", "the function is not quantile", "write function = \"quantile\", or remove it");
            Some(other)
        }
        (other, None) => Some(other),
    }
}

fn window(table: &Table<'_, '_>, function: Option<Function>) -> Option<i64> {
    let window = table.positive_duration("window").map(|window| window.value);
    if !table.has("window") && !matches!(function, Some(Function::Last | Function::Absent) | None) {
        table.own_fault("the function needs a window", "write window = \"5m\" or another duration");
    }
    window
}

fn condition(table: &Table<'_, '_>, function: Option<Function>) -> Option<(Condition, Reading, String)> {
    let fail_when = table.text("fail_when", CONDITION_REMEDY);
    let require = table.text("require", CONDITION_REMEDY);
    let given = table.has("fail_when") || table.has("require");
    if matches!(function, Some(Function::Absent)) {
        if given {
            table.own_fault("absent has no bound", "remove fail_when and require: it fails when nothing is there");
        }
        return Some((Condition::Absent, Reading::FailWhen, "absent".to_owned()));
    }
    if !given {
        table.own_fault(
            "the rule has no condition",
            "write fail_when = \"> 85\" for what is bad, or require = \"< 75\" for what must hold",
        );
    }
    if table.has("fail_when") && table.has("require") {
        table
            .own_fault("the rule has both fail_when and require", "keep one: fail_when says what is bad, require what must hold");
        return None;
    }
    let (text, reading, key) = match (fail_when, require) {
        (Some(text), _) => (text, Reading::FailWhen, "fail_when"),
        (_, Some(text)) => (text, Reading::Require, "require"),
        (None, None) => return None,
    };
    let Some(condition) = Condition::parse(text.value) else {
        table.fault(text.at, key, format!("{:?} is not a condition", text.value), CONDITION_REMEDY);
        return None;
    };
    let failing = if reading == Reading::Require { condition.inverse() } else { condition };
    Some((failing, reading, text.value.trim().to_owned()))
}

fn clear_at(table: &Table<'_, '_>, condition: Option<Condition>) -> Option<f64> {
    let clear = table.number("clear_at", "write a number, such as 75")?;
    let Condition::Compare(op @ (Op::More | Op::AtLeast | Op::Less | Op::AtMost), bound) = condition? else {
        let remedy = "remove it: only a bound that is passed in one direction (<, <=, >, >=) can clear at another";
        table.fault(clear.at, "clear_at", "this condition has no direction", remedy);
        return None;
    };
    let upwards = matches!(op, Op::More | Op::AtLeast);
    if clear.value.partial_cmp(&bound).is_some_and(|order| if upwards { order.is_gt() } else { order.is_lt() }) {
        let what = format!("it clears at {}, where it fails still", clear.value);
        let remedy = format!("write a number {} {bound}", if upwards { "of at most" } else { "of at least" });
        table.fault(clear.at, "clear_at", what, &remedy);
        return None;
    }
    Some(clear.value)
}

fn on_no_data(table: &Table<'_, '_>, function: Option<Function>) -> Option<OnNoData> {
    let words = [("hold", OnNoData::Hold), ("fail", OnNoData::Fail)];
    if matches!(function, Some(Function::Absent)) {
        if table.has("on_no_data") {
            table.own_fault("absent has no on_no_data", "remove it: that nothing is there is what it fails on");
        }
        table.word("on_no_data", &words);
        return None;
    }
    required_word(table, "on_no_data", &words).map(|word| word.value)
}
