//! The arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, ValueEnum};
use dsmil::BackendSpec;

use crate::commands::Command;
use crate::text::parse_duration;

const AFTER: &str = "\
Exit status:
  0  done; also a dry run, and a reader that closed the pipe
  1  other failure: run directory, audit log, isolations, files, mounting
  2  usage: the arguments make no sense
  3  denied by the quarantine
  4  the device or the protocol failed
  5  the emergency stop is pulled
  6  a deadline passed
  7  a gate says hold or no-go
  8  a gate says roll back

Environment:
  DSMIL_DEVICE, DSMIL_RUN_DIR, DSMIL_POLICY  as --device, --run-dir, --policy
  NO_COLOR                                   no colour

Files:
  /etc/dsmil/policy.toml  the machine's policy; it can add to the quarantine, and take nothing away";

/// Talk to the dsmil-72dev device: scan, read and guard it.
///
/// Seven devices are quarantined for ever: no option, file or variable makes this command touch them.
#[derive(Debug, Parser)]
#[command(name = "dsmil", version, after_help = AFTER, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// The device: a path, sim:, sim:seed=7, record:FILE,DEVICE or replay:FILE [env: DSMIL_DEVICE] [default: /dev/dsmil-72dev]
    #[arg(long, global = true, value_name = "DEVICE")]
    pub(crate) device: Option<BackendSpec>,

    /// What the programs that use one device share: stop, isolations, audit log [env: DSMIL_RUN_DIR] [default: /var/lib/dsmil;
    /// for a device in this process ~/.local/state/dsmil]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) run_dir: Option<PathBuf>,

    /// One more policy file, beside /etc/dsmil/policy.toml [env: DSMIL_POLICY]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// How long one request may take [default: 100ms]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) deadline: Option<Duration>,

    /// How long a whole operation may take, with its repetitions [default: 5s, or --deadline if that is longer]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) transfer_deadline: Option<Duration>,

    /// Check everything, change nothing and ask the device nothing; say what would be asked or done
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,

    /// One JSON document on standard output, errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Traces to standard error; twice for every request
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Whether to use colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    pub(crate) color: Colour,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
