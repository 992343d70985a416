//! Runs a monitor until a signal ends it.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dsmil::monitor::{Endpoint, Monitor, MonitorConfig, MonitorError};
use dsmil::serve::{ServeConfig, Server};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use sd_notify::NotifyState;
use serde_json::json;

use super::Setup;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Output};

/// How often a look is taken whether the loop goes on, in milliseconds.
const LOOK_MS: u16 = 500;
/// The first step waits for the first reports.
const FIRST_STEP_WITHIN: Duration = Duration::from_secs(15);

pub(crate) fn run(setup: &Setup, listen: Option<SocketAddr>, keys: Option<&Path>, context: &Context) -> Result<Answer, Failure> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    // Blocked before there are other threads, so that they inherit it.
    let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(signal_failure)?;
    let done = watch(setup, listen, keys, context, &signals);
    before.thread_set_mask().map_err(signal_failure)?;
    done
}

/// What is served, if anything is: the arguments go before the configuration.
pub(crate) fn serve_config(
    config: &MonitorConfig,
    listen: Option<SocketAddr>,
    keys: Option<&Path>,
) -> Result<Option<ServeConfig>, Failure> {
    if config.serve.is_none() && listen.is_none() && keys.is_none() {
        return Ok(None);
    }
    let mut serve = config.serve.clone().unwrap_or_default();
    serve.listen = listen.unwrap_or(serve.listen);
    serve.keys_file = keys.map(Path::to_path_buf).or(serve.keys_file);
    serve.check().map_err(MonitorError::from)?;
    Ok(Some(serve))
}

fn watch(
    setup: &Setup,
    listen: Option<SocketAddr>,
    keys: Option<&Path>,
    context: &Context,
    signals: &SigSet,
) -> Result<Answer, Failure> {
    let incoming = SignalFd::with_flags(signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(signal_failure)?;
    let start = setup.start(context)?;
    let serve = serve_config(&start.config, listen, keys)?;
    let state_dir = start.state_dir.clone();
    let every = start.config.evaluate_every.as_std();
    let monitor = Monitor::start(start)?;
    let start_server = |config| Server::start(config, Arc::new(Endpoint::new(&monitor))).map_err(MonitorError::from);
    let server = serve.as_ref().map(start_server).transpose()?;
    let address = server.as_ref().map(Server::local_addr);
    ready(context.output(), &state_dir, address)?;
    let ended = until_a_signal(&incoming, setup, &monitor, server.as_ref(), every);
    tell(&[NotifyState::Stopping]);
    if let Some(server) = server {
        server.stop();
    }
    monitor.stop();
    ended.map(|()| Answer::silent())
}

fn ready(output: Output, state_dir: &Path, address: Option<SocketAddr>) -> Result<(), Failure> {
    let document = json!({
        "ready": true,
        "state_dir": state_dir.to_string_lossy(),
        "listen": address.map(|address| address.to_string()),
        "pid": std::process::id(),
    });
    let serving = address.map(|address| format!(", serving http://{address}")).unwrap_or_default();
    output.now(&document, &format!("watching; everything is kept in {}{serving}", state_dir.display()))?;
    tell(&[NotifyState::Ready]);
    Ok(())
}

fn until_a_signal(
    incoming: &SignalFd,
    setup: &Setup,
    monitor: &Monitor,
    server: Option<&Server>,
    mut every: Duration,
) -> Result<(), Failure> {
    let (mut steps, mut seen) = (0, Instant::now());
    let mut said = Instant::now();
    let watchdog = sd_notify::watchdog_enabled();
    loop {
        let mut waiting = [PollFd::new(incoming.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, PollTimeout::from(LOOK_MS)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(signal_failure(errno)),
        }
        match incoming.read_signal().map_err(signal_failure)? {
            Some(signal) if signal.ssi_signo == Signal::SIGHUP as u32 => {
                every = reload(setup, monitor, server).unwrap_or(every);
            }
            Some(_) => return Ok(()),
            None => {}
        }
        if !monitor.is_running() {
            return Err(MonitorError::Ended.into());
        }
        if monitor.steps() != steps {
            (steps, seen) = (monitor.steps(), Instant::now());
        }
        if let Some(within) = watchdog
            && seen.elapsed() < patience(within, every, steps)
            && said.elapsed() >= within / 4
        {
            tell(&[NotifyState::Watchdog, NotifyState::Status(&format!("{steps} steps"))]);
            said = Instant::now();
        }
    }
}

/// A loop that takes no step for so long is stuck, and the watchdog is no longer told that all is well.
fn patience(within: Duration, every: Duration, steps: u64) -> Duration {
    let first = if steps == 0 { FIRST_STEP_WITHIN } else { Duration::ZERO };
    (within / 4 * 3).max(every * 3).max(first)
}

/// Reads everything again, and gives how often a step is taken now. What can't be used changes nothing, and is told of.
fn reload(setup: &Setup, monitor: &Monitor, server: Option<&Server>) -> Option<Duration> {
    let begun = NotifyState::monotonic_usec_now();
    tell(&begun.map_or_else(|_| vec![NotifyState::Reloading], |now| vec![NotifyState::Reloading, now]));
    let read = reread(setup, monitor);
    match &read {
        Ok((_, anew)) if anew.is_empty() => tracing::info!("read the configuration again"),
        Ok((_, anew)) => tracing::info!(rules = anew.join(", "), "read the configuration again; these rules begin anew"),
        Err(error) => tracing::error!(%error, "the configuration can't be used: the old one stays in force"),
    }
    if let Some(server) = server {
        if let Err(error) = server.reload_keys() {
            tracing::error!(%error, "the keys can't be used: the old ones stay in force");
        }
        if let Err(error) = server.reload_certificate() {
            tracing::error!(%error, "the certificate can't be used: the old one stays in force");
        }
    }
    tell(&[NotifyState::Ready]);
    read.ok().map(|(every, _)| every)
}

/// How often a step is taken now, and which rules begin anew.
fn reread(setup: &Setup, monitor: &Monitor) -> Result<(Duration, Vec<String>), Failure> {
    let config = setup.load()?;
    let gates = config.read_gates().map_err(MonitorError::from)?;
    let every = config.evaluate_every.as_std();
    Ok((every, monitor.reload(config, gates)?))
}

/// Nobody listens outside of systemd.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd can't be told");
    }
}

fn signal_failure(errno: Errno) -> Failure {
    Failure::Monitor(MonitorError::Thread { name: "signals", source: errno.into() })
}
