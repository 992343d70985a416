//! Notifications to a program.

use std::fs::File;
use std::io::{self, PipeReader, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use dsmil_alert::{Notification, Status};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::NotifyError;
use crate::error::plain;
use crate::payload::Own;
use crate::receiver::CommandReceiver;

/// How long the program may take to end after TERM.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked at.
const GLANCE: u16 = 20;
/// How much of what it writes is kept, in bytes: the end.
const KEPT: usize = 2048;
/// Variables of our own environment that it gets.
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// Runs the program and waits until it has ended, and its process group with it.
pub(crate) fn deliver(receiver: &CommandReceiver, notification: &Notification) -> Result<String, NotifyError> {
    let failed = |operation| {
        let program = receiver.program.clone();
        move |source| NotifyError::Start { operation, program, source }
    };
    let payload = serde_json::to_vec(&Own::new(notification))?;
    let (reader, writer) = io::pipe().map_err(failed("make a pipe for"))?;
    set_nonblocking(&reader).map_err(failed("make a pipe for"))?;
    let mut command = Command::new(&receiver.program);
    command.args(&receiver.args).process_group(0).current_dir("/").env_clear();
    for name in INHERITED {
        std::env::var_os(name).map(|value| command.env(name, value));
    }
    command.envs(&receiver.env).envs(variables(notification));
    command.stdin(memory(&payload).map_err(failed("hand the notification to"))?);
    command.stderr(Stdio::from(writer.try_clone().map_err(failed("make a pipe for"))?)).stdout(Stdio::from(writer));
    let child = command.spawn().map_err(failed("start"))?;
    // Else our own ends of the pipe would stay open.
    drop(command);
    let limit = receiver.timeout.as_std();
    let mut running = Running { child, reader, output: Vec::new() };
    let (status, in_time) = running.end(limit).map_err(failed("wait for"))?;
    let output = plain(&running.output, KEPT);
    let program = receiver.program.clone();
    match (in_time, status.code()) {
        (false, _) => Err(NotifyError::Timeout { to: program.display().to_string(), waited: limit, output }),
        (true, Some(0)) => Ok(format!("{} ended with status 0", program.display())),
        (true, Some(code)) => Err(NotifyError::Command { program, how: format!("ended with status {code}"), output }),
        (true, None) => {
            let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
            let how = format!("was ended by {}", signal.map_or("a signal", Signal::as_str));
            Err(NotifyError::Command { program, how, output })
        }
    }
}

fn variables(notification: &Notification) -> [(&'static str, String); 7] {
    let status = |status| if status == Status::Firing { "firing" } else { "resolved" };
    let count = |status| notification.alerts.iter().filter(|alert| alert.status == status).count().to_string();
    [
        ("DSMIL_ALERT_ID", notification.id.clone()),
        ("DSMIL_ALERT_RECEIVER", notification.receiver.clone()),
        ("DSMIL_ALERT_STATUS", status(notification.status()).to_owned()),
        ("DSMIL_ALERT_SEVERITY", format!("{:?}", notification.severity()).to_lowercase()),
        // A variable can't hold a NUL, which a label can.
        ("DSMIL_ALERT_GROUP", notification.group.replace('\0', " ")),
        ("DSMIL_ALERT_FIRING", count(Status::Firing)),
        ("DSMIL_ALERT_RESOLVED", count(Status::Resolved)),
    ]
}

/// A file in memory: the program reads it at its own pace, or not at all, and nobody waits.
fn memory(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"dsmil-notification", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

fn set_nonblocking(reader: &PipeReader) -> io::Result<()> {
    let flags = OFlag::from_bits_truncate(fcntl(reader, FcntlArg::F_GETFL)?);
    fcntl(reader, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

struct Running {
    child: Child,
    reader: PipeReader,
    output: Vec<u8>,
}

impl Running {
    fn group(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Waits for the end; asks for it when the time is over, and takes it after the grace. Whatever of its group is left
    /// then is ended, too. Whether it ended in time.
    fn end(&mut self, limit: Duration) -> io::Result<(ExitStatus, bool)> {
        let ended = self.wait(limit);
        let in_time = matches!(ended, Ok(true));
        if !in_time {
            _ = killpg(self.group(), Signal::SIGTERM);
            _ = self.wait(GRACE);
        }
        // The leader is not reaped yet, so that nobody else can have got its number.
        _ = killpg(self.group(), Signal::SIGKILL);
        let status = self.child.wait()?;
        self.read();
        ended.map(|_| (status, in_time))
    }

    /// Whether it has ended within the time; it is not reaped.
    fn wait(&mut self, limit: Duration) -> io::Result<bool> {
        let until = Instant::now() + limit;
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        loop {
            if waitid(Id::Pid(self.group()), flags)? != WaitStatus::StillAlive {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            self.glance()?;
        }
    }

    /// Waits for a moment, or until it writes something.
    fn glance(&mut self) -> io::Result<()> {
        let mut fds = [PollFd::new(self.reader.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(GLANCE))?;
        let open = fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN));
        let closed = fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)) && !open;
        if open {
            self.read();
        }
        if closed {
            // It has closed its output and goes on: nothing would make the poll wait.
            std::thread::sleep(Duration::from_millis(u64::from(GLANCE)));
        }
        Ok(())
    }

    /// Takes what there is, so that it never waits for us, and keeps the end of it.
    fn read(&mut self) {
        let mut room = [0; 4096];
        // As much as a pipe holds; a program that writes without end must not hold us here.
        for _ in 0..16 {
            match self.reader.read(&mut room) {
                Ok(count) if count > 0 => self.output.extend_from_slice(&room[..count]),
                _ => break,
            }
            let surplus = self.output.len().saturating_sub(KEPT);
            self.output.drain(..surplus);
        }
    }
}
