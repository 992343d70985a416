//! `dsmil doctor`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use clap::Args;
use dsmil::audit;
use dsmil::{BackendSpec, Error, PERMANENT, RunDir, SYSTEM_POLICY, load_policies, policy_files, stop_state};
use nix::unistd::{AccessFlags, Gid, Group, access, getegid, geteuid, getgroups};
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Answer;
use crate::table::{Cell, Page, Side, Table, Tone};
use crate::text::moment;

/// The group that the driver's node belongs to.
const GROUP: &str = "dsmil";
const RULE: &str = r#"KERNEL=="dsmil-72dev", GROUP="dsmil", MODE="0660""#;
const RULE_FOLDERS: [&str; 4] = ["/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d"];

/// Tell what is missing on this machine, and what to do about it
///
/// Exit status 1 if the device can't be used as things are. Warnings don't count.
#[derive(Debug, Args)]
pub(crate) struct Doctor;

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    /// It works without, or somebody should look at it.
    Warn,
    /// It doesn't work without.
    Missing,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Missing => "missing",
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Self::Ok => Tone::Good,
            Self::Warn => Tone::Warn,
            Self::Missing => Tone::Bad,
        }
    }
}

struct Finding {
    name: &'static str,
    level: Level,
    what: String,
    remedy: Option<String>,
}

fn ok(name: &'static str, what: impl Into<String>) -> Finding {
    Finding { name, level: Level::Ok, what: what.into(), remedy: None }
}

fn warn(name: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { name, level: Level::Warn, what: what.into(), remedy: Some(remedy.into()) }
}

fn missing(name: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { name, level: Level::Missing, what: what.into(), remedy: Some(remedy.into()) }
}

impl Doctor {
    #[allow(clippy::unused_self)] // like every command
    pub(crate) fn execute(&self, context: &Context) -> Answer {
        let findings = examine(context);
        let is_fit = findings.iter().all(|finding| finding.level != Level::Missing);
        let checks = findings.iter().map(|finding| {
            json!({ "name": finding.name, "level": finding.level.name(), "what": finding.what, "remedy": finding.remedy })
        });
        let document = json!({ "ok": is_fit, "checks": checks.collect::<Vec<_>>() });
        Answer::new(document, page(&findings, is_fit)).with_exit(if is_fit { Exit::Done } else { Exit::Failed })
    }
}

fn page(findings: &[Finding], is_fit: bool) -> Page {
    let mut table = Table::new([("check", Side::Left), ("", Side::Left), ("found", Side::Left)]);
    for finding in findings {
        table.row([finding.name.into(), Cell::new(finding.level.name(), finding.level.tone()), finding.what.as_str().into()]);
    }
    let mut page = Page::new();
    page.table(table);
    for finding in findings {
        if let Some(remedy) = &finding.remedy {
            page.line([Cell::new(finding.name, finding.level.tone()), format!(": {remedy}").into()]);
        }
    }
    page.line([if is_fit { "nothing is missing" } else { "the device can't be used as things are" }.into()]);
    page
}

fn examine(context: &Context) -> Vec<Finding> {
    let spec = context.spec();
    let real = matches!(spec, Ok(BackendSpec::Path(_)));
    let mut findings = vec![node(&spec)];
    if real {
        findings.extend([group(&spec), udev_rule(&spec)]);
    }
    let run = context.run_path().and_then(|path| RunDir::open(&path).map(|_| path));
    findings.push(run_directory(&run));
    findings.extend(policies(context));
    if let Ok(path) = &run {
        findings.extend([stop(path), isolations(context), audit_chain(path)]);
    }
    findings.push(driver(context));
    findings.extend([fuse(), fusermount()]);
    findings
}

/// The node itself: is it there, is it one, may this user use it.
fn node(spec: &Result<BackendSpec, Error>) -> Finding {
    const NAME: &str = "device";
    let path = match spec {
        Ok(BackendSpec::Path(path)) => path,
        Ok(other) => return ok(NAME, format!("{other}: no driver is needed")),
        Err(error) => return missing(NAME, error.to_string(), "correct --device or DSMIL_DEVICE"),
    };
    let shown = path.display();
    let state = match fs::metadata(path) {
        Ok(state) => state,
        Err(error) => {
            let remedy = "load the driver (modprobe dsmil-72dev), or use the simulated device: --device sim:";
            return missing(NAME, format!("{shown}: {error}"), remedy);
        }
    };
    if !state.file_type().is_char_device() && !state.is_file() {
        return missing(NAME, format!("{shown} is no device"), "name the driver's node, a served device, or sim:");
    }
    let kind = if state.is_file() { "a file, so a served device" } else { "a character device" };
    let facts = format!("{shown} is {kind}, mode {:04o}, group {}", state.mode() & 0o7777, group_name(state.gid()));
    if access(path, AccessFlags::R_OK | AccessFlags::W_OK).is_ok() {
        return ok(NAME, facts);
    }
    let remedy = format!("see the group and the udev rule; this user needs to read and write {shown}");
    missing(NAME, format!("{facts}; this user may not use it"), remedy)
}

/// The group through which ordinary users reach the node.
fn group(spec: &Result<BackendSpec, Error>) -> Finding {
    const NAME: &str = "group";
    let Ok(Some(group)) = Group::from_name(GROUP) else {
        let what = format!("there is no group {GROUP}");
        return lacking(spec, NAME, what, &format!("groupadd --system {GROUP}"));
    };
    let member = getegid() == group.gid || getgroups().is_ok_and(|gids| gids.contains(&group.gid));
    if member || geteuid().is_root() {
        return ok(NAME, format!("{GROUP} exists{}", if member { ", and this user is in it" } else { "; root needs no group" }));
    }
    let remedy = format!("usermod -aG {GROUP} USER, then log in again");
    lacking(spec, NAME, format!("this user is not in the group {GROUP}"), &remedy)
}

fn udev_rule(spec: &Result<BackendSpec, Error>) -> Finding {
    const NAME: &str = "udev rule";
    let found =
        RULE_FOLDERS.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().filter_map(Result::ok).find(|entry| {
            let is_rule = entry.path().extension().is_some_and(|extension| extension == "rules");
            is_rule && fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("dsmil"))
        });
    if let Some(entry) = found {
        return ok(NAME, entry.path().display().to_string());
    }
    let remedy = format!("echo '{RULE}' > /etc/udev/rules.d/70-dsmil.rules; udevadm control --reload; udevadm trigger");
    lacking(spec, NAME, "no rule gives the node to its group".to_owned(), &remedy)
}

/// Group and rule are a way to the node: where this user has the node already, their lack is a warning.
fn lacking(spec: &Result<BackendSpec, Error>, name: &'static str, what: String, remedy: &str) -> Finding {
    let usable = matches!(spec, Ok(BackendSpec::Path(path)) if access(path, AccessFlags::R_OK | AccessFlags::W_OK).is_ok());
    if usable || geteuid().is_root() { warn(name, what, remedy) } else { missing(name, what, remedy) }
}

fn run_directory(run: &Result<std::path::PathBuf, Error>) -> Finding {
    const NAME: &str = "run directory";
    match run {
        Ok(path) => ok(NAME, path.display().to_string()),
        Err(Error::RunDirectory { path, what, remedy }) => missing(NAME, format!("{}: {what}", path.display()), remedy.clone()),
        Err(error) => missing(NAME, error.to_string(), "name another with --run-dir or DSMIL_RUN_DIR"),
    }
}

fn policies(context: &Context) -> Vec<Finding> {
    const NAME: &str = "policy";
    let given = context.globals().policy.as_deref();
    let loaded = load_policies(given);
    let mut findings = Vec::new();
    for (path, must_exist) in policy_files(given) {
        let shown = path.display().to_string();
        let unusable = loaded.unusable().filter(|error| error.file == shown);
        findings.push(match (unusable, fs::metadata(&path)) {
            (Some(error), _) => missing(NAME, format!("everything is denied: {error}"), error.remedy.clone()),
            // Of several files that can't be used the library tells the first.
            (None, _) if loaded.unusable().is_some_and(|error| error.file == SYSTEM_POLICY) => {
                warn(NAME, format!("{shown}: not judged"), format!("put {SYSTEM_POLICY} right first"))
            }
            (None, Ok(state)) => {
                let rules = loaded.rules().iter().filter(|rule| rule.file == shown).count();
                ok(NAME, format!("{shown}: {rules} rules, mode {:04o}, owner {}", state.mode() & 0o7777, state.uid()))
            }
            (None, Err(_)) if !must_exist => ok(NAME, format!("{shown}: none, which is fine")),
            (None, Err(error)) => missing(NAME, format!("{shown}: {error}"), "write it, or name another one"),
        });
    }
    findings.push(ok("quarantine", format!("{} ids are denied for ever", PERMANENT.len())));
    findings
}

fn stop(run: &Path) -> Finding {
    const NAME: &str = "emergency stop";
    match stop_state(run) {
        Ok(None) => ok(NAME, "not pulled"),
        Ok(Some(record)) => {
            let what = format!("pulled at {}: {record}", moment(record.since_ms));
            missing(NAME, what, "once the reason is gone: dsmil stop --clear")
        }
        Err(error) => missing(NAME, error.to_string(), "see the run directory"),
    }
}

fn isolations(context: &Context) -> Finding {
    const NAME: &str = "isolations";
    match context.isolations().and_then(|isolations| isolations.active()) {
        Ok(active) => ok(NAME, format!("{} in force", active.len())),
        Err(error) => {
            missing(NAME, error.to_string(), "see that this user may read and write isolations.db; restore it if it is damaged")
        }
    }
}

fn audit_chain(run: &Path) -> Finding {
    const NAME: &str = "audit log";
    let log = run.join("audit");
    if !log.exists() {
        return ok(NAME, "nothing is written yet");
    }
    match audit::verify(log, None) {
        Ok(report) if report.is_clean() => ok(NAME, format!("{} records, the chain is sound", report.records)),
        Ok(report) => {
            let what = format!("{} findings in {} records", report.findings.len(), report.records);
            warn(NAME, what, "dsmil audit verify names each; keep a copy of the log before anything else")
        }
        Err(error) => warn(NAME, error.to_string(), "see that this user may read it"),
    }
}

/// Whether it answers, through the library and all its checks.
fn driver(context: &Context) -> Finding {
    const NAME: &str = "driver";
    match context.open().and_then(|device| device.version()) {
        Ok(version) => ok(NAME, format!("version {version} answers")),
        Err(Error::DryRun { .. }) => warn(NAME, "not asked: this is a dry run", "leave out --dry-run"),
        Err(Error::Open { what, remedy, .. }) => missing(NAME, what, remedy),
        Err(Error::RunDirectory { .. }) => missing(NAME, "not asked: there is no run directory", "see the run directory"),
        Err(Error::Stopped(_)) => missing(NAME, "not asked: the emergency stop is pulled", "see the emergency stop"),
        Err(error) => missing(NAME, error.to_string(), "dmesg may say more"),
    }
}

fn fuse() -> Finding {
    const NAME: &str = "/dev/fuse";
    let Ok(state) = fs::metadata(NAME) else {
        let remedy = "modprobe fuse, or give the container the device; sim: works without";
        return warn(NAME, "missing: `dsmil sim serve` doesn't work", remedy);
    };
    if access(NAME, AccessFlags::R_OK | AccessFlags::W_OK).is_ok() {
        return ok(NAME, "there");
    }
    let what = format!("this user may not open it (mode {:04o}): `dsmil sim serve` doesn't work", state.mode() & 0o7777);
    warn(NAME, what, "run it as root; sim: works without")
}

fn fusermount() -> Finding {
    const NAME: &str = "fusermount3";
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).map(|folder| folder.join("fusermount3")).find(|file| file.is_file()) {
        Some(file) => ok(NAME, file.display().to_string()),
        None if geteuid().is_root() => ok(NAME, "not there, and root doesn't need it"),
        None => warn(NAME, "missing: only root can use `dsmil sim serve`", "apt-get install fuse3; sim: works without"),
    }
}

fn group_name(gid: u32) -> String {
    Group::from_gid(Gid::from_raw(gid)).ok().flatten().map_or_else(|| gid.to_string(), |group| group.name)
}
