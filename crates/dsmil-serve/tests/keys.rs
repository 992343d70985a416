//! The keys file: what is taken, and what is refused with what to do.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use common::{entry, secret};
use dsmil_serve::{Keys, generate_key};

#[test]
fn only_a_file_that_nobody_else_reads_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.toml");
    secret(&path, &entry("grafana", "read", &generate_key().unwrap()));
    for mode in [0o600, 0o400, 0o700] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(Keys::load(&path).unwrap().len(), 1);
    }
    for mode in [0o640, 0o604, 0o602, 0o620, 0o610, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Keys::load(&path).unwrap_err();
        assert_eq!(error.kind(), "keys-file");
        assert!(error.to_string().contains(&format!("{mode:04o}")) && error.to_string().contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let link = dir.path().join("link.toml");
    symlink(&path, &link).unwrap();
    assert_eq!(Keys::load(&link).unwrap().len(), 1, "what counts is what the link leads to");

    let refused = |path: &Path, says: &str| {
        let error = Keys::load(path).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains(&path.display().to_string()), "{error}");
    };
    refused(&dir.path().join("missing"), "can't be opened");
    refused(dir.path(), "not a regular file");
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
    refused(&pipe, "not a regular file"); // and does not wait for a writer
    secret(&path, &"#".repeat(65 * 1024));
    refused(&path, "longer than");
    fs::write(&path, b"\xff\xfe").unwrap();
    refused(&path, "can't be read");

    // Somebody else's: only root can give a file away.
    if nix::unistd::geteuid().is_root() {
        secret(&path, &entry("grafana", "read", &generate_key().unwrap()));
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        refused(&path, "belongs to user 12345");
    }
}

#[test]
fn what_is_written_wrong_is_named_and_never_quoted() {
    let key = generate_key().unwrap();
    let good = entry("grafana", "read", &key);
    let secret = "hunter2hunter2";
    for (text, line, says) in [
        (String::new(), "", "holds no key"),
        ("key = 5".to_owned(), ", line 1", "invalid type"),
        (format!("{good}[[key]]\nname = \"x\"\n"), ", line 5", "missing field"),
        (format!("{good}key = \"{secret}\"\n"), ", line 5", "unknown field `key`"),
        (format!("password = \"{secret}\"\n{good}"), ", line 1", "unknown field"),
        (good.replace("\"read\"", &format!("\"{secret}\"")), ", line 1", "none that is known"),
        (good.replace("grafana", "gra fana"), ", line 1", "the name is not"),
        (good.replace("grafana", &"g".repeat(33)), ", line 1", "the name is not"),
        (good.replace(&key.sha256, secret), ", line 1", "64 hexadecimal digits"),
        (good.replace(&key.sha256, &key.key), ", line 1", "64 hexadecimal digits"),
        (good.replace(&format!("\"{}\"", key.sha256), secret), ", line 4", ""),
        (format!("{good}\n{}", entry("grafana", "read", &generate_key().unwrap())), ", line 6", "there twice"),
        (format!("{good}\n{}", entry("other", "operate", &key)), ", line 6", "there twice"),
    ] {
        let error = Keys::parse(&text, Path::new("keys.toml")).unwrap_err().to_string();
        assert!(error.starts_with(&format!("keys file keys.toml{line}: ")), "{error}");
        assert!(error.contains(says), "{error}");
        assert!(!error.contains(secret) && !error.contains(&key.key[6..]), "{error}");
    }
    let many: String = (0..257).map(|number| entry(&format!("k{number}"), "read", &generate_key().unwrap())).collect();
    assert!(Keys::parse(&many, Path::new("keys.toml")).unwrap_err().to_string().contains("257 keys"));
}

/// The hash in the file is the one that the usual tool prints.
#[test]
fn the_hash_is_that_of_sha256sum() {
    let key = generate_key().unwrap();
    let command = format!("printf %s {} | sha256sum", key.key);
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(&key.sha256));
    assert_ne!(generate_key().unwrap().key, key.key);
}
