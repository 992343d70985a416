//! The quarantine's self-check: tries to reach each of the seven through the library, on a simulated
//! driver that counts every access, and shows that the counters would have moved.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dsmil_protocol::{DeviceId, DeviceRecord, PERMANENT, RequestCode};
use dsmil_quarantine::Operation;
use dsmil_sim::{Config, Model};

use crate::backend::SharedModel;
use crate::{Device, Error, OpenOptions};

/// What the self-check found of one id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfCheckEntry {
    /// The id.
    pub id: DeviceId,
    /// What touching it would do.
    pub what: &'static str,
    /// Every operation was denied.
    pub denied: bool,
    /// Accesses that the driver counted while the library was asked.
    pub accesses: u64,
    /// Accesses that it counted when it was asked past the library: not 0, or the count proves nothing.
    pub control: u64,
}

impl SelfCheckEntry {
    /// Denied, never touched, and the counter works.
    pub const fn is_enforced(&self) -> bool {
        self.denied && self.accesses == 0 && self.control > 0
    }
}

/// What the self-check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfCheck {
    /// Each of the seven.
    pub entries: Vec<SelfCheckEntry>,
}

impl SelfCheck {
    /// How many of the seven are enforced.
    pub fn enforced(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_enforced()).count()
    }

    /// Whether all of them are.
    pub fn is_ok(&self) -> bool {
        self.enforced() == PERMANENT.len()
    }

    /// Runs it, with the given run directory and policy. Nothing outside this process is asked.
    ///
    /// # Errors
    /// What keeps the simulated device from being opened; an emergency stop among it.
    pub fn run(options: OpenOptions) -> Result<Self, Error> {
        let model: SharedModel = Arc::new(Mutex::new(Model::new(Config::default())));
        let device = options.open_model(Arc::clone(&model))?;
        let entries = PERMANENT.iter().map(|entry| check(&device, &model, entry.id, entry.what));
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }
}

fn check(device: &Device, model: &SharedModel, id: DeviceId, what: &'static str) -> Result<SelfCheckEntry, Error> {
    let accesses = || model.lock().unwrap_or_else(PoisonError::into_inner).counters().id(id).total();
    let before = accesses();
    let mut denied = true;
    for operation in Operation::ALL {
        let result = match operation {
            Operation::Info => device.info(id).map(drop),
            Operation::Read => device.read(id).map(drop),
        };
        match result {
            Err(Error::Denied { .. }) => {}
            Ok(()) => denied = false,
            Err(error) => return Err(error),
        }
    }
    let after = accesses();
    ask_past_the_library(model, id);
    Ok(SelfCheckEntry { id, what, denied, accesses: after - before, control: accesses() - after })
}

/// The control: the same simulated driver, asked directly. There is no device behind it.
fn ask_past_the_library(model: &SharedModel, id: DeviceId) {
    let mut model = model.lock().unwrap_or_else(PoisonError::into_inner);
    let mut record = DeviceRecord::request(id);
    let _ = model.ioctl(Duration::ZERO, RequestCode::ReadDevice.code(), &mut record);
}
