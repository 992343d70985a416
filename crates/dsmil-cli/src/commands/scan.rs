//! `dsmil scan`.

use std::collections::BTreeMap;

use clap::Args;
use dsmil::{DeviceId, DeviceRecord, Group, State};
use serde_json::json;

use super::{celsius, state_cell};
use crate::context::Context;
use crate::failure::Failure;
use crate::json;
use crate::output::Answer;
use crate::table::{Cell, Page, Side, Table, Tone};

/// Scan all devices
///
/// The driver tells what it knows of each; quarantined ones are listed and not touched.
#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// A map, one line a group, in place of one line a device
    #[arg(long)]
    map: bool,
}

impl Scan {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let device = context.open()?;
        let records = device.scan()?.records;
        let states = count_states(&records);
        let document = json!({
            "device": device.name(),
            "count": records.len(),
            "states": states,
            "devices": records.iter().map(json::record).collect::<Vec<_>>(),
        });
        let mut page = Page::new();
        page.table(if self.map { map(&records) } else { list(&records) });
        page.line([summary(&records, &states).into()]);
        if self.map {
            page.line([Cell::new(LEGEND, Tone::Dim)]);
        }
        Ok(Answer::new(document, page))
    }
}

const LEGEND: &str = ". safe  Q quarantined  ! error  T thermal limit  o offline  ? unknown  - gap that answers (safe)";

fn count_states(records: &[DeviceRecord]) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for record in records {
        *states.entry(record.state.to_string()).or_default() += 1;
    }
    states
}

fn summary(records: &[DeviceRecord], states: &BTreeMap<String, usize>) -> String {
    let functional = records.iter().filter(|record| record.id.is_functional()).count();
    let states: Vec<_> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    format!("{} devices ({functional} functional): {}", records.len(), states.join(", "))
}

fn list(records: &[DeviceRecord]) -> Table {
    let mut table = Table::new([
        ("id", Side::Left),
        ("group", Side::Left),
        ("index", Side::Right),
        ("state", Side::Left),
        ("access", Side::Left),
        ("celsius", Side::Right),
        ("note", Side::Left),
    ]);
    for record in records {
        let group = record.id.group().map_or("-", Group::name);
        let (access, index) = (record.access.into(), record.id.index().into());
        let state = state_cell(record.state);
        table.row([record.id.into(), group.into(), index, state, access, celsius(record.thermal_celsius), note(record.id)]);
    }
    table
}

fn note(id: DeviceId) -> Cell {
    match id.permanent() {
        Some(permanent) => Cell::new(format!("never touched: {}", permanent.what), Tone::Warn),
        None if !id.is_functional() => Cell::new("gap", Tone::Dim),
        None => "".into(),
    }
}

fn map(records: &[DeviceRecord]) -> Table {
    let by_id: BTreeMap<DeviceId, State> = records.iter().map(|record| (record.id, record.state)).collect();
    let mut table = Table::new([("group", Side::Left), ("ids", Side::Left), ("0123456789ABCDEF", Side::Left)]);
    for group in Group::ALL {
        let ids = || DeviceId::served().filter(move |id| id.group() == Some(group));
        let (Some(first), Some(last)) = (ids().next(), ids().next_back()) else { continue };
        let marks: String = ids().map(|id| mark(id, by_id.get(&id).copied())).collect();
        let name = format!("{} {}", group.number(), group.name());
        table.row([name.into(), format!("{first}-{last}").into(), marks.into()]);
    }
    table
}

fn mark(id: DeviceId, state: Option<State>) -> char {
    match state {
        Some(State::Safe) if id.is_functional() => '.',
        Some(State::Safe) => '-',
        Some(State::Quarantined) => 'Q',
        Some(State::Error) => '!',
        Some(State::ThermalLimit) => 'T',
        Some(State::Offline) => 'o',
        Some(_) => '?',
        None => ' ',
    }
}
