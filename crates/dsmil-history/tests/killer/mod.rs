//! Runs a program that is killed at its Nth change of a directory: see `killer.c`.

#![allow(dead_code, unreachable_pub)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The compiled shim; it lies in a directory of its own until this is dropped.
pub struct Killer {
    library: PathBuf,
    _dir: tempfile::TempDir,
}

/// How a program ended.
pub struct Ended {
    /// Whether the kill took place; else it came to its end.
    pub killed: bool,
    /// What it had said until then.
    pub said: String,
}

/// When to kill: before the Nth change, or in the middle of it if it is a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub change: u64,
    pub half: bool,
}

impl Killer {
    /// Compiles the shim with `cc`.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("killer.so");
        // Other crates use this module, too.
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../dsmil-history/tests/killer/killer.c");
        let status =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source).status();
        assert!(status.unwrap().success(), "cc could not compile {source}");
        Self { library, _dir: dir }
    }

    /// Runs a program to its end, and lists its changes of a directory, a letter for each: see `killer.c`.
    pub fn changes(&self, program: &mut Command, dir: &Path) -> String {
        let list = dir.with_extension("list");
        let ended = self.run(program.env("DSMIL_KILL_LIST", &list), dir, None);
        assert!(!ended.killed);
        fs::read_to_string(list).unwrap()
    }

    /// Runs a program that is killed at a change of a directory.
    pub fn kill(&self, program: &mut Command, dir: &Path, at: At) -> Ended {
        self.run(program, dir, Some(at))
    }

    fn run(&self, program: &mut Command, dir: &Path, at: Option<At>) -> Ended {
        program.env("LD_PRELOAD", &self.library).env("DSMIL_KILL_DIR", dir).stdin(Stdio::null()).stderr(Stdio::inherit());
        if let Some(at) = at {
            program.env("DSMIL_KILL_AT", at.change.to_string());
            if at.half {
                program.env("DSMIL_KILL_HALF", "1");
            }
        }
        let output = program.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let killed = output.status.signal() == Some(9);
        assert!(killed || output.status.success(), "the program failed by itself: {}\n{said}", output.status);
        Ended { killed, said }
    }
}

/// This test program again, to run only one of its tests, an ignored one: the part of the child.
pub fn this_program(test: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(test).args(["--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command
}
