//! What the driver was asked, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use dsmil_protocol::{DeviceId, PERMANENT, RequestCode};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

/// How often one id was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdCounter {
    /// READ_DEVICE requests that named it.
    pub read_device: u64,
    /// READ_START requests that named it.
    pub read_start: u64,
    /// READ_CHUNK requests that were made while its session was open.
    pub read_chunk: u64,
}

impl IdCounter {
    /// All three together.
    pub const fn total(&self) -> u64 {
        self.read_device + self.read_start + self.read_chunk
    }
}

/// What the driver was asked since it was made, refused or not. An id is counted whether the driver
/// serves it or not: 0x8100 and 0x8101 too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    requests: [u64; RequestCode::ALL.len()],
    unknown: u64,
    opens: u64,
    ids: BTreeMap<DeviceId, IdCounter>,
    last: Duration,
}

impl Counters {
    /// How many requests were made, of all kinds. It only grows: two equal readings with time between
    /// them mean that nothing was asked in that time.
    pub fn sequence(&self) -> u64 {
        self.requests.iter().sum::<u64>() + self.unknown
    }

    /// How often one request was made.
    pub const fn requests(&self, request: RequestCode) -> u64 {
        self.requests[request.number() as usize - 1]
    }

    /// How many requests had a code that the driver does not know.
    pub const fn unknown(&self) -> u64 {
        self.unknown
    }

    /// How often the device was opened, or tried.
    pub const fn opens(&self) -> u64 {
        self.opens
    }

    /// What was asked of one id.
    pub fn id(&self, id: DeviceId) -> IdCounter {
        self.ids.get(&id).copied().unwrap_or_default()
    }

    /// The ids that were named at least once, in ascending order.
    pub fn ids(&self) -> impl Iterator<Item = (DeviceId, IdCounter)> + '_ {
        self.ids.iter().map(|(id, counter)| (*id, *counter))
    }

    /// All that was asked of the seven permanent ids. It must be 0.
    pub fn permanent(&self) -> u64 {
        PERMANENT.iter().map(|entry| self.id(entry.id).total()).sum()
    }

    /// When the last request was made, on the clock that the model is given; zero before the first.
    pub const fn last_request(&self) -> Duration {
        self.last
    }

    pub(crate) const fn count_open(&mut self) {
        self.opens += 1;
    }

    pub(crate) const fn count_unknown(&mut self, now: Duration) {
        self.unknown += 1;
        self.last = now;
    }

    pub(crate) const fn count(&mut self, now: Duration, request: RequestCode) {
        self.requests[request.number() as usize - 1] += 1;
        self.last = now;
    }

    pub(crate) fn id_mut(&mut self, id: DeviceId) -> &mut IdCounter {
        self.ids.entry(id).or_default()
    }
}

/// `{"sequence", "last_request_ms", "last_request_us", "opens", "permanent", "requests": {"SCAN_START": 1, …,
/// "unknown": 0}, "ids": {"0x8003": {"read_device", "read_start", "read_chunk", "total"}, …}}`
impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Counters", 7)?;
        out.serialize_field("sequence", &self.sequence())?;
        out.serialize_field("last_request_ms", &(self.last.as_millis() as u64))?;
        out.serialize_field("last_request_us", &(self.last.as_micros() as u64))?;
        out.serialize_field("opens", &self.opens)?;
        out.serialize_field("permanent", &self.permanent())?;
        out.serialize_field("requests", &Requests(self))?;
        out.serialize_field("ids", &Ids(self))?;
        out.end()
    }
}

struct Requests<'a>(&'a Counters);

impl Serialize for Requests<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(RequestCode::ALL.len() + 1))?;
        for request in RequestCode::ALL {
            map.serialize_entry(request.name(), &self.0.requests(request))?;
        }
        map.serialize_entry("unknown", &self.0.unknown)?;
        map.end()
    }
}

struct Ids<'a>(&'a Counters);

impl Serialize for Ids<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.ids().map(|(id, counter)| (id.to_string(), counter)))
    }
}

impl Serialize for IdCounter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("IdCounter", 4)?;
        out.serialize_field("read_device", &self.read_device)?;
        out.serialize_field("read_start", &self.read_start)?;
        out.serialize_field("read_chunk", &self.read_chunk)?;
        out.serialize_field("total", &self.total())?;
        out.end()
    }
}

impl Counters {
    /// The counters as one line of JSON: see [the fields](#impl-Serialize-for-Counters).
    pub fn to_json(&self) -> String {
        // Maps with text for keys and numbers for values always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}
