//! Carries a case out and holds what came of it against what the case expects.

use std::collections::BTreeMap;
use std::fmt::Debug;

use dsmil::{
    Device, DeviceId, DeviceRecord, Error, Probe, ProbeOutcome, RequestCode, Scan, SystemStatus, TransferError, Version,
};
use sha2::{Digest, Sha256};

use crate::case::{Case, Expect, Op, RecordExpect, StatusExpect};
use crate::stand::{Counted, Place, Stand};

/// What an operation came to.
enum Outcome {
    Version(Version),
    Status(SystemStatus),
    Thermal(i32),
    Scan(Scan),
    Info(DeviceRecord),
    Read(Vec<u8>),
    Probe(Box<Probe>),
}

/// Everything that did not hold, as lines of text.
struct Mismatches {
    lines: Vec<String>,
    context: String,
}

impl Mismatches {
    fn same<T: PartialEq + Debug>(&mut self, key: &str, expected: Option<T>, got: Option<T>) {
        let Some(wanted) = expected else { return };
        if got.as_ref() != Some(&wanted) {
            let got = got.map_or_else(|| "nothing".to_owned(), |got| format!("{got:?}"));
            self.wrong(key, &format!("expected {wanted:?}, got {got}"));
        }
    }

    fn wrong(&mut self, key: &str, what: &str) {
        self.lines.push(format!("{}: {key}: {what}", self.context));
    }
}

/// Carries a case out in one place; the lines say what did not hold.
pub(crate) fn run(file: &str, case: &Case, place: Place) -> Vec<String> {
    let mut found = Mismatches { lines: Vec::new(), context: format!("{file}: {:?} ({place:?})", case.name) };
    let stand = Stand::set_up(case, place);
    let (result, before) = match stand.open(case) {
        Ok(device) => {
            stand.prepare(case);
            let before = stand.counted();
            (repeat(case, &device), before.requests)
        }
        Err(error) => (Err(error), BTreeMap::new()),
    };
    let expect = &case.expect;
    if result.is_ok() != expect.ok {
        let got = result.as_ref().err().map_or_else(|| "success".to_owned(), |error| format!("{}: {error}", error.kind()));
        found.wrong("ok", &format!("expected {}, got {got}", expect.ok));
    }
    if result.as_ref().err().is_some_and(|error| error.to_string().is_empty()) {
        found.wrong("error", "it says nothing");
    }
    failure(&mut found, expect, result.as_ref().err(), &stand);
    success(&mut found, case, result.as_ref().ok());
    asked(&mut found, case, &before, &stand.counted());
    found.lines
}

fn repeat(case: &Case, device: &Device) -> Result<Outcome, Error> {
    for _ in 1..case.repeat {
        let _ = once(case, device);
    }
    once(case, device)
}

fn once(case: &Case, device: &Device) -> Result<Outcome, Error> {
    let id = || DeviceId::new(case.id.expect("info and read need an id"));
    Ok(match case.op {
        Op::Version => Outcome::Version(device.version()?),
        Op::Status => Outcome::Status(device.status()?),
        Op::Thermal => Outcome::Thermal(device.thermal()?),
        Op::Scan => Outcome::Scan(device.scan()?),
        Op::Info => Outcome::Info(device.info(id())?),
        Op::Read => Outcome::Read(device.read(id())?),
        Op::Probe => Outcome::Probe(Box::new(device.probe()?)),
    })
}

fn failure(found: &mut Mismatches, expect: &Expect, error: Option<&Error>, stand: &Stand) {
    found.same("error", expect.error.clone(), error.map(|error| error.kind().to_owned()));
    found.same("errno", expect.errno.clone(), error.and_then(Error::errno).map(|errno| format!("{errno:?}")));
    found.same("fault", expect.fault.clone(), error.and_then(Error::fault).map(|fault| fault.name().to_owned()));
    let denied = match error {
        Some(Error::Denied { denied, unrecorded }) => {
            if let Some(why) = unrecorded {
                found.wrong("audit", why);
            }
            Some(denied)
        }
        _ => None,
    };
    let key = expect.key.as_ref().map(|key| key.replace("{policy}", &stand.policy().display().to_string()));
    found.same("key", key, denied.map(|denied| denied.key()));
    found.same("explicit", expect.explicit, denied.map(|denied| denied.is_explicit()));
    let (place, state, interrupted) = match error {
        Some(Error::Protocol { source: TransferError { chunk, bytes_done, .. }, .. }) => {
            (Some((*chunk, *bytes_done)), None, None)
        }
        Some(Error::Request { chunk, bytes_done, state, .. }) => (chunk.map(|chunk| (chunk, *bytes_done)), *state, None),
        Some(Error::Deadline { interrupted, .. }) => (None, None, Some(*interrupted)),
        _ => (None, None, None),
    };
    found.same("chunk", expect.chunk, place.map(|place| place.0));
    found.same("bytes_done", expect.bytes_done, place.map(|place| place.1));
    found.same("state", expect.state, state.map(dsmil::State::number));
    found.same("interrupted", expect.interrupted, interrupted);
}

fn success(found: &mut Mismatches, case: &Case, outcome: Option<&Outcome>) {
    let expect = &case.expect;
    let (mut version, mut celsius, mut records, mut bytes) = (None, None, None, None);
    let (mut record, mut status, mut probe) = (None, None, None);
    match outcome {
        Some(Outcome::Version(got)) => version = Some(got.0),
        Some(Outcome::Thermal(got)) => celsius = Some(*got),
        Some(Outcome::Status(got)) => status = Some(got),
        Some(Outcome::Info(got)) => record = Some(got),
        Some(Outcome::Read(got)) => bytes = Some(got),
        Some(Outcome::Probe(got)) => probe = Some(got),
        Some(Outcome::Scan(got)) => {
            records = Some(got.records.len());
            record = case.id.and_then(|id| got.get(DeviceId::new(id)));
        }
        None => {}
    }
    found.same("version", expect.version, version);
    found.same("records", expect.records, records);
    found.same("length", expect.length, bytes.map(Vec::len));
    found.same("sha256", expect.sha256.clone(), bytes.map(|bytes| hex(&Sha256::digest(bytes))));
    if let Some([low, high]) = expect.celsius
        && !celsius.is_some_and(|celsius| (low..=high).contains(&celsius))
    {
        found.wrong("celsius", &format!("expected {low} to {high}, got {celsius:?}"));
    }
    if let Some(expect) = &expect.record {
        check_record(found, expect, record);
    }
    if let Some(expect) = &expect.status {
        check_status(found, expect, status);
    }
    for (name, expected) in &expect.probe {
        let request = request(found, "probe", name);
        let got = request.zip(probe).map(|(request, probe)| outcome_name(probe.get(request)));
        found.same(&format!("probe.{name}"), Some(expected.as_str()), got);
    }
}

fn check_record(found: &mut Mismatches, expect: &RecordExpect, got: Option<&DeviceRecord>) {
    if got.is_none() {
        return found.wrong("record", "there is none");
    }
    found.same("record.state", expect.state, got.map(|record| record.state.number()));
    found.same("record.access", expect.access, got.map(|record| record.access.number()));
    found.same("record.is_quarantined", expect.is_quarantined, got.map(|record| record.is_quarantined));
    found.same("record.has_response", expect.has_response, got.map(|record| record.last_response.is_some()));
    found.same("record.has_thermal", expect.has_thermal, got.map(|record| record.thermal_celsius.is_some()));
}

fn check_status(found: &mut Mismatches, expect: &StatusExpect, got: Option<&SystemStatus>) {
    if got.is_none() {
        return found.wrong("status", "there is none");
    }
    found.same("status.safe_device_count", expect.safe_device_count, got.map(|status| status.safe_device_count));
    found.same("status.quarantined_count", expect.quarantined_count, got.map(|status| status.quarantined_count));
    found.same("status.kernel_module_loaded", expect.kernel_module_loaded, got.map(|status| status.kernel_module_loaded));
    found.same("status.thermal_safe", expect.thermal_safe, got.map(|status| status.thermal_safe));
}

fn asked(found: &mut Mismatches, case: &Case, before: &BTreeMap<String, u64>, after: &Counted) {
    for (name, expected) in &case.expect.asked {
        if request(found, "asked", name).is_some() {
            let got = after.requests.get(name).map(|count| count - before.get(name).unwrap_or(&0));
            found.same(&format!("asked.{name}"), Some(*expected), got);
        }
    }
    match (case.expect.accesses, case.id) {
        (Some(_), None) => found.wrong("accesses", "the case has no id"),
        (expected, id) => found.same("accesses", expected, id.map(|id| after.accesses(id))),
    }
}

fn request(found: &mut Mismatches, key: &str, name: &str) -> Option<RequestCode> {
    let request = RequestCode::ALL.into_iter().find(|request| request.name() == name);
    if request.is_none() {
        found.wrong(key, &format!("{name} is no request"));
    }
    request
}

fn outcome_name(outcome: ProbeOutcome) -> &'static str {
    match outcome {
        ProbeOutcome::Works => "works",
        ProbeOutcome::Refused(_) => "refused",
        ProbeOutcome::Missing => "missing",
        ProbeOutcome::NotAsked => "not-asked",
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
