//! The rules over the monitor itself: a monitor that misses its own failures watches nothing.

use dsmil_gate::{FileError, GateFile, Period};

/// How these rules are called wherever gate files are named.
pub const OWN_GATES: &str = "monitor (built in)";

/// The gate `monitor`, which says hold while the monitor is not to be relied upon. `longest` is the longest interval of a
/// sampler, in milliseconds: what is counted once an hour is no gap after five minutes.
pub(crate) fn own_gates(longest: i64) -> Result<GateFile, FileError> {
    let reach = Period::from_millis(longest.saturating_mul(3).max(5 * 60_000));
    let text = include_str!("own_rules.toml").replace("REACH", &reach.to_string());
    GateFile::parse(&text, OWN_GATES)
}

#[cfg(test)]
mod tests {
    use super::own_gates;

    #[test]
    fn the_rules_of_the_house_are_without_fault_for_every_interval() {
        for longest in [1000, 30_000, 6 * 3_600_000] {
            let gates = own_gates(longest).unwrap();
            // Lateness alone is an alert, and no reason to hold.
            let lints: Vec<String> = gates.lint().into_iter().map(|lint| lint.subject).collect();
            assert_eq!(lints, ["rule sampler-late"]);
            assert!(gates.longest_look_back() >= longest * 3);
        }
    }
}
