//! `dsmil thermal`.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Answer;
use crate::table::Page;

/// Show the temperature
#[derive(Debug, Args)]
pub(crate) struct Thermal;

impl Thermal {
    #[allow(clippy::unused_self)] // like every command
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let celsius = context.open()?.thermal()?;
        Ok(Answer::new(json!({ "celsius": celsius }), Page::of(format!("{celsius} °C"))))
    }
}
