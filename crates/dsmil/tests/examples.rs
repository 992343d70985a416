//! The examples, run as a person would run them, on a served device.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Output};

use dsmil::sim::{Config, Faults, Server, device_data};
use dsmil::{Device, DeviceId};

struct Stand {
    server: Server,
    folder: tempfile::TempDir,
}

fn stand() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path().join("served"), Config::with_seed(7), Faults::none()).unwrap();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    Stand { server, folder }
}

/// Cargo builds the examples with the tests, beside the folder that this test is in.
fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().with_file_name("examples").join(name);
    assert!(path.exists(), "{} is missing: cargo build -p dsmil --examples", path.display());
    path
}

impl Stand {
    fn command(&self, example: &str) -> Command {
        let mut command = Command::new(program(example));
        command.env("DSMIL_RUN_DIR", self.folder.path().join("run")).env_remove("DSMIL_DEVICE").env_remove("DSMIL_POLICY");
        command
    }

    fn run(&self, example: &str, arguments: &[&str]) -> Output {
        self.command(example).arg(self.server.device_path()).args(arguments).output().unwrap()
    }
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn scan_devices() {
    let stand = stand();
    let lines = lines(&stand.run("scan_devices", &[]));
    assert_eq!(lines.len(), 109);
    assert!(lines[9].starts_with("0x8009  quarantined"), "{}", lines[9]);
    assert_eq!(lines[108], "108 devices, 5 quarantined");
    assert_eq!(stand.server.counters().permanent(), 0);
}

#[test]
fn read_device() {
    let stand = stand();
    let lines = lines(&stand.run("read_device", &["0x8010"]));
    assert_eq!(lines.first().unwrap(), "0x8010 is safe, access read");
    assert_eq!(lines.last().unwrap(), "512 bytes");
    let digits = lines[1..33].iter().flat_map(|line| line[6..].split(' '));
    let data: Vec<_> = digits.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    assert_eq!(data, device_data(7, DeviceId::new(0x8010), 512));
}

#[test]
fn watch_thermal() {
    let lines = lines(&stand().run("watch_thermal", &["2"]));
    assert_eq!(lines.len(), 2);
    for line in lines {
        let (celsius, verdict) = line.split_once(" °C, ").unwrap();
        assert!((30..=70).contains(&celsius.parse::<i32>().unwrap()), "{line}");
        assert_eq!(verdict, "safe");
    }
}

#[test]
fn quarantine_denied() {
    let stand = stand();
    let lines = lines(&stand.run("quarantine_denied", &[]));
    assert_eq!(lines.len(), 15);
    assert!(lines[0].contains("0x8009") && lines[0].contains("data destruction"), "{}", lines[0]);
    assert_eq!(lines[14], "7 of 7 denied");
    assert_eq!(stand.server.counters().permanent(), 0);
}

#[test]
fn check_gate() {
    let folder = tempfile::tempdir().unwrap();
    let examples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/gates");
    let ask = |gates: PathBuf, metrics: &str| {
        let path = folder.path().join("metrics.json");
        std::fs::write(&path, metrics).unwrap();
        let output = Command::new(program("check_gate")).arg(gates).arg(path).output().unwrap();
        let said = String::from_utf8(if output.status.code() == Some(1) { output.stderr } else { output.stdout }).unwrap();
        (output.status.code().unwrap(), said)
    };
    let deploy = |metrics: &str| ask(examples.join("deploy.toml"), metrics);
    assert_eq!(deploy(r#"{"cpu_percent": 40, "memory_percent": 50, "active_workers": 2}"#), (0, "go\n".to_owned()));
    let (status, said) = deploy(r#"{"cpu_percent": 40, "memory_percent": 50}"#);
    assert!(status == 7 && said.starts_with("hold\n  hold: rule workers-room: no evidence since "), "{status}: {said}");
    let (status, said) = deploy(r#"{"cpu_percent": "40"}"#);
    assert!(status == 1 && said.starts_with("check_gate: metrics: cpu_percent: the text \"40\""), "{status}: {said}");
    let own = folder.path().join("gates.toml");
    let rule = "name = \"a\"\nmetric = \"a\"\nrequire = \"< 1\"\non_fail = \"roll-back\"\non_no_data = \"hold\"\n";
    std::fs::write(&own, format!("version = 1\n[[rule]]\n{rule}")).unwrap();
    assert_eq!(ask(own, r#"{"a": 2}"#).0, 8);
    let (status, said) = ask(folder.path().join("none.toml"), "{}");
    assert!(status == 1 && said.contains("none.toml: No such file"), "{status}: {said}");
    assert_eq!(Command::new(program("check_gate")).output().unwrap().status.code(), Some(2));
}

#[test]
fn the_device_may_come_from_the_environment() {
    let stand = stand();
    let output = stand.command("scan_devices").env("DSMIL_DEVICE", stand.server.device_path()).output().unwrap();
    assert_eq!(lines(&output).len(), 109);
}

#[test]
fn what_fails_says_why_and_fails() {
    let stand = stand();
    for example in ["scan_devices", "read_device", "watch_thermal", "quarantine_denied"] {
        let output = stand.command(example).arg("/nowhere/dsmil-72dev").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{example}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.starts_with(&format!("{example}: ")) && message.contains("sim:"), "{message}");
    }
    let denied = stand.run("read_device", &["0x8009"]);
    assert_eq!(denied.status.code(), Some(1));
    assert!(String::from_utf8(denied.stderr).unwrap().contains("permanent/0x8009"));
    let nonsense = stand.run("read_device", &["eight"]);
    assert_eq!(nonsense.status.code(), Some(1));
    assert!(String::from_utf8(nonsense.stderr).unwrap().contains("not a device id"));
    dsmil::emergency_stop(&stand.folder.path().join("run"), "the test").unwrap();
    let stopped = stand.run("scan_devices", &[]);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(String::from_utf8(stopped.stderr).unwrap().contains("emergency stop: the test"));
    assert!(Device::options().run_dir(stand.folder.path().join("run")).open("sim:").is_err());
}
