//! The command as a process, against a device that this test serves.

#![allow(dead_code, clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use dsmil::sim::{Config, Faults, Server};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const SEVEN: [&str; 7] = ["0x8009", "0x800A", "0x800B", "0x8019", "0x8029", "0x8100", "0x8101"];

/// A command that knows nothing of this machine's settings.
pub(crate) fn dsmil() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsmil"));
    for variable in ["DSMIL_DEVICE", "DSMIL_RUN_DIR", "DSMIL_POLICY", "NO_COLOR", "SUDO_USER", "XDG_STATE_HOME"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

/// What a run of the command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The one document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// A served device, a run directory, and room for files.
pub(crate) struct Stand {
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self::with(Config::with_seed(7))
    }

    pub(crate) fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path().join("served"), config, Faults::none()).unwrap();
        make_private(&folder.path().join("run"));
        Self { server, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run_dir(&self) -> PathBuf {
        self.path("run")
    }

    pub(crate) fn fault(&self, toml: &str) {
        self.server.set_faults(Faults::parse(toml, Path::new("test.toml")).unwrap());
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = dsmil();
        command.env("DSMIL_DEVICE", self.server.device_path()).env("DSMIL_RUN_DIR", self.run_dir()).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// The same with `--json`: nothing but the document may be said.
    pub(crate) fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let ran = Ran::of(&self.command(arguments).arg("--json").output().unwrap());
        assert_eq!(ran.err, "", "{ran:?}");
        (ran.status, ran.json())
    }

    pub(crate) fn asked(&self) -> u64 {
        self.server.counters().sequence()
    }
}

pub(crate) fn make_private(path: &Path) {
    std::fs::create_dir(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}

/// `dsmil sim serve` as a process; a test that fails leaves none behind.
pub(crate) struct Served {
    child: Child,
    ended: bool,
}

impl Served {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, and gives the exit status; `None` if the signal ended it.
    pub(crate) fn end(&mut self, signal: Signal) -> Option<i32> {
        self.ended = true;
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Signal::SIGTERM);
        }
    }
}

/// Serves, once it answers; and the line that it printed.
pub(crate) fn serve(place: &Path, arguments: &[&str]) -> (Served, String) {
    let mut child = dsmil().args(["sim", "serve"]).arg(place).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let served = Served { child, ended: false };
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).unwrap();
    (served, line.trim_end().to_owned())
}

/// Runs a command on a pseudo-terminal, and gives what it wrote there.
pub(crate) fn on_a_terminal(command: &Command) -> String {
    let script = "import os, pty, sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut terminal = Command::new("python3");
    terminal.args(["-c", script]).arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    terminal.env("TERM", "xterm");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    String::from_utf8_lossy(&terminal.output().unwrap().stdout).into_owned()
}
