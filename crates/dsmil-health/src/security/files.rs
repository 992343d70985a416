//! Owners and modes of everything that decides something.

use std::path::{Path, PathBuf};

use dsmil_device::{BackendSpec, policy_files};

use crate::file_rule::Judged;
use crate::health::view::some_of;
use crate::{Check, CheckFn, Context, FileRule, Found, Kind};

/// `device-node-mode`: the device's node belongs to root or this user, and others can't use it.
pub(crate) struct DeviceNode;

impl CheckFn for DeviceNode {
    fn check(&self) -> Check {
        Check::new("device-node-mode", Kind::Security, 2.0)
    }

    fn run(&mut self, context: &Context<'_>, _now: i64) -> Found {
        let Some(spec) = context.device_spec else {
            return Found::could_not_run("no device is configured");
        };
        match node_of(spec) {
            Some(path) => judge(&[FileRule::device(path)]),
            None => Found::passed(format!("{spec} lives in this process: there is no node that others could use")),
        }
        .with("device", spec.to_string())
    }
}

fn node_of(spec: &BackendSpec) -> Option<&Path> {
    match spec {
        BackendSpec::Path(path) => Some(path),
        BackendSpec::Record { inner, .. } => node_of(inner),
        BackendSpec::Sim(_) | BackendSpec::Replay(_) => None,
    }
}

/// `run-directory-mode`: the run directory, the emergency stop, the isolations and the audit log.
pub(crate) struct RunDirectory;

impl CheckFn for RunDirectory {
    fn check(&self) -> Check {
        Check::new("run-directory-mode", Kind::Security, 2.0)
    }

    fn run(&mut self, context: &Context<'_>, _now: i64) -> Found {
        let within = |name: &str| context.run_dir.join(name);
        let audit = within("audit");
        let mut rules = vec![
            FileRule::run_directory(absolute(context.run_dir.clone())),
            FileRule::shared(within("control")),
            FileRule::shared_directory(&audit).optional(),
        ];
        for name in ["isolations.db", "isolations.db-wal", "isolations.db-shm"] {
            rules.push(FileRule::shared(within(name)).optional());
        }
        for name in ["audit.jsonl", "audit.head", "audit.lock"] {
            rules.push(FileRule::shared(audit.join(name)).optional());
        }
        judge(&rules)
    }
}

/// `policy-mode`: the policy files.
pub(crate) struct Policies;

impl CheckFn for Policies {
    fn check(&self) -> Check {
        Check::new("policy-mode", Kind::Security, 2.0)
    }

    fn run(&mut self, context: &Context<'_>, _now: i64) -> Found {
        let files = policy_files(context.policy_path());
        let rules = files.into_iter().map(|(path, must_exist)| {
            let rule = FileRule::readable(absolute(path));
            if must_exist { rule } else { rule.optional() }
        });
        judge(&rules.collect::<Vec<_>>())
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// `file-modes`: whatever else decides something: state directory, configuration, keys, and what the configuration lists.
pub(crate) struct Others {
    pub(crate) configured: Vec<FileRule>,
}

impl CheckFn for Others {
    fn check(&self) -> Check {
        Check::new("file-modes", Kind::Security, 2.0)
    }

    fn run(&mut self, context: &Context<'_>, _now: i64) -> Found {
        let rules: Vec<_> = context.files.iter().chain(&self.configured).cloned().collect();
        if rules.is_empty() {
            return Found::could_not_run("no file is named: list the configuration, keys and state directory in scores.files");
        }
        judge(&rules)
    }
}

/// The share of the files that are as they must be. One that can't be looked at is not.
fn judge(rules: &[FileRule]) -> Found {
    let (mut fine, mut wrong, mut missing, mut absent) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for rule in rules {
        match rule.judge() {
            Ok(Judged::Fine(how)) => fine.push(how),
            Ok(Judged::Absent) => absent.push(rule.path.display().to_string()),
            Ok(Judged::Wrong(why)) => wrong.push(why),
            Err(why) => missing.push(why),
        }
    }
    let all = fine.len() + wrong.len() + missing.len();
    let found = if all > 0 && missing.len() == all {
        Found::could_not_run(missing.join("; "))
    } else if wrong.is_empty() && missing.is_empty() {
        let nothing = if all == 0 { "; there is nothing that could be wrong" } else { "" };
        Found::passed(format!("{all} of {all} are as they must be{nothing}"))
    } else {
        let faults: Vec<_> = wrong.iter().chain(&missing).cloned().collect();
        Found::partly(
            fine.len() as f64 / all as f64,
            format!("{} of {all} are as they must be; {}", fine.len(), some_of(&faults)),
        )
    };
    found.with("fine", fine).with("wrong", wrong).with("missing", missing).with("absent", absent)
}
