//! A monitor as a process: its files, its receivers, and who asks it.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod servers;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Ran, dsmil, make_private};

/// Samplers of the machine that most tests can do without.
pub const QUIET: &str = "interval = \"1s\"\ncpu.enabled = false\nmemory.enabled = false\nload.enabled = false\n\
    temperature.enabled = false\nmonitor.enabled = false\nworkers.enabled = false\ndisks.enabled = false\ndevices.enabled = false\n";

/// Asks again and again until there is an answer.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "{what}: that never came");
        thread::sleep(Duration::from_millis(20));
    }
}

pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Where a monitor finds and leaves its files.
pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        make_private(&folder.path().join("run"));
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Writes a file that is there as a whole or not at all, with mode 0600.
    pub fn write(&self, name: &str, text: &str) {
        let hidden = self.path(&format!(".{name}"));
        fs::write(&hidden, text).unwrap();
        fs::set_permissions(&hidden, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(hidden, self.path(name)).unwrap();
    }

    /// A configuration with a gate file and a JSON file as its source; `more` are further tables.
    pub fn configure(&self, gates: &str, more: &str) {
        self.write("gates.toml", gates);
        if !self.path("metrics.json").exists() {
            self.write("metrics.json", "{}");
        }
        let text = format!(
            "version = 1\nevaluate_every = \"100ms\"\nscore_every = \"2s\"\ngates = [\"gates.toml\"]\n\n[samplers]\n{QUIET}\n\
             [[samplers.file]]\nname = \"test\"\ninterval = \"1s\"\npath = {:?}\n\n{more}\n",
            self.text("metrics.json")
        );
        self.write("monitor.toml", &text);
    }

    /// A command of the monitor's on these files.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = dsmil();
        for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "DSMIL_STATE_DIR"] {
            command.env_remove(variable);
        }
        command.env("DSMIL_DEVICE", "sim:").env("DSMIL_RUN_DIR", self.path("run"));
        command.env("DSMIL_STATE_DIR", self.state()).env("DSMIL_MONITOR_CONFIG", self.path("monitor.toml")).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// The same with `--json`.
    pub fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let ran = Ran::of(&self.command(arguments).arg("--json").output().unwrap());
        (ran.status, ran.json())
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self, self.command(&["monitor", "--json"]).args(arguments))
    }

    /// The alerts, as the command shows them.
    pub fn alerts(&self) -> Vec<Value> {
        let (status, document) = self.json(&["alerts", "list"]);
        assert_eq!(status, 0, "{document}");
        document["alerts"].as_array().unwrap().clone()
    }

    /// An alert in a state, when it is there.
    pub fn await_alert(&self, name: &str, state: &str) -> Value {
        let find = || self.alerts().into_iter().find(|alert| alert["name"] == name && alert["state"] == state);
        eventually(&format!("{name} is {state}"), find)
    }

    /// What the monitor wrote to its standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("stderr.log")).unwrap_or_default()
    }
}

/// A monitor that runs. A test that fails leaves none behind.
pub struct Running {
    child: Child,
    pub ready: Value,
    ended: bool,
}

impl Running {
    /// Started, and ready.
    pub fn start(place: &Place, command: &mut Command) -> Self {
        let log = File::options().create(true).append(true).open(place.path("stderr.log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let mut running = Self { child, ready: Value::Null, ended: false };
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).unwrap();
        running.ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}\n{}", place.log()));
        running
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Sends a signal and waits: the exit status, `None` if the signal ended it.
    pub fn end(mut self, signal: Signal) -> Option<i32> {
        self.send(signal);
        self.ended = true;
        self.child.wait().unwrap().code()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.ready["listen"].as_str().unwrap().parse().unwrap()
    }

    /// The status and the body of an answer.
    pub fn get(&self, path: &str, key: Option<&str>) -> (u16, String) {
        get(self.address(), path, key)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            _ = self.child.kill();
            _ = self.child.wait();
        }
    }
}

pub fn get(address: SocketAddr, path: &str, key: Option<&str>) -> (u16, String) {
    ask(address, "GET", path, key, "").unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One request; a server that isn't there yet is an error.
pub fn ask(address: SocketAddr, method: &str, path: &str, key: Option<&str>, body: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: here\r\n{key}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| std::io::Error::other(format!("no answer: {text:?}")))?, body.to_owned()))
}

/// What a webhook was told.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: String,
    pub at: i64,
    pub body: Value,
}

impl Told {
    /// The alerts in it: name, a label, and whether it fires or has resolved.
    pub fn alerts(&self) -> Vec<(String, Value, String)> {
        let of = |alert: &Value| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&alert["labels"]["alertname"]), alert["labels"].clone(), text(&alert["status"]))
        };
        self.body["alerts"].as_array().unwrap().iter().map(of).collect()
    }
}

/// A webhook that takes everything, and remembers it.
pub struct Hook {
    pub address: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Hook {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let told: Arc<Mutex<Vec<Told>>> = Arc::default();
        let into = Arc::clone(&told);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that was killed in the middle was not told.
                if let Some(one) = take(&stream) {
                    into.lock().unwrap().push(one);
                    _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                }
            }
        });
        Self { address, told }
    }

    pub fn receiver(&self) -> String {
        format!("[receivers.hook]\nkind = \"webhook\"\nurl = \"http://{}/\"\n", self.address)
    }

    pub fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// Whether it was told that an alert fires or has resolved.
    pub fn heard(&self, name: &str, status: &str) -> bool {
        let all = self.told();
        all.iter().any(|told| told.alerts().iter().any(|(known, _, is)| known == name && is == status))
    }

    pub fn await_heard(&self, name: &str, status: &str) {
        eventually(&format!("the webhook hears that {name} is {status}"), || self.heard(name, status).then_some(()));
    }
}

fn take(stream: &TcpStream) -> Option<Told> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Told {
        id: headers.get("idempotency-key").cloned().unwrap_or_default(),
        at: now(),
        body: serde_json::from_slice(&body).ok()?,
    })
}

/// Three keys, one of each role, and their file.
pub struct Keys {
    pub metrics: String,
    pub read: String,
    pub operate: String,
}

impl Keys {
    /// Made by the command, and written to `keys.toml`.
    pub fn make(place: &Place) -> Self {
        let mut file = String::new();
        let mut make = |role: &str| {
            let (status, made) = place.json(&["key", role, "--role", role]);
            assert_eq!(status, 0, "{made}");
            file += made["entry"].as_str().unwrap();
            made["key"].as_str().unwrap().to_owned()
        };
        let keys = Self { metrics: make("metrics"), read: make("read"), operate: make("operate") };
        place.write("keys.toml", &file);
        keys
    }
}

/// All regular files below a folder, with their sizes.
pub fn files(folder: &Path) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        all.insert(entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len());
    }
    all
}
