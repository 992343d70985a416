//! The checks of security. Each looks at the machine itself.

pub(crate) mod audit_chain;
mod files;
mod policy;
mod quarantine;
mod stop;

pub use audit_chain::AuditAnchor;

use crate::{CheckFn, ScoresConfig};

pub(crate) fn checks(config: &ScoresConfig, audit: audit_chain::AuditChain) -> Vec<Box<dyn CheckFn>> {
    vec![
        Box::new(quarantine::Enforced),
        Box::new(policy::InForce),
        Box::new(policy::Verified),
        Box::new(audit),
        Box::new(stop::Readable),
        Box::new(files::DeviceNode),
        Box::new(files::RunDirectory),
        Box::new(files::Policies),
        Box::new(files::Others { configured: config.files.clone() }),
    ]
}
