//! The run directory: what the processes that use one device share. It holds the control page (the
//! emergency stop and the number of changes to the isolations), the isolations and the audit log.
//! Without it there is no access.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc::O_NOFOLLOW;

use crate::sys::SharedPage;
use crate::{BackendSpec, Error};

/// Where the run directory is unless something else is said.
pub const DEFAULT_RUN_DIR: &str = "/var/lib/dsmil";
/// The environment variable that says something else.
pub const RUN_DIR_VARIABLE: &str = "DSMIL_RUN_DIR";

const CONTROL: &str = "control";
const MAGIC: &[u8; 8] = b"DSMILRUN";
const PAGE_BYTES: usize = 4096;
/// Word of the page that is 0 while access is allowed.
const STOP_WORD: usize = 2;
/// Word of the page that counts the changes to the isolations.
const GENERATION_WORD: usize = 3;
/// Where the text of the stop record lies.
const TEXT_OFFSET: usize = 64;
const TEXT_BYTES: usize = PAGE_BYTES - TEXT_OFFSET;

/// An open run directory, found to be trustworthy.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    control: File,
    page: SharedPage,
}

impl RunDir {
    /// The directory to use: the one given, or `DSMIL_RUN_DIR`, or for a device outside this process
    /// `/var/lib/dsmil`. A simulated device in the process needs nothing that others share: it gets
    /// `dsmil` in `$XDG_STATE_HOME` or `~/.local/state`, made if it isn't there.
    ///
    /// # Errors
    /// [`Error::RunDirectory`] where the user's own directory cannot be made.
    pub fn resolve(given: Option<&Path>, in_process: bool) -> Result<PathBuf, Error> {
        if let Some(path) = given {
            return Ok(path.to_owned());
        }
        if let Some(path) = std::env::var_os(RUN_DIR_VARIABLE).filter(|value| !value.is_empty()) {
            return Ok(path.into());
        }
        if !in_process {
            return Ok(DEFAULT_RUN_DIR.into());
        }
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
        let Some(path) = state.map(|state| state.join("dsmil")) else {
            let what = "neither XDG_STATE_HOME nor HOME says where it should be".to_owned();
            return Err(untrusted(Path::new("dsmil"), what, format!("set {RUN_DIR_VARIABLE} to a directory of your own")));
        };
        let make = || {
            fs::create_dir_all(&path)?;
            if fs::metadata(&path)?.uid() == nix::unistd::geteuid().as_raw() {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
            }
            Ok::<(), io::Error>(())
        };
        make().map_err(|error| untrusted(&path, error.to_string(), format!("make it, or set {RUN_DIR_VARIABLE}")))?;
        Ok(path)
    }

    /// The directory that the default device (`DSMIL_DEVICE`, or `/dev/dsmil-72dev`) would use: the one that an
    /// emergency stop or an isolation without a device is meant for.
    ///
    /// # Errors
    /// As for `resolve`. A `DSMIL_DEVICE` that makes no sense is none: a stop must be pulled all the same.
    pub fn resolve_default(given: Option<&Path>) -> Result<PathBuf, Error> {
        let in_process = BackendSpec::from_environment().is_ok_and(|spec| spec.is_in_process());
        Self::resolve(given, in_process)
    }

    /// Opens a run directory, and makes the control page if it is not there yet.
    ///
    /// # Errors
    /// [`Error::RunDirectory`] if it is missing, or belongs to somebody else than root or this user,
    /// or may be written by everybody, or its control page is damaged.
    pub fn open(path: &Path) -> Result<Self, Error> {
        check_directory(path)?;
        // From here on by its real path: the files in it are opened without following links.
        let path =
            &fs::canonicalize(path).map_err(|error| untrusted(path, error.to_string(), "see that it can be reached".into()))?;
        let file = path.join(CONTROL);
        let fail = |error: io::Error| untrusted(&file, error.to_string(), "see that this user may read and write it".into());
        let control = match open_control(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_control(path, &file).map_err(fail)?;
                open_control(&file)
            }
            other => other,
        }
        .map_err(fail)?;
        check_control(&control, &file)?;
        let page = SharedPage::map(&control).map_err(fail)?;
        Ok(Self { path: path.to_owned(), control, page })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the audit log is.
    pub fn audit_path(&self) -> PathBuf {
        self.path.join("audit")
    }

    /// Where the isolations are.
    pub fn isolations_path(&self) -> PathBuf {
        self.path.join("isolations.db")
    }

    /// Whether the emergency stop is pulled: one load from memory.
    #[inline]
    pub fn is_stopped(&self) -> bool {
        self.page.word(STOP_WORD) != 0
    }

    /// The number of changes that the isolations have seen: one load from memory.
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.page.word(GENERATION_WORD)
    }

    /// Whether the mapped page is still the one that others see. One that was deleted or cut short is
    /// no longer a stop that anybody could pull: no access.
    pub(crate) fn check_page(&self) -> Result<(), Error> {
        let file = self.path.join(CONTROL);
        let state = self.control.metadata();
        if state.as_ref().is_ok_and(|state| state.nlink() > 0 && state.len() >= PAGE_BYTES as u64) {
            return Ok(());
        }
        Err(untrusted(
            &file,
            "it was removed or cut short while in use".into(),
            "restart the programs that use the device".into(),
        ))
    }

    /// Sets the stop word, before anything else happens.
    pub(crate) fn set_stop_word(&self, stopped: bool) -> Result<(), Error> {
        self.write_at(&u32::from(stopped).to_ne_bytes(), STOP_WORD * 4)
    }

    /// Replaces the text of the stop record; a longer one is cut.
    pub(crate) fn set_stop_text(&self, text: &str) -> Result<(), Error> {
        let mut bytes = [0; TEXT_BYTES];
        let length = text.len().min(TEXT_BYTES - 1);
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        self.write_at(&bytes, TEXT_OFFSET)
    }

    /// The text of the stop record.
    pub(crate) fn stop_text(&self) -> Result<String, Error> {
        let mut bytes = [0; TEXT_BYTES];
        self.control.read_exact_at(&mut bytes, TEXT_OFFSET as u64).map_err(|error| self.control_fault(&error))?;
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(TEXT_BYTES);
        Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    /// Tells every process that the isolations have changed.
    pub(crate) fn bump_generation(&self) -> Result<(), Error> {
        let _turn = self.lock_control()?;
        self.write_at(&self.generation().wrapping_add(1).max(1).to_ne_bytes(), GENERATION_WORD * 4)
    }

    /// Holds other writers of the page off until the guard is dropped.
    pub(crate) fn lock_control(&self) -> Result<ControlLock<'_>, Error> {
        loop {
            match self.control.lock() {
                Ok(()) => return Ok(ControlLock { file: &self.control }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.control_fault(&error)),
            }
        }
    }

    /// Waits until what was written would survive a power cut.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.control.sync_all().map_err(|error| self.control_fault(&error))
    }

    fn write_at(&self, bytes: &[u8], offset: usize) -> Result<(), Error> {
        self.control.write_all_at(bytes, offset as u64).map_err(|error| self.control_fault(&error))
    }

    fn control_fault(&self, error: &io::Error) -> Error {
        untrusted(&self.path.join(CONTROL), error.to_string(), "see that this user may write it and the disk is not full".into())
    }
}

/// The lock on the control page, given up when dropped.
pub(crate) struct ControlLock<'a> {
    file: &'a File,
}

impl Drop for ControlLock<'_> {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn untrusted(path: &Path, what: String, remedy: String) -> Error {
    Error::RunDirectory { path: path.to_owned(), what, remedy }
}

fn check_directory(path: &Path) -> Result<(), Error> {
    let state = fs::metadata(path).map_err(|error| {
        let remedy = format!("as root: install -d -m 2770 -g dsmil {}", path.display());
        untrusted(path, error.to_string(), format!("{remedy} (or name another with {RUN_DIR_VARIABLE})"))
    })?;
    if !state.is_dir() {
        return Err(untrusted(path, "it is not a directory".into(), "name a directory".into()));
    }
    let me = nix::unistd::geteuid().as_raw();
    if state.uid() != 0 && state.uid() != me {
        let what = format!("it belongs to user {}, who is neither root nor user {me}", state.uid());
        return Err(untrusted(path, what, "use one that is root's or your own".into()));
    }
    if state.mode() & 0o002 != 0 {
        let what = format!("everybody may write to it (mode {:04o})", state.mode() & 0o7777);
        return Err(untrusted(path, what, format!("chmod o-w {}", path.display())));
    }
    Ok(())
}

fn open_control(file: &Path) -> io::Result<File> {
    // Whoever may use the device may stop it, so that the page is opened for both.
    OpenOptions::new().read(true).write(true).custom_flags(O_NOFOLLOW).open(file)
}

fn check_control(control: &File, file: &Path) -> Result<(), Error> {
    let fail = |what: String| untrusted(file, what, "remove it once nothing uses the device: it is made anew".into());
    let state = control.metadata().map_err(|error| fail(error.to_string()))?;
    if !state.is_file() || state.mode() & 0o002 != 0 {
        return Err(fail(format!("it is no regular file, or everybody may write to it (mode {:04o})", state.mode() & 0o7777)));
    }
    let mut magic = [0; MAGIC.len()];
    let read = control.read_exact_at(&mut magic, 0);
    if read.is_err() || magic != *MAGIC || state.len() != PAGE_BYTES as u64 {
        return Err(fail("it is not a control page".into()));
    }
    Ok(())
}

/// Makes the page under another name and links it into place, so that nobody ever sees half of it.
fn make_control(directory: &Path, file: &Path) -> io::Result<()> {
    static DRAFTS: AtomicU32 = AtomicU32::new(0);
    let draft = format!(".control.{}.{}", std::process::id(), DRAFTS.fetch_add(1, Ordering::Relaxed));
    let draft = directory.join(draft);
    let _ = fs::remove_file(&draft);
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    // As open to the group as the directory is, whatever the umask.
    let mode = if fs::metadata(directory)?.mode() & 0o020 != 0 { 0o660 } else { 0o600 };
    let written = (|| {
        new.set_permissions(fs::Permissions::from_mode(mode))?;
        let mut page = [0; PAGE_BYTES];
        page[..MAGIC.len()].copy_from_slice(MAGIC);
        new.write_all(&page)?;
        new.sync_all()?;
        match fs::hard_link(&draft, file) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => File::open(directory)?.sync_all(),
        }
    })();
    let _ = fs::remove_file(&draft);
    written
}
