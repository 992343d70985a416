//! Which of the eleven requests a driver has. Told apart by asking: a driver answers ENOTTY to what it
//! doesn't know. No device is touched but one that the quarantine clears.

use std::fmt;

use dsmil_protocol::{CHUNK_BYTES, DISCOVERY_BYTES, RequestCode};
use dsmil_quarantine::{Cleared, Request};
use nix::errno::Errno;

use crate::Error;
use crate::door::{Door, Place};

/// What the driver made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// It works.
    Works,
    /// The driver knows it and refused it: firmware with a 272-byte limit refuses SCAN_DEVICES.
    Refused(Errno),
    /// The driver doesn't know it (ENOTTY).
    Missing,
    /// It was not asked: no device is cleared, or the request before it failed.
    NotAsked,
}

impl fmt::Display for ProbeOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("works"),
            Self::Refused(errno) => write!(f, "refused ({errno:?})"),
            Self::Missing => f.write_str("missing"),
            Self::NotAsked => f.write_str("not asked"),
        }
    }
}

/// What a probe found, in the order of the requests' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Each request with its outcome.
    pub outcomes: [(RequestCode, ProbeOutcome); RequestCode::ALL.len()],
}

impl Probe {
    /// What was found of one request.
    pub fn get(&self, request: RequestCode) -> ProbeOutcome {
        self.outcomes[usize::from(request.number()) - 1].1
    }

    /// Whether the chunked requests, 6 to 11, all work.
    pub fn is_chunked(&self) -> bool {
        self.outcomes[5..].iter().all(|(_, outcome)| *outcome == ProbeOutcome::Works)
    }
}

impl Door {
    /// Asks for everything once. The caller holds the turn.
    pub(crate) fn probe(&mut self, cleared: Option<&Cleared>) -> Result<Probe, Error> {
        let mut outcomes = RequestCode::ALL.map(|request| (request, ProbeOutcome::NotAsked));
        let mut plan: Vec<Request> = vec![
            Request::GET_VERSION,
            Request::GET_STATUS,
            Request::SCAN_DEVICES,
            Request::GET_THERMAL,
            Request::SCAN_START,
            Request::SCAN_CHUNK,
            Request::SCAN_COMPLETE,
        ];
        if let Some(cleared) = cleared {
            plan.push(Request::read_device(cleared));
            plan.extend([Request::read_start(cleared), Request::read_chunk(cleared), Request::read_complete(cleared)]);
        }
        let mut buffer = [0; DISCOVERY_BYTES];
        for request in &plan {
            // Without a session of ours a READ_CHUNK might touch the device of somebody else's.
            let needs_start = matches!(request.code(), RequestCode::ReadChunk | RequestCode::ReadComplete);
            let started = outcomes[usize::from(RequestCode::ReadStart.number()) - 1].1 == ProbeOutcome::Works;
            if !needs_start || started {
                let outcome = self.probe_one(request, &mut buffer[..request.code().size()])?;
                outcomes[usize::from(request.code().number()) - 1].1 = outcome;
            }
        }
        Ok(Probe { outcomes })
    }

    fn probe_one(&mut self, request: &Request, argument: &mut [u8]) -> Result<ProbeOutcome, Error> {
        match self.ask(request, argument, Place::default()) {
            Ok(()) => Ok(ProbeOutcome::Works),
            Err(Error::Unsupported { .. }) => Ok(ProbeOutcome::Missing),
            Err(Error::Request { errno, .. }) => Ok(ProbeOutcome::Refused(errno)),
            Err(error) => Err(error),
        }
    }
}

const _: () = assert!(DISCOVERY_BYTES >= CHUNK_BYTES, "the probe's buffer holds the largest argument");
