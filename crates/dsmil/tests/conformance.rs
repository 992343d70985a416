//! The conformance cases, carried out from Rust: each on a simulated device in this process, on the same
//! one served as a file, and (by `make test-kernel`) on the kernel module's. What a case may say is told in `tests/conformance/README.md`.

#![allow(clippy::unwrap_used)]

#[path = "conformance/case.rs"]
mod case;
#[path = "conformance/check.rs"]
mod check;
#[path = "../../../tests/driver/kernel_device.rs"]
#[allow(unreachable_pub, reason = "a module of several crates' tests")]
mod kernel_device;
#[path = "conformance/stand.rs"]
mod stand;

use std::collections::BTreeSet;
use std::path::PathBuf;

use stand::Place;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance")
}

/// Carries out every case of a file in one place and reports all that did not hold.
fn carry_out(file: &str, place: Place) {
    let cases = case::load(&folder().join(file));
    assert!(!cases.is_empty(), "{file} has no cases");
    let lines: Vec<_> = cases.iter().flat_map(|case| check::run(file, case, place)).collect();
    assert!(lines.is_empty(), "{} of {} cases' expectations do not hold:\n{}", lines.len(), cases.len(), lines.join("\n"));
}

macro_rules! files {
    ($($name:ident)+) => {
        /// The files that are carried out below.
        const FILES: &[&str] = &[$(concat!(stringify!($name), ".toml")),+];
        $(mod $name {
            use super::{Place, carry_out};

            #[test]
            fn in_process() {
                carry_out(concat!(stringify!($name), ".toml"), Place::InProcess);
            }

            #[test]
            fn served() {
                carry_out(concat!(stringify!($name), ".toml"), Place::Served);
            }

            #[test]
            #[ignore = "needs the kernel module: make test-kernel"]
            fn in_kernel() {
                carry_out(concat!(stringify!($name), ".toml"), Place::Kernel);
            }
        })+
    };
}

files! { deadline hostile_read hostile_scan hostile_table info isolation policy probe quarantine read scan sessions status stop transient vanish }

#[test]
fn every_file_is_carried_out_and_every_case_has_a_name_of_its_own() {
    let listed: BTreeSet<_> = FILES.iter().map(|file| (*file).to_owned()).collect();
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let cases = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let found: BTreeSet<_> = cases.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(found, listed, "the files in tests/conformance, and those that this test carries out");
    let mut names = BTreeSet::new();
    for file in &found {
        for case in case::load(&folder().join(file)) {
            assert!(!case.shows.is_empty(), "{file}: {:?} shows nothing", case.name);
            assert!(names.insert(case.name.clone()), "{file}: {:?} is the name of two cases", case.name);
        }
    }
    assert!(names.len() >= 60, "only {} cases", names.len());
}

/// A runner that passes whatever it is given would prove nothing.
#[test]
fn a_case_that_does_not_hold_fails_and_says_why() {
    let text = "[[case]]\nname = 'wrong'\nshows = ['D3']\nop = 'scan'\n[case.expect]\nok = true\nrecords = 107\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, text).unwrap();
    for place in [Place::InProcess, Place::Served] {
        let lines = check::run("wrong.toml", &case::load(&file)[0], place);
        assert_eq!(lines, [format!("wrong.toml: \"wrong\" ({place:?}): records: expected 107, got 108")]);
    }
    std::fs::write(&file, text.replace("records", "recordz")).unwrap();
    let refused = std::panic::catch_unwind(|| case::load(&file)).unwrap_err();
    assert!(refused.downcast_ref::<String>().unwrap().contains("recordz"), "an unknown key is an error");
}
