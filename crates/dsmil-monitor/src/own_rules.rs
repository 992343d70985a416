//! The rules over the monitor itself: a monitor that misses its own failures watches nothing.

use dsmil_gate::{FileError, GateFile, Period};

/// How these rules are called wherever gate files are named.
pub const OWN_GATES: &str = "monitor (built in)";

/// The gate `monitor`, which says hold while the monitor is not to be relied upon. `longest` is the longest interval of a
/// sampler, in milliseconds: what is counted once an hour is no gap after five minutes.
pub(crate) fn own_gates(longest: i64) -> Result<GateFile, FileError> {
    let reach = Period::from_millis(longest.saturating_mul(3).max(5 * 60_000));
    let rule = |name: &str, metric: &str, how: &str, severity: &str, description: &str| {
        format!(
            "[[rule]]\nname = \"{name}\"\nmetric = \"{metric}\"\n{how}\nseverity = \"{severity}\"\non_fail = \"hold\"\n\
             on_no_data = \"hold\"\ndescription = \"{description}\"\n\n"
        )
    };
    let counted = |more_than: u32| {
        format!("function = \"increase\"\nwindow = \"{reach}\"\nfail_when = \"> {more_than}\"\nunit = \"times\"")
    };
    let newest = |condition: &str, unit: &str| format!("{condition}\nstaleness = \"{reach}\"\nunit = \"{unit}\"");
    let text = [
        "version = 1\n\n".to_owned(),
        rule("sampler-missed", "sampler_missed_total", &counted(0), "warning", "a sampler missed its tick: samples are lacking"),
        rule("sampler-late", "sampler_late_total", &counted(3), "info", "a sampler is late again and again: the machine is overloaded"),
        rule("sampler-down", "sampler_up", &newest("require = \">= 1\"", "up"), "warning", "a sampler fails or hangs: what it measures is not known"),
        rule("store-full", "store_full", &newest("require = \"< 1\"", "full"), "critical", "the disk of the store is full: samples are not kept"),
        rule("log-failing", "log_full", &newest("require = \"< 1\"", "full"), "critical", "health_log.jsonl can't be written"),
        rule("notification-given-up", "notifications_given_up", &newest("require = \"< 1\"", "notifications"), "critical", "somebody could not be told, for a day"),
        rule("quarantine-not-enforced", "quarantine_enforced", &newest("require = \">= 7\"", "devices"), "critical", "fewer than seven of the seven are enforced"),
        "[[gate]]\nname = \"monitor\"\nkind = \"all\"\njustification = \"what is not watched is not known\"\nrules = [\"sampler-missed\", \
         \"sampler-down\", \"store-full\", \"log-failing\", \"quarantine-not-enforced\"]\n"
            .to_owned(),
    ]
    .concat();
    GateFile::parse(&text, OWN_GATES)
}

#[cfg(test)]
mod tests {
    use super::own_gates;

    #[test]
    fn the_rules_of_the_house_are_without_fault_for_every_interval() {
        for longest in [1000, 30_000, 6 * 3_600_000] {
            let gates = own_gates(longest).unwrap();
            assert_eq!(gates.lint().len(), 0, "{:?}", gates.lint());
            assert!(gates.longest_look_back() >= longest * 3);
        }
    }
}
