//! The model as a file: a mounted directory in which any program's `ioctl(2)` reaches it.
//!
//! | file | what it is |
//! | --- | --- |
//! | `dsmil-72dev` | the device: a regular file on which the eleven requests work; `open` answers as the model's |
//! | `counters.json` | what was asked, taken afresh at each `open` (the fields are those of [`crate::Counters`]) |
//! | `faults.toml` | the faults: reading gives the present ones; writing a whole file sets them when it is closed. `close` (and `fsync`) answers EINVAL to a malformed one, and the old ones stay. Emptying it removes them all |
//!
//! Two things differ from a character device. The file's type is regular, which is how a file system in
//! user space can have an `ioctl` without privileges. And a request that a `delay` fault holds back can't be
//! interrupted: `fuser` 0.18 refuses the kernel's FUSE_INTERRUPT, so that the call returns when the delay
//! is over or the server ends, and not before, whatever signal comes. Even SIGKILL takes effect only then.

mod files;
mod late;
mod mount;
mod signal;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fuser::{BackgroundSession, MountOption, SessionACL};

use self::files::{Files, Shared};
use crate::{Config, Counters, Faults, Model, SimError};

pub use self::signal::serve_until_signal;

/// The device's name in the served directory.
pub const DEVICE_FILE: &str = "dsmil-72dev";
/// The counters' name in the served directory.
pub const COUNTERS_FILE: &str = "counters.json";
/// The faults' name in the served directory.
pub const FAULTS_FILE: &str = "faults.toml";
/// The device's mode unless another is asked for: its owner alone.
pub const DEVICE_MODE: u16 = 0o600;

/// How long an end waits for the kernel to let go when no client has the device open.
const PATIENCE: Duration = Duration::from_secs(5);
/// And when one has.
const PATIENCE_WITH_CLIENTS: Duration = Duration::from_millis(250);

/// A model that is served. Dropping it ends the service as [`Server::stop`] does.
#[derive(Debug)]
pub struct Server {
    place: PathBuf,
    shared: Arc<Shared>,
    session: Option<BackgroundSession>,
    /// The process that serves. A child made by `fork` has a copy of this value and no thread that
    /// serves, and must not unmount what its parent does.
    owner: u32,
}

impl Server {
    /// Serves a new model in a directory, which is created where it is missing, and returns when the
    /// device answers. A mount that a killed server left there is removed first.
    ///
    /// As root nothing else is needed, and other users meet the files' modes; any other user
    /// needs `fusermount3` (Debian's package `fuse3`), and is alone able to see the files.
    ///
    /// # Errors
    /// [`SimError::Place`] where the directory is not empty, is a live mount, or can't be made;
    /// [`SimError::Mount`] where mounting fails, with the remedy.
    pub fn start(place: impl AsRef<Path>, config: Config, faults: Faults) -> Result<Self, SimError> {
        Self::start_with_mode(place, config, faults, DEVICE_MODE)
    }

    /// The same, with another mode for the device (permission bits such as 0o660).
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with_mode(place: impl AsRef<Path>, config: Config, faults: Faults, mode: u16) -> Result<Self, SimError> {
        mount::check_standard_files(place.as_ref())?;
        let place = mount::prepare(place.as_ref())?;
        let mut model = Model::new(config);
        model.set_faults(faults);
        let shared = Arc::new(Shared::new(model));
        let files = Files::new(Arc::clone(&shared), mode & 0o777);
        let session = fuser::spawn_mount(files, &place, &mount_options()).map_err(|source| mount::explain(&place, source))?;
        let server = Self { place, shared, session: Some(session), owner: std::process::id() };
        // The handshake is over; this shows that the loop answers too.
        std::fs::metadata(server.device_path()).map_err(|source| mount::explain(&server.place, source))?;
        Ok(server)
    }

    /// The served directory.
    pub fn path(&self) -> &Path {
        &self.place
    }

    /// The device's path.
    pub fn device_path(&self) -> PathBuf {
        self.place.join(DEVICE_FILE)
    }

    /// What was asked so far.
    pub fn counters(&self) -> Counters {
        self.model().counters().clone()
    }

    /// Sets the faults, as writing `faults.toml` does.
    pub fn set_faults(&self, faults: Faults) {
        self.model().set_faults(faults);
    }

    /// Whether the directory is still served: not after someone has unmounted it by hand.
    pub fn is_running(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.guard.is_finished())
    }

    /// Ends the service: the files vanish from the directory, which stays, and a client that still has the
    /// device open gets ENODEV. Waits until the kernel has let go, at most five seconds, and at
    /// most a quarter of a second where a client still has a file open.
    ///
    /// # Errors
    /// [`SimError::End`] where the directory could not be unmounted. In a child made by `fork` nothing happens.
    pub fn stop(mut self) -> Result<(), SimError> {
        self.end()
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.shared.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&mut self) -> Result<(), SimError> {
        let Some(session) = self.session.take() else { return Ok(()) };
        if self.owner != std::process::id() {
            std::mem::forget(session);
            return Ok(());
        }
        self.shared.ended.store(true, Ordering::Release);
        let gone = mount::detach_if_served(&self.place, session.guard.is_finished());
        // Only the handle is kept. The rest is dropped at once: it unmounts what is still mounted, and must not
        // come late, when another server may have taken the place.
        let guard = handle(session);
        wait(&guard, if self.shared.open_files() == 0 { PATIENCE } else { PATIENCE_WITH_CLIENTS });
        gone.map_err(|errno| SimError::End { path: self.place.clone(), source: errno.into() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to tell; `stop` is for those who want to know.
        let _ = self.end();
    }
}

/// The loop's handle; what else the session holds is dropped.
fn handle(session: BackgroundSession) -> JoinHandle<std::io::Result<()>> {
    session.guard
}

/// Waits for the loop to end. A loop that doesn't is left alone: it ends with its last client.
fn wait<T>(guard: &JoinHandle<T>, patience: Duration) {
    let begun = Instant::now();
    while !guard.is_finished() && begun.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn mount_options() -> fuser::Config {
    let mut options = fuser::Config::default();
    options.mount_options = vec![
        MountOption::FSName("dsmil-sim".to_owned()),
        // The kernel itself holds every open against owner and mode.
        MountOption::DefaultPermissions,
        MountOption::NoDev,
        MountOption::NoSuid,
        MountOption::NoExec,
        MountOption::NoAtime,
    ];
    // Without fuse.conf's user_allow_other only root may let others in.
    options.acl = if nix::unistd::geteuid().is_root() { SessionACL::All } else { SessionACL::Owner };
    options
}
