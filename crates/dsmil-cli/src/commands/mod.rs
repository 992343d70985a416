//! The commands, one noun a file. Each takes its arguments and gives an answer; none writes anything itself.

mod alerts;
mod audit;
mod completions;
mod doctor;
mod gate;
mod health;
mod info;
mod key;
mod latency;
mod man;
mod metrics;
pub(crate) mod monitor;
mod probe;
mod quarantine;
mod read;
mod scan;
mod schema;
mod sim;
mod status;
mod stop;
mod thermal;

use clap::Subcommand;
use dsmil::{DeviceId, RequestCode, State};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, would};
use crate::table::{Cell, Tone};

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Scan(scan::Scan),
    Info(info::Info),
    Read(read::Read),
    Status(status::Status),
    Thermal(thermal::Thermal),
    Probe(probe::Probe),
    Latency(latency::Latency),
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    Stop(stop::Stop),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Sim(sim::Sim),
    #[command(subcommand)]
    Gate(gate::Gate),
    Monitor(monitor::Monitor),
    Validate(health::Validate),
    Health(health::Health),
    Security(health::Security),
    Alerts(alerts::Alerts),
    Metrics(metrics::Metrics),
    Key(key::Key),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
    #[command(subcommand)]
    Schema(schema::Schema),
}

pub(crate) fn execute(context: &Context, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Scan(scan) => scan.execute(context),
        Command::Info(info) => info.execute(context),
        Command::Read(read) => read.execute(context),
        Command::Status(status) => status.execute(context),
        Command::Thermal(thermal) => thermal.execute(context),
        Command::Probe(probe) => probe.execute(context),
        Command::Latency(latency) => latency.execute(context),
        Command::Quarantine(quarantine) => quarantine.execute(context),
        Command::Stop(stop) => stop.execute(context),
        Command::Audit(audit) => audit.execute(context),
        Command::Sim(sim) => sim.execute(context),
        Command::Gate(gate) => gate.execute(context),
        Command::Monitor(monitor) => monitor.execute(context),
        Command::Validate(validate) => validate.execute(context),
        Command::Health(health) => health.execute(),
        Command::Security(security) => security.execute(),
        Command::Alerts(alerts) => alerts.execute(context),
        Command::Metrics(metrics) => metrics.execute(),
        Command::Key(key) => key.execute(),
        Command::Doctor(doctor) => Ok(doctor.execute(context)),
        Command::Completions(completions) => Ok(completions.execute()),
        Command::Man(man) => man.execute(context),
        Command::Schema(schema) => Ok(schema.execute()),
    }
}

/// A dry run of an operation on the device, as the library's door ended it.
pub(crate) fn dry_run_answer(request: RequestCode, id: Option<DeviceId>) -> Answer {
    let what = match id {
        Some(id) => format!("ask {request} of {id}"),
        None => format!("ask {request}"),
    };
    would(&what, json!({ "request": request.name(), "id": id.map(|id| id.to_string()) }))
}

/// A device's state, in the colour of its meaning.
fn state_cell(state: State) -> Cell {
    let tone = match state {
        State::Safe => Tone::Good,
        State::Quarantined | State::ThermalLimit => Tone::Warn,
        State::Error => Tone::Bad,
        _ => Tone::Dim,
    };
    Cell::new(state, tone)
}

fn celsius(celsius: Option<i32>) -> Cell {
    celsius.map_or_else(|| Cell::new("-", Tone::Dim), Cell::plain)
}
