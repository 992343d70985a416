//! What only the plan as a whole can tell: names that point nowhere, circles, devices that may not be touched, what can
//! never happen. Everything is looked at, whatever was found before.

use std::collections::{BTreeMap, BTreeSet};

use dsmil_gate::{Gate, GateFile, Verdict};
use dsmil_toml::nearest;

use crate::net::Net;
use crate::read::{Draft, Loader, resolve};
use crate::{Name, Place, PlanFault};

mod device;
mod name;
mod order;
mod step;
mod trigger;

/// The gates of a plan: one file.
#[derive(Clone, Debug)]
pub(crate) struct GateSource {
    pub(crate) path: String,
    pub(crate) file: GateFile,
}

/// The draft that is looked at, and what was found.
pub(crate) struct Check<'a> {
    draft: &'a Draft,
    net: Net,
    gates: &'a [GateSource],
    /// Gates are only missed when all of their files could be read.
    gates_are_known: bool,
    faults: Vec<PlanFault>,
}

/// Everything that is wrong with a draft as a whole, and its net.
pub(crate) fn check(draft: &Draft, gates: &[GateSource], gates_are_known: bool) -> (Net, Vec<PlanFault>) {
    let mut check = Check { draft, net: Net::of(&draft.file), gates, gates_are_known, faults: Vec::new() };
    check.names();
    check.devices();
    check.steps();
    let is_ordered = check.circles();
    check.reach();
    if is_ordered {
        check.triggers();
        check.window();
    }
    (check.net, check.faults)
}

/// The gate files that a draft names; what can't be read becomes a fault.
pub(crate) fn gate_files(draft: &mut Draft, loader: Loader<'_>) -> (Vec<GateSource>, bool) {
    let (mut sources, mut all) = (Vec::new(), true);
    let mut faults = Vec::new();
    for name in &draft.file.gate_files {
        let read = resolve(name, &name.place().file).and_then(|path| {
            let text = loader(&path).map_err(|why| format!("the gate file {path} can't be read: {why}"))?;
            Ok((path, text))
        });
        match read {
            Ok((path, text)) => match GateFile::parse(&text, &path) {
                Ok(file) => sources.push(GateSource { path, file }),
                Err(error) => {
                    all = false;
                    let of_file = |fault| PlanFault::of_file(error.noun, &error.file, fault);
                    faults.extend(error.faults.into_iter().map(of_file));
                }
            },
            Err(what) => {
                all = false;
                faults.push(PlanFault::at(name.place(), what, "correct the path, or the file"));
            }
        }
    }
    draft.faults.extend(faults);
    (sources, all)
}

/// The gate of a name: `deploy`, or `alerts.toml:deploy` where two files have one of that name.
pub(crate) fn find_gate<'a>(sources: &'a [GateSource], name: &str) -> Vec<(&'a GateSource, &'a Gate)> {
    let (file, own) = name.split_once(':').map_or((None, name), |(file, own)| (Some(file), own));
    let mut found = Vec::new();
    for source in sources {
        let base = source.path.rsplit('/').next().unwrap_or(&source.path);
        if file.is_none_or(|file| file == base) {
            found.extend(source.file.gates().iter().filter(|gate| gate.name == own).map(|gate| (source, gate)));
        }
    }
    found
}

/// What a gate can say at all.
fn verdicts(source: &GateSource, gate: &Gate) -> BTreeSet<Verdict> {
    let rules = gate.rules.iter().map(|rule| source.file.rules()[*rule].on_fail.verdict());
    let bands = gate.zones.iter().flat_map(|zone| &source.file.zones()[*zone].bands);
    let zones = bands.filter(|band| !band.rules.is_empty()).map(|band| band.verdict);
    [Verdict::Go, Verdict::Hold].into_iter().chain(rules).chain(zones).collect()
}

impl Check<'_> {
    fn fault(&mut self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.faults.push(PlanFault::at(place, what, remedy));
    }

    /// A name must be one of those that are known.
    fn refer<'b>(&mut self, name: &Name, noun: &str, known: impl IntoIterator<Item = &'b str>, else_do: &str) -> bool {
        let known: BTreeSet<&str> = known.into_iter().collect();
        if known.contains(&**name) {
            return true;
        }
        let remedy = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => else_do.to_owned(),
        };
        self.fault(name.place(), format!("there is no {noun} {name}"), remedy);
        false
    }

    /// Each name once.
    fn once<'b>(&mut self, noun: &str, names: impl IntoIterator<Item = &'b Name>) {
        let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
        for name in names {
            if let Some(first) = seen.insert(name, name.place()) {
                let what = format!("there are two {noun} {name}: the other stands in {first}");
                self.faults.push(PlanFault::at(name.place(), what, "give each a name of its own"));
            }
        }
    }
}
