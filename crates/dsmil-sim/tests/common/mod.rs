//! A plain client of the model: it drives the transfer machines and checks nothing itself.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use dsmil_protocol::{
    CHUNK_BYTES, DeviceId, DeviceRecord, Fault, Progress, ReadTransfer, RequestCode, STATUS_BYTES, Scan, ScanTransfer,
    SystemStatus,
};
use dsmil_sim::{Answer, Config, Faults, Model};
use nix::errno::Errno;

/// One of each kind of fault, none of which ends all.
pub(crate) const EVERYTHING: &str = r#"
[[fault]]
on = "any"
skip = 3
times = 5
do = "drop"
[[fault]]
on = "SCAN_CHUNK"
do = "reorder"
[[fault]]
on = "READ_CHUNK"
skip = 1
do = "repeat"
[[fault]]
on = "any"
do = "corrupt"
offset = 4300
xor = 255
[[fault]]
on = "any"
skip = 20
times = 4
do = "foreign-session"
chunks = 40
[[fault]]
on = "any"
skip = 30
do = "thermal-limit"
[[fault]]
on = "any"
skip = 40
do = "no-sensor"
[[fault]]
on = "any"
do = "set"
field = "state"
record = 107
value = -1
[[fault]]
on = "READ_DEVICE"
skip = 2
times = 3
do = "interrupt"
"#;

/// Why a transfer ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Refused(Errno),
    Fault(Fault),
}

impl From<Errno> for End {
    fn from(errno: Errno) -> Self {
        Self::Refused(errno)
    }
}

pub(crate) struct Client {
    pub(crate) model: Model,
    pub(crate) now: Duration,
}

pub(crate) fn id(raw: u16) -> DeviceId {
    DeviceId::new(raw)
}

impl Client {
    pub(crate) fn new(config: Config) -> Self {
        Self { model: Model::new(config), now: Duration::from_secs(1) }
    }

    pub(crate) fn fielded() -> Self {
        Self::new(Config::default())
    }

    pub(crate) fn faults(&mut self, toml: &str) {
        self.model.set_faults(Faults::parse(toml, Path::new("test.toml")).unwrap());
    }

    pub(crate) fn answer(&mut self, request: RequestCode, argument: &mut [u8]) -> Answer {
        self.model.ioctl(self.now, request.code(), argument)
    }

    pub(crate) fn request(&mut self, request: RequestCode, argument: &mut [u8]) -> Result<(), Errno> {
        self.answer(request, argument).result
    }

    pub(crate) fn ask(&mut self, request: RequestCode) -> Result<(), Errno> {
        self.request(request, &mut [])
    }

    pub(crate) fn asked(&self, request: RequestCode) -> u64 {
        self.model.counters().requests(request)
    }

    pub(crate) fn chunk(&mut self, request: RequestCode) -> Result<[u8; CHUNK_BYTES], Errno> {
        let mut chunk = [0; CHUNK_BYTES];
        self.request(request, &mut chunk).map(|()| chunk)
    }

    pub(crate) fn start_read(&mut self, id: DeviceId) -> Result<(), Errno> {
        self.request(RequestCode::ReadStart, &mut u32::from(id.get()).to_ne_bytes())
    }

    pub(crate) fn read_device(&mut self, id: DeviceId) -> (Result<(), Errno>, DeviceRecord) {
        let mut bytes = DeviceRecord::request(id);
        let result = self.request(RequestCode::ReadDevice, &mut bytes);
        (result, DeviceRecord::decode(&bytes))
    }

    pub(crate) fn status(&mut self) -> SystemStatus {
        let mut bytes = [0; STATUS_BYTES];
        self.request(RequestCode::GetStatus, &mut bytes).unwrap();
        SystemStatus::decode(&bytes)
    }

    pub(crate) fn scan_without_complete(&mut self) -> Result<Scan, End> {
        self.ask(RequestCode::ScanStart)?;
        let mut machine = ScanTransfer::new();
        loop {
            let chunk = self.chunk(RequestCode::ScanChunk)?;
            if machine.feed(&chunk).map_err(|error| End::Fault(error.fault))? == Progress::Done {
                return Ok(machine.finish().unwrap());
            }
        }
    }

    pub(crate) fn scan(&mut self) -> Result<Scan, End> {
        let scan = self.scan_without_complete()?;
        self.ask(RequestCode::ScanComplete)?;
        Ok(scan)
    }

    pub(crate) fn read(&mut self, id: DeviceId) -> Result<Vec<u8>, End> {
        self.start_read(id)?;
        let mut machine = ReadTransfer::new(id);
        loop {
            let chunk = self.chunk(RequestCode::ReadChunk)?;
            if machine.feed(&chunk).map_err(|error| End::Fault(error.fault))? == Progress::Done {
                self.ask(RequestCode::ReadComplete)?;
                return Ok(machine.finish().unwrap());
            }
        }
    }
}
