//! The simulated device: in this process, and served as a file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use dsmil::SharedModel;
use dsmil::sim::{self, Config, Faults, SimError};
use pyo3::prelude::*;

use crate::{blocking, error};

/// A simulated driver in this process, which several devices may share.
#[pyclass(frozen, module = "dsmil._dsmil")]
pub(crate) struct Model(pub(crate) SharedModel);

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (options, faults))]
    fn new(py: Python<'_>, options: &str, faults: &str) -> PyResult<Self> {
        run(py, || {
            let mut model = sim::Model::new(Config::parse_options(options)?);
            model.set_faults(parse(faults)?);
            Ok(Self(Arc::new(Mutex::new(model))))
        })
    }

    fn counters(&self, py: Python<'_>) -> PyResult<String> {
        blocking::detached(py, || self.0.lock().unwrap_or_else(PoisonError::into_inner).counters().to_json())
    }

    fn set_faults(&self, py: Python<'_>, faults: &str) -> PyResult<()> {
        run(py, || {
            let faults = parse(faults)?;
            self.0.lock().unwrap_or_else(PoisonError::into_inner).set_faults(faults);
            Ok(())
        })
    }
}

/// A simulated device that is served in a directory.
#[pyclass(frozen, module = "dsmil._dsmil")]
pub(crate) struct Server {
    serving: Mutex<Option<sim::Server>>,
    path: PathBuf,
    device: PathBuf,
    /// The process that serves: a child that `fork` makes has a copy of this object and must not
    /// unmount what its parent serves.
    owner: u32,
}

#[pymethods]
impl Server {
    #[new]
    #[pyo3(signature = (path, options, faults, mode))]
    fn new(py: Python<'_>, path: PathBuf, options: &str, faults: &str, mode: u32) -> PyResult<Self> {
        let Some(mode) = u16::try_from(mode).ok().filter(|mode| *mode <= 0o777) else {
            return Err(error::argument(py, "mode", &format!("{mode:#o} has more than permission bits")));
        };
        let server = run(py, || {
            let config = Config::parse_options(options)?;
            sim::Server::start_with_mode(&path, config, parse(faults)?, mode)
        })?;
        let (path, device) = (server.path().to_owned(), server.device_path());
        Ok(Self { serving: Mutex::new(Some(server)), path, device, owner: std::process::id() })
    }

    #[getter]
    fn path(&self) -> &Path {
        &self.path
    }

    #[getter]
    fn device(&self) -> &Path {
        &self.device
    }

    #[getter]
    fn is_running(&self, py: Python<'_>) -> PyResult<bool> {
        blocking::detached(py, || self.is_mine() && self.with(sim::Server::is_running).unwrap_or(false))
    }

    fn counters(&self, py: Python<'_>) -> PyResult<String> {
        let counted =
            blocking::detached(py, || if self.is_mine() { self.with(|server| server.counters().to_json()) } else { None })?;
        counted.ok_or_else(|| self.ended(py))
    }

    fn set_faults(&self, py: Python<'_>, faults: &str) -> PyResult<()> {
        let faults = run(py, || parse(faults))?;
        let set = blocking::detached(py, || if self.is_mine() { self.with(|server| server.set_faults(faults)) } else { None })?;
        set.ok_or_else(|| self.ended(py))
    }

    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_mine() {
            return Ok(());
        }
        run(py, || {
            let server = self.serving.lock().unwrap_or_else(PoisonError::into_inner).take();
            server.map_or(Ok(()), sim::Server::stop)
        })
    }
}

impl Server {
    /// Whether this is the process that serves. A lock that a thread of the parent held stays locked
    /// in a child for ever, so that a child asks this first.
    fn is_mine(&self) -> bool {
        std::process::id() == self.owner
    }

    fn with<T>(&self, ask: impl FnOnce(&sim::Server) -> T) -> Option<T> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ask)
    }

    fn ended(&self, py: Python<'_>) -> PyErr {
        error::plain(py, "closed", &format!("nothing is served in {} by this process any more", self.path.display()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let server = self.serving.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if self.is_mine() {
            blocking::drop_detached(server);
        } else {
            std::mem::forget(server);
        }
    }
}

fn parse(faults: &str) -> Result<Faults, SimError> {
    Faults::parse(faults, Path::new("faults"))
}

fn run<T: Send>(py: Python<'_>, act: impl FnOnce() -> Result<T, SimError> + Send) -> PyResult<T> {
    blocking::detached(py, act)?.map_err(|failure| {
        let kind = match failure {
            SimError::Option { .. } | SimError::Faults { .. } => "spec",
            _ => "serve",
        };
        error::plain(py, kind, &failure.to_string())
    })
}
