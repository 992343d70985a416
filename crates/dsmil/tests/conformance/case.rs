//! A case as it is written. A key that is not known makes the file unreadable.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// Reads every case of a file.
pub(crate) fn load(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.case
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) shows: Vec<String>,
    #[serde(default = "fielded")]
    pub(crate) device: String,
    #[serde(default)]
    pub(crate) faults: String,
    pub(crate) policy: Option<String>,
    #[serde(default)]
    pub(crate) stop: bool,
    pub(crate) isolate: Option<u16>,
    #[serde(default)]
    pub(crate) dry_run: bool,
    pub(crate) op: Op,
    pub(crate) id: Option<u16>,
    #[serde(default = "once")]
    pub(crate) repeat: u32,
    #[serde(default)]
    pub(crate) limits: CaseLimits,
    pub(crate) expect: Expect,
}

fn fielded() -> String {
    "seed=7".to_owned()
}

const fn once() -> u32 {
    1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Op {
    Version,
    Status,
    Thermal,
    Scan,
    Info,
    Read,
    Probe,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseLimits {
    pub(crate) call_deadline_ms: Option<u64>,
    pub(crate) transfer_deadline_ms: Option<u64>,
    pub(crate) tries: Option<u32>,
    pub(crate) attempts: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) ok: bool,
    pub(crate) error: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) explicit: Option<bool>,
    pub(crate) fault: Option<String>,
    pub(crate) chunk: Option<u32>,
    pub(crate) bytes_done: Option<usize>,
    pub(crate) errno: Option<String>,
    pub(crate) state: Option<u32>,
    pub(crate) interrupted: Option<bool>,
    pub(crate) records: Option<usize>,
    pub(crate) length: Option<usize>,
    pub(crate) sha256: Option<String>,
    pub(crate) version: Option<u32>,
    pub(crate) celsius: Option<[i32; 2]>,
    pub(crate) record: Option<RecordExpect>,
    pub(crate) status: Option<StatusExpect>,
    #[serde(default)]
    pub(crate) probe: BTreeMap<String, String>,
    pub(crate) accesses: Option<u64>,
    #[serde(default)]
    pub(crate) asked: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordExpect {
    pub(crate) state: Option<u32>,
    pub(crate) access: Option<u32>,
    pub(crate) is_quarantined: Option<bool>,
    pub(crate) has_response: Option<bool>,
    pub(crate) has_thermal: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusExpect {
    pub(crate) safe_device_count: Option<u32>,
    pub(crate) quarantined_count: Option<u32>,
    pub(crate) kernel_module_loaded: Option<bool>,
    pub(crate) thermal_safe: Option<bool>,
}
