//! The keys: who may ask for what.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::Error;

const MAX_BYTES: u64 = 64 * 1024;
const MAX_KEYS: usize = 256;
/// The longest key that is looked at; what is longer is wrong.
const MAX_KEY_BYTES: usize = 512;

/// What a key is good for. Each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `/metrics`, and nothing else.
    Metrics,
    /// Everything that changes nothing.
    Read,
    /// Acknowledge and silence alerts too.
    Operate,
}

impl Role {
    /// Its name in the keys file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Read => "read",
            Self::Operate => "operate",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Metrics, Self::Read, Self::Operate].into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The keys of a file, as hashes: the keys themselves are nowhere but with who uses them.
///
/// The file is TOML, belongs to the user that the monitor runs as (or to root) and has mode 0600:
///
/// ```toml
/// [[key]]
/// name = "grafana"
/// role = "read"        # metrics, read or operate
/// sha256 = "e3b0c442…" # 64 digits, as `generate_key` or `sha256sum` gives them
/// ```
#[derive(Clone, Debug)]
pub struct Keys(Vec<Entry>);

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) role: Role,
    digest: [u8; 32],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    key: Vec<toml::Spanned<Written>>,
}

/// Texts, whatever they hold: an error of the reader would quote what it doesn't like, and that may be a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    role: String,
    sha256: String,
}

impl Keys {
    /// Reads the file. Refuses one that others may read or write, that belongs to somebody else, or that holds no key.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(&read(path)?, path)
    }

    /// The same for a text that was read from `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let fault = |at: Option<usize>, what: String, remedy: &str| Error::KeysFile {
            path: path.to_owned(),
            line: at.map(|at| 1 + text.char_indices().filter(|(index, letter)| *index < at && *letter == '\n').count()),
            what,
            remedy: remedy.to_owned(),
        };
        let document: Document = toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| span.start);
            fault(at, error.message().trim().to_owned(), "write [[key]] with name, role and sha256 for each key")
        })?;
        let mut entries: Vec<Entry> = Vec::new();
        for written in document.key {
            let at = Some(written.span().start);
            let written = written.into_inner();
            let well_named = (1..=32).contains(&written.name.len())
                && written.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte));
            if !well_named {
                return Err(fault(at, "the name is not 1 to 32 of A-Z a-z 0-9 - _ . @".to_owned(), "give the key another name"));
            }
            let name = written.name;
            let role = Role::from_name(&written.role).ok_or_else(|| {
                fault(
                    at,
                    format!("the role of key {name} is none that is known"),
                    "write role = \"metrics\", \"read\" or \"operate\"",
                )
            })?;
            let digest = digest_from_hex(&written.sha256).ok_or_else(|| {
                let what = format!("sha256 of key {name} is not 64 hexadecimal digits");
                fault(at, what, "write what `printf %s KEY | sha256sum` prints, never the key itself")
            })?;
            if entries.iter().any(|entry| entry.name == name || entry.digest == digest) {
                return Err(fault(at, format!("key {name} is there twice"), "remove one, or give each its own name and key"));
            }
            entries.push(Entry { name, role, digest });
        }
        if entries.is_empty() {
            return Err(fault(None, "it holds no key".to_owned(), "write at least one [[key]] with name, role and sha256"));
        }
        if entries.len() > MAX_KEYS {
            return Err(fault(None, format!("it holds {} keys", entries.len()), "keep at most 256"));
        }
        Ok(Self(entries))
    }

    /// How many there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whose key this is. Looks at every key to its last byte, whichever fits, so that the time says nothing.
    pub(crate) fn find(&self, presented: &Digest32) -> Option<&Entry> {
        let none = self.0.len() as u32;
        let mut found = none;
        for (index, entry) in (0u32..).zip(&self.0) {
            found.conditional_assign(&index, entry.digest.ct_eq(&presented.0));
        }
        self.0.get(found as usize)
    }
}

/// The hash of a key that a client presents.
#[derive(Clone, Copy)]
pub(crate) struct Digest32([u8; 32]);

impl Digest32 {
    /// `None` for what can't be a key.
    pub(crate) fn of(key: &[u8]) -> Option<Self> {
        (1..=MAX_KEY_BYTES).contains(&key.len()).then(|| Self(Sha256::digest(key).into()))
    }

    /// In constant time.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// A key that nobody has had before, and what the keys file says of it.
#[derive(Clone)]
pub struct FreshKey {
    /// The key: `dsmil_` and 64 hexadecimal digits (256 random bits). For its user, and for no file here.
    pub key: String,
    /// Its hash, for `sha256` in the keys file.
    pub sha256: String,
}

impl fmt::Debug for FreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreshKey").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

/// Makes a key of 256 random bits.
pub fn generate_key() -> Result<FreshKey, Error> {
    let mut random = [0u8; 32];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut random).map_err(|_| Error::NoRandomness)?;
    let key = format!("dsmil_{}", hex(&random));
    let sha256 = hex(&Sha256::digest(key.as_bytes()));
    Ok(FreshKey { key, sha256 })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn digest_from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0u8; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(digest)
}

/// Reads the file, and judges it by what was opened, not by what may stand there a moment later.
fn read(path: &Path) -> Result<String, Error> {
    let fault = |what: String, remedy: String| Error::KeysFile { path: path.to_owned(), line: None, what, remedy };
    // A pipe in its place would make the opening wait for ever.
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| {
        fault(format!("can't be opened: {error}"), "name a file that the monitor's user can read: keys_file".to_owned())
    })?;
    check_owner_and_mode(&file, path)?;
    let mut text = String::new();
    let length = file.take(MAX_BYTES + 1).read_to_string(&mut text);
    let length = length
        .map_err(|error| fault(format!("can't be read: {error}"), "see to it that it is a TOML file in UTF-8".to_owned()))?;
    if length as u64 > MAX_BYTES {
        return Err(fault(format!("is longer than {MAX_BYTES} bytes"), "keep at most 256 keys".to_owned()));
    }
    Ok(text)
}

fn check_owner_and_mode(file: &File, path: &Path) -> Result<(), Error> {
    let fault = |what: String, remedy: String| Error::KeysFile { path: path.to_owned(), line: None, what, remedy };
    let metadata =
        file.metadata().map_err(|error| fault(format!("can't be looked at: {error}"), "look at its file system".to_owned()))?;
    if !metadata.is_file() {
        return Err(fault("is not a regular file".to_owned(), "name a TOML file".to_owned()));
    }
    let user = nix::unistd::geteuid().as_raw();
    if metadata.uid() != user && metadata.uid() != 0 {
        let what = format!("belongs to user {}, who could change it", metadata.uid());
        return Err(fault(what, format!("chown {user} {}", path.display())));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(fault(format!("has mode {mode:04o}: others may read or change it"), format!("chmod 600 {}", path.display())));
    }
    Ok(())
}
