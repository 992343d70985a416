//! Where everything is written that a command has to say.

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal, Write};

use serde_json::{Value, json};

use crate::args::Colour;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::Page;
use crate::text::harmless;

/// What a command came to. Each is shown in one of its forms.
#[derive(Debug)]
pub(crate) struct Answer {
    /// With `--json`.
    pub(crate) json: Value,
    /// Otherwise.
    pub(crate) page: Page,
    /// In place of the page: bytes for another program.
    pub(crate) bytes: Option<Vec<u8>>,
    /// What a person should know besides; in the JSON it has a key of its own.
    pub(crate) warning: Option<String>,
    /// How the command ends.
    pub(crate) exit: Exit,
}

impl Answer {
    pub(crate) fn new(json: Value, page: Page) -> Self {
        Self { json, page, bytes: None, warning: None, exit: Exit::Done }
    }

    /// Everything has been shown already.
    pub(crate) fn silent() -> Self {
        Self::new(Value::Null, Page::new())
    }

    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// How output is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
    terminal: bool,
}

impl Output {
    pub(crate) fn new(json: bool, colour: Colour) -> Self {
        let terminal = io::stdout().is_terminal();
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !forbidden && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        };
        Self { json, colour, terminal }
    }

    /// For arguments that could not be understood.
    pub(crate) fn for_arguments(arguments: &[OsString]) -> Self {
        let json = arguments.iter().skip(1).take_while(|argument| *argument != "--").any(|argument| argument == "--json");
        Self::new(json, Colour::Auto)
    }

    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    pub(crate) const fn is_terminal(self) -> bool {
        self.terminal
    }

    /// Shows an answer.
    pub(crate) fn answer(self, answer: &Answer) -> Exit {
        let written = if self.json {
            self.document(&answer.json)
        } else {
            if let Some(warning) = &answer.warning {
                complain(&format!("warning: {warning}"));
            }
            match &answer.bytes {
                Some(bytes) => write_out(bytes),
                None => write_out(answer.page.render(self.colour).as_bytes()),
            }
        };
        match written {
            Ok(()) => answer.exit,
            Err(error) => {
                let failure = Failure::Output(error);
                complain(&failure.to_string());
                Exit::of(&failure)
            }
        }
    }

    /// Shows one line at once, while the command goes on.
    pub(crate) fn now(self, json: &Value, line: &str) -> Result<(), Failure> {
        let text = if self.json { json.to_string() } else { harmless(line) };
        write_out(format!("{text}\n").as_bytes()).map_err(Failure::Output)
    }

    /// Shows why a command failed.
    pub(crate) fn failure(self, failure: &Failure) -> Exit {
        if self.json {
            if let Err(error) = self.document(&failure.to_json()) {
                complain(&Failure::Output(error).to_string());
            }
        } else {
            complain(&failure.to_string());
        }
        Exit::of(failure)
    }

    /// Shows what is wrong with the arguments; or help and version, which clap hands out as errors.
    pub(crate) fn usage(self, error: &clap::Error) -> Exit {
        if !error.use_stderr() {
            return match error.print() {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => self.failure(&Failure::Output(error)),
                _ => Exit::Done,
            };
        }
        if self.json {
            let message = error.to_string();
            return self.failure(&Failure::Usage(message.trim_start_matches("error: ").trim_end().to_owned()));
        }
        let _ = error.print();
        Exit::Usage
    }

    fn document(self, json: &Value) -> io::Result<()> {
        if json.is_null() {
            return Ok(());
        }
        let text = if self.terminal { format!("{json:#}\n") } else { format!("{json}\n") };
        write_out(text.as_bytes())
    }
}

/// A reader that closed its end had enough: that is no failure.
fn write_out(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn complain(message: &str) {
    let _ = writeln!(io::stderr().lock(), "dsmil: {}", harmless(message));
}

/// A dry run's answer.
pub(crate) fn would(what: &str, details: Value) -> Answer {
    let mut json = json!({ "dry_run": true, "would": what });
    if let (Some(json), Value::Object(details)) = (json.as_object_mut(), details) {
        json.extend(details);
    }
    Answer::new(json, Page::of(format!("dry run: would {what}; nothing was done")))
}
