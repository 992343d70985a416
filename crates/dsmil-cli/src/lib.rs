//! The `dsmil` command as a function: [`run`] takes the arguments and gives the exit status.
//!
//! | status | meaning |
//! | --- | --- |
//! | 0 | done; or a dry run, which asks nothing; or the reader of a pipe had enough |
//! | 1 | any other failure: run directory, audit log (a damaged one too), isolations, files, a served device that can't be mounted |
//! | 2 | usage: the arguments make no sense |
//! | 3 | the quarantine denies it |
//! | 4 | the device or the protocol failed |
//! | 5 | the emergency stop is pulled |
//! | 6 | a deadline passed |
//! | 7 | a gate says hold or no-go |
//! | 8 | a gate says roll back |
//!
//! With `--json` exactly one JSON document goes to standard output, whatever happens: the result, or
//! `{"error": {"kind", "message", "status", "id", "errno", "fault", "rule", "explicit", "request"}}`. Nothing
//! but the traces of `-v` goes to standard error then. Without it, results go to standard output and
//! everything else to standard error.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod context;
mod exit;
mod failure;
mod json;
mod output;
mod table;
mod text;

use std::ffi::OsString;

use clap::Parser;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::Cli;
use crate::commands::Command;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub use dsmil::InterruptCheck;

/// Runs the command. The first argument is the program's name, as in `std::env::args_os`.
///
/// Writes to the process's standard output and error, and never ends the process. Blocks until the
/// command is done; `sim serve` until SIGTERM or SIGINT, which it takes by itself.
pub fn run<I, S>(arguments: I) -> u8
where
    I: IntoIterator<Item = S>,
    S: Into<OsString>,
{
    run_in_host(arguments, None)
}

/// The same inside a host that handles Ctrl-C itself, as Python does: `interrupt` is asked during long
/// calls to the device, and `true` breaks the command off with status 1.
pub fn run_in_host<I, S>(arguments: I, interrupt: Option<InterruptCheck>) -> u8
where
    I: IntoIterator<Item = S>,
    S: Into<OsString>,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let exit = match Cli::try_parse_from(&arguments) {
        Ok(cli) => traced(cli, interrupt),
        Err(error) => Output::for_arguments(&arguments).usage(&error),
    };
    exit.code()
}

fn traced(cli: Cli, interrupt: Option<InterruptCheck>) -> Exit {
    if matches!(cli.command, Command::Monitor(_)) {
        // It has threads of its own, and a log is part of what it is for.
        // The self-check is denied seven devices each time, which is what it is there to see.
        let filter = EnvFilter::new(if cli.globals.verbose == 0 { "info,dsmil_device=error" } else { "debug" });
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_target(false);
        let log = log.with_writer(std::io::stderr).finish();
        // A host that has a subscriber of its own keeps it.
        drop(log.try_init());
        return execute(cli, interrupt);
    }
    let level = match cli.globals.verbose {
        0 => return execute(cli, interrupt),
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(std::io::stderr).finish();
    // For this thread and this call alone: the host may have a subscriber of its own.
    tracing::subscriber::with_default(subscriber, || execute(cli, interrupt))
}

fn execute(cli: Cli, interrupt: Option<InterruptCheck>) -> Exit {
    let output = Output::new(cli.globals.json, cli.globals.color);
    let context = Context::new(cli.globals, output, interrupt);
    match commands::execute(&context, cli.command) {
        Ok(answer) => output.answer(&answer),
        Err(Failure::Device(dsmil::Error::DryRun { request, id })) => output.answer(&commands::dry_run_answer(request, id)),
        Err(failure) => output.failure(&failure),
    }
}
