//! `dsmil sim`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use dsmil::sim::{COUNTERS_FILE, Config, DEVICE_FILE, DEVICE_MODE, FAULTS_FILE, Faults, serve_until_signal};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, would};

/// Simulate the device
#[derive(Debug, Subcommand)]
pub(crate) enum Sim {
    Serve(Serve),
}

impl Sim {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let Self::Serve(serve) = self;
        serve.execute(context)
    }
}

/// Serve a simulated device as a file on which any program's ioctl works
///
/// Prints the device's path when it answers, and serves until SIGTERM or SIGINT. Beside the device lie
/// counters.json (what was asked) and faults.toml (read and written at will). Needs root, or fusermount3
/// (Debian: fuse3).
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The directory to serve in: empty or missing
    path: PathBuf,

    /// A file of faults to begin with
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,

    /// Options as after sim:, separated by commas: seed=7,chunked=no
    #[arg(long, value_name = "OPTIONS", default_value = "")]
    options: String,

    /// The device's mode, in octal
    #[arg(long, value_parser = parse_mode, default_value_t = Mode(DEVICE_MODE))]
    mode: Mode,
}

impl Serve {
    fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let config = Config::parse_options(&self.options)?;
        let faults = self.faults.as_deref().map_or_else(|| Ok(Faults::none()), Faults::load)?;
        if context.is_dry_run() {
            let device = self.path.join(DEVICE_FILE);
            return Ok(would(&format!("serve {}", device.display()), json!({ "device": device.to_string_lossy() })));
        }
        let output = context.output();
        let mut shown = Ok(());
        serve_until_signal(&self.path, config, faults, self.mode.0, |server| {
            let (device, path) = (server.device_path(), server.path());
            let document = json!({
                "device": device.to_string_lossy(),
                "counters": path.join(COUNTERS_FILE).to_string_lossy(),
                "faults": path.join(FAULTS_FILE).to_string_lossy(),
                "pid": std::process::id(),
            });
            shown = output.now(&document, &device.display().to_string());
        })?;
        shown.map(|()| Answer::silent())
    }
}

/// Permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mode(u16);

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    match u16::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 && !text.starts_with('+') => Ok(Mode(mode)),
        _ => Err("write it in octal, such as 0660".to_owned()),
    }
}
