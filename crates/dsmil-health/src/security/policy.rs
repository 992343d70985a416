//! Whether the rules that are in force are those that should be.

use dsmil_device::{RunDir, current_quarantine, load_policies, policy_files};
use dsmil_protocol::{DeviceId, PERMANENT};
use dsmil_quarantine::{Grounds, Operation, Quarantine};

use crate::{Check, CheckFn, Context, Found, Kind};

/// Every id that anybody could deny or allow: those served, and the seven.
fn every_id() -> impl Iterator<Item = DeviceId> {
    let beyond = PERMANENT.iter().map(|permanent| permanent.id).filter(|id| !id.is_served());
    DeviceId::served().chain(beyond)
}

fn clock(now: i64) -> u64 {
    u64::try_from(now).unwrap_or(0)
}

/// `rules-in-force`: the open device denies the seven, and everything that the policies and isolations deny now. A device
/// that was opened before a policy was changed goes on with the old one.
pub(crate) struct InForce;

impl CheckFn for InForce {
    fn check(&self) -> Check {
        Check::new("rules-in-force", Kind::Security, 3.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let device = match context.open_device().and_then(|device| super::control_page_is_there(context).map(|()| device)) {
            Ok(device) => device,
            Err(why) => return Found::could_not_run(why),
        };
        let run = match RunDir::open(&context.run_dir) {
            Ok(run) => run,
            Err(error) => return Found::could_not_run(error.to_string()).with("error", error.kind()),
        };
        let wanted = current_quarantine(&run, context.policy_path());
        let mut denied = 0_usize;
        for id in every_id() {
            for operation in Operation::ALL {
                let allowed = match device.check(id, operation) {
                    Ok(answer) => answer.is_ok(),
                    Err(error) => return Found::could_not_run(error.to_string()).with("error", error.kind()),
                };
                let Err(reason) = wanted.clear(id, operation, clock(now)) else { continue };
                if allowed {
                    let text = format!("the open device would {operation} {id}, which is denied: {reason}; open the device anew");
                    return Found::failed(text).with("allowed", id.to_string());
                }
                denied += usize::from(operation == Operation::Read);
            }
        }
        if let Some(error) = wanted.unusable() {
            return Found::failed(format!("everything is denied: {error}"));
        }
        let isolations = wanted.isolations().len();
        let text =
            format!("the open device denies the seven and all else that is denied: {denied} ids, {isolations} of them isolated");
        Found::passed(text).with("denied", denied).with("isolated", isolations).with("rules", wanted.rules().len())
    }
}

/// `policy-verified`: every policy file can be used, and the files together only add to the seven.
pub(crate) struct Verified;

impl CheckFn for Verified {
    fn check(&self) -> Check {
        Check::new("policy-verified", Kind::Security, 2.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let loaded = load_policies(context.policy_path());
        let files: Vec<_> = policy_files(context.policy_path()).iter().map(|(path, _)| path.display().to_string()).collect();
        if let Some(error) = loaded.unusable() {
            return Found::failed(format!("everything is denied: {error}")).with("files", files);
        }
        let before = Quarantine::new();
        for id in every_id() {
            for operation in Operation::ALL {
                let was_denied = before.clear(id, operation, clock(now)).is_err();
                let grounds = loaded.clear(id, operation, clock(now)).err().map(|denied| denied.grounds.clone());
                let holds =
                    if id.is_permanent() { matches!(grounds, Some(Grounds::Permanent { .. })) } else { grounds.is_some() };
                if was_denied && !holds {
                    return Found::failed(format!("{id} is no longer denied with the policies: a fault of the program"));
                }
            }
        }
        let rules = loaded.rules().len();
        let used = loaded.rules().iter().map(|rule| &rule.file).collect::<std::collections::BTreeSet<_>>().len();
        let text = match rules {
            0 => "no policy adds to the seven; they are denied".to_owned(),
            _ => format!("{rules} rules of {used} files add to the seven, and take nothing away"),
        };
        Found::passed(text).with("rules", rules).with("files", files)
    }
}
