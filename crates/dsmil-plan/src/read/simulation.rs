//! `[simulation]`.

use dsmil_toml::Table;

use crate::Percent;
use crate::model::{GateOdds, SimulationTable, StepOdds};
use crate::read::Draft;
use crate::read::value::{percent, period, spread};

impl Draft {
    pub(crate) fn simulation(&mut self, table: Table<'_, '_>) -> SimulationTable {
        let mut simulation = SimulationTable {
            runs: table.whole_number("runs", 1..=1_000_000).and_then(|number| u32::try_from(number.value).ok()),
            seed: table.whole_number("seed", 0..=i64::from(u32::MAX)).and_then(|number| u32::try_from(number.value).ok()),
            approval: period(&table, "approval"),
            approval_spread: spread(&table, "approval_spread"),
            device_failure: percent(&table, "device_failure", 100).unwrap_or_default(),
            ..SimulationTable::default()
        };
        for (name, place, odds) in self.each(&table, "gates") {
            let gate = GateOdds {
                hold: percent(&odds, "hold", 100).unwrap_or_default(),
                no_go: percent(&odds, "no-go", 100).unwrap_or_default(),
                roll_back: percent(&odds, "roll-back", 100).unwrap_or_default(),
                opens_after: period(&odds, "opens_after").unwrap_or_default(),
            };
            let sum = gate.hold.millionths() + gate.no_go.millionths() + gate.roll_back.millionths();
            if sum > Percent::WHOLE.millionths() {
                let what = format!("together they are {} %", Percent::from_millionths(sum));
                table.fault(place, &format!("gates.{name}"), what, "write percentages of at most 100 together; the rest is go");
            }
            odds.finish();
            simulation.gates.insert(name, gate);
        }
        for (name, _, odds) in self.each(&table, "workers") {
            let step = StepOdds { failure: percent(&odds, "failure", 100).unwrap_or_default() };
            odds.finish();
            simulation.workers.insert(name, step);
        }
        table.finish();
        simulation
    }

    /// The tables under free keys.
    fn each<'s, 't>(&mut self, table: &Table<'s, 't>, key: &'static str) -> Vec<(String, usize, Table<'s, 't>)> {
        let remedy = format!("write [simulation.{key}] and below it NAME = {{ ... }}");
        let Some(all) = table.table(key, &remedy) else { return Vec::new() };
        let mut found = Vec::new();
        for (name, value) in all.entries() {
            self.key(&all, name.at, name.value);
            match all.inside(name.value, value) {
                Some(inner) => found.push((name.value.to_owned(), name.at, inner)),
                None => all.wrong(name.value, value, "a table", &remedy),
            }
        }
        found
    }
}
