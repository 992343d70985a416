//! The checks of security. Each looks at the machine itself.

pub(crate) mod audit_chain;
mod files;
mod policy;
mod quarantine;
mod stop;

pub use audit_chain::AuditAnchor;

use crate::{CheckFn, Context, ScoresConfig};

/// That the control page is there. To be asked before the run directory is opened, which would make it: a check makes nothing,
/// and a page that was removed must not come back as one that was never pulled.
fn control_page_is_there(context: &Context<'_>) -> Result<(), String> {
    let page = context.run_dir.join("control");
    let missing = |error| format!("{}: {error}; the first program that opens a device makes it", page.display());
    std::fs::symlink_metadata(&page).map(drop).map_err(missing)
}

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
