//! Metrics that a command writes.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::{Marks, shown};
use crate::{Batch, SampleError, Sampler};

/// So many bytes a command may write.
const MAX_BYTES: usize = 4 << 20;
/// So much of the end of what it says on standard error is kept.
const MAX_COMPLAINT: usize = 400;
/// So long it has after a SIGTERM, before the SIGKILL.
const TO_END: Duration = Duration::from_millis(300);
/// How often its end is looked for, where no pipe tells of it.
const LOOK: Duration = Duration::from_millis(5);

/// Runs a command, without a shell, and reads metrics as JSON from what it writes: `docs/metrics.md` has the format.
///
/// A value without a time was observed when the command was started. The command gets no input and a process group of
/// its own; when its time is over the group gets SIGTERM and 0.3 s later SIGKILL, and when it ends whatever it
/// has left in the group is killed. A process that leaves the group on purpose is not followed, nor waited for.
#[derive(Debug)]
pub struct CommandSampler {
    program: OsString,
    arguments: Vec<OsString>,
    metrics: Vec<Cow<'static, str>>,
    marks: Marks,
}

impl CommandSampler {
    /// Runs this program with these arguments; `metrics` are those that it should give.
    pub fn new(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
        metrics: impl IntoIterator<Item = String>,
        marks: Marks,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program: program.into(), arguments, metrics: metrics.into_iter().map(Cow::from).collect(), marks }
    }

    fn error(&self, what: String) -> SampleError {
        SampleError::Command { command: self.program.to_string_lossy().into_owned(), what }
    }

    fn start(&self) -> Result<Group, SampleError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| self.error(format!("it can't be started: {error}")))?;
        Ok(Group { child, reaped: None })
    }

    /// What it wrote, if it ended well.
    fn output(&self, batch: &Batch<'_>) -> Result<Vec<u8>, SampleError> {
        let mut group = self.start()?;
        let system = |errno: Errno| self.error(format!("it can't be watched: {errno}"));
        let mut output = Pipe::new(group.child.stdout.take(), MAX_BYTES).map_err(system)?;
        let mut complaint = Pipe::new(group.child.stderr.take(), usize::MAX).map_err(system)?;
        loop {
            let ended = group.has_ended().map_err(system)?;
            output.read();
            complaint.read();
            complaint.keep_the_end(MAX_COMPLAINT);
            if output.bytes.len() > MAX_BYTES {
                let origin = self.program.to_string_lossy().into_owned();
                return Err(SampleError::TooMuch { origin, limit: MAX_BYTES, unit: "bytes" });
            }
            if ended {
                break;
            }
            let left = batch.remaining();
            if left.is_zero() {
                group.end();
                let what = format!("command {}", self.program.display());
                return Err(SampleError::Timeout { what, limit: batch.timeout() });
            }
            wait_for_one(&output, &complaint, left.min(LOOK)).map_err(system)?;
        }
        let status = group.reap().map_err(|error| self.error(format!("its end was not seen: {error}")))?;
        if !status.success() {
            let said = shown(&String::from_utf8_lossy(&complaint.bytes), MAX_COMPLAINT);
            return Err(self.error(if said.is_empty() { status.to_string() } else { format!("{status}: {said}") }));
        }
        Ok(output.bytes)
    }
}

impl Sampler for CommandSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        self.metrics.clone()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let started = batch.now();
        let text = self.output(batch)?;
        super::answer::take(&text, started, &format!("output of {}", self.program.display()), &self.marks, batch)
    }
}

/// The command and what it has started. Dropped, it is killed.
struct Group {
    child: Child,
    reaped: Option<ExitStatus>,
}

impl Group {
    fn id(&self) -> Pid {
        // A process id fits.
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Whether the command itself has ended. It stays a zombie, so that its group's number is not another's.
    fn has_ended(&self) -> Result<bool, Errno> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(self.id()), flags) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => Ok(false),
            Ok(_) => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    /// Asks it to end, and gives it a moment.
    fn end(&self) {
        _ = killpg(self.id(), Signal::SIGTERM);
        let until = Instant::now() + TO_END;
        while Instant::now() < until && matches!(self.has_ended(), Ok(false)) {
            sleep(LOOK);
        }
    }

    /// Kills what is left of the group, and takes the command's status.
    fn reap(&mut self) -> std::io::Result<ExitStatus> {
        if let Some(status) = self.reaped {
            return Ok(status);
        }
        // Before it is reaped: afterwards the number might be somebody else's.
        _ = killpg(self.id(), Signal::SIGKILL);
        let status = self.child.wait()?;
        self.reaped = Some(status);
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = self.reap() {
            tracing::warn!(%error, "a command's end was not seen");
        }
    }
}

/// One of the command's pipes, read as far as there is something.
struct Pipe<R> {
    reader: Option<R>,
    bytes: Vec<u8>,
    /// With more than this nothing further is read.
    limit: usize,
}

impl<R: Read + AsFd> Pipe<R> {
    fn new(reader: Option<R>, limit: usize) -> Result<Self, Errno> {
        if let Some(reader) = &reader {
            fcntl(reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Self { reader, bytes: Vec::new(), limit })
    }

    fn read(&mut self) {
        let mut buffer = [0; 8192];
        // So many at a time: a flood doesn't keep its reader from looking at the clock.
        for _ in 0..64 {
            let Some(reader) = self.reader.as_mut().filter(|_| self.bytes.len() <= self.limit) else { return };
            match reader.read(&mut buffer) {
                Ok(0) => self.reader = None,
                Ok(count) => self.bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.reader = None,
            }
        }
    }

    fn keep_the_end(&mut self, bytes: usize) {
        let surplus = self.bytes.len().saturating_sub(bytes);
        self.bytes.drain(..surplus);
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.reader.as_ref().map(AsFd::as_fd)
    }
}

/// Waits until one of them has something, or for so long.
fn wait_for_one<O: Read + AsFd, E: Read + AsFd>(output: &Pipe<O>, complaint: &Pipe<E>, most: Duration) -> Result<(), Errno> {
    let wanted = [output.fd(), complaint.fd()].into_iter().flatten();
    let mut fds: Vec<PollFd<'_>> = wanted.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    let timeout = PollTimeout::try_from(most).unwrap_or(PollTimeout::ZERO);
    match poll(&mut fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
