//! What a monitor is started with: the configuration, and what the arguments say over it.

use std::path::{Path, PathBuf};

use clap::Args;
use dsmil::monitor::{MonitorConfig, Start};
use nix::unistd::geteuid;

use crate::context::Context;
use crate::failure::Failure;

/// Where the configuration of a machine stands.
const SYSTEM_CONFIG: &str = "/etc/dsmil/monitor.toml";
/// Where a system's monitor keeps its state.
const SYSTEM_STATE: &str = "/var/lib/dsmil-monitor";

/// The configuration and the state directory.
#[derive(Clone, Debug, Args)]
pub(crate) struct Setup {
    /// The configuration [env: DSMIL_MONITOR_CONFIG] [default: /etc/dsmil/monitor.toml if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Where samples, states and logs are kept [env: DSMIL_STATE_DIR] [default: as the configuration says; else /var/lib/dsmil-monitor
    /// for root, ~/.local/state/dsmil-monitor for others]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

impl Setup {
    /// The file that counts, if there is one.
    pub(crate) fn config_path(&self) -> Option<PathBuf> {
        let named = self.config.clone().or_else(|| from_environment("DSMIL_MONITOR_CONFIG"));
        named.or_else(|| Some(PathBuf::from(SYSTEM_CONFIG)).filter(|path| path.exists()))
    }

    /// The configuration, read and checked.
    pub(crate) fn load(&self) -> Result<MonitorConfig, Failure> {
        match self.config_path() {
            Some(path) => Ok(MonitorConfig::load(&path).map_err(dsmil::monitor::MonitorError::from)?),
            None => Ok(MonitorConfig::standard()),
        }
    }

    /// Everything that a monitor needs.
    pub(crate) fn start(&self, context: &Context) -> Result<Start, Failure> {
        let config = self.load()?;
        let gates = config.read_gates().map_err(dsmil::monitor::MonitorError::from)?;
        let spec = match (&context.globals().device, &config.device) {
            (None, Some(device)) => device.parse()?,
            _ => context.spec()?,
        };
        let run_dir = dsmil::RunDir::resolve(context.globals().run_dir.as_deref(), spec.is_in_process())?;
        let state_dir = self.resolve(&config)?;
        Ok(Start {
            config_path: self.config_path(),
            gates,
            state_dir,
            options: context.options().run_dir(&run_dir),
            run_dir,
            policy: context.globals().policy.clone(),
            spec,
            config,
            callbacks: Vec::new(),
            workers: None,
        })
    }

    fn resolve(&self, config: &MonitorConfig) -> Result<PathBuf, Failure> {
        state_dir(self.state_dir.as_deref(), config.state_dir.as_deref())
    }

    /// The state directory, for commands that only look at it.
    pub(crate) fn state_dir(&self) -> Result<PathBuf, Failure> {
        if self.state_dir.is_some() || from_environment("DSMIL_STATE_DIR").is_some() {
            return state_dir(self.state_dir.as_deref(), None);
        }
        self.resolve(&self.load()?)
    }
}

/// The state directory: the argument, the environment, the configuration, the default.
fn state_dir(argument: Option<&Path>, configured: Option<&Path>) -> Result<PathBuf, Failure> {
    let named = argument.map(Path::to_path_buf).or_else(|| from_environment("DSMIL_STATE_DIR"));
    if let Some(path) = named.or_else(|| configured.map(Path::to_path_buf)) {
        return Ok(path);
    }
    if geteuid().is_root() {
        return Ok(PathBuf::from(SYSTEM_STATE));
    }
    let home = || from_environment("HOME").map(|home| home.join(".local/state"));
    let state = from_environment("XDG_STATE_HOME").or_else(home);
    let unknown = || Failure::Usage("there is no HOME: name the state directory with --state-dir".to_owned());
    state.map(|state| state.join("dsmil-monitor")).ok_or_else(unknown)
}

fn from_environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
