//! Which requests a driver has.

use dsmil::ProbeOutcome;

use crate::call::call;
use crate::device::{device, dsmil_device};
use crate::pointer::Out;
use crate::record::DSMIL_REQUEST_COUNT;
use crate::status::dsmil_status;

/// What the driver made of a request.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dsmil_outcome {
    /// It works.
    DSMIL_OUTCOME_WORKS = 0,
    /// The driver knows it and refused it.
    DSMIL_OUTCOME_REFUSED = 1,
    /// The driver doesn't know it.
    DSMIL_OUTCOME_MISSING = 2,
    /// It was not asked: no device is cleared, or the request before it failed.
    DSMIL_OUTCOME_NOT_ASKED = 3,
}

/// What was found of one request.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_probe_entry {
    /// The request's number, one of dsmil_request.
    pub request: i32,
    /// What the driver made of it.
    pub outcome: dsmil_outcome,
    /// The errno of a refusal; 0 otherwise.
    pub os_error: i32,
}

/// What a probe found.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_probe {
    /// Each request, in the order of their numbers: request N is at N - 1.
    pub entries: [dsmil_probe_entry; DSMIL_REQUEST_COUNT],
    /// Whether the chunked requests, 6 to 11, all work.
    pub is_chunked: bool,
}

/// Asks for each of the eleven requests once. No device is touched but one that the quarantine clears.
///
/// Blocks for at most the transfer's deadline, and twice the turn's time-out for other threads and processes. Threads
/// may share. Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, 3xx, _VANISHED, 6xx.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_probe(device: *const dsmil_device, probe: *mut dsmil_probe) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(probe, "probe") }?;
        // SAFETY: the header asks for NULL or a live device.
        let found = unsafe { self::device(device) }?.probe()?;
        let entries = found.outcomes.map(|(request, outcome)| {
            let (outcome, os_error) = match outcome {
                ProbeOutcome::Works => (dsmil_outcome::DSMIL_OUTCOME_WORKS, 0),
                ProbeOutcome::Refused(errno) => (dsmil_outcome::DSMIL_OUTCOME_REFUSED, errno as i32),
                ProbeOutcome::Missing => (dsmil_outcome::DSMIL_OUTCOME_MISSING, 0),
                ProbeOutcome::NotAsked => (dsmil_outcome::DSMIL_OUTCOME_NOT_ASKED, 0),
            };
            dsmil_probe_entry { request: i32::from(request.number()), outcome, os_error }
        });
        out.set(dsmil_probe { entries, is_chunked: found.is_chunked() });
        Ok(())
    })
}
