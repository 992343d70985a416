//! From the texts of a plan to its parts, or everything that is wrong with their form.

use std::collections::BTreeMap;

use dsmil_toml::{Period, Placed, Source, Table};

use crate::model::{File, Limits};
use crate::{Name, Percent, Place, PlanFault};

mod device;
mod load;
mod order;
mod simulation;
mod stage;
mod value;
mod watch;
mod worker;

pub use load::Loader;
pub(crate) use load::{load, resolve};

/// A plan whose form was read: names may point nowhere yet.
pub(crate) struct Draft {
    pub(crate) file: File,
    /// The place of the plan as a whole.
    pub(crate) place: Place,
    /// For each stage, phase and pipeline: whether it is to have what goes without saying.
    pub(crate) implied: Implied,
    /// Where the keys of tables with free keys stand: `simulation.workers.NAME` and the like.
    pub(crate) keys: BTreeMap<String, Place>,
    /// Where the tables stand that there is one of: `limits` and the like.
    pub(crate) singles: BTreeMap<&'static str, Place>,
    pub(crate) faults: Vec<PlanFault>,
}

#[derive(Default)]
pub(crate) struct Implied {
    pub(crate) stage_needs: Vec<bool>,
    pub(crate) phase_needs: Vec<bool>,
    pub(crate) beside: Vec<bool>,
}

/// Reads the plan and all that it includes.
pub(crate) fn draft(text: &str, file: &str, loader: Loader<'_>) -> Draft {
    let place = Place { file: file.into(), line: 1, column: 1, key: String::new() };
    let mut draft = Draft {
        file: File::empty(),
        place,
        implied: Implied::default(),
        keys: BTreeMap::new(),
        singles: BTreeMap::new(),
        faults: Vec::new(),
    };
    let loaded = load(text, file, loader);
    for one in &loaded {
        let source = Source::new("plan file", &one.text, &one.file);
        source.take_over(one.found.clone());
        if let Some(tree) = source.tree() {
            draft.read(Table::root(&source, &tree), one.file == file);
        }
        let mut found = source.into_faults();
        found.sort_by_key(|(at, _)| *at);
        draft.faults.extend(found.into_iter().map(|(_, fault)| PlanFault::of_file("plan file", &one.file, fault)));
    }
    draft.complete();
    draft
}

impl Draft {
    /// What goes without saying is said.
    fn complete(&mut self) {
        let file = &mut self.file;
        for at in 1..file.stage.len() {
            if self.implied.stage_needs[at] {
                let before = file.stage[at - 1].name.to_string();
                file.stage[at].needs = vec![Name::new(before, file.stage[at].name.place().clone())];
            }
        }
        for at in 1..file.phase.len() {
            if self.implied.phase_needs[at] {
                let before = file.phase[at - 1].name.to_string();
                file.phase[at].needs = vec![Name::new(before, file.phase[at].name.place().clone())];
            }
        }
        for (pipeline, implied) in file.pipeline.iter_mut().zip(&self.implied.beside) {
            if *implied {
                let place = pipeline.name.place();
                pipeline.beside = file.phase.iter().map(|phase| Name::new(phase.name.as_str(), place.clone())).collect();
            }
        }
        for worker in &mut file.worker {
            let Some(name) = &worker.pipeline else { continue };
            let endless = worker.duration.is_none() && worker.spread.is_none() && worker.until.is_empty();
            if let Some(pipeline) = file.pipeline.iter().find(|pipeline| pipeline.name == *name && endless) {
                let place = worker.id.place();
                worker.until = pipeline.beside.iter().map(|phase| Name::new(phase.as_str(), place.clone())).collect();
            }
        }
    }

    fn read(&mut self, root: Table<'_, '_>, is_main: bool) {
        self.head(&root, is_main);
        if let Some(table) = self.single(&root, "limits", "write [limits]") {
            self.file.limits = limits(table);
        }
        if let Some(table) = self.single(&root, "store", "write [store]") {
            self.file.store = watch::store(table);
        }
        if let Some(table) = self.single(&root, "hooks", "write [hooks]") {
            self.file.hooks = worker::hooks(table);
        }
        if let Some(table) = root.table("devices", "write [devices]") {
            self.devices(table);
        }
        if let Some(table) = self.single(&root, "simulation", "write [simulation]") {
            self.file.simulation = self.simulation(table);
        }
        for table in root.tables("phase") {
            self.implied.phase_needs.push(!table.has("needs"));
            match order::phase(table) {
                Some(phase) => self.file.phase.push(phase),
                None => _ = self.implied.phase_needs.pop(),
            }
        }
        for table in root.tables("pipeline") {
            self.implied.beside.push(!table.has("beside"));
            match order::pipeline(table) {
                Some(pipeline) => self.file.pipeline.push(pipeline),
                None => _ = self.implied.beside.pop(),
            }
        }
        for table in root.tables("stage") {
            self.implied.stage_needs.push(!table.has("needs"));
            match stage::stage(table) {
                Some(stage) => self.file.stage.push(stage),
                None => _ = self.implied.stage_needs.pop(),
            }
        }
        self.file.worker.extend(root.tables("worker").into_iter().filter_map(worker::worker));
        self.file.trigger.extend(root.tables("trigger").into_iter().filter_map(order::trigger));
        self.file.breaker.extend(root.tables("breaker").into_iter().filter_map(order::breaker));
        self.file.population.extend(root.tables("population").into_iter().filter_map(order::population));
        self.file.escalation.extend(root.tables("escalation").into_iter().filter_map(watch::escalation));
        self.file.rollback.extend(root.tables("rollback").into_iter().filter_map(watch::rollback));
        self.file.report.extend(root.tables("report").into_iter().filter_map(watch::report));
        root.finish();
    }

    fn head(&mut self, root: &Table<'_, '_>, is_main: bool) {
        // Read while the files were loaded.
        root.value("include");
        for path in value::names(root, "gate_files", "write gate_files = [\"gates/deploy.toml\"]") {
            if !self.file.gate_files.contains(&path) {
                self.file.gate_files.push(path);
            }
        }
        for (name, who) in root.pairs("people", "write people = { NAME = \"who that is\" }") {
            self.key(root, name.at, &format!("people.{}", name.value));
            self.file.people.insert(name.value.to_owned(), who.value.to_owned());
        }
        if is_main {
            let remedy = "write name = \"...\", the plan's name";
            root.required_text("name", remedy);
            self.file.name = value::identifier(root, "name", remedy);
            self.file.title = value::text(root, "title");
            self.file.description = value::text(root, "description");
            return;
        }
        for key in ["name", "title", "description"] {
            if let Some(found) = root.value(key) {
                root.fault(found.span().start, key, "an included file has none", "remove it: the plan that includes it has one");
            }
        }
    }

    /// A table of which all files together have one.
    fn single<'s, 't>(&mut self, root: &Table<'s, 't>, key: &'static str, remedy: &str) -> Option<Table<'s, 't>> {
        let table = root.table(key, remedy)?;
        if let Some(first) = self.singles.get(key) {
            let what = format!("[{key}] stands in {first} already");
            root.fault(table.at, key, what, "keep one of the two");
        }
        self.singles.insert(key, value::place(root, table.at, key));
        Some(table)
    }

    fn key(&mut self, table: &Table<'_, '_>, at: usize, path: &str) {
        let place = value::place(table, at, path);
        if let Some(first) = self.keys.insert(place.key.clone(), place) {
            table.fault(at, path, format!("it stands in {first} already"), "keep one of the two");
        }
    }
}

fn limits(table: Table<'_, '_>) -> Limits {
    let limits = Limits {
        workers: table.whole_number("workers", 1..=100_000).and_then(|number| u32::try_from(number.value).ok()),
        load: value::percent(&table, "load", 100_000).unwrap_or(Percent::WHOLE),
        window: value::positive_period(&table, "window"),
    };
    if limits.load == Percent::NONE
        && let Some(Placed { at, .. }) = table.number("load", "")
    {
        table.fault(at, "load", "nothing may run", "write load = 100 or another share above 0");
    }
    table.finish();
    limits
}

/// The common keys of whatever asks gates.
pub(crate) struct Asking {
    pub(crate) recheck: Option<Period>,
    pub(crate) give_up: Option<Period>,
}

pub(crate) fn asking(table: &Table<'_, '_>) -> Asking {
    Asking { recheck: value::positive_period(table, "recheck"), give_up: value::positive_period(table, "give_up") }
}

/// The names of phases and the like as they are to be written.
pub(crate) const NAME: &str = "write name = \"...\", of letters, digits, -, _ and ., at most 64";

pub(crate) fn required_name(table: &Table<'_, '_>) -> Option<Name> {
    table.required_text("name", NAME);
    value::identifier(table, "name", NAME)
}
