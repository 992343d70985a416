//! `dsmil key`.

use clap::{Args, ValueEnum};
use dsmil::monitor::MonitorError;
use dsmil::serve::generate_key;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Answer;
use crate::table::Page;

/// Make a key for the HTTP endpoint of the monitor
///
/// Prints the key, which is shown this once, and the lines for the file with the keys, which hold its hash only. The file must
/// have mode 0600; SIGHUP makes the monitor read it again.
#[derive(Debug, Args)]
pub(crate) struct Key {
    /// Whose it is: a name for the log
    name: String,

    /// What it may do
    #[arg(long, value_enum, default_value_t = For::Read)]
    role: For,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum For {
    /// Only /metrics.
    Metrics,
    /// Everything that changes nothing.
    Read,
    /// Acknowledging and silencing too.
    Operate,
}

impl Key {
    pub(crate) fn execute(&self) -> Result<Answer, Failure> {
        let role = match self.role {
            For::Metrics => "metrics",
            For::Read => "read",
            For::Operate => "operate",
        };
        let fresh = generate_key().map_err(MonitorError::from)?;
        let entry = format!("[[key]]\nname = {:?}\nrole = \"{role}\"\nsha256 = \"{}\"\n", self.name, fresh.sha256);
        let text = format!("{}\n\n{entry}", fresh.key);
        Ok(Answer::new(json!({ "key": fresh.key, "entry": entry }), Page::verbatim(text)))
    }
}
