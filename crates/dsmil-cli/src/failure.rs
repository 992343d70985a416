//! Why a command failed.

use std::io;
use std::path::PathBuf;

use dsmil::audit::AuditError;
use dsmil::sim::SimError;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::json::denied_fields;

/// Why a command failed. What it exits with is [`Exit`]'s to say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Between here and the device.
    #[error(transparent)]
    Device(#[from] dsmil::Error),
    /// The audit log could not be read.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The simulated device could not be served.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The monitor could not start, go on or answer.
    #[error(transparent)]
    Monitor(#[from] dsmil::monitor::MonitorError),
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// A gate file or a test file has faults.
    #[error(transparent)]
    Gates(#[from] dsmil::gate::FileError),
    /// A file that a command was given can't be used.
    #[error("{text}")]
    File {
        /// Which, where, why, and what to do.
        text: String,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Standard output could not be written; not: that its reader had enough.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

impl Failure {
    /// The stable name.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Device(error) => error.kind(),
            Self::Audit(_) => "audit",
            Self::Sim(_) => "sim",
            Self::Monitor(error) => error.kind(),
            Self::Gates(_) => "gates",
            Self::File { .. } => "file",
            Self::Usage(_) => "usage",
            Self::Write { .. } | Self::Output(_) => "write",
        }
    }

    /// `{"error": …}`, always with the same keys.
    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({
            "kind": self.kind(),
            "message": self.to_string(),
            "status": Exit::of(self).code(),
            "id": null, "errno": null, "fault": null, "rule": null, "explicit": null, "request": null,
        });
        if let Self::Device(device) = self {
            error["id"] = json!(device.id().map(|id| id.to_string()));
            error["errno"] = json!(device.errno().map(|errno| format!("{errno:?}")));
            error["fault"] = json!(device.fault().map(|fault| fault.name()));
            error["request"] = json!(request(device));
            if let dsmil::Error::Denied { denied, .. } = device {
                let (rule, explicit) = denied_fields(denied);
                error["rule"] = json!(rule);
                error["explicit"] = json!(explicit);
            }
        }
        json!({ "error": error })
    }
}

fn request(error: &dsmil::Error) -> Option<&'static str> {
    match error {
        dsmil::Error::Request { request, .. }
        | dsmil::Error::Vanished { request, .. }
        | dsmil::Error::Unsupported { request } => Some(request.name()),
        _ => None,
    }
}
