//! A plan: read, checked, and what it says.

use std::collections::BTreeMap;

use dsmil_gate::GateFile;
use dsmil_protocol::DeviceId;
use sha2::{Digest, Sha256};

use crate::check::{self, GateSource};
use crate::graph::Graph;
use crate::model::{
    Breaker, Devices, Escalation, File, Hooks, Limits, Phase, Pipeline, Population, Report, Rollback, SimulationTable, Stage,
    Store, Trigger, Worker,
};
use crate::net::Net;
use crate::read::{Loader, draft};
use crate::{Name, Place, PlanError, rollout};

/// A plan that is right: every name points somewhere, nothing waits for itself, no device is one that may not be touched.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) path: String,
    pub(crate) file: File,
    pub(crate) gates: Vec<GateSource>,
    pub(crate) net: Net,
    fingerprint: String,
    /// Where the tables and keys stand that have no name of their own.
    places: BTreeMap<String, Place>,
}

impl Plan {
    /// The version of the file's format.
    pub const VERSION: u32 = 1;

    /// Reads a plan and all the files that it names. `file` is its path; `loader` gives the text of a file by its path,
    /// which is made from `file` and the relative path in the plan, or says why it can't. Nothing else is opened.
    ///
    /// # Errors
    /// [`PlanError`] with everything that is wrong, in the order of the files and their lines.
    pub fn parse(text: &str, file: &str, loader: Loader<'_>) -> Result<Self, PlanError> {
        let mut draft = draft(text, file, loader);
        let (gates, gates_are_known) = check::gate_files(&mut draft, loader);
        let (net, more) = check::check(&draft, &gates, gates_are_known);
        let mut faults = std::mem::take(&mut draft.faults);
        faults.extend(more);
        if !faults.is_empty() {
            // In the order in which the files were found; of a file, in the order of its lines.
            let mut files: Vec<_> = Vec::new();
            for fault in &faults {
                if !files.contains(&fault.file) {
                    files.push(fault.file.clone());
                }
            }
            let own = |fault: &crate::PlanFault| (&*fault.file != file, files.iter().position(|other| *other == fault.file));
            faults.sort_by_key(|fault| (own(fault), fault.position.unwrap_or((usize::MAX, 0))));
            faults.dedup();
            return Err(PlanError { faults });
        }
        let fingerprint = fingerprint(&draft.file, &gates);
        let singles = draft.singles.into_iter().map(|(key, place)| (key.to_owned(), place));
        let places = draft.keys.into_iter().chain(singles).collect();
        Ok(Self { path: file.to_owned(), file: draft.file, gates, net, fingerprint, places })
    }

    /// The JSON Schema (draft 2020-12) of the plan file. It says the form only: that names point somewhere, that nothing
    /// waits for itself and the like is for [`Plan::parse`] to find.
    #[cfg(feature = "schema")]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(File).to_value()
    }

    /// The path that it was read from.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.file.name.as_deref().unwrap_or_default()
    }

    /// Its title, or its name if it has none.
    pub fn title(&self) -> &str {
        self.file.title.as_deref().unwrap_or_else(|| self.name())
    }

    /// What it is for.
    pub fn description(&self) -> Option<&str> {
        self.file.description.as_deref()
    }

    /// Who is named and does no step.
    pub fn people(&self) -> &BTreeMap<String, String> {
        &self.file.people
    }

    /// How much may run at once.
    pub fn limits(&self) -> &Limits {
        &self.file.limits
    }

    /// Where the steps keep what they tell each other.
    pub fn store(&self) -> Option<&Store> {
        self.file.store.as_ref()
    }

    /// What is done around every worker's step.
    pub fn hooks(&self) -> &Hooks {
        &self.file.hooks
    }

    /// The devices as the plan has them.
    pub fn devices(&self) -> &Devices {
        &self.file.devices
    }

    /// What is monitored when the run begins, in the order of the plan.
    pub fn baseline(&self) -> Vec<DeviceId> {
        rollout::devices(&self.file, &self.file.devices.baseline)
    }

    /// The devices of a stage, in their order, its sets resolved. Those beyond its target are spares.
    pub fn devices_of(&self, stage: &Stage) -> Vec<DeviceId> {
        rollout::devices(&self.file, &stage.devices)
    }

    /// How many devices are monitored before a stage and after it, when none fails; `None` if it isn't one of this plan.
    pub fn reach_of(&self, stage: &str) -> Option<(usize, usize)> {
        let at = self.file.stage.iter().position(|own| *own.name == *stage)?;
        Some((rollout::before(&self.file, at), rollout::before(&self.file, at + 1)))
    }

    /// The sizes of a stage's batches when no device fails; of a stage without devices, 1 for each share.
    pub fn batches_of(&self, stage: &str) -> Option<Vec<usize>> {
        let at = self.file.stage.iter().position(|own| *own.name == *stage)?;
        Some(rollout::batches(&self.file, at))
    }

    /// The phases, in their order.
    pub fn phases(&self) -> &[Phase] {
        &self.file.phase
    }

    /// The pipelines.
    pub fn pipelines(&self) -> &[Pipeline] {
        &self.file.pipeline
    }

    /// The workers.
    pub fn workers(&self) -> &[Worker] {
        &self.file.worker
    }

    /// The worker of an id.
    pub fn worker(&self, id: &str) -> Option<&Worker> {
        self.file.worker.iter().find(|worker| *worker.id == *id)
    }

    /// The stages, in their order.
    pub fn stages(&self) -> &[Stage] {
        &self.file.stage
    }

    /// The triggers.
    pub fn triggers(&self) -> &[Trigger] {
        &self.file.trigger
    }

    /// The circuit breakers.
    pub fn breakers(&self) -> &[Breaker] {
        &self.file.breaker
    }

    /// The populations.
    pub fn populations(&self) -> &[Population] {
        &self.file.population
    }

    /// The escalations.
    pub fn escalations(&self) -> &[Escalation] {
        &self.file.escalation
    }

    /// The rollbacks.
    pub fn rollbacks(&self) -> &[Rollback] {
        &self.file.rollback
    }

    /// The reports.
    pub fn reports(&self) -> &[Report] {
        &self.file.report
    }

    /// What the simulation assumes.
    pub fn simulation_table(&self) -> &SimulationTable {
        &self.file.simulation
    }

    /// The gate files that it names, with their paths.
    pub fn gate_files(&self) -> impl Iterator<Item = (&str, &GateFile)> {
        self.gates.iter().map(|source| (source.path.as_str(), &source.file))
    }

    /// The gate file and the gate that a name in this plan means.
    pub fn gate(&self, name: &str) -> Option<(&GateFile, &dsmil_gate::Gate)> {
        check::find_gate(&self.gates, name).first().map(|(source, gate)| (&source.file, *gate))
    }

    /// The names of all gates that the plan asks or watches, as it writes them, in order and each once.
    pub fn gate_names(&self) -> Vec<&str> {
        let file = &self.file;
        let mut names: Vec<&str> = Vec::new();
        names.extend(file.worker.iter().flat_map(|worker| worker.entry.iter().chain(&worker.success)).map(Name::as_str));
        for stage in &file.stage {
            names.extend(stage.entry.iter().chain(&stage.exit).chain(&stage.background).map(Name::as_str));
        }
        names.extend(file.phase.iter().flat_map(|phase| phase.entry.iter().chain(&phase.exit)).map(Name::as_str));
        names.extend(file.trigger.iter().filter_map(|trigger| trigger.condition.gate.as_ref()).map(Name::as_str));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Where a key of the plan stands, such as `limits`.
    pub(crate) fn place(&self, key: &str) -> Place {
        let head = || Place { file: self.path.as_str().into(), line: 1, column: 1, key: key.to_owned() };
        self.places.get(key).cloned().unwrap_or_else(head)
    }

    /// What waits for what.
    pub fn graph(&self) -> Graph<'_> {
        Graph::of(self)
    }

    /// The plan as one TOML file without includes, with everything that goes without saying said. Reading it gives the
    /// same plan; the paths of the gate files are relative to the folder that [`Plan::path`] is relative to.
    pub fn to_toml(&self) -> String {
        let mut file = self.file.clone();
        file.include.clear();
        file.gate_files = self
            .gates
            .iter()
            .zip(&self.file.gate_files)
            .map(|(source, name)| Name::new(source.path.as_str(), name.place().clone()))
            .collect();
        toml::to_string_pretty(&file).unwrap_or_default()
    }

    /// What the plan and its gate files say, as a SHA-256 in hexadecimal. Comments, spaces, the order of keys and the
    /// division into files don't change it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

fn fingerprint(file: &File, gates: &[GateSource]) -> String {
    let mut file = file.clone();
    file.include.clear();
    file.gate_files.clear();
    let mut meaning = serde_json::to_vec(&file).unwrap_or_default();
    for source in gates {
        meaning.extend_from_slice(source.file.fingerprint().as_bytes());
    }
    Sha256::digest(meaning).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
