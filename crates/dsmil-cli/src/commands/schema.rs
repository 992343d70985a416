//! `dsmil schema`.

use clap::Subcommand;
use dsmil_quarantine::Policy;

use crate::output::Answer;
use crate::table::Page;

/// Print the JSON Schema of a file that people write
#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// Of the policy file
    Policy,
}

impl Schema {
    pub(crate) fn execute(&self) -> Answer {
        let Self::Policy = self;
        let schema = Policy::schema();
        let text = format!("{schema:#}\n");
        Answer::new(schema, Page::verbatim(text))
    }
}
