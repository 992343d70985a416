//! Where policies are looked for, and that one which can't be trusted denies everything.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use common::{options, run_dir};
use dsmil_device::{Error, load_policies, policy_files};
use dsmil_protocol::DeviceId;
use dsmil_quarantine::Grounds;

const GOOD: &str = "version = 1\n[[deny]]\nid = 0x8030\nreason = \"storage controller of the boot disk\"\n";

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    path
}

#[test]
fn the_system_policy_comes_first_and_a_named_one_is_added() {
    let files = policy_files(Some(Path::new("/somewhere/policy.toml")));
    assert_eq!(files[0], (PathBuf::from("/etc/dsmil/policy.toml"), false));
    assert_eq!(files[1], (PathBuf::from("/somewhere/policy.toml"), true));
}

#[test]
fn a_policy_adds_to_the_quarantine_and_names_itself_in_the_denial() {
    let run = run_dir();
    let policy = write(run.path(), "policy.toml", GOOD);
    let device = options(&run).policy(&policy).open("sim:").unwrap();
    let error = device.read(DeviceId::new(0x8030)).unwrap_err();
    let Error::Denied { denied, .. } = &error else { panic!("{error}") };
    assert_eq!(denied.key(), format!("policy/{}/deny[0]", policy.display()));
    assert!(denied.is_explicit() && error.to_string().contains("boot disk"), "{error}");
    device.read(DeviceId::new(0x8031)).unwrap();
}

#[test]
fn whatever_keeps_a_policy_from_being_used_denies_every_device() {
    let run = run_dir();
    let folder = run.path();
    let with_mode = |name, mode| {
        let path = write(folder, name, GOOD);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let strangers = write(folder, "strangers.toml", GOOD);
    chown(&strangers, Some(61_235), None).unwrap();
    let loose = folder.join("loose");
    fs::create_dir(&loose).unwrap();
    let in_loose_folder = write(&loose, "policy.toml", GOOD);
    fs::set_permissions(&loose, fs::Permissions::from_mode(0o777)).unwrap();
    symlink(folder.join("nowhere"), folder.join("link.toml")).unwrap();
    nix::unistd::mkfifo(&folder.join("pipe.toml"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    fs::write(folder.join("bytes.toml"), [0xFF, 0xFE]).unwrap();
    let cases = [
        (folder.join("missing.toml"), "no such file"),
        (folder.join("link.toml"), "no such file"),
        (folder.to_owned(), "not a regular file"),
        (folder.join("pipe.toml"), "not a regular file"),
        (folder.join("bytes.toml"), "not UTF-8"),
        (write(folder, "empty.toml", ""), "version"),
        (write(folder, "malformed.toml", "version = 1\n[[deny]\n"), "line 2"),
        (write(folder, "release.toml", "version = 1\n[[allow]]\nid = 0x8009\nreason = \"why not\"\n"), "allow"),
        (with_mode("group.toml", 0o664), "chmod go-w"),
        (with_mode("world.toml", 0o646), "chmod go-w"),
        (strangers, "belongs to user 61235"),
        (in_loose_folder, "everybody may replace it"),
    ];
    for (path, says) in cases {
        let quarantine = load_policies(Some(&path));
        for id in DeviceId::served() {
            for operation in dsmil_quarantine::Operation::ALL {
                let denied = quarantine.clear(id, operation, 0).unwrap_err();
                if id.is_permanent() {
                    assert!(matches!(denied.grounds, Grounds::Permanent { .. }), "{denied}");
                    continue;
                }
                let text = denied.to_string();
                assert!(matches!(denied.grounds, Grounds::PolicyUnusable(_)), "{text}");
                assert!(text.contains(says) && text.contains(path.to_str().unwrap()), "{says:?} is not in {text:?}");
            }
        }
        let device = options(&run).policy(&path).open("sim:").unwrap();
        assert!(matches!(device.info(DeviceId::new(0x8003)), Err(Error::Denied { .. })));
        assert_eq!(device.model().unwrap().lock().unwrap().counters().ids().count(), 0, "no id was asked for");
    }
}
