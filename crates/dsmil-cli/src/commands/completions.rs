//! `dsmil completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::args::Cli;
use crate::output::Answer;
use crate::table::Page;

/// Print completions for a shell
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn execute(&self) -> Answer {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "dsmil", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        Answer::new(json!({ "shell": self.shell.to_string(), "script": script }), Page::verbatim(script))
    }
}
