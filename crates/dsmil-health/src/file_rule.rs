//! Files that decide something: who may own them, and who may write to them.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::unistd::{User, geteuid};
use serde::Deserialize;

use crate::HealthError;

/// A file that decides something, and how it must be.
///
/// It is looked at and never opened. Links are followed, and every folder on the way is looked at too: whoever can write to
/// one of them can put another file in the place of this one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileRule {
    /// The path.
    pub path: PathBuf,
    /// Who may own it; root or this program's user, if not given.
    #[serde(default)]
    pub owner: Owner,
    /// The most that its mode may allow, such as `"0640"`; `"0644"` if not given. What is beyond that is a failure.
    #[serde(default = "readable")]
    pub max_mode: FileMode,
    /// What it must be; a regular file if not given.
    #[serde(default)]
    pub file_type: FileType,
    /// Whether it may be missing. It must be there, if not given.
    #[serde(default)]
    pub optional: bool,
}

const fn readable() -> FileMode {
    FileMode(0o644)
}

/// Who may own a file: `"root-or-self"`, `"root"`, `"self"`, `"folder-group"`, a user's name or a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
#[serde(from = "String")]
pub enum Owner {
    /// Root, or the user as whom this program runs.
    #[default]
    RootOrSelf,
    /// Root.
    Root,
    /// The user as whom this program runs.
    Myself,
    /// Root, this user, or a member of the group to which the file's folder belongs and which may write there: only a member can
    /// have made it. The folder needs a rule of its own, and the file must not be a link.
    FolderGroup,
    /// A user, by name or number. Root may own it too.
    User(String),
}

impl From<String> for Owner {
    fn from(text: String) -> Self {
        match text.as_str() {
            "root-or-self" => Self::RootOrSelf,
            "root" => Self::Root,
            "self" => Self::Myself,
            "folder-group" => Self::FolderGroup,
            _ => Self::User(text),
        }
    }
}

/// The permission bits of a file, written in octal: `"0640"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = "^0?[0-7]{3}$")))]
#[serde(try_from = "String")]
pub struct FileMode(pub u32);

impl FromStr for FileMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = if text.len() == 4 { text.strip_prefix('0') } else { Some(text) };
        let digits = digits.filter(|digits| digits.len() == 3 && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)));
        let mode = digits.and_then(|digits| u32::from_str_radix(digits, 8).ok());
        mode.map(Self).ok_or_else(|| format!("{text:?} is no mode: write it in octal, such as \"0640\""))
    }
}

impl TryFrom<String> for FileMode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// What a file must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FileType {
    /// A regular file.
    #[default]
    File,
    /// A directory.
    Directory,
    /// A character device, or a regular file that stands for one.
    Device,
}

/// How a file was found to be.
pub(crate) enum Judged {
    /// As it must be: its owner and mode.
    Fine(String),
    /// It isn't there, and needn't be.
    Absent,
    /// What is wrong with it, and what to do.
    Wrong(String),
}

impl FileRule {
    fn new(path: impl Into<PathBuf>, max_mode: u32, file_type: FileType) -> Self {
        let max_mode = FileMode(max_mode);
        Self { path: path.into(), owner: Owner::default(), max_mode, file_type, optional: false }
    }

    /// A file that anybody may read and nobody else write: a configuration, a policy, a plan (0644).
    pub fn readable(path: impl Into<PathBuf>) -> Self {
        Self::new(path, 0o644, FileType::File)
    }

    /// A file that nobody else may even read: keys (0600).
    pub fn secret(path: impl Into<PathBuf>) -> Self {
        Self::new(path, 0o600, FileType::File)
    }

    /// A directory in which nobody else may write (0755).
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self::new(path, 0o755, FileType::Directory)
    }

    /// A file of the run directory: its group shares it, others have nothing to do with it (0660).
    pub(crate) fn shared(path: impl Into<PathBuf>) -> Self {
        Self { owner: Owner::FolderGroup, ..Self::new(path, 0o660, FileType::File) }
    }

    /// A directory within the run directory (0770).
    pub(crate) fn shared_directory(path: impl Into<PathBuf>) -> Self {
        Self { owner: Owner::FolderGroup, ..Self::new(path, 0o770, FileType::Directory) }
    }

    /// The run directory itself: its group uses it, others may look into it at most (0775).
    pub(crate) fn run_directory(path: impl Into<PathBuf>) -> Self {
        Self::new(path, 0o775, FileType::Directory)
    }

    /// A device's node: its group uses it (0660).
    pub(crate) fn device(path: impl Into<PathBuf>) -> Self {
        Self::new(path, 0o660, FileType::Device)
    }

    /// The same, and it may be missing.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub(crate) fn check(&self, key: &str) -> Result<(), HealthError> {
        if !self.path.is_absolute() {
            let what = format!("{} is no absolute path", self.path.display());
            return Err(HealthError::config(format!("{key}.path"), what, "write it from the root on"));
        }
        if let Owner::User(name) = &self.owner
            && uid_of(name).is_none()
        {
            let what = format!("there is no user {name:?}");
            return Err(HealthError::config(
                format!("{key}.owner"),
                what,
                "write a user's name or number, root, self or root-or-self",
            ));
        }
        Ok(())
    }

    /// Looks at the file. An error is what keeps it from being looked at.
    pub(crate) fn judge(&self) -> Result<Judged, String> {
        let shown = self.path.display();
        let state = match fs::metadata(&self.path) {
            Ok(state) => state,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A link that leads nowhere is not what may be missing.
                let is_link = fs::symlink_metadata(&self.path).is_ok();
                return if self.optional && !is_link {
                    Ok(Judged::Absent)
                } else {
                    Err(format!("{shown} is missing{}", if is_link { ": it is a link that leads nowhere" } else { "" }))
                };
            }
            Err(error) => return Err(format!("{shown} can't be looked at: {error}")),
        };
        let wrong = self.wrong_type(&state).or_else(|| self.wrong_owner(&state)).or_else(|| self.wrong_mode(&state));
        if let Some(wrong) = wrong {
            return Ok(Judged::Wrong(format!("{shown} {wrong}")));
        }
        if let Some(wrong) = self.wrong_folder()? {
            return Ok(Judged::Wrong(wrong));
        }
        Ok(Judged::Fine(format!("{shown}: owner {}, mode {:04o}", state.uid(), state.mode() & 0o7777)))
    }

    fn wrong_type(&self, state: &Metadata) -> Option<String> {
        let (fits, wanted) = match self.file_type {
            FileType::File => (state.is_file(), "a regular file"),
            FileType::Directory => (state.is_dir(), "a directory"),
            FileType::Device => (state.file_type().is_char_device() || state.is_file(), "a device"),
        };
        (!fits).then(|| format!("is not {wanted}"))
    }

    fn wrong_owner(&self, state: &Metadata) -> Option<String> {
        let me = geteuid().as_raw();
        let (fits, wanted) = match &self.owner {
            Owner::RootOrSelf => (state.uid() == 0 || state.uid() == me, format!("root or user {me}")),
            Owner::Root => (state.uid() == 0, "root".to_owned()),
            Owner::Myself => (state.uid() == me, format!("user {me}")),
            Owner::FolderGroup => {
                let made_by_member = self.is_of_folder_group(state);
                (state.uid() == 0 || state.uid() == me || made_by_member, format!("root, user {me} or its folder's group"))
            }
            Owner::User(name) => (state.uid() == 0 || uid_of(name) == Some(state.uid()), format!("user {name} or root")),
        };
        (!fits).then(|| format!("belongs to user {} and not to {wanted}: chown it", state.uid()))
    }

    /// Whether only a member of the folder's group, or root, can have made it.
    fn is_of_folder_group(&self, state: &Metadata) -> bool {
        let folder = self.path.parent().and_then(|folder| fs::metadata(folder).ok());
        folder.is_some_and(|folder| folder.mode() & 0o022 == 0o020 && folder.gid() == state.gid())
    }

    fn wrong_mode(&self, state: &Metadata) -> Option<String> {
        let (mode, most) = (state.mode() & 0o777, self.max_mode.0);
        let beyond = mode & !most;
        let writers = match beyond & 0o022 {
            0 => "more is allowed than may be",
            0o020 => "its group may write to it",
            _ => "everybody may write to it",
        };
        (beyond != 0).then(|| format!("has mode {mode:04o}: {writers}; chmod {:04o} or less", mode & most))
    }

    /// A folder in which others could replace the file: that of the name, of what it links to, and all above.
    fn wrong_folder(&self) -> Result<Option<String>, String> {
        if self.owner == Owner::FolderGroup {
            let is_link = fs::symlink_metadata(&self.path).is_ok_and(|state| state.is_symlink());
            return Ok(is_link.then(|| format!("{} is a link: put the file itself there", self.path.display())));
        }
        let real = fs::canonicalize(&self.path).map_err(|error| format!("{} can't be reached: {error}", self.path.display()))?;
        let named = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let named = fs::canonicalize(named).map_err(|error| format!("{} can't be reached: {error}", named.display()))?;
        for folder in named.ancestors().chain(real.ancestors().skip(1)) {
            let state = fs::metadata(folder).map_err(|error| format!("{} can't be looked at: {error}", folder.display()))?;
            if let Some(wrong) = self.replaceable_in(&state) {
                return Ok(Some(format!("{} can be replaced: its folder {} {wrong}", self.path.display(), folder.display())));
            }
        }
        Ok(None)
    }

    fn replaceable_in(&self, folder: &Metadata) -> Option<String> {
        let me = geteuid().as_raw();
        let owner = if let Owner::User(name) = &self.owner { uid_of(name) } else { None };
        if folder.uid() != 0 && folder.uid() != me && owner != Some(folder.uid()) {
            return Some(format!("belongs to user {}", folder.uid()));
        }
        // In a sticky folder only the owner of a file can replace it.
        let is_open = folder.mode() & 0o002 != 0 && folder.mode() & 0o1000 == 0;
        is_open.then(|| format!("may be written to by everybody (mode {:04o}): chmod o-w", folder.mode() & 0o7777))
    }
}

fn uid_of(name: &str) -> Option<u32> {
    name.parse().ok().or_else(|| User::from_name(name).ok().flatten().map(|user| user.uid.as_raw()))
}
