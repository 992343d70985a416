//! Gate files with each kind of mistake, and what is said about them.

#![allow(clippy::unwrap_used)]

use dsmil_gate::GateFile;

/// A rule that is right, on one line each; the cases replace or add lines.
const RULE: &str = r#"version = 1
[[rule]]
name = "cpu"
metric = "cpu_percent"
require = "< 75"
on_fail = "hold"
on_no_data = "hold"
"#;

fn messages(text: &str) -> Vec<String> {
    match GateFile::parse(text, "g.toml") {
        Ok(_) => vec!["accepted".to_owned()],
        Err(error) => error.to_string().lines().map(|line| line.strip_prefix("gate file g.toml").unwrap().to_owned()).collect(),
    }
}

/// [`RULE`] with one part replaced: all of it for `*`, nothing but an addition at its end for an empty text.
fn changed(from: &str, to: &str) -> String {
    if from == "*" {
        return to.to_owned();
    }
    assert!(from.is_empty() || RULE.contains(from), "{from}");
    if from.is_empty() { format!("{RULE}{to}\n") } else { RULE.replacen(from, to, 1) }
}

#[test]
fn the_rule_that_the_cases_start_from_is_right() {
    assert_eq!(messages(RULE), ["accepted"]);
}

macro_rules! cases {
    ($($name:ident: $from:literal => $to:literal, [$($message:literal),* $(,)?];)*) => {
        $(#[test] fn $name() {
            assert_eq!(messages(&changed($from, $to)), [$($message),*], "\n{}", changed($from, $to));
        })*
        const CASES: usize = [$(stringify!($name)),*].len();
    };
}

cases! {
    empty_file: "*" => "", [
        ", version: the file is empty, version is missing; write version = 1 at its head",
    ];
    no_version: "version = 1" => "", [
        ", version: version is missing; write version = 1 at its head",
    ];
    version_two: "version = 1" => "version = 2", [
        ", line 1, column 11, version: version 2 is not known; write version = 1, the only one there is",
    ];
    version_as_text: "version = 1" => "version = \"1\"", [
        ", line 1, column 11, version: string where a number belongs; write version = 1",
    ];
    syntax: "name = \"cpu\"" => "name = cpu\"", [
        ", line 3, column 8: missing opening quote, expected `\"`; correct the TOML",
    ];
    duplicate_key: "" => "name = \"again\"", [
        ", line 8, column 1, name: duplicate key; keep one of the two",
    ];
    no_rule: "*" => "version = 1", [
        ": the file has no rule; write at least one [[rule]]; a gate without evidence never opens",
    ];
    rule_as_table: "*" => "version = 1\n[rule]\nname = \"cpu\"", [
        ", line 2, column 1, rule: table where an array of tables belongs; write each as a table of its own, in two pairs of brackets: [[rule]]",
    ];
    rule_as_number: "*" => "version = 1\nrule = [3]", [
        ", line 2, column 9, rule[0]: integer where a table belongs; write each as a table of its own, in two pairs of brackets: [[rule]]",
    ];
    unknown_key: "" => "windw = \"5m\"", [
        ", line 8, column 1, rule[0].windw: there is no key windw here; did you mean window?",
    ];
    unknown_key_far: "" => "colour = \"red\"", [
        ", line 8, column 1, rule[0].colour: there is no key colour here; remove it; known here are name, metric, labels, quantile, function, window, fail_when, require, clear_at, on_no_data, weight, staleness, severity, on_fail, for, keep_firing_for, unit, description",
    ];
    unknown_table: "" => "[[alarm]]\nname = \"x\"", [
        ", line 8, column 3, alarm: there is no key alarm here; remove it; known here are version, rule, zone, gate",
    ];
    name_missing: "name = \"cpu\"\n" => "", [
        ", line 2, column 1, rule[0].name: name is missing; write name = \"...\", of letters, digits, - and _, at most 64",
    ];
    name_empty: "name = \"cpu\"" => "name = \"\"", [
        ", line 3, column 8, rule[0].name: \"\" is not a name; write name = \"...\", of letters, digits, - and _, at most 64",
    ];
    name_with_space: "name = \"cpu\"" => "name = \"c p u\"", [
        ", line 3, column 8, rule[0].name: \"c p u\" is not a name; write name = \"...\", of letters, digits, - and _, at most 64",
    ];
    name_as_number: "name = \"cpu\"" => "name = 5", [
        ", line 3, column 8, rule[0].name: integer where text belongs; write name = \"...\", of letters, digits, - and _, at most 64",
    ];
    name_twice: "" => "[[rule]]\nname = \"cpu\"\nmetric = \"m\"\nfail_when = \"> 1\"\non_fail = \"hold\"\non_no_data = \"hold\"", [
        ", line 9, column 8, rule[1].name: there are two rules cpu; give each a name of its own",
    ];
    metric_missing: "metric = \"cpu_percent\"\n" => "", [
        ", line 2, column 1, rule[0].metric: metric is missing; write metric = \"...\", of letters, digits, _ and :, not beginning with a digit",
    ];
    metric_bad: "metric = \"cpu_percent\"" => "metric = \"cpu-percent\"", [
        ", line 4, column 10, rule[0].metric: \"cpu-percent\" is not the name of a metric; write metric = \"...\", of letters, digits, _ and :, not beginning with a digit",
    ];
    labels_as_text: "" => "labels = \"host\"", [
        ", line 8, column 10, rule[0].labels: string where a table belongs; write labels = { name = \"value\" }, names of letters, digits and _, not beginning with a digit",
    ];
    label_value_as_number: "" => "labels = { host = 5 }", [
        ", line 8, column 19, rule[0].labels.host: integer where text belongs; write labels = { name = \"value\" }, names of letters, digits and _, not beginning with a digit",
    ];
    label_name_bad: "" => "labels = { \"9host\" = \"a\" }", [
        ", line 8, column 12, rule[0].labels: \"9host\" is not the name of a label; write labels = { name = \"value\" }, names of letters, digits and _, not beginning with a digit",
    ];
    label_name_reserved: "" => "labels = { __name__ = \"a\" }", [
        ", line 8, column 12, rule[0].labels: \"__name__\" is not the name of a label; write labels = { name = \"value\" }, names of letters, digits and _, not beginning with a digit",
    ];
    function_unknown: "" => "function = \"average\"", [
        ", line 8, column 12, rule[0].function: \"average\" is not known here; write one of last, avg, min, max, quantile, rate, increase, absent",
    ];
    function_typo: "" => "function = \"quantil\"", [
        ", line 8, column 12, rule[0].function: \"quantil\" is not known here; did you mean \"quantile\"?",
    ];
    window_missing: "" => "function = \"avg\"", [
        ", line 2, column 1, rule[0]: the function needs a window; write window = \"5m\" or another duration",
    ];
    window_bad: "" => "function = \"avg\"\nwindow = \"5 minutes\"", [
        ", line 9, column 10, rule[0].window: \"5 minutes\" is not a duration; write a duration in quotation marks, such as \"30s\", \"5m\" or \"1h30m\"",
    ];
    window_zero: "" => "function = \"avg\"\nwindow = \"0s\"", [
        ", line 9, column 10, rule[0].window: the duration is zero; write one that is longer, or leave the key out",
    ];
    window_as_number: "" => "function = \"avg\"\nwindow = 300", [
        ", line 9, column 10, rule[0].window: integer where text belongs; write a duration in quotation marks, such as \"30s\", \"5m\" or \"1h30m\"",
    ];
    window_too_long: "" => "function = \"avg\"\nwindow = \"11y\"", [
        ", line 9, column 10, rule[0].window: \"11y\" is not a duration; write a duration in quotation marks, such as \"30s\", \"5m\" or \"1h30m\"",
    ];
    quantile_missing: "" => "function = \"quantile\"\nwindow = \"5m\"", [
        ", line 8, column 12, rule[0].quantile: quantile is missing; write quantile = 0.95 or another number from 0 to 1",
    ];
    quantile_out_of_range: "" => "function = \"quantile\"\nwindow = \"5m\"\nquantile = 95", [
        ", line 10, column 12, rule[0].quantile: 95 does not lie from 0 to 1; write quantile = 0.95 or another number from 0 to 1",
    ];
    quantile_without_function: "" => "quantile = 0.95", [
        ", line 8, column 12, rule[0].quantile: the function is not quantile; write function = \"quantile\", or remove it",
    ];
    condition_missing: "require = \"< 75\"\n" => "", [
        ", line 2, column 1, rule[0]: the rule has no condition; write fail_when = \"> 85\" for what is bad, or require = \"< 75\" for what must hold",
    ];
    condition_twice: "" => "fail_when = \"> 80\"", [
        ", line 2, column 1, rule[0]: the rule has both fail_when and require; keep one: fail_when says what is bad, require what must hold",
    ];
    condition_bad: "require = \"< 75\"" => "require = \"75\"", [
        ", line 5, column 11, rule[0].require: \"75\" is not a condition; write an operator and a number, such as \"< 75\", or a range with both ends included, such as \"60..80\"",
    ];
    condition_single_equals: "require = \"< 75\"" => "require = \"= 75\"", [
        ", line 5, column 11, rule[0].require: \"= 75\" is not a condition; write an operator and a number, such as \"< 75\", or a range with both ends included, such as \"60..80\"",
    ];
    condition_nan: "require = \"< 75\"" => "require = \"< nan\"", [
        ", line 5, column 11, rule[0].require: \"< nan\" is not a condition; write an operator and a number, such as \"< 75\", or a range with both ends included, such as \"60..80\"",
    ];
    condition_as_number: "require = \"< 75\"" => "require = 75", [
        ", line 5, column 11, rule[0].require: integer where text belongs; write an operator and a number, such as \"< 75\", or a range with both ends included, such as \"60..80\"",
    ];
    range_reversed: "require = \"< 75\"" => "require = \"80..60\"", [
        ", line 5, column 11, rule[0].require: \"80..60\" is not a condition; write an operator and a number, such as \"< 75\", or a range with both ends included, such as \"60..80\"",
    ];
    absent_with_condition: "require = \"< 75\"" => "function = \"absent\"\nrequire = \"< 75\"", [
        ", line 2, column 1, rule[0]: absent has no bound; remove fail_when and require: it fails when nothing is there",
        ", line 2, column 1, rule[0]: absent has no on_no_data; remove it: that nothing is there is what it fails on",
    ];
    absent_with_no_data: "require = \"< 75\"" => "function = \"absent\"", [
        ", line 2, column 1, rule[0]: absent has no on_no_data; remove it: that nothing is there is what it fails on",
    ];
    clear_at_wrong_side: "" => "clear_at = 80", [
        ", line 8, column 12, rule[0].clear_at: it clears at 80, where it fails still; write a number of at most 75",
    ];
    clear_at_for_range: "require = \"< 75\"" => "require = \"60..80\"\nclear_at = 70", [
        ", line 6, column 12, rule[0].clear_at: this condition has no direction; remove it: only a bound that is passed in one direction (<, <=, >, >=) can clear at another",
    ];
    clear_at_as_text: "" => "clear_at = \"70\"", [
        ", line 8, column 12, rule[0].clear_at: string where a number belongs; write a number, such as 75",
    ];
    clear_at_infinite: "" => "clear_at = inf", [
        ", line 8, column 12, rule[0].clear_at: the number is not finite or too large; write a number, such as 75",
    ];
    staleness_with_window: "" => "function = \"avg\"\nwindow = \"5m\"\nstaleness = \"1m\"", [
        ", line 10, column 13, rule[0].staleness: a rule with a window has no staleness; remove it: with a window, only what lies in the window counts",
    ];
    weight_negative: "" => "weight = -1", [
        ", line 8, column 10, rule[0].weight: the weight is negative; write a number from 0, such as 1.0",
    ];
    for_bad: "" => "for = \"soon\"", [
        ", line 8, column 7, rule[0].for: \"soon\" is not a duration; write a duration in quotation marks, such as \"30s\", \"5m\" or \"1h30m\"",
    ];
    severity_unknown: "" => "severity = \"fatal\"", [
        ", line 8, column 12, rule[0].severity: \"fatal\" is not known here; write one of info, warning, critical",
    ];
    on_fail_missing: "on_fail = \"hold\"\n" => "", [
        ", line 2, column 1, rule[0].on_fail: on_fail is missing; write on_fail = \"hold\" or \"no-go\" or \"roll-back\" or \"escalate\"",
    ];
    on_fail_unknown: "on_fail = \"hold\"" => "on_fail = \"rollback\"", [
        ", line 6, column 11, rule[0].on_fail: \"rollback\" is not known here; did you mean \"roll-back\"?",
    ];
    on_no_data_missing: "on_no_data = \"hold\"\n" => "", [
        ", line 2, column 1, rule[0].on_no_data: on_no_data is missing; write on_no_data = \"hold\" or \"fail\"",
    ];
    on_no_data_silent_pass: "on_no_data = \"hold\"" => "on_no_data = \"go\"", [
        ", line 7, column 14, rule[0].on_no_data: \"go\" is not known here; write one of hold, fail",
    ];
    gate_without_kind: "" => "[[gate]]\nname = \"g\"\nrules = [\"cpu\"]", [
        ", line 8, column 1, gate[0].kind: kind is missing; write kind = \"all\" or \"any\" or \"score\"",
    ];
    gate_unknown_kind: "" => "[[gate]]\nname = \"g\"\nkind = \"most\"\nrules = [\"cpu\"]", [
        ", line 10, column 8, gate[0].kind: \"most\" is not known here; write one of all, any, score",
    ];
    gate_without_members: "" => "[[gate]]\nname = \"g\"\nkind = \"all\"", [
        ", line 8, column 1, gate[0]: the gate has no members; name at least one rule or zone; no evidence is never go",
    ];
    gate_unknown_rule: "" => "[[gate]]\nname = \"g\"\nkind = \"all\"\nrules = [\"cpuu\"]", [
        ", line 11, column 10, gate[0].rules[0]: there is no rule cpuu; did you mean cpu?",
    ];
    gate_unknown_rule_far: "" => "[[gate]]\nname = \"g\"\nkind = \"all\"\nrules = [\"temperature\"]", [
        ", line 11, column 10, gate[0].rules[0]: there is no rule temperature; add a [[rule]] of that name, or name one that there is",
    ];
    gate_unknown_zone: "" => "[[gate]]\nname = \"g\"\nkind = \"all\"\nzones = [\"load\"]", [
        ", line 11, column 10, gate[0].zones[0]: there is no zone load; add a [[zone]] of that name, or name one that there is",
    ];
    gate_rule_twice: "" => "[[gate]]\nname = \"g\"\nkind = \"all\"\nrules = [\"cpu\", \"cpu\"]", [
        ", line 11, column 17, gate[0].rules[1]: cpu stands here twice; keep one of the two",
    ];
    gate_rules_as_text: "" => "[[gate]]\nname = \"g\"\nkind = \"all\"\nrules = \"cpu\"", [
        ", line 11, column 9, gate[0].rules: string where a list belongs; write rules = [\"...\"], with names of rules",
    ];
    gate_rule_as_number: "" => "[[gate]]\nname = \"g\"\nkind = \"all\"\nrules = [\"cpu\", 7]", [
        ", line 11, column 17, gate[0].rules[1]: integer where text belongs; write rules = [\"...\"], with names of rules",
    ];
    score_without_threshold: "" => "[[gate]]\nname = \"g\"\nkind = \"score\"\nrules = [\"cpu\"]", [
        ", line 10, column 8, gate[0].threshold: threshold is missing; write threshold = 0.9: the share of the weights that must go, above 0 and at most 1",
    ];
    score_threshold_zero: "" => "[[gate]]\nname = \"g\"\nkind = \"score\"\nthreshold = 0\nrules = [\"cpu\"]", [
        ", line 11, column 13, gate[0].threshold: 0 is no share; write threshold = 0.9: the share of the weights that must go, above 0 and at most 1",
    ];
    threshold_without_score: "" => "[[gate]]\nname = \"g\"\nkind = \"all\"\nthreshold = 0.9\nrules = [\"cpu\"]", [
        ", line 11, column 13, gate[0].threshold: only a score has a threshold; remove it, or write kind = \"score\"",
    ];
    score_all_weights_zero: "" => "weight = 0\n[[gate]]\nname = \"g\"\nkind = \"score\"\nthreshold = 0.9\nrules = [\"cpu\"]", [
        ", line 9, column 1, gate[0]: all weights are zero; give at least one rule of the gate a weight above 0",
    ];
    recheck_zero: "" => "[[gate]]\nname = \"g\"\nkind = \"all\"\nrules = [\"cpu\"]\nrecheck = \"0s\"", [
        ", line 12, column 11, gate[0].recheck: the duration is zero; write one that is longer, or leave the key out",
    ];
    zone_without_bands: "" => "[[zone]]\nname = \"load\"", [
        ", line 8, column 1, zone[0]: the zone has 0 bands; write at least two [[zone.band]], from best to worst",
    ];
    zone_one_band: "" => "[[zone]]\nname = \"load\"\n[[zone.band]]\nname = \"green\"\nverdict = \"go\"", [
        ", line 8, column 1, zone[0]: the zone has 1 bands; write at least two [[zone.band]], from best to worst",
    ];
    zone_best_band_with_rules: "" => "[[zone]]\nname = \"load\"\n[[zone.band]]\nname = \"green\"\nverdict = \"go\"\nrules = [\"cpu\"]\n[[zone.band]]\nname = \"red\"\nverdict = \"hold\"\nrules = [\"cpu\"]", [
        ", line 10, column 1, zone[0].band[0]: the best band has rules; leave them out: it holds when no other band does",
    ];
    zone_band_without_rules: "" => "[[zone]]\nname = \"load\"\n[[zone.band]]\nname = \"green\"\nverdict = \"go\"\n[[zone.band]]\nname = \"red\"\nverdict = \"hold\"", [
        ", line 13, column 1, zone[0].band[1]: the band has no rules; write rules = [\"...\"]: any of them, when firing, puts the zone into the band",
    ];
    zone_bands_out_of_order: "" => "[[zone]]\nname = \"load\"\n[[zone.band]]\nname = \"green\"\nverdict = \"hold\"\n[[zone.band]]\nname = \"red\"\nverdict = \"go\"\nrules = [\"cpu\"]", [
        ", line 15, column 11, zone[0].band[1].verdict: the band's verdict go is better than that of the band before; order the bands from best to worst",
    ];
    zone_band_verdict_unknown: "" => "[[zone]]\nname = \"load\"\n[[zone.band]]\nname = \"green\"\nverdict = \"gone\"\n[[zone.band]]\nname = \"red\"\nverdict = \"hold\"\nrules = [\"cpu\"]", [
        ", line 12, column 11, zone[0].band[0].verdict: \"gone\" is not known here; write one of go, hold, no-go, roll-back",
    ];
}

#[test]
fn there_are_at_least_forty_cases() {
    const { assert!(CASES >= 40) }
}

#[test]
fn all_faults_are_told_at_once_and_in_order() {
    let text = r#"version = 1
[[rule]]
name = "cpu"
metric = "9cpu"
require = "75"
windw = "5m"
on_fail = "explode"
[[gate]]
name = "deploy"
kind = "most"
rules = ["cpuu"]
"#;
    let found = messages(text);
    let lines: Vec<&str> = found.iter().map(|message| message.split(',').nth(1).unwrap()).collect();
    assert_eq!(lines, [" line 2", " line 4", " line 5", " line 6", " line 7", " line 10", " line 11"], "{found:#?}");
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let text = "#".repeat(GateFile::MAX_BYTES + 1);
    assert_eq!(messages(&text), [": the file is 1048577 bytes long, at most 1048576 are read; split it"]);
}

#[test]
fn a_deep_nest_or_rubbish_is_refused_and_not_followed() {
    let nest = format!("version = {}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for text in [nest.as_str(), "\u{0}", "[[[[", "version = 1\n[[rule]]\nname = \"\u{202e}\"", "= = ="] {
        assert!(GateFile::parse(text, "g.toml").is_err());
    }
}
