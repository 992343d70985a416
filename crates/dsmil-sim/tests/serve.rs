//! The served device, met from outside: every request here is a real `ioctl(2)` that a Python program
//! makes, which shares nothing with this project.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use dsmil_protocol::{DeviceId, ScanTransfer};
use dsmil_sim::{Config, Faults, Server, SimError, device_data};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What each Python program begins with: the device is open as `fd`.
const PRELUDE: &str = r#"
import errno, fcntl, json, os, struct, sys, threading, time
place = sys.argv[1]
def ask(code, size=0, head=b""):
    argument = bytearray(head.ljust(size, b"\0"))
    if size:
        fcntl.ioctl(fd, code, argument)
    else:
        fcntl.ioctl(fd, code)
    return bytes(argument)
def refused(code, size=0, head=b""):
    argument = bytearray(head.ljust(size, b"\0"))
    try:
        fcntl.ioctl(fd, code, argument)
    except OSError as error:
        return error.errno, bytes(argument)
    raise SystemExit("was not refused")
def counters():
    return json.load(open(place + "/counters.json"))
fd = os.open(place + "/dsmil-72dev", os.O_RDWR)
"#;

fn python_raw(program: &str, place: &Path) -> Output {
    Command::new("python3").arg("-c").arg(program).arg(place).output().expect("python3 is needed: install it")
}

fn python(program: &str, place: &Path) -> Vec<u8> {
    let output = python_raw(&format!("{PRELUDE}{program}"), place);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("with a blank");
    (folder, place)
}

fn started(place: &Path) -> Server {
    Server::start(place, Config::default(), Faults::none()).unwrap()
}

fn is_mounted(place: &Path) -> bool {
    let escaped = place.to_str().unwrap().replace(' ', "\\040");
    std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(&format!(" {escaped} "))
}

#[test]
fn a_scan_and_a_read_by_another_program_are_whole() {
    let (_folder, place) = place();
    let server = started(&place);
    let chunks = python("ask(0x4D06)\nfor _ in range(22): sys.stdout.buffer.write(ask(0x81004D07, 256))\nask(0x4D08)", &place);
    let mut machine = ScanTransfer::new();
    let (chunks, rest) = chunks.as_chunks();
    assert!(rest.is_empty());
    for chunk in chunks {
        machine.feed(chunk).unwrap();
    }
    assert_eq!(machine.finish().unwrap().records.len(), 108);
    let data = python(
        r#"
ask(0x40044D09, 4, struct.pack("<I", 0x8003))
for size in (224, 224, 64): sys.stdout.buffer.write(ask(0x81004D0A, 256)[32:32 + size])
assert refused(0x81004D0A, 256)[0] == errno.EINVAL
ask(0x4D0B)
"#,
        &place,
    );
    assert_eq!(data, device_data(0, DeviceId::new(0x8003), 512));
    assert_eq!(server.counters().sequence(), 24 + 6);
    server.stop().unwrap();
    assert!(!is_mounted(&place));
}

#[test]
fn the_record_is_filled_when_the_request_fails_and_other_codes_are_enotty() {
    let (_folder, place) = place();
    let server = started(&place);
    python(
        r#"
code, record = refused(0xC0284D04, 40, struct.pack("<H", 0x8009))
assert code == errno.EACCES and struct.unpack_from("<HxxI", record) == (0x8009, 3), record
code, record = refused(0xC0284D04, 40, struct.pack("<H", 0x9000))
assert code == errno.EINVAL and struct.unpack_from("<HxxI", record) == (0x9000, 4), record
record = ask(0xC0284D04, 40, struct.pack("<H", 0x8000))
assert struct.unpack_from("<HxxI", record) == (0x8000, 2), record
assert ask(0x80044D01, 4) == struct.pack("<I", 0x010000)
assert len(ask(0x80184D02, 24)) == 24
assert refused(0x90F84D03, 4344)[0] == errno.EMSGSIZE
assert refused(0x80084D01, 8)[0] == errno.ENOTTY
assert refused(0x80044D0C, 4)[0] == errno.ENOTTY
"#,
        &place,
    );
    assert_eq!(server.counters().permanent(), 1);
}

#[test]
fn a_discovery_result_comes_whole_where_the_firmware_has_no_limit() {
    let (_folder, place) = place();
    let config = Config { firmware_limit: None, ..Config::default() };
    let _server = Server::start(&place, config, Faults::none()).unwrap();
    let bytes = python("sys.stdout.buffer.write(ask(0x90F84D03, 4344))", &place);
    let scan = dsmil_protocol::decode_discovery(&bytes.try_into().unwrap()).unwrap();
    assert_eq!(scan.records.len(), 108);
}

#[test]
fn counters_are_fresh_at_each_open() {
    let (_folder, place) = place();
    let server = started(&place);
    python(
        r#"
before = counters()
assert before["sequence"] == 0 and before["permanent"] == 0 and before["opens"] == 1, before
ask(0x40044D09, 4, struct.pack("<I", 0x8009))
after = counters()
assert after["sequence"] == 1 and after["permanent"] == 1, after
assert after["ids"] == {"0x8009": {"read_device": 0, "read_start": 1, "read_chunk": 0, "total": 1}}, after
assert abs(after["last_request_us"] / 1e6 - time.monotonic()) < 5, after
for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC):
    try: os.open(place + "/counters.json", flags)
    except PermissionError: continue
    raise SystemExit("the counters could be written")
assert sorted(os.listdir(place)) == ["counters.json", "dsmil-72dev", "faults.toml"]
"#,
        &place,
    );
    server.stop().unwrap();
}

#[test]
fn faults_are_set_by_writing_the_file_and_a_malformed_one_is_refused() {
    let (_folder, place) = place();
    let _server = started(&place);
    python(
        r#"
path = place + "/faults.toml"
def write(text):
    file = open(path, "w")
    file.write(text)
    file.close()
assert open(path).read() == ""
write('[[fault]]\non = "GET_THERMAL"\ndo = "no-sensor"\n')
assert refused(0x80044D05, 4)[0] == errno.EIO
assert "no-sensor" in open(path).read()
try:
    write('[[fault]]\non = "GET_THERMAL"\ndo = "explode"\n')
    raise SystemExit("a malformed file was taken")
except OSError as error:
    assert error.errno == errno.EINVAL
assert refused(0x80044D05, 4)[0] == errno.EIO, "the old ones stay"
write("")
ask(0x80044D05, 4)
import subprocess
shell = 'printf "[[fault]]\\non = \\"any\\"\\ndo = \\"interrupt\\"\\n" > "$1"'
subprocess.run(["sh", "-c", shell, "sh", path], check=True)
argument = bytearray(4)
assert refused(0x80044D05, 4)[0] == errno.EINTR
os.truncate(path, 0)
ask(0x80044D05, 4)
"#,
        &place,
    );
}

#[test]
fn a_delayed_request_does_not_hold_up_another() {
    let (_folder, place) = place();
    let server = started(&place);
    let late = "[[fault]]\non = 'READ_DEVICE'\nid = 0x8003\ndo = 'delay'\nms = 400";
    server.set_faults(Faults::parse(late, Path::new("f")).unwrap());
    python(
        r#"
took = []
def slow():
    begun = time.monotonic()
    record = ask(0xC0284D04, 40, struct.pack("<H", 0x8003))
    took.append((time.monotonic() - begun, struct.unpack_from("<HxxI", record)))
thread = threading.Thread(target=slow)
thread.start()
time.sleep(0.05)
begun = time.monotonic()
ask(0xC0284D04, 40, struct.pack("<H", 0x8004))
assert time.monotonic() - begun < 0.2 and not took
thread.join()
assert 0.4 <= took[0][0] < 2 and took[0][1] == (0x8003, 2), took
"#,
        &place,
    );
}

#[test]
fn open_fails_where_the_driver_is_not_initialised() {
    let (_folder, place) = place();
    let config = Config { initialised: false, ..Config::default() };
    let _server = Server::start(&place, config, Faults::none()).unwrap();
    let output = python_raw(PRELUDE, &place);
    assert!(String::from_utf8_lossy(&output.stderr).contains("[Errno 19]"));
}

#[test]
fn the_mode_is_held_against_other_users() {
    let (folder, place) = place();
    let server = Server::start_with_mode(&place, Config::default(), Faults::none(), 0o640).unwrap();
    assert!(nix::unistd::geteuid().is_root(), "this test needs root, which may become another user");
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let as_nobody = r#"
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
open(sys.argv[1] + "/counters.json").read()
for name in ("dsmil-72dev", "faults.toml"):
    try: os.open(sys.argv[1] + "/" + name, os.O_RDONLY)
    except PermissionError: continue
    raise SystemExit(name + " was opened")
"#;
    let output = python_raw(as_nobody, &place);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.stop().unwrap();
    let _server = Server::start_with_mode(&place, Config::default(), Faults::none(), 0o666).unwrap();
    let opens = "import os, sys\nos.setgid(65534); os.setuid(65534)\nos.open(sys.argv[1] + '/dsmil-72dev', os.O_RDWR)";
    assert!(python_raw(opens, &place).status.success());
}

#[test]
fn a_client_that_has_the_device_open_gets_enodev_when_the_service_ends() {
    let (_folder, place) = place();
    let server = started(&place);
    let program =
        format!("{PRELUDE}\nprint('open', flush=True)\nsys.stdin.read()\nassert refused(0x80044D01, 4)[0] == errno.ENODEV");
    let mut client =
        Command::new("python3").args(["-c", &program]).arg(&place).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(client.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let begun = Instant::now();
    server.stop().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2) && !is_mounted(&place));
    // The place is free at once, while the client still holds the old device.
    let again = started(&place);
    drop(client.stdin.take());
    assert!(client.wait().unwrap().success());
    assert_eq!(again.counters().sequence(), 0);
}

#[test]
fn a_live_mount_a_full_directory_and_a_file_are_refused() {
    let (folder, place) = place();
    let server = started(&place);
    let refused = |place: &Path| match Server::start(place, Config::default(), Faults::none()) {
        Err(SimError::Place { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(&place).contains("mounted"));
    python("ask(0x80044D01, 4)", &place);
    assert!(refused(folder.path()).contains("not empty"));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(refused(&file).contains("not a directory"));
    assert!(refused(&file.join("below")).contains("above"));
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&place, &link).unwrap();
    assert!(refused(&link).contains("symbolic link"));
    drop(server);
    assert!(!is_mounted(&place), "dropping ends the service");
}

/// The example `serve`, which is built along with the tests, beside their folder.
fn example() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let example = tests.parent().unwrap().parent().unwrap().join("examples/serve");
    assert!(example.is_file(), "{} is missing: cargo build --examples --features serve", example.display());
    example
}

/// The example as a process of its own.
fn served(place: &Path, arguments: &[&str]) -> Child {
    let mut child = Command::new(example()).arg(place).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.trim().ends_with("dsmil-72dev"), "{line}");
    child
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

#[test]
fn sigterm_and_sigint_end_the_service_cleanly() {
    for ending in [Signal::SIGTERM, Signal::SIGINT] {
        let (_folder, place) = place();
        let mut child = served(&place, &["seed=7"]);
        python("ask(0x80044D01, 4)", &place);
        signal(&child, ending);
        assert!(child.wait().unwrap().success(), "{ending}");
        assert!(!is_mounted(&place));
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
    }
}

#[test]
fn a_mount_that_a_killed_server_left_is_removed() {
    let (_folder, place) = place();
    for _ in 0..3 {
        let mut child = served(&place, &[]);
        signal(&child, Signal::SIGKILL);
        child.wait().unwrap();
        let stale = std::fs::metadata(&place).unwrap_err();
        assert_eq!(stale.raw_os_error(), Some(nix::errno::Errno::ENOTCONN as i32));
    }
    let server = started(&place);
    python("ask(0x80044D01, 4)", &place);
    server.stop().unwrap();
    assert!(!is_mounted(&place), "no stale mount lies beneath");
}

#[test]
fn unmounting_by_hand_ends_the_service() {
    let (_folder, place) = place();
    let mut child = served(&place, &[]);
    nix::mount::umount2(&place, nix::mount::MntFlags::MNT_DETACH).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_wrong_fault_file_is_told_before_anything_is_mounted() {
    let (folder, place) = place();
    let faults = folder.path().join("faults.toml");
    std::fs::write(&faults, "[[fault]]\non = 'any'\ndo = 'explode'\n").unwrap();
    let output = Command::new(example()).arg(&place).arg("-").arg(&faults).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("faults.toml:3: do:"));
    assert!(!place.exists());
}
