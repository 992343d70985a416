//! `dsmil man`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page1;
use serde_json::json;

use crate::args::Cli;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, would};
use crate::table::Page;

/// Print the manual page, or write one for each command
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write every page into this directory, which is made if it is missing
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let Some(dir) = &self.dir else { return main_page() };
        if context.is_dry_run() {
            return Ok(would(&format!("write manual pages into {}", dir.display()), json!({ "dir": dir.to_string_lossy() })));
        }
        let pages = write(dir).map_err(|source| Failure::Write { path: dir.clone(), source })?;
        let line = format!("{} pages in {}", pages.len(), dir.display());
        Ok(Answer::new(json!({ "dir": dir.to_string_lossy(), "pages": pages }), Page::of(line)))
    }
}

fn main_page() -> Result<Answer, Failure> {
    let mut text = Vec::new();
    Page1::new(Cli::command()).render(&mut text).map_err(Failure::Output)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(Answer::new(json!({ "name": "dsmil.1", "text": text }), Page::verbatim(text)))
}

/// The names of the pages, in order.
fn write(dir: &Path) -> io::Result<Vec<String>> {
    fs::create_dir_all(dir)?;
    let mut command = Cli::command();
    command.build();
    let mut pages = Vec::new();
    write_page(command, dir, &mut pages)?;
    pages.sort_unstable();
    Ok(pages)
}

fn write_page(command: clap::Command, dir: &Path, pages: &mut Vec<String>) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write_page(inner.clone(), dir, pages)?;
    }
    let page = Page1::new(command);
    pages.push(page.get_filename());
    page.generate_to(dir).map(drop)
}
