//! A backend that answers from a trace.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use dsmil_quarantine::Request;
use nix::errno::Errno;

use super::BackendError;
use super::trace::{Head, Line, from_hex};
use crate::Error;

#[derive(Debug)]
pub(crate) struct ReplayBackend {
    path: PathBuf,
    lines: std::io::Lines<BufReader<File>>,
    /// Of the line that was read last, from 1.
    number: usize,
}

impl ReplayBackend {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::Trace { path: path.to_owned(), line: 0, what: error.to_string() })?;
        let mut new = Self { path: path.to_owned(), lines: BufReader::new(file).lines(), number: 0 };
        let head = new.next_line()?.ok_or_else(|| new.fault("it is empty"))?;
        match serde_json::from_str::<Head>(&head) {
            Ok(Head { dsmil_trace: 1, .. }) => Ok(new),
            Ok(head) => Err(new.fault(&format!("version {} of the format is not known", head.dsmil_trace))),
            Err(error) => Err(new.fault(&format!("this is no trace: {error}"))),
        }
    }

    fn next_line(&mut self) -> Result<Option<String>, Error> {
        self.number += 1;
        self.lines.next().transpose().map_err(|error| self.fault(&error.to_string()))
    }

    fn fault(&self, what: &str) -> Error {
        Error::Trace { path: self.path.clone(), line: self.number, what: what.to_owned() }
    }

    fn answer(&mut self, request: &Request, argument: &mut [u8]) -> Result<Result<(), Errno>, Error> {
        let asked = |name: &str, id: Option<u16>| id.map_or_else(|| name.to_owned(), |id| format!("{name} of 0x{id:04X}"));
        let wanted = asked(request.code().name(), request.id().map(u16::from));
        let Some(text) = self.next_line()? else {
            return Err(self.fault(&format!("the trace has ended, and {wanted} is asked")));
        };
        let line: Line = serde_json::from_str(&text).map_err(|error| self.fault(&error.to_string()))?;
        let recorded = asked(&line.request, line.id);
        if recorded != wanted {
            return Err(self.fault(&format!("the trace has {recorded} where {wanted} is asked")));
        }
        request.fill(argument);
        if !line.answer.is_empty() {
            let bytes = from_hex(&line.answer).filter(|bytes| bytes.len() == argument.len());
            let bytes = bytes.ok_or_else(|| self.fault(&format!("the answer is not {} bytes in hexadecimal", argument.len())))?;
            argument.copy_from_slice(&bytes);
        }
        Ok(if line.errno == 0 { Ok(()) } else { Err(Errno::from_raw(line.errno)) })
    }

    pub(crate) fn call(&mut self, request: &Request, argument: &mut [u8]) -> Result<(), BackendError> {
        self.answer(request, argument).map_err(BackendError::Other)?.map_err(BackendError::Errno)
    }
}
