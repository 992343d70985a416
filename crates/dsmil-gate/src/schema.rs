//! The JSON Schema of the gate file. The reader finds every fault at once, which a derived reader can't; these structures
//! say the same form for editors. A test holds the two together.

#![expect(dead_code, reason = "only their schema is used")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// Rules over metrics, zones over rules, and gates over both.
#[derive(JsonSchema)]
#[schemars(title = "dsmil gate file", deny_unknown_fields)]
struct File {
    /// The version of the file's format: 1.
    #[schemars(extend("const" = 1))]
    version: u32,
    /// The rules, written as one `[[rule]]` each.
    #[schemars(length(min = 1))]
    rule: Vec<Rule>,
    /// The zones, written as one `[[zone]]` each.
    #[schemars(default)]
    zone: Vec<Zone>,
    /// The gates, written as one `[[gate]]` each.
    #[schemars(default)]
    gate: Vec<Gate>,
}

/// A metric, how it is looked at, when that fails, and what follows.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["fail_when", "on_no_data"] },
    { "required": ["require", "on_no_data"] },
    { "properties": { "function": { "const": "absent" } }, "required": ["function"], "not": { "required": ["on_no_data"] } },
]))]
struct Rule {
    /// Its name, unique in the file.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    name: String,
    /// The metric.
    #[schemars(regex(pattern = "^[A-Za-z_:][A-Za-z0-9_:]{0,127}$"))]
    metric: String,
    /// The labels that a series must have; an empty value means that it must not have the label.
    #[schemars(default)]
    labels: BTreeMap<String, String>,
    /// What is made of the samples; `last` if it is not given.
    function: Option<Function>,
    /// Which quantile, from 0 to 1, for the function `quantile`.
    #[schemars(range(min = 0, max = 1))]
    quantile: Option<f64>,
    /// How far back the function looks, such as `5m`.
    window: Option<Duration>,
    /// What is bad: an operator and a number (`> 85`) or a range with both ends included (`60..80`).
    fail_when: Option<String>,
    /// What must hold: an operator and a number (`< 75`) or a range with both ends included (`60..80`).
    require: Option<String>,
    /// Once it fires, the bound that must be passed the other way before it stops.
    clear_at: Option<f64>,
    /// The unit of value and bound.
    unit: Option<String>,
    /// How long it must fail before it fires, such as `2m`; 0 if it is not given.
    #[schemars(rename = "for")]
    hold_for: Option<Duration>,
    /// How long it goes on firing after it failed last; 0 if it is not given.
    keep_firing_for: Option<Duration>,
    /// How grave it is; `warning` if it is not given.
    severity: Option<Severity>,
    /// What it asks for when it fires.
    on_fail: OnFail,
    /// What it asks for without evidence. Not with the function `absent`.
    on_no_data: Option<OnNoData>,
    /// Its share in a score; 1 if it is not given.
    #[schemars(range(min = 0))]
    weight: Option<f64>,
    /// The oldest sample that still counts as the newest value; `5m` if it is not given. Not with a window.
    staleness: Option<Duration>,
    /// What it is for.
    description: Option<String>,
}

/// A duration as Prometheus writes it: `30s`, `5m`, `1h30m`.
#[derive(JsonSchema)]
#[schemars(transparent)]
struct Duration(
    #[schemars(
        regex(pattern = "^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$"),
        length(min = 1)
    )]
    String,
);

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Function {
    Last,
    Avg,
    Min,
    Max,
    Quantile,
    Rate,
    Increase,
    Absent,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Severity {
    Info,
    Warning,
    Critical,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum OnFail {
    Hold,
    NoGo,
    RollBack,
    Escalate,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum OnNoData {
    Hold,
    Fail,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Verdict {
    Go,
    Hold,
    NoGo,
    RollBack,
}

/// Bands from best to worst, of which the worst that holds counts.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Zone {
    /// Its name, unique among the zones.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    name: String,
    /// The bands, written as one `[[zone.band]]` each.
    #[schemars(length(min = 2))]
    band: Vec<Band>,
}

/// A band of a zone.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Band {
    /// Its name, unique in the zone.
    name: String,
    /// What it means for a gate.
    verdict: Verdict,
    /// The rules any of which, when firing, puts the zone into this band. The best band has none.
    #[schemars(default)]
    rules: Vec<String>,
}

/// What may open, and when.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Gate {
    /// Its name, unique among the gates.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    name: String,
    /// How its members decide.
    kind: Kind,
    /// The share of the weights that must go, for a score.
    #[schemars(range(min = 0, max = 1))]
    threshold: Option<f64>,
    /// Rules that are members.
    #[schemars(default)]
    rules: Vec<String>,
    /// Zones that are members.
    #[schemars(default)]
    zones: Vec<String>,
    /// Why the gate is as it is.
    justification: Option<String>,
    /// After what time to look again when it doesn't go.
    recheck: Option<Duration>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Kind {
    All,
    Any,
    Score,
}

pub(crate) fn gate_file() -> serde_json::Value {
    schemars::schema_for!(File).to_value()
}
