//! From the text of a gate file to checked rules, zones and gates, or everything that is wrong with it.

use std::collections::HashMap;

use crate::gate_file::{Band, Gate, GateFile, Kind, Zone};
use crate::parse_rule::rule;
use crate::rule::Verdict;
use crate::{FileError, Rule};
use dsmil_toml::nearest;
use dsmil_toml::{Placed, Source, Table};

const NAME_REMEDY: &str = "write name = \"...\", of letters, digits, - and _, at most 64";

pub(crate) fn gate_file(text: &str, file: &str) -> Result<GateFile, FileError> {
    let source = Source::new("gate file", text, file);
    let Some(tree) = source.tree() else { return Err(source.error()) };
    let root = Table::root(&source, &tree);
    let tables = root.tables("rule");
    let (zone_tables, gate_tables) = (root.tables("zone"), root.tables("gate"));
    root.finish();
    if tables.is_empty() && source.is_sound() {
        source.whole(None, "the file has no rule".to_owned(), "write at least one [[rule]]; a gate without evidence never opens");
    }
    // The names first, also of rules that are wrong otherwise: a reference to them is not a second fault.
    let rule_names = names("rule", &tables);
    let zone_names = names("zone", &zone_tables);
    names("gate", &gate_tables);
    let rules: Vec<Option<Rule>> = tables.into_iter().map(rule).collect();
    let zones: Vec<Option<Zone>> = zone_tables.into_iter().map(|table| zone(table, &rule_names)).collect();
    let gates: Vec<Option<Gate>> = gate_tables.into_iter().map(|table| gate(table, &rule_names, &zone_names, &rules)).collect();
    if !source.is_sound() {
        return Err(source.error());
    }
    Ok(GateFile::new(
        rules.into_iter().flatten().collect(),
        zones.into_iter().flatten().collect(),
        gates.into_iter().flatten().collect(),
    ))
}

/// Name to index.
type Names = HashMap<String, usize>;

fn names(noun: &str, tables: &[Table<'_, '_>]) -> Names {
    let mut names = Names::new();
    for (index, table) in tables.iter().enumerate() {
        let Some(name) = table.required_text("name", NAME_REMEDY) else { continue };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(plain) {
            table.fault(name.at, "name", format!("{:?} is not a name", name.value), NAME_REMEDY);
        } else if names.insert(name.value.to_owned(), index).is_some() {
            table.fault(name.at, "name", format!("there are two {noun}s {}", name.value), "give each a name of its own");
        }
    }
    names
}

/// The indices of the names in a list.
fn references(table: &Table<'_, '_>, key: &'static str, noun: &str, names: &Names) -> Vec<usize> {
    let mut indices = Vec::new();
    for (position, Placed { at, value }) in
        table.texts(key, &format!("write {key} = [\"...\"], with names of {noun}s")).into_iter().enumerate()
    {
        let place = format!("{key}[{position}]");
        match names.get(value) {
            Some(index) if indices.contains(index) => {
                table.fault(at, &place, format!("{value} stands here twice"), "keep one of the two");
            }
            Some(index) => indices.push(*index),
            None => {
                let mut known: Vec<&str> = names.keys().map(String::as_str).collect();
                known.sort_unstable();
                let remedy = match nearest(value, known.iter().copied()) {
                    Some(meant) => format!("did you mean {meant}?"),
                    None => format!("add a [[{noun}]] of that name, or name one that there is"),
                };
                table.fault(at, &place, format!("there is no {noun} {value}"), &remedy);
            }
        }
    }
    indices
}

fn zone(table: Table<'_, '_>, rules: &Names) -> Option<Zone> {
    const BANDS: &str = "write at least two [[zone.band]], from best to worst";
    let name = table.text_again("name");
    let mut bands: Vec<Band> = Vec::new();
    let tables = table.tables("band");
    if tables.len() < 2 {
        table.own_fault(format!("the zone has {} bands", tables.len()), BANDS);
    }
    let mut complete = true;
    for (index, band) in tables.into_iter().enumerate() {
        let name = band.required_text("name", NAME_REMEDY);
        let verdict = required_word(&band, "verdict", &Verdict::WORDS);
        let members = references(&band, "rules", "rule", rules);
        if index == 0 && band.has("rules") {
            band.own_fault("the best band has rules", "leave them out: it holds when no other band does");
        }
        if index > 0 && !band.is_filled("rules") {
            band.own_fault(
                "the band has no rules",
                "write rules = [\"...\"]: any of them, when firing, puts the zone into the band",
            );
        }
        if let (Some(name), Some(verdict)) = (name, verdict) {
            if bands.iter().any(|other| other.name == name.value) {
                band.fault(name.at, "name", format!("there are two bands {}", name.value), "give each a name of its own");
            }
            if bands.last().is_some_and(|better| better.verdict > verdict.value) {
                let what = format!("the band's verdict {} is better than that of the band before", verdict.value);
                band.fault(verdict.at, "verdict", what, "order the bands from best to worst");
            }
            bands.push(Band { name: name.value.to_owned(), verdict: verdict.value, rules: members });
        } else {
            complete = false;
        }
        band.finish();
    }
    let line = table.source.position(table.at).0;
    table.finish();
    complete.then_some(Zone { name: name?, bands, line })
}

fn gate(table: Table<'_, '_>, rules: &Names, zones: &Names, read: &[Option<Rule>]) -> Option<Gate> {
    let name = table.text_again("name");
    let kind = kind(&table);
    let members = references(&table, "rules", "rule", rules);
    let of_zones = references(&table, "zones", "zone", zones);
    if !table.is_filled("rules") && !table.is_filled("zones") {
        table.own_fault("the gate has no members", "name at least one rule or zone; no evidence is never go");
    }
    if let Some(Kind::Score { .. }) = kind {
        let weight = |index: &usize| read[*index].as_ref().map_or(1.0, |rule| rule.weight);
        if !of_zones.is_empty() {
            table
                .own_fault("a score has no use for zones", "name rules, which have weights; put zones in a gate of kind \"all\"");
        } else if !members.is_empty() && members.iter().map(weight).sum::<f64>() <= 0.0 {
            table.own_fault("all weights are zero", "give at least one rule of the gate a weight above 0");
        }
    }
    let justification = table.text("justification", "write the reason in quotation marks").map(|text| text.value.to_owned());
    let recheck = table.positive_duration("recheck").map(|duration| duration.value);
    let line = table.source.position(table.at).0;
    table.finish();
    Some(Gate { name: name?, kind: kind?, rules: members, zones: of_zones, justification, recheck, line })
}

fn kind(table: &Table<'_, '_>) -> Option<Kind> {
    const THRESHOLD: &str = "write threshold = 0.9: the share of the weights that must go, above 0 and at most 1";
    let threshold = table.number("threshold", THRESHOLD);
    let kind = required_word(table, "kind", &[("all", 0), ("any", 1), ("score", 2)])?;
    if kind.value == 2 {
        match threshold {
            Some(threshold) if threshold.value > 0.0 && threshold.value <= 1.0 => {
                return Some(Kind::Score { threshold: threshold.value });
            }
            Some(threshold) => table.fault(threshold.at, "threshold", format!("{} is no share", threshold.value), THRESHOLD),
            None if !table.has("threshold") => table.fault(kind.at, "threshold", "threshold is missing", THRESHOLD),
            None => {}
        }
        return None;
    }
    if let Some(threshold) = threshold {
        table.fault(threshold.at, "threshold", "only a score has a threshold", "remove it, or write kind = \"score\"");
    }
    Some(if kind.value == 0 { Kind::All } else { Kind::Any })
}

/// A word that must be there.
pub(crate) fn required_word<T: Copy>(table: &Table<'_, '_>, key: &'static str, words: &[(&str, T)]) -> Option<Placed<T>> {
    if !table.has(key) {
        let names: Vec<String> = words.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        table.source.fault(
            table.at,
            &table.key(key),
            format!("{key} is missing"),
            &format!("write {key} = {}", names.join(" or ")),
        );
    }
    table.word(key, words)
}
