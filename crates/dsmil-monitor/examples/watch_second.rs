//! What a second of watching costs: the whole `dsmil monitor` on a simulated driver with 108 devices, every sampler at 1 Hz, a step
//! a second, two gate files, the scores every 30 s.
//!
//! `cargo build --release -p dsmil-cli && cargo run --release -p dsmil-monitor --example watch_second target/release/dsmil [SECONDS]`,
//! 60 if nothing is said. The processor time is that of `/proc/PID/stat`, after the first 5 seconds; the simulated driver in the same
//! process is in it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

type Failure = Box<dyn std::error::Error>;

const CONFIG: &str = "version = 1\nevaluate_every = \"1s\"\nscore_every = \"30s\"\ngates = [\"alerts.toml\", \"deploy.toml\"]\n\
    [samplers]\ninterval = \"1s\"\n[alerts]\nreceivers = [\"log\"]\n[receivers.log]\nkind = \"log\"\n";

/// Ends with this, whatever happens.
struct Monitor(Child);

impl Drop for Monitor {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn main() -> Result<(), Failure> {
    let program = std::env::args().nth(1).ok_or("name the program: target/release/dsmil")?;
    let seconds: u64 = std::env::args().nth(2).map_or(Ok(60), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    for name in ["alerts", "deploy"] {
        fs::copy(format!("{}/../../examples/gates/{name}.toml", env!("CARGO_MANIFEST_DIR")), path(&format!("{name}.toml")))?;
    }
    fs::write(path("monitor.toml"), CONFIG)?;
    fs::set_permissions(path("monitor.toml"), fs::Permissions::from_mode(0o600))?;
    fs::create_dir(path("run"))?;
    fs::set_permissions(path("run"), fs::Permissions::from_mode(0o700))?;
    let mut command = Command::new(program);
    command.args(["monitor", "--json", "--device", "sim:", "--config"]).arg(path("monitor.toml"));
    command.arg("--run-dir").arg(path("run")).arg("--state-dir").arg(path("state"));
    let child = command.stdout(Stdio::piped()).stderr(fs::File::create(path("log"))?).spawn()?;
    let mut monitor = Monitor(child);
    let out = monitor.0.stdout.take().ok_or("no standard output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    if !line.contains("\"ready\":true") {
        return Err(format!("it did not start: {}", fs::read_to_string(path("log"))?).into());
    }
    sleep(Duration::from_secs(5));
    let id = monitor.0.id();
    let (before, begun) = (used(id)?, Instant::now());
    sleep(Duration::from_secs(seconds));
    let (spent, passed) = (used(id)?.saturating_sub(before), begun.elapsed().as_secs_f64());
    let memory = fs::read_to_string(format!("/proc/{id}/status"))?;
    let memory = memory.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_owned();
    kill(Pid::from_raw(i32::try_from(id)?), Signal::SIGTERM)?;
    let status = monitor.0.wait()?;
    let reader = dsmil_history::Reader::open(path("state"))?;
    let series = reader.series(None)?.len();
    let per_second = 1e3 * spent.as_secs_f64() / passed;
    println!("{per_second:.2} ms of processor time a second ({:.2} % of one), over {passed:.0} s", per_second / 10.0);
    println!("{series} series, {memory}; it ended with {status}");
    Ok(())
}

/// The processor time of a process, its threads included.
fn used(id: u32) -> Result<Duration, Failure> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name stands in brackets, and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(") ").ok_or("no stat")?.1.split(' ').collect();
    let ticks: u64 = fields.get(11).ok_or("no utime")?.parse::<u64>()? + fields.get(12).ok_or("no stime")?.parse::<u64>()?;
    let per_second = u64::try_from(sysconf(SysconfVar::CLK_TCK)?.ok_or("no tick")?)?;
    Ok(Duration::from_millis(1000 * ticks / per_second))
}
