//! The header is what the sources say: it is made anew in memory and compared with the one in the repository.
//! `DSMIL_BLESS=1 cargo test -p dsmil-c --test header` writes it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// The order of the header: what a reader meets first comes first.
const SOURCES: [&str; 23] = [
    "status",
    "failure",
    "library",
    "record",
    "options",
    "device",
    "scan",
    "probe",
    "latency",
    "quarantine",
    "isolation",
    "stop",
    "audit",
    "self_check",
    "sim",
    "label",
    "verdict",
    "gate",
    "metrics",
    "monitor_options",
    "step",
    "monitor",
    "alert",
];
/// Files that declare nothing to C.
const INTERNAL: [&str; 6] = ["lib", "call", "causes", "forked", "pointer", "running"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(folder().join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(folder().join("src").join(source).with_extension("rs"));
    }
    let mut bytes = Vec::new();
    builder.generate().unwrap().write(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_header_is_what_the_sources_say() {
    let path = folder().join("../../include/dsmil.h");
    let generated = generated();
    if std::env::var_os("DSMIL_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/dsmil.h is not what the sources say: DSMIL_BLESS=1 cargo test -p dsmil-c --test header"
    );
}

#[test]
fn every_source_and_every_exported_function_is_in_the_header() {
    let header = generated();
    for entry in fs::read_dir(folder().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let listed = SOURCES.contains(&name.as_str());
        assert!(listed != INTERNAL.contains(&name.as_str()), "{name}.rs is in neither list, or in both");
        for declaration in fs::read_to_string(&path).unwrap().split("extern \"C\" fn dsmil_").skip(1) {
            let function = declaration.split('(').next().unwrap();
            assert!(header.contains(&format!("dsmil_{function}(")), "dsmil_{function} is not in the header");
        }
    }
}
