//! A backend that writes down what another one answers.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use dsmil_quarantine::Request;

use super::trace::{Head, Line, comes_back, to_hex};
use super::{Backend, BackendError, BackendSpec};
use crate::Error;

#[derive(Debug)]
pub(crate) struct RecordBackend {
    path: PathBuf,
    /// Each line is written at once, so that a crash loses none.
    trace: File,
    lines: usize,
    inner: Backend,
}

impl RecordBackend {
    pub(crate) fn create(path: &Path, inner: Backend, spec: &BackendSpec) -> Result<Self, Error> {
        let fault = |error: std::io::Error| Error::Trace { path: path.to_owned(), line: 0, what: error.to_string() };
        let trace = File::create(path).map_err(fault)?;
        let mut new = Self { path: path.to_owned(), trace, lines: 0, inner };
        new.write(&Head { dsmil_trace: 1, device: spec.to_string() })?;
        Ok(new)
    }

    fn write(&mut self, line: &impl serde::Serialize) -> Result<(), Error> {
        self.lines += 1;
        let write = || -> std::io::Result<()> {
            let mut text = serde_json::to_vec(line)?;
            text.push(b'\n');
            (&self.trace).write_all(&text)
        };
        write().map_err(|error| Error::Trace { path: self.path.clone(), line: self.lines, what: error.to_string() })
    }

    pub(crate) fn call(&mut self, request: &Request, argument: &mut [u8]) -> Result<(), BackendError> {
        let begun = Instant::now();
        let answer = self.inner.call(request, argument);
        let took_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let errno = match &answer {
            Ok(()) => 0,
            Err(BackendError::Errno(errno)) => *errno as i32,
            Err(BackendError::Other(_)) => return answer,
        };
        let line = Line {
            request: request.code().name().to_owned(),
            id: request.id().map(u16::from),
            errno,
            answer: if comes_back(request.code()) { to_hex(argument) } else { String::new() },
            took_ns,
        };
        self.write(&line).map_err(BackendError::Other)?;
        answer
    }

    pub(crate) const fn inner(&self) -> &Backend {
        &self.inner
    }
}
