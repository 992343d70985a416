//! Faults: what the driver does wrong, and when.
//!
//! Faults are set by a call ([`crate::Model::set_faults`]) or written as a TOML file, an ordered list:
//!
//! ```toml
//! # The third and the fourth SCAN_CHUNK fail with EIO, then all is well.
//! [[fault]]
//! on = "SCAN_CHUNK"     # a request's name, or "any"
//! skip = 2              # let the first 2 that match pass (default 0)
//! times = 2             # then act twice, and end (default: for ever)
//! do = "fail"
//! errno = "EIO"         # a name or a number
//!
//! # Whenever the chunk with 0x8009 comes, the driver passes that device off as safe.
//! [[fault]]
//! on = "SCAN_CHUNK"
//! id = 0x8009           # only requests that concern this device (a number, or text such as "0x8009")
//! do = "set"
//! field = "state"
//! value = 2
//! ```
//!
//! A request *concerns* a device when it names it (READ_DEVICE, READ_START), when its session is of it
//! (READ_CHUNK), or when its answer holds the device's record (SCAN_CHUNK, SCAN_DEVICES). Requests of
//! other kinds concern none, and a fault with `id` never acts on them.
//!
//! | `do` | further keys | what the driver then does |
//! | --- | --- | --- |
//! | `drop` | | carries the request out (a session moves on) and answers EIO without data |
//! | `delay` | `ms` | answers rightly, and late |
//! | `repeat` | | answers the chunk before again; the session stays. Not before the second chunk |
//! | `reorder` | | answers the next chunk, and this one after it. Not at the last chunk |
//! | `corrupt` | `offset`, `xor` (a byte, or a list of bytes) | flips bits of the answer |
//! | `fail` | `errno` | carries nothing out and answers the errno |
//! | `interrupt` | | the same with EINTR |
//! | `vanish` | `errno` (ENODEV, or ENXIO and others) | answers so to everything from now on, `open` too |
//! | `foreign-session` | `token` (the id that the other process reads), `chunks` (how many it takes, default 0) | acts as if another process had made a START: just after a START, just before any other request |
//! | `thermal-limit` | `celsius` (default 100) | READ_DEVICE answers EBUSY and state 5; records that a scan gives show state 5; GET_THERMAL and GET_STATUS show the temperature. With `id`, only that device |
//! | `no-sensor` | | GET_THERMAL answers EIO; records show -1. With `id`, only that device |
//! | `set` | `field`, `value`, `record` (which one, from 0) | writes a number into a named field of the answer |
//!
//! Fields of a scan chunk: `chunk_index`, `total_chunks`, `devices_in_chunk`, `chunk_size`, `session_id`; of a read
//! chunk: `token`, `chunk_index`, `total_chunks`, `data_offset`, `chunk_size`, `session_id`; of a discovery result:
//! `total_devices_found`, `safe_devices_found`, `quarantined_devices_found`, `last_scan_timestamp`; of a status:
//! `kernel_module_loaded`, `thermal_safe`, `current_temp_celsius`, `safe_device_count`, `quarantined_count`,
//! `last_scan_timestamp`; of a version: `version`; of a temperature: `celsius`. Fields of a record: `device_id`,
//! `state`, `access`, `is_quarantined`, `last_response`, `timestamp`, `thermal_celsius`; which record is told by
//! `record`, else by `id`, else it is the first. A number may be signed or unsigned, as wide as the field (-1
//! sets every bit).
//!
//! Several faults may act on one request, in the order of the file; the first that ends it (`fail`,
//! `interrupt`, `vanish`) is the last that acts, and those after it don't count the request.

use std::path::Path;
use std::time::Duration;

use dsmil_protocol::{DeviceId, RequestCode};
use nix::errno::Errno;

use crate::SimError;
use crate::field;

/// What the driver does wrong: see the [module](self) for each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The request is carried out and its answer lost: EIO.
    Drop,
    /// The answer comes late.
    Delay(Duration),
    /// The chunk before comes again.
    Repeat,
    /// This chunk and the next change places.
    Reorder,
    /// Bits of the answer flip.
    Corrupt {
        /// Where in the answer, in bytes.
        offset: usize,
        /// What is xored there; what lies beyond the answer is left out.
        xor: Vec<u8>,
    },
    /// The request is refused.
    Fail(Errno),
    /// The request is refused with EINTR.
    Interrupt,
    /// The device is gone for ever.
    Vanish(Errno),
    /// Another process's START comes between.
    ForeignSession {
        /// What the other process reads; `None`: a safe device other than ours.
        token: Option<DeviceId>,
        /// How many chunks it takes before we go on.
        chunks: u32,
    },
    /// The device is at its thermal limit.
    ThermalLimit {
        /// Degrees Celsius.
        celsius: i32,
    },
    /// The sensor does not answer.
    NoSensor,
    /// A field of the answer has another value.
    Set {
        /// The field's name.
        field: String,
        /// The number that is written, two's complement where negative.
        value: i128,
        /// Which record, from 0, for a field of a record.
        record: Option<usize>,
    },
}

/// One fault: what, on which requests, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRule {
    /// The request; `None` is any.
    pub on: Option<RequestCode>,
    /// Only requests that concern this device.
    pub id: Option<DeviceId>,
    /// How many that match pass before.
    pub skip: u64,
    /// How many it acts on then; `None`: for ever.
    pub times: Option<u64>,
    /// What happens.
    pub action: Action,
}

impl FaultRule {
    /// A fault on every request of this kind, for ever.
    pub const fn on(request: RequestCode, action: Action) -> Self {
        Self { on: Some(request), id: None, skip: 0, times: None, action }
    }

    /// A fault on every request, for ever.
    pub const fn any(action: Action) -> Self {
        Self { on: None, id: None, skip: 0, times: None, action }
    }

    /// The same, for one device.
    #[must_use]
    pub const fn of(mut self, id: DeviceId) -> Self {
        self.id = Some(id);
        self
    }

    /// The same, after `skip` requests that match.
    #[must_use]
    pub const fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// The same, and then ended after acting on `times` requests.
    #[must_use]
    pub const fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

/// An ordered list of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The faults, in the order in which they act.
    pub rules: Vec<FaultRule>,
}

impl Faults {
    /// No faults: the driver does what the specification says, which is bad enough.
    pub const fn none() -> Self {
        Self { rules: Vec::new() }
    }

    /// Reads the text of a fault file. `path` is only for the errors.
    ///
    /// # Errors
    /// [`SimError::Faults`] with the file, the line and the key: not TOML, a key that is not known or
    /// that this `do` has no use for, a value of another type or out of range.
    pub fn parse(text: &str, path: &Path) -> Result<Self, SimError> {
        crate::fault_file::parse(text, path)
    }

    /// Reads a fault file.
    ///
    /// # Errors
    /// [`SimError::Read`] where it can't be read, and as [`Faults::parse`].
    pub fn load(path: &Path) -> Result<Self, SimError> {
        let text = std::fs::read_to_string(path).map_err(|source| SimError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// The faults as a file that [`Faults::parse`] reads: as they were set, not how far they have got.
    pub fn to_toml(&self) -> String {
        crate::fault_file::write(self)
    }
}

impl From<Vec<FaultRule>> for Faults {
    fn from(rules: Vec<FaultRule>) -> Self {
        Self { rules }
    }
}

/// A fault with the count of requests that it has matched.
#[derive(Clone, Debug)]
struct Armed {
    rule: FaultRule,
    matched: u64,
}

/// Which chunk is given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pick {
    #[default]
    Due,
    Before,
    Next,
}

/// What the faults make of one request.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    pub(crate) delay: Duration,
    /// The request is not carried out.
    pub(crate) refuse: Option<Errno>,
    /// And nothing after it either.
    pub(crate) vanish: bool,
    /// The request is carried out, and the answer lost.
    pub(crate) lose: bool,
    pub(crate) pick: Pick,
    pub(crate) foreign: Option<(Option<DeviceId>, u32)>,
    /// The rules that change the answer, in their order.
    pub(crate) edits: Vec<&'a FaultRule>,
}

/// Faults that count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arsenal {
    armed: Vec<Armed>,
}

/// What a fault can ask about a request before it acts.
pub(crate) struct Request<'a> {
    pub(crate) code: RequestCode,
    /// Whether the request concerns a device.
    pub(crate) concerns: &'a dyn Fn(DeviceId) -> bool,
    /// Whether there is a chunk before, or one after, so that it can be repeated or swapped.
    pub(crate) can_repeat: bool,
    pub(crate) can_reorder: bool,
}

impl Arsenal {
    pub(crate) fn new(faults: &Faults) -> Self {
        Self { armed: faults.rules.iter().map(|rule| Armed { rule: rule.clone(), matched: 0 }).collect() }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }

    pub(crate) fn plan(&mut self, request: &Request<'_>) -> Plan<'_> {
        let mut plan = Plan::default();
        for Armed { rule, matched } in &mut self.armed {
            if plan.refuse.is_some() {
                break;
            }
            let applies = rule.on.is_none_or(|on| on == request.code)
                && rule.id.is_none_or(|id| (request.concerns)(id))
                && match rule.action {
                    Action::Repeat => request.can_repeat,
                    Action::Reorder => request.can_reorder,
                    _ => true,
                };
            if !applies {
                continue;
            }
            let turn = *matched;
            *matched = matched.saturating_add(1);
            if turn >= rule.skip && rule.times.is_none_or(|times| turn - rule.skip < times) {
                plan.take(rule);
            }
        }
        plan
    }
}

impl<'a> Plan<'a> {
    fn take(&mut self, rule: &'a FaultRule) {
        match &rule.action {
            Action::Drop => self.lose = true,
            Action::Delay(delay) => self.delay = self.delay.saturating_add(*delay),
            Action::Repeat => self.pick = Pick::Before,
            Action::Reorder => self.pick = Pick::Next,
            Action::Fail(errno) => self.refuse = Some(*errno),
            Action::Interrupt => self.refuse = Some(Errno::EINTR),
            Action::Vanish(errno) => {
                self.refuse = Some(*errno);
                self.vanish = true;
            }
            Action::ForeignSession { token, chunks } => self.foreign = Some((*token, *chunks)),
            Action::Corrupt { .. } | Action::ThermalLimit { .. } | Action::NoSensor | Action::Set { .. } => self.edits.push(rule),
        }
    }

    /// The temperature at which a fault holds this device (or the system, where `id` is `None`).
    pub(crate) fn thermal_limit(&self, id: Option<DeviceId>) -> Option<i32> {
        self.edits.iter().find_map(|rule| match rule.action {
            Action::ThermalLimit { celsius } if rule.id.is_none() || rule.id == id => Some(celsius),
            _ => None,
        })
    }

    /// Whether a fault has silenced the sensor of this device (or the system's, where `id` is `None`).
    pub(crate) fn no_sensor(&self, id: Option<DeviceId>) -> bool {
        self.edits.iter().any(|rule| rule.action == Action::NoSensor && (rule.id.is_none() || rule.id == id))
    }

    /// Flips and overwrites what the faults say, in an answer that is otherwise right.
    pub(crate) fn edit(&self, request: RequestCode, answer: &mut [u8]) {
        for rule in &self.edits {
            match &rule.action {
                Action::Corrupt { offset, xor } => {
                    for (byte, flip) in answer.iter_mut().skip(*offset).zip(xor) {
                        *byte ^= flip;
                    }
                }
                Action::Set { field, value, record } => {
                    if let Some(place) = field::head(request, field) {
                        place.write(answer, *value);
                    } else if let (Some(mut place), Some(base)) = (field::record(field), base(request, answer, rule.id, *record))
                    {
                        place.offset += base;
                        place.write(answer, *value);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Where the record begins that a fault means: the one with the number, else the one of the device,
/// else the first.
fn base(request: RequestCode, answer: &[u8], id: Option<DeviceId>, record: Option<usize>) -> Option<usize> {
    let (first, count) = field::records(request)?;
    let bytes = dsmil_protocol::RECORD_BYTES;
    let index = match (record, id) {
        (Some(index), _) => index,
        (None, None) => 0,
        (None, Some(id)) => (0..count)
            .find(|index| answer.get(first + index * bytes..).is_some_and(|r| r.starts_with(&id.get().to_ne_bytes())))?,
    };
    (index < count).then_some(first + index * bytes)
}
