//! Whether the quarantine holds: the library's self-check.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dsmil_device::{Device, SelfCheck};
use nix::unistd::geteuid;

use crate::{Check, CheckFn, Context, Found, Kind};

/// `quarantine-enforced`: asks the library for each of the seven, on a simulated driver that counts every access, and shows that
/// it would have counted one.
///
/// It has a run directory of its own, for the moment: the fourteen denials of each run are no attempts, and would bury the real
/// ones in the audit log; and neither an isolation nor an emergency stop shall do the quarantine's work for it.
pub(crate) struct Enforced;

impl CheckFn for Enforced {
    fn check(&self) -> Check {
        Check::new("quarantine-enforced", Kind::Security, 4.0)
    }

    fn run(&mut self, context: &Context<'_>, _now: i64) -> Found {
        let parent = context.scratch.clone().unwrap_or_else(std::env::temp_dir);
        let place = match Scratch::make(&parent) {
            Ok(place) => place,
            Err(error) => {
                let place = parent.display();
                return Found::could_not_run(format!("no directory for the self-check could be made in {place}: {error}"));
            }
        };
        let mut options = Device::options().run_dir(&place.0);
        if let Some(policy) = context.policy_path() {
            options = options.policy(policy);
        }
        match SelfCheck::run(options) {
            Ok(result) => judge(&result),
            Err(error) => Found::could_not_run(format!("the self-check could not end: {error}")).with("error", error.kind()),
        }
    }
}

/// All or nothing: six of seven is no quarantine.
fn judge(result: &SelfCheck) -> Found {
    let (enforced, all) = (result.enforced(), dsmil_protocol::PERMANENT.len());
    let open: Vec<_> = result.entries.iter().filter(|entry| !entry.is_enforced()).map(|entry| entry.id.to_string()).collect();
    let text = format!("{enforced} of {all} enforced, proven on a simulated driver that counts every access");
    let found =
        if result.is_ok() { Found::passed(text) } else { Found::failed(format!("{text}; not enforced: {}", open.join(", "))) };
    found.with("enforced", enforced).with("not_enforced", open)
}

/// A directory that is gone again when this is dropped.
struct Scratch(PathBuf);

const PREFIX: &str = ".dsmil-self-check.";
/// What a killed program left behind is removed when it is as old as this.
const ABANDONED: Duration = Duration::from_hours(1);

impl Scratch {
    fn make(parent: &Path) -> io::Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        remove_abandoned(parent);
        loop {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{PREFIX}{}.{number}", std::process::id()));
            // `create` fails where something is already, a link too: nobody can have prepared it.
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 10_000 => {}
                other => return other.map(|()| Self(path)),
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes what a killed program of this user left. What can't be removed stays: it is small.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.filter_map(Result::ok) {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let ours = entry.metadata().ok().filter(|state| state.is_dir() && state.uid() == geteuid().as_raw());
        let age = ours.and_then(|state| state.modified().ok()).and_then(|made| made.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use dsmil_device::SelfCheckEntry;
    use dsmil_protocol::PERMANENT;

    use super::*;

    #[test]
    fn one_that_is_not_enforced_is_enough_to_fail() {
        let entry = |id| SelfCheckEntry { id, what: "", denied: true, accesses: 0, control: 1 };
        let good: Vec<_> = PERMANENT.iter().map(|permanent| entry(permanent.id)).collect();
        assert!(judge(&SelfCheck { entries: good.clone() }).share() >= 1.0);
        for spoil in [
            |entry: &mut SelfCheckEntry| entry.denied = false,
            |entry: &mut SelfCheckEntry| entry.accesses = 1,
            |entry: &mut SelfCheckEntry| entry.control = 0,
        ] {
            let mut bad = good.clone();
            spoil(&mut bad[3]);
            let found = judge(&SelfCheck { entries: bad });
            assert_eq!((found.outcome().name(), found.share() > 0.0), ("failed", false));
            assert!(found.evidence().text.starts_with("6 of 7 enforced"), "{}", found.evidence().text);
            assert!(found.evidence().text.ends_with(&PERMANENT[3].id.to_string()));
        }
        assert!(judge(&SelfCheck { entries: Vec::new() }).share() <= 0.0);
    }
}
