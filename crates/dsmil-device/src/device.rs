//! The device: what a program holds in its hand.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use dsmil_audit::Log;
use dsmil_protocol::{DeviceId, DeviceRecord, Fault, RECORD_BYTES, STATUS_BYTES, Scan, SystemStatus, Version};
use dsmil_quarantine::{Cleared, Denied, Operation as Use, Quarantine, Request};
use parking_lot::{Mutex, MutexGuard};

use crate::backend::{self, Backend, BackendSpec, SharedModel, SimBackend};
use crate::clock::{Moment, unix_ms};
use crate::door::{Door, Operation, Place};
use crate::latency::Latency;
use crate::options::{Interrupt, OpenOptions};
use crate::sys::{process_mark, process_page};
use crate::turn::Turn;
use crate::{Error, LatencyReport, Limits, OpenFailure, Probe, RunDir, audit, isolation, load_policies};

/// How often the isolations are read again even if nobody said that they changed.
const REFRESH: Duration = Duration::from_secs(1);

/// How often the caller is asked whether to go on waiting for another thread.
const ASK_CALLER: Duration = Duration::from_millis(50);

/// How old the knowledge may be that a stop would be seen: less than the 85 ms that a stop may take.
const PAGE_CHECK: Duration = Duration::from_millis(50);

/// An open device. It may be shared between threads: one of them uses it at a time, the others wait
/// for at most the turn's time-out. Dropping it closes it.
///
/// **After `fork`** the child's copy of a handle is dead: each operation fails with [`Error::Forked`],
/// and closing it closes the child's file and nothing else. The child opens the device anew. The
/// parent's handle goes on as if nothing had happened.
#[derive(Debug)]
pub struct Device {
    name: String,
    limits: Limits,
    interrupt: Interrupt,
    run: Arc<RunDir>,
    core: Mutex<Core>,
}

#[derive(Debug)]
struct Core {
    /// `None` once closed.
    door: Option<Door>,
    /// The policies, and what is isolated now.
    quarantine: Quarantine,
    policies: Quarantine,
    generation: u32,
    refreshed: Moment,
    page_checked: Moment,
    /// Opened at the first denial.
    log: Option<Log>,
    /// SCAN_DEVICES was refused here: scans are chunked from then on.
    scans_in_chunks: bool,
}

impl Device {
    /// How to open one, with every option at its default.
    pub fn options() -> OpenOptions {
        OpenOptions::default()
    }

    /// Opens what a string names, with every option at its default. See [`BackendSpec`].
    ///
    /// # Errors
    /// [`Error::Spec`], [`Error::Open`], [`Error::RunDirectory`], [`Error::Stopped`].
    pub fn open(spec: &str) -> Result<Self, Error> {
        Self::options().open(spec)
    }

    pub(crate) fn open_with(spec: &BackendSpec, options: OpenOptions) -> Result<Self, Error> {
        let run = open_run_dir(&options, spec.is_in_process())?;
        let backend = Backend::open(spec)?;
        Self::start(spec.to_string(), backend, run, options)
    }

    pub(crate) fn open_model(model: SharedModel, options: OpenOptions) -> Result<Self, Error> {
        let run = open_run_dir(&options, true)?;
        Self::start("sim:".to_owned(), Backend::Sim(SimBackend::new(model)), run, options)
    }

    fn start(name: String, backend: Backend, run: RunDir, options: OpenOptions) -> Result<Self, Error> {
        let fault = |errno: nix::errno::Errno| Error::Open {
            path: name.clone().into(),
            kind: if errno == nix::errno::Errno::ENODEV { OpenFailure::NotInitialised } else { OpenFailure::Other(errno) },
            what: errno.to_string(),
            remedy: "the driver is loaded but not initialised, or gone; load it again".into(),
        };
        if let Some(model) = backend.model() {
            SimBackend::new(Arc::clone(model)).open().map_err(fault)?;
        }
        let run = Arc::new(run);
        let policies = load_policies(options.policy.as_deref());
        let now = Moment::now();
        let door = Door {
            backend,
            run: Arc::clone(&run),
            limits: options.limits.clone(),
            latency: Latency::new(),
            dry_run: options.dry_run,
            interrupt: options.interrupt.clone(),
            opened_by: process_mark().map_err(fault)?,
            process: process_page().map_err(fault)?,
            operation: Operation::none(),
        };
        let mut core = Core {
            door: Some(door),
            quarantine: policies.clone(),
            policies,
            generation: run.generation(),
            refreshed: now,
            page_checked: now,
            log: None,
            scans_in_chunks: false,
        };
        isolation::refresh(&mut core.quarantine, &core.policies, &run);
        let device = Self { name, limits: options.limits, interrupt: options.interrupt, run, core: Mutex::new(core) };
        device.check_that_it_is_one()?;
        Ok(device)
    }

    /// Asks for the version: whatever doesn't know the question is something else.
    fn check_that_it_is_one(&self) -> Result<(), Error> {
        match self.version() {
            Ok(_) | Err(Error::DryRun { .. }) => Ok(()),
            Err(Error::Unsupported { .. }) => {
                Err(backend::not_a_device(self.name.as_ref(), "it doesn't know the driver's requests"))
            }
            Err(error) => Err(error),
        }
    }

    /// What the device was opened as.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The run directory.
    pub fn run_dir(&self) -> &RunDir {
        &self.run
    }

    /// Which of the eleven requests the driver has.
    ///
    /// # Errors
    /// Any that isn't an answer of the driver about a request: stopped, out of time, gone.
    pub fn probe(&self) -> Result<Probe, Error> {
        self.operate("probe", None, |core, door| {
            let _turn = door.take_turn(&self.name)?;
            let clear = |id| core.quarantine.clear(id, Use::Read, unix_ms()).ok();
            let cleared = DeviceId::served().filter(|id| id.is_functional()).find_map(clear);
            door.probe(cleared.as_ref())
        })
    }

    /// The driver's version.
    ///
    /// # Errors
    /// [`Error`], by what went wrong.
    pub fn version(&self) -> Result<Version, Error> {
        let mut bytes = [0; 4];
        self.ask_plain("version", &Request::GET_VERSION, &mut bytes)?;
        Ok(Version(u32::from_ne_bytes(bytes)))
    }

    /// The driver's state.
    ///
    /// # Errors
    /// [`Error`], by what went wrong.
    pub fn status(&self) -> Result<SystemStatus, Error> {
        let mut bytes = [0; STATUS_BYTES];
        self.ask_plain("status", &Request::GET_STATUS, &mut bytes)?;
        Ok(SystemStatus::decode(&bytes))
    }

    /// The temperature in degrees Celsius.
    ///
    /// # Errors
    /// [`Error::Request`] with EIO where no sensor answers; otherwise by what went wrong.
    pub fn thermal(&self) -> Result<i32, Error> {
        let mut bytes = [0; 4];
        self.ask_plain("thermal", &Request::GET_THERMAL, &mut bytes)?;
        Ok(i32::from_ne_bytes(bytes))
    }

    /// Every device that the driver has, quarantined ones included: the driver tells what it knows of
    /// them and touches none.
    ///
    /// SCAN_DEVICES gives the table in one call, which no other program can break, but firmware with
    /// a limit of 272 bytes refuses it: what the first scan of this handle finds out decides for the rest.
    ///
    /// # Errors
    /// [`Error::Protocol`] for a wrong answer, [`Error::Contended`] where another program won't leave the
    /// session alone; otherwise by what went wrong. A part of a scan is never returned.
    pub fn scan(&self) -> Result<Scan, Error> {
        self.operate("scan", None, |core, door| {
            if !core.scans_in_chunks {
                match door.scan_at_once() {
                    Err(Error::Unsupported { .. } | Error::Request { .. }) => core.scans_in_chunks = true,
                    other => return other,
                }
            }
            let _turn = door.take_turn(&self.name)?;
            door.scan_in_chunks()
        })
    }

    /// What the driver knows of one device (READ_DEVICE: one call of 40 bytes, no session).
    ///
    /// # Errors
    /// [`Error::Denied`] if the quarantine forbids it; [`Error::Request`] with the device's state if the
    /// driver refuses; otherwise by what went wrong.
    pub fn info(&self, id: DeviceId) -> Result<DeviceRecord, Error> {
        self.operate_on(id, Use::Info, |core, door| {
            let cleared = core.clear(id, Use::Info, &self.run)?;
            let mut bytes = [0; RECORD_BYTES];
            door.ask(&Request::read_device(&cleared), &mut bytes, Place::default())?;
            let record = DeviceRecord::decode(&bytes);
            if record.id != id {
                return Err(Error::Record { id, fault: Fault::WrongRecord { expected: id, got: record.id } });
            }
            Ok(record)
        })
    }

    /// The data of one device, 1 to 4,928 bytes, by a chunked read (there is no single call for it).
    ///
    /// # Errors
    /// [`Error::Denied`] if the quarantine forbids it; otherwise as for `scan`.
    pub fn read(&self, id: DeviceId) -> Result<Vec<u8>, Error> {
        self.operate_on(id, Use::Read, |core, door| {
            core.clear(id, Use::Read, &self.run)?;
            let _turn = door.take_turn(&self.name)?;
            let quarantine = &core.quarantine;
            let forbidden = |denied| Error::Denied { denied, unrecorded: None };
            door.read_in_chunks(|| quarantine.clear(id, Use::Read, unix_ms()).map_err(forbidden))
        })
    }

    /// Whether the quarantine would allow an operation now. A question, not an attempt: it is not audited.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Busy`], [`Error::Forked`].
    pub fn check(&self, id: DeviceId, operation: Use) -> Result<Result<(), Box<Denied>>, Error> {
        let mut core = self.lock()?;
        core.refresh(&self.run, Moment::now())?;
        Ok(core.quarantine.clear(id, operation, unix_ms()).map(drop))
    }

    /// What was measured since the device was opened.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Busy`], [`Error::Forked`].
    pub fn latency(&self) -> Result<LatencyReport, Error> {
        self.lock()?.door.as_mut().map(|door| door.latency.report()).ok_or(Error::Closed)
    }

    /// The simulated driver behind the device, if it is one in this process.
    pub fn model(&self) -> Option<SharedModel> {
        self.lock().ok()?.door.as_ref()?.backend.model().map(Arc::clone)
    }

    /// The device's open file, if it has one. It stays the device's: `use_fd` borrows it for the call.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Busy`], [`Error::Forked`].
    pub fn with_fd<T>(&self, use_fd: impl FnOnce(Option<BorrowedFd<'_>>) -> T) -> Result<T, Error> {
        let core = self.lock()?;
        let door = core.door.as_ref().ok_or(Error::Closed)?;
        Ok(use_fd(door.backend.file().map(|file| file.as_fd())))
    }

    /// Closes the device, after the operation of another thread if there is one. Closing twice is fine.
    ///
    /// # Errors
    /// [`Error::Busy`] if another thread's operation doesn't end within the turn's time-out.
    pub fn close(&self) -> Result<(), Error> {
        let door = match self.lock() {
            Ok(mut core) => core.door.take(),
            Err(Error::Closed | Error::Forked { .. }) => None,
            Err(error) => return Err(error),
        };
        drop(door);
        Ok(())
    }

    /// Whether the device is closed, or this is a child process to which it doesn't belong.
    pub fn is_closed(&self) -> bool {
        matches!(self.lock(), Err(Error::Closed | Error::Forked { .. }))
    }

    fn lock(&self) -> Result<MutexGuard<'_, Core>, Error> {
        let core = match self.core.try_lock() {
            Some(core) => core,
            None => self.wait_for_lock()?,
        };
        match &core.door {
            Some(door) => door.check_process()?,
            None => return Err(Error::Closed),
        }
        Ok(core)
    }

    /// Waits for another thread's operation to end, and asks the caller now and then whether to go on.
    fn wait_for_lock(&self) -> Result<MutexGuard<'_, Core>, Error> {
        let begun = Moment::now();
        loop {
            let left = self.limits.turn_timeout.saturating_sub(begun.elapsed());
            if let Some(core) = self.core.try_lock_for(left.min(ASK_CALLER)) {
                return Ok(core);
            }
            if begun.elapsed() >= self.limits.turn_timeout {
                return Err(Error::Busy { device: self.name.clone(), waited: begun.elapsed() });
            }
            if self.interrupt.is_wanted() {
                return Err(Error::Interrupted { during: "waiting for another thread" });
            }
        }
    }

    fn ask_plain(&self, what: &'static str, request: &Request, argument: &mut [u8]) -> Result<(), Error> {
        self.operate(what, None, |_, door| door.ask(request, argument, Place::default()))
    }

    /// An operation on one device, measured as that device's answer.
    fn operate_on<T>(
        &self,
        id: DeviceId,
        operation: Use,
        act: impl FnOnce(&mut Core, &mut Door) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.operate(operation.name(), Some(id), |core, door| {
            let begun = Moment::now();
            let result = act(core, door);
            if !matches!(result, Err(Error::Denied { .. } | Error::DryRun { .. } | Error::Stopped(_))) {
                door.latency.device(id, begun.elapsed());
            }
            result
        })
    }

    /// Takes the device, sees to it that the rules are up to date, and starts the operation's clock.
    fn operate<T>(
        &self,
        what: &'static str,
        id: Option<DeviceId>,
        act: impl FnOnce(&mut Core, &mut Door) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut core = self.lock()?;
        let begun = core.refresh(&self.run, Moment::now())?;
        let span = tracing::debug_span!("operation", what, id = id.map(u16::from), device = self.name);
        // The door is taken out for the call, so that a panic leaves the device closed and not half used.
        let mut door = core.door.take().ok_or(Error::Closed)?;
        door.operation = Operation::begin(what, id, &self.limits, begun);
        let result = span.in_scope(|| act(&mut core, &mut door));
        door.operation = Operation::none();
        core.door = Some(door);
        if let Err(error) = &result {
            tracing::debug!(parent: &span, %error, "failed");
        }
        result
    }
}

impl Door {
    fn take_turn(&mut self, name: &str) -> Result<Turn, Error> {
        // A dry run, and a stop, ask nothing and so need no turn.
        if self.dry_run || self.run.is_stopped() {
            return Ok(Turn::none());
        }
        let turn = Turn::take(self.backend.file(), self.limits.turn_timeout, name, &self.operation.watch, &self.interrupt)?;
        // The wait for the turn isn't the device's slowness.
        self.operation.restart();
        Ok(turn)
    }
}

impl Core {
    /// Reads the isolations again if they have changed, or may have; and sees now and then that the
    /// control page is still the one in the run directory. Gives the time when that was done.
    fn refresh(&mut self, run: &RunDir, now: Moment) -> Result<Moment, Error> {
        if now.since(self.page_checked) >= PAGE_CHECK {
            run.check_page()?;
            self.page_checked = now;
        }
        let generation = run.generation();
        if generation != self.generation || now.since(self.refreshed) >= REFRESH {
            isolation::refresh(&mut self.quarantine, &self.policies, run);
            self.generation = generation;
            self.refreshed = now;
            return Ok(Moment::now());
        }
        Ok(now)
    }

    /// Clears a device, or denies it and writes that into the audit log.
    fn clear(&mut self, id: DeviceId, operation: Use, run: &RunDir) -> Result<Cleared, Error> {
        let denied = match self.quarantine.clear(id, operation, unix_ms()) {
            Ok(cleared) => return Ok(cleared),
            Err(denied) => denied,
        };
        tracing::warn!(%denied, "denied");
        let unrecorded = self.record_denial(&denied, run).err().map(|error| error.to_string());
        Err(Error::Denied { denied, unrecorded })
    }

    fn record_denial(&mut self, denied: &Denied, run: &RunDir) -> Result<(), dsmil_audit::AuditError> {
        if self.log.is_none() {
            self.log = Some(audit::open(run)?);
        }
        self.log.as_ref().map_or(Ok(()), |log| audit::denial(log, denied))
    }
}

fn open_run_dir(options: &OpenOptions, in_process: bool) -> Result<RunDir, Error> {
    RunDir::open(&RunDir::resolve(options.run_dir_path(), in_process)?)
}
