//! `tests/driver/cases.toml`, carried out on the model. The kernel module is held to the same table (`make test-kernel`).

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dsmil_protocol::RequestCode;
use dsmil_sim::{Config, Faults, Model};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(rename = "quirk")]
    _quirk: Option<u8>,
    options: Option<String>,
    #[serde(default)]
    faults: String,
    open: Option<String>,
    #[serde(default)]
    before: Vec<String>,
    ask: String,
    answer: String,
    #[serde(default)]
    after: Vec<String>,
    #[serde(default)]
    asked: BTreeMap<String, u64>,
    ids: Option<BTreeMap<String, BTreeMap<String, u64>>>,
}

/// What the parts of a buffer that no request fills hold.
const FILL: u8 = 0xAA;

type Fields = &'static [(&'static str, usize, usize)];

/// The fields of an answer, as name, offset and bytes, written out from the specification.
const fn fields(request: RequestCode) -> Fields {
    match request {
        RequestCode::GetVersion => &[("version", 0, 4)],
        RequestCode::GetThermal => &[("celsius", 0, 4)],
        RequestCode::GetStatus => &[
            ("kernel_module_loaded", 0, 1),
            ("thermal_safe", 1, 1),
            ("current_temp_celsius", 4, 4),
            ("safe_device_count", 8, 4),
            ("quarantined_count", 12, 4),
            ("last_scan_timestamp", 16, 8),
        ],
        RequestCode::ScanDevices => &[
            ("total_devices_found", 0, 4),
            ("safe_devices_found", 4, 4),
            ("quarantined_devices_found", 8, 4),
            ("last_scan_timestamp", 16, 8),
        ],
        RequestCode::ScanChunk => &[
            ("chunk_index", 0, 4),
            ("total_chunks", 4, 4),
            ("devices_in_chunk", 8, 4),
            ("chunk_size", 12, 4),
            ("session_id", 16, 8),
        ],
        RequestCode::ReadChunk => &[
            ("token", 0, 2),
            ("chunk_index", 2, 2),
            ("total_chunks", 4, 4),
            ("data_offset", 8, 4),
            ("chunk_size", 12, 4),
            ("session_id", 16, 8),
        ],
        RequestCode::ReadDevice => RECORD,
        _ => &[],
    }
}

const RECORD: Fields = &[
    ("device_id", 0, 2),
    ("state", 4, 4),
    ("access", 8, 4),
    ("is_quarantined", 12, 1),
    ("last_response", 16, 4),
    ("timestamp", 24, 8),
    ("thermal_celsius", 32, 4),
];

/// Where a field lies: offset and bytes. `2.state` is the third record's.
fn place(request: RequestCode, name: &str) -> (usize, usize) {
    let find = |fields: Fields, name: &str| {
        let found = fields.iter().find(|field| field.0 == name).unwrap_or_else(|| panic!("no field {name}"));
        (found.1, found.2)
    };
    let Some((number, field)) = name.split_once('.') else { return find(fields(request), name) };
    let begin = if request == RequestCode::ScanDevices { 24 } else { 32 };
    let (offset, bytes) = find(RECORD, field);
    (begin + 40 * number.parse::<usize>().unwrap() + offset, bytes)
}

fn number(text: &str) -> i64 {
    text.strip_prefix("0x").map_or_else(|| text.parse(), |digits| i64::from_str_radix(digits, 16)).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// One case under way.
struct Run {
    model: Model,
    now: Duration,
    sessions: BTreeMap<String, u64>,
    wrong: Vec<String>,
}

impl Run {
    fn step(&mut self, text: &str) {
        let (request, answer) = text.split_once(" -> ").unwrap_or_else(|| panic!("{text}: is no step"));
        let (request, argument) = request.split_once(' ').map_or((request, None), |(name, id)| (name, Some(number(id))));
        let known = RequestCode::ALL.into_iter().find(|known| known.name() == request);
        let code = known.map_or_else(|| u32::try_from(number(request)).unwrap(), RequestCode::code);
        let mut before = vec![FILL; (code >> 16) as usize & 0x3FFF];
        if let Some(argument) = argument {
            let bytes = if known == Some(RequestCode::ReadDevice) { 2 } else { 4 };
            before[..bytes].copy_from_slice(&argument.to_ne_bytes()[..bytes]);
        }
        let mut buffer = before.clone();
        self.now += Duration::from_millis(1);
        let result = self.model.ioctl(self.now, code, &mut buffer).result;
        let mut words = answer.split(' ').filter(|word| !word.is_empty());
        let answered = result.map_or_else(|errno| format!("{errno:?}"), |()| "ok".to_owned());
        if words.next() != Some(answered.as_str()) {
            return self.wrong.push(format!("{text}: answered {answered}"));
        }
        for word in words {
            if let Some(wrong) = self.field(known, word, &before, &buffer) {
                self.wrong.push(format!("{text}: {wrong}"));
            }
        }
    }

    /// What is wrong with one field, if anything.
    fn field(&mut self, request: Option<RequestCode>, word: &str, before: &[u8], buffer: &[u8]) -> Option<String> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "untouched" => (before != buffer).then(|| "the buffer was written to".to_owned()),
            "data" => {
                let wanted = if value == "zeros" { vec![0; 224] } else { unhex(value) };
                (buffer[32..32 + wanted.len()] != wanted).then(|| format!("the data are {:02x?}", &buffer[32..48]))
            }
            "session" => {
                let session = u64::from_ne_bytes(*buffer[16..].first_chunk().unwrap());
                let is_anothers = self.sessions.iter().any(|(letter, other)| letter != value && *other == session);
                let own = *self.sessions.entry(value.to_owned()).or_insert(session);
                (own != session || is_anothers).then(|| format!("session {value} is {session}, of {:?}", self.sessions))
            }
            _ => {
                let (offset, bytes) = place(request.expect("a request with fields"), name);
                let wanted = number(value).to_ne_bytes();
                let found = &buffer[offset..offset + bytes];
                (found != &wanted[..bytes]).then(|| format!("{name} is {found:02x?}, not {value}"))
            }
        }
    }

    /// What was counted that the case doesn't say.
    fn counted(&mut self, case: &Case) {
        let counters: serde_json::Value = serde_json::from_str(&self.model.counters().to_json()).unwrap();
        for (request, times) in &case.asked {
            if counters["requests"][request] != *times {
                self.wrong.push(format!("{request} was counted {} times, not {times}", counters["requests"][request]));
            }
        }
        let Some(ids) = &case.ids else { return };
        let counted: Vec<_> = counters["ids"].as_object().unwrap().keys().collect();
        if counted != ids.keys().collect::<Vec<_>>() {
            self.wrong.push(format!("counted were the ids {counted:?}"));
        }
        for (id, counts) in ids {
            for (name, times) in counts {
                if counters["ids"][id][name] != *times {
                    self.wrong.push(format!("{id}: {name} was counted {} times, not {times}", counters["ids"][id][name]));
                }
            }
        }
    }
}

/// Carries a case out; the lines say what did not hold.
fn carry_out(case: &Case) -> Vec<String> {
    let config = Config::parse_options(case.options.as_deref().unwrap_or("seed=7")).unwrap();
    let mut model = Model::new(config);
    model.set_faults(Faults::parse(&case.faults, Path::new(&case.name)).unwrap());
    let mut run = Run { model, now: Duration::from_mins(1), sessions: BTreeMap::new(), wrong: Vec::new() };
    let opened = run.model.open().map_or_else(|errno| format!("{errno:?}"), |()| "ok".to_owned());
    if opened != case.open.as_deref().unwrap_or("ok") {
        run.wrong.push(format!("open answered {opened}"));
    }
    if opened == "ok" {
        case.before.iter().for_each(|step| run.step(step));
        run.step(&format!("{} -> {}", case.ask, case.answer));
        case.after.iter().for_each(|step| run.step(step));
    }
    run.counted(case);
    run.wrong.into_iter().map(|line| format!("{}: {line}", case.name)).collect()
}

fn table(text: &str) -> Vec<Case> {
    toml::from_str::<Table>(text).unwrap().case
}

#[test]
fn the_model_answers_as_the_table_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/driver/cases.toml");
    let cases = table(&std::fs::read_to_string(path).unwrap());
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    let wrong: Vec<_> = cases.iter().flat_map(carry_out).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_case_that_does_not_hold_fails_and_says_why() {
    let case = "[[case]]\nname = 'wrong'\nask = 'GET_VERSION'\nanswer = 'ok version=2'\nasked = { GET_VERSION = 2 }\n";
    let wrong = carry_out(&table(case)[0]);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].contains("version is") && wrong[1].contains("counted 1 times, not 2"), "{wrong:?}");
}
