//! The driver itself.

use std::time::Duration;

use dsmil_protocol::{
    Access, CHUNK_BYTES, DEVICE_COUNT, DeviceId, DeviceRecord, READ_PAYLOAD_BYTES, RECORDS_PER_CHUNK, ReadChunkHeader,
    RequestCode, ScanChunkHeader, State, SystemStatus, encode_discovery,
};
use nix::errno::Errno;

use crate::device;
use crate::faults::{Arsenal, Pick, Plan, Request};
use crate::session::{Cursor, ReadSession, ScanSession};
use crate::{Config, Counters, Faults, THERMAL_LIMIT};

/// Chunks of a scan: 108 records, five at a time.
const SCAN_CHUNKS: u32 = (DEVICE_COUNT as u32).div_ceil(RECORDS_PER_CHUNK);

/// What the driver answers to a request. The argument may have been filled whatever the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    /// What `ioctl(2)` returns: 0, or -1 with this errno.
    pub result: Result<(), Errno>,
    /// How long the caller must be made to wait for it: zero, unless a fault says otherwise. The model
    /// itself never waits.
    pub delay: Duration,
}

/// One driver with its 108 devices. Its sessions belong to it and not to an open file, as the real
/// driver's do (quirk 2): give every client the same model.
#[derive(Clone, Debug)]
pub struct Model {
    config: Config,
    counters: Counters,
    faults: Faults,
    arsenal: Arsenal,
    vanished: Option<Errno>,
    scan: Option<ScanSession>,
    read: Option<ReadSession>,
    last_session: u64,
    last_scan_ms: u64,
}

impl Model {
    /// A driver that has just been loaded, with nothing asked of it yet and no faults.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            counters: Counters::default(),
            faults: Faults::none(),
            arsenal: Arsenal::default(),
            vanished: None,
            scan: None,
            read: None,
            last_session: 0,
            last_scan_ms: 0,
        }
    }

    /// What `open(2)` answers: ENODEV where the driver is not initialised (quirk 8), and the errno
    /// under which the device vanished.
    pub fn open(&mut self) -> Result<(), Errno> {
        self.counters.count_open();
        match self.vanished {
            Some(errno) => Err(errno),
            None if !self.config.initialised => Err(Errno::ENODEV),
            None => Ok(()),
        }
    }

    /// What `ioctl(2)` answers at `now`, the time since boot. `argument` is the caller's buffer, exactly as
    /// long as the request's code says; it is read and filled as the driver would. A code or a length
    /// that the driver does not know is ENOTTY. Never blocks, never panics.
    pub fn ioctl(&mut self, now: Duration, code: u32, argument: &mut [u8]) -> Answer {
        let at_once = |result| Answer { result, delay: Duration::ZERO };
        let Some(request) = RequestCode::from_code(code).filter(|request| request.size() == argument.len()) else {
            self.counters.count_unknown(now);
            return at_once(Err(self.vanished.unwrap_or(Errno::ENOTTY)));
        };
        self.count(now, request, argument);
        if let Some(errno) = self.vanished {
            return at_once(Err(errno));
        }
        if !self.config.initialised {
            return at_once(Err(Errno::ENODEV));
        }
        if self.arsenal.is_empty() {
            return at_once(self.answer(now, request, argument, &Plan::default()));
        }
        self.ioctl_with_faults(now, request, argument)
    }

    /// Sets the faults, and forgets how far the old ones had got: a device that had vanished is back.
    pub fn set_faults(&mut self, faults: Faults) {
        self.arsenal = Arsenal::new(&faults);
        self.faults = faults;
        self.vanished = None;
    }

    /// The faults as they were set.
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What was asked of the driver.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How the driver was configured.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The data of a device: what a chunked read of it must yield. Empty for an id that isn't served.
    pub fn data(&self, id: DeviceId) -> Vec<u8> {
        let length = if id.is_served() { self.config.data_length(id) } else { 0 };
        device::device_data(self.config.seed, id, length)
    }

    /// What a scan that starts at `now` says of a device, faults aside; `None` for an id that isn't served.
    pub fn record(&self, now: Duration, id: DeviceId) -> Option<DeviceRecord> {
        id.is_served().then(|| device::record(self.config.seed, id, self.ms(now)))
    }

    fn ms(&self, now: Duration) -> u64 {
        (now.as_millis() as u64).wrapping_add(self.config.boot_ms)
    }

    fn count(&mut self, now: Duration, request: RequestCode, argument: &[u8]) {
        self.counters.count(now, request);
        match request {
            RequestCode::ReadDevice => self.counters.id_mut(id_of_record(argument)).read_device += 1,
            RequestCode::ReadStart => {
                if let Some(id) = id_of_start(argument) {
                    self.counters.id_mut(id).read_start += 1;
                }
            }
            RequestCode::ReadChunk => {
                if let Some(read) = &self.read {
                    self.counters.id_mut(read.token).read_chunk += 1;
                }
            }
            _ => {}
        }
    }

    /// The slow way: the faults have a say before, in and after the driver's own answer.
    fn ioctl_with_faults(&mut self, now: Duration, request: RequestCode, argument: &mut [u8]) -> Answer {
        let mut arsenal = std::mem::take(&mut self.arsenal);
        let answer = self.answer_with(&mut arsenal, now, request, argument);
        self.arsenal = arsenal;
        answer
    }

    fn answer_with(&mut self, arsenal: &mut Arsenal, now: Duration, request: RequestCode, argument: &mut [u8]) -> Answer {
        let cursor = match request {
            RequestCode::ScanChunk => self.scan.as_ref().map(|scan| scan.cursor),
            RequestCode::ReadChunk => self.read.as_ref().filter(|read| !read.emptied).map(|read| read.cursor),
            _ => None,
        };
        let asked: &[u8] = argument;
        let plan = arsenal.plan(&Request {
            code: request,
            concerns: &|id| self.concerns(request, asked, id),
            can_repeat: cursor.as_ref().is_some_and(Cursor::can_repeat),
            can_reorder: cursor.as_ref().is_some_and(Cursor::can_reorder),
        });
        let answer = |result| Answer { result, delay: plan.delay };
        if plan.vanish {
            self.vanished = plan.refuse;
        }
        if let Some(errno) = plan.refuse {
            if request == RequestCode::ReadDevice && !plan.vanish {
                self.fill_failed(now, argument, errno, None);
            }
            return answer(Err(errno));
        }
        let starts = matches!(request, RequestCode::ScanStart | RequestCode::ReadStart);
        if !starts {
            self.foreign(now, request, &plan);
        }
        let before = if plan.lose { argument.to_vec() } else { Vec::new() };
        let mut result = self.answer(now, request, argument, &plan);
        if starts {
            self.foreign(now, request, &plan);
        }
        if plan.lose {
            argument.copy_from_slice(&before);
            result = Err(Errno::EIO);
        } else if result.is_ok() || request == RequestCode::ReadDevice {
            plan.edit(request, argument);
        }
        answer(result)
    }

    /// Whether a request concerns a device, as the faults understand it.
    fn concerns(&self, request: RequestCode, argument: &[u8], id: DeviceId) -> bool {
        match request {
            RequestCode::ReadDevice => id_of_record(argument) == id,
            RequestCode::ReadStart => id_of_start(argument) == Some(id),
            RequestCode::ReadChunk => self.read.as_ref().is_some_and(|read| read.token == id),
            RequestCode::ScanDevices => id.is_served(),
            RequestCode::ScanChunk => {
                let due = self.scan.as_ref().and_then(|scan| scan.cursor.due());
                due.is_some() && id.ordinal().map(|ordinal| ordinal as u32 / RECORDS_PER_CHUNK) == due
            }
            _ => false,
        }
    }

    /// Does what another process would have done.
    fn foreign(&mut self, now: Duration, request: RequestCode, plan: &Plan<'_>) {
        let Some((token, chunks)) = plan.foreign else { return };
        if !matches!(request, RequestCode::ReadStart | RequestCode::ReadChunk | RequestCode::ReadComplete) {
            self.start_scan(now);
            for _ in 0..chunks {
                self.scan.as_mut().and_then(|scan| scan.cursor.take());
            }
        }
        if !matches!(request, RequestCode::ScanStart | RequestCode::ScanChunk | RequestCode::ScanComplete) {
            let ours = self.read.as_ref().map(|read| read.token);
            let other = if ours == Some(DeviceId::FIRST) { DeviceId::new(0x8001) } else { DeviceId::FIRST };
            self.start_read(token.unwrap_or(other));
            for _ in 0..chunks {
                self.read.as_mut().and_then(|read| read.cursor.take());
            }
        }
    }

    /// What the driver answers, faults in the middle included.
    fn answer(&mut self, now: Duration, request: RequestCode, argument: &mut [u8], plan: &Plan<'_>) -> Result<(), Errno> {
        if self.config.lacks_chunked && request.number() >= RequestCode::ScanStart.number() {
            return Err(Errno::ENOTTY);
        }
        if self.config.firmware_limit.is_some_and(|limit| request.size() > limit) {
            return Err(Errno::EMSGSIZE);
        }
        match request {
            RequestCode::GetVersion => argument.copy_from_slice(&self.config.version.to_ne_bytes()),
            RequestCode::GetStatus => argument.copy_from_slice(&self.status(now, plan).encode()),
            RequestCode::ScanDevices => self.scan_devices(now, argument, plan),
            RequestCode::ReadDevice => self.read_device(now, argument, plan)?,
            RequestCode::GetThermal => argument.copy_from_slice(&self.thermal(now, plan)?.to_ne_bytes()),
            RequestCode::ScanStart => self.start_scan(now),
            RequestCode::ScanChunk => argument.copy_from_slice(&self.scan_chunk(plan)?),
            RequestCode::ScanComplete => self.scan = None,
            RequestCode::ReadStart => self.read_start(argument)?,
            RequestCode::ReadChunk => argument.copy_from_slice(&self.read_chunk(plan)?),
            RequestCode::ReadComplete => self.read = None,
        }
        Ok(())
    }

    fn status(&self, now: Duration, plan: &Plan<'_>) -> SystemStatus {
        let own = device::system_temperature(self.config.seed, self.ms(now));
        let celsius = plan.thermal_limit(None).unwrap_or(own);
        let count = |state| DeviceId::served().filter(|id| device::state(*id) == state).count() as u32;
        SystemStatus {
            kernel_module_loaded: true,
            thermal_safe: celsius < THERMAL_LIMIT,
            current_temp_celsius: celsius,
            safe_device_count: count(State::Safe),
            quarantined_count: count(State::Quarantined),
            last_scan_timestamp: self.last_scan_ms,
        }
    }

    fn thermal(&self, now: Duration, plan: &Plan<'_>) -> Result<i32, Errno> {
        if plan.no_sensor(None) {
            return Err(Errno::EIO);
        }
        Ok(plan.thermal_limit(None).unwrap_or_else(|| device::system_temperature(self.config.seed, self.ms(now))))
    }

    /// A record as a scan that started at `ms` has it.
    fn scanned(&self, id: DeviceId, ms: u64, plan: &Plan<'_>) -> DeviceRecord {
        let mut record = device::record(self.config.seed, id, ms);
        if plan.edits.is_empty() {
            return record;
        }
        if let Some(celsius) = plan.thermal_limit(Some(id)) {
            record.thermal_celsius = Some(celsius);
            if !record.is_quarantined {
                (record.state, record.access) = (State::ThermalLimit, Access::None);
            }
        }
        if plan.no_sensor(Some(id)) {
            record.thermal_celsius = None;
        }
        record
    }

    fn scan_devices(&mut self, now: Duration, argument: &mut [u8], plan: &Plan<'_>) {
        let ms = self.ms(now);
        let records: Vec<_> = DeviceId::served().map(|id| self.scanned(id, ms, plan)).collect();
        argument.copy_from_slice(&encode_discovery(&records, ms));
        self.last_scan_ms = ms;
    }

    fn read_device(&self, now: Duration, argument: &mut [u8], plan: &Plan<'_>) -> Result<(), Errno> {
        let id = id_of_record(argument);
        let thermal_limit = plan.thermal_limit(Some(id));
        let refusal = if !id.is_served() {
            Some(Errno::EINVAL)
        } else if id.is_permanent() {
            Some(Errno::EACCES)
        } else {
            thermal_limit.map(|_| Errno::EBUSY)
        };
        if let Some(errno) = refusal {
            self.fill_failed(now, argument, errno, thermal_limit);
            return Err(errno);
        }
        let ms = self.ms(now);
        let mut record = self.scanned(id, ms, plan);
        record.last_response = Some(device::response(self.config.seed, id, ms));
        argument.copy_from_slice(&record.encode());
        Ok(())
    }

    /// Fills a record that goes with a refusal (quirk 6).
    fn fill_failed(&self, now: Duration, argument: &mut [u8], errno: Errno, thermal_celsius: Option<i32>) {
        let id = id_of_record(argument);
        let state = match errno {
            Errno::EACCES => State::Quarantined,
            Errno::EBUSY => State::ThermalLimit,
            _ => State::Error,
        };
        let record = DeviceRecord {
            id,
            state,
            access: Access::None,
            is_quarantined: state == State::Quarantined,
            last_response: Some(0),
            timestamp: self.ms(now),
            thermal_celsius,
        };
        argument.copy_from_slice(&record.encode());
    }

    fn next_session(&mut self) -> u64 {
        self.last_session += 1;
        self.last_session
    }

    fn start_scan(&mut self, now: Duration) {
        let (id, started_ms) = (self.next_session(), self.ms(now));
        self.scan = Some(ScanSession { id, started_ms, cursor: Cursor::new(SCAN_CHUNKS) });
        self.last_scan_ms = started_ms;
    }

    fn scan_chunk(&mut self, plan: &Plan<'_>) -> Result<[u8; CHUNK_BYTES], Errno> {
        let scan = self.scan.as_mut().ok_or(Errno::EINVAL)?;
        let index = pick(&mut scan.cursor, plan).ok_or(Errno::EINVAL)?;
        let (session, total, ms) = (scan.id, scan.cursor.total(), scan.started_ms);
        let first = (index * RECORDS_PER_CHUNK) as usize;
        let mut body = [0; READ_PAYLOAD_BYTES];
        let mut count = 0;
        for (id, slot) in DeviceId::served().skip(first).zip(body.as_chunks_mut().0) {
            *slot = self.scanned(id, ms, plan).encode();
            count += 1;
        }
        let header = ScanChunkHeader {
            chunk_index: index.into(),
            total_chunks: total.into(),
            devices_in_chunk: count.into(),
            chunk_size: (32 + 40 * count).into(),
            session_id: session.into(),
            reserved: [0; 8],
        };
        Ok(header.with_body(&body))
    }

    /// READ_START asks nobody whether the device is quarantined (quirk 1).
    fn read_start(&mut self, argument: &[u8]) -> Result<(), Errno> {
        let Some(id) = id_of_start(argument).filter(|id| id.is_served()) else {
            if let Some(read) = &mut self.read {
                read.emptied = true;
            }
            return Err(Errno::EINVAL);
        };
        self.start_read(id);
        Ok(())
    }

    fn start_read(&mut self, token: DeviceId) {
        let length = self.config.data_length(token);
        let cursor = Cursor::new(length.div_ceil(READ_PAYLOAD_BYTES) as u32);
        self.read = Some(ReadSession { id: self.next_session(), token, length, cursor, emptied: false });
    }

    fn read_chunk(&mut self, plan: &Plan<'_>) -> Result<[u8; CHUNK_BYTES], Errno> {
        let read = self.read.as_mut().ok_or(Errno::EINVAL)?;
        if read.emptied {
            let mut chunk = [0; CHUNK_BYTES];
            chunk[..2].copy_from_slice(&read.token.get().to_ne_bytes());
            return Ok(chunk);
        }
        let index = pick(&mut read.cursor, plan).ok_or(Errno::EINVAL)?;
        let offset = index as usize * READ_PAYLOAD_BYTES;
        let size = (read.length - offset).min(READ_PAYLOAD_BYTES);
        let mut body = [0; READ_PAYLOAD_BYTES];
        device::fill_data(self.config.seed, read.token, offset, &mut body[..size]);
        let header = ReadChunkHeader {
            token: read.token.get().into(),
            chunk_index: (index as u16).into(),
            total_chunks: read.cursor.total().into(),
            data_offset: (offset as u32).into(),
            chunk_size: (size as u32).into(),
            session_id: read.id.into(),
            reserved: [0; 8],
        };
        Ok(header.with_body(&body))
    }
}

/// The chunk that is given out, as the faults will have it.
const fn pick(cursor: &mut Cursor, plan: &Plan<'_>) -> Option<u32> {
    match plan.pick {
        Pick::Before if cursor.can_repeat() => cursor.repeat(),
        Pick::Next => cursor.take_swapped(),
        Pick::Due | Pick::Before => cursor.take(),
    }
}

/// The id in a READ_DEVICE argument.
fn id_of_record(argument: &[u8]) -> DeviceId {
    DeviceId::new(argument.first_chunk().map_or(0, |bytes| u16::from_ne_bytes(*bytes)))
}

/// The id in a READ_START argument; `None` where the number has more than 16 bits.
fn id_of_start(argument: &[u8]) -> Option<DeviceId> {
    let number = u32::from_ne_bytes(*argument.first_chunk()?);
    u16::try_from(number).ok().map(DeviceId::new)
}
