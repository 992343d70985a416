//! `[devices]` and lists of devices.

use dsmil_protocol::DeviceId;
use dsmil_toml::{Table, Value, whole};

use crate::model::DeviceItem;
use crate::read::Draft;
use crate::read::value::place;
use crate::{Name, Place};

const REMEDY: &str = "write ids (0x8003), ranges (\"0x8000..0x8008\") or names of sets in a list";

impl Draft {
    pub(crate) fn devices(&mut self, table: Table<'_, '_>) {
        self.file.devices.baseline.extend(list(&table, "baseline"));
        if let Some(sets) = table.table("sets", "write [devices.sets] and below it NAME = [0x8003]") {
            for (name, value) in sets.entries() {
                self.key(&sets, name.at, name.value);
                let items = items(&sets, name.value, value);
                self.file.devices.sets.insert(name.value.to_owned(), items);
            }
        }
        table.finish();
    }
}

/// A list of devices under a key.
pub(crate) fn list(table: &Table<'_, '_>, key: &'static str) -> Vec<DeviceItem> {
    table.value(key).map(|value| items(table, key, value)).unwrap_or_default()
}

fn items<'t>(table: &Table<'_, 't>, key: &str, value: &'t Value<'t>) -> Vec<DeviceItem> {
    let Some(list) = value.get_ref().as_array() else {
        table.wrong(key, value, "a list", REMEDY);
        return Vec::new();
    };
    let read = |(index, item): (usize, &Value<'_>)| {
        let path = format!("{key}[{index}]");
        let place = place(table, item.span().start, &path);
        let read = one(item, place);
        if read.is_none() {
            let written =
                item.get_ref().as_str().map_or_else(|| item.get_ref().type_str().to_owned(), |text| format!("\"{text}\""));
            table.fault(item.span().start, &path, format!("{written} is no device"), REMEDY);
        }
        read
    };
    list.iter().enumerate().filter_map(read).collect()
}

fn one(item: &Value<'_>, place: Place) -> Option<DeviceItem> {
    if item.get_ref().is_integer() {
        let id = u16::try_from(whole(item.get_ref())?).ok()?;
        return Some(DeviceItem::Id(DeviceId::new(id), place));
    }
    let text = item.get_ref().as_str()?;
    if let Some((first, last)) = text.split_once("..") {
        let (first, last): (DeviceId, DeviceId) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        return (first <= last).then_some(DeviceItem::Range(first, last, place));
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return text.parse().ok().map(|id| DeviceItem::Id(id, place));
    }
    (!text.is_empty()).then(|| DeviceItem::Set(Name::new(text, place)))
}
