//! Reading policy files. Whatever keeps one from being used denies everything.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use dsmil_quarantine::{Policy, PolicyError, Quarantine};

/// The machine's policy, used by every program if it exists.
pub const SYSTEM_POLICY: &str = "/etc/dsmil/policy.toml";
/// The environment variable that names one more policy.
pub const POLICY_VARIABLE: &str = "DSMIL_POLICY";

/// A policy may have a rule for every id, and no more than this.
const MAX_BYTES: u64 = 4 << 20;

/// The quarantine that the policies make, in this order: `/etc/dsmil/policy.toml` if it exists, then
/// the file given, or else the one that `DSMIL_POLICY` names. All of them hold, since each can only
/// add; a file that is named and can't be used, for whatever reason, denies everything.
pub fn load_policies(given: Option<&Path>) -> Quarantine {
    let mut quarantine = Quarantine::new();
    for (path, must_exist) in policy_files(given) {
        quarantine = match load(&path) {
            Ok(policy) => quarantine.with_policy(policy),
            Err(Failure::Missing) if !must_exist => quarantine,
            Err(failure) => quarantine.with_unusable_policy(failure.into_error(&path)),
        };
    }
    quarantine
}

/// The policy files that are looked at, in order, and whether each must exist.
pub fn policy_files(given: Option<&Path>) -> Vec<(PathBuf, bool)> {
    let named = || std::env::var_os(POLICY_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let mut files = vec![(PathBuf::from(SYSTEM_POLICY), false)];
    files.extend(given.map(Path::to_owned).or_else(named).map(|path| (path, true)));
    files
}

enum Failure {
    Missing,
    Io(io::Error),
    Untrusted(String, String),
    Policy(PolicyError),
}

impl Failure {
    fn into_error(self, path: &Path) -> PolicyError {
        let (what, remedy) = match self {
            Self::Policy(error) => return error,
            Self::Missing => ("there is no such file".to_owned(), "write it, or name another one".to_owned()),
            Self::Io(error) => (error.to_string(), "see that this user may read it".to_owned()),
            Self::Untrusted(what, remedy) => (what, remedy),
        };
        PolicyError { file: path.display().to_string(), position: None, key: None, what, remedy }
    }
}

fn load(path: &Path) -> Result<Policy, Failure> {
    // O_NONBLOCK: a pipe in the place of the file must not hold the caller.
    let file =
        OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::Missing,
            _ => Failure::Io(error),
        })?;
    check_owner_and_mode(&file, path)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Failure::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::Untrusted(format!("it is longer than {MAX_BYTES} bytes"), "write ranges, and no id twice".into()));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| Failure::Untrusted(format!("it is not UTF-8 text: {error}"), "save it as UTF-8".into()))?;
    Policy::parse(&text, &path.display().to_string()).map_err(Failure::Policy)
}

fn check_owner_and_mode(file: &File, path: &Path) -> Result<(), Failure> {
    let state = file.metadata().map_err(Failure::Io)?;
    let me = nix::unistd::geteuid().as_raw();
    if !state.is_file() {
        return Err(Failure::Untrusted("it is not a regular file".into(), "name a file".into()));
    }
    if state.uid() != 0 && state.uid() != me {
        let what = format!("it belongs to user {}, who is neither root nor user {me}", state.uid());
        return Err(Failure::Untrusted(what, "chown it to root".into()));
    }
    if state.mode() & 0o022 != 0 {
        let what = format!("others than its owner may write to it (mode {:04o})", state.mode() & 0o7777);
        return Err(Failure::Untrusted(what, format!("chmod go-w {}", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mode = fs::metadata(folder).map_err(Failure::Io)?.mode();
    if mode & 0o002 != 0 && mode & 0o1000 == 0 {
        let what = format!("everybody may replace it: its folder has mode {:04o}", mode & 0o7777);
        return Err(Failure::Untrusted(what, format!("chmod o-w {}", folder.display())));
    }
    Ok(())
}
