//! Each command in its two forms, on a served device.

#![allow(clippy::unwrap_used)]

mod common;

use common::Stand;
use dsmil::DeviceId;
use dsmil::sim::{Config, device_data};
use serde_json::{Value, json};

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn scan() {
    let stand = Stand::new();
    let table = stand.run(&["scan"]).expect(0).out;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 110);
    assert_eq!(lines[0], "id      group               index  state        access  celsius  note");
    assert!(lines[10].starts_with("0x8009  core security           9  quarantined  none"), "{}", lines[10]);
    assert!(lines[10].ends_with("never touched: data destruction"), "{}", lines[10]);
    assert!(lines[109].starts_with("108 devices (84 functional): "), "{}", lines[109]);

    let (status, scan) = stand.json(&["scan"]);
    assert_eq!((status, &scan["count"], &scan["states"]["quarantined"]), (0, &json!(108), &json!(5)));
    let states: u64 = scan["states"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(states, 108);
    let devices = scan["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 108);
    let expected = [
        "access",
        "access_number",
        "functional",
        "group",
        "group_name",
        "id",
        "index",
        "is_quarantined",
        "last_response",
        "number",
        "permanent",
        "state",
        "state_number",
        "thermal_celsius",
        "timestamp",
    ];
    assert_eq!(keys(&devices[9]), expected);
    assert_eq!(devices[9]["id"], "0x8009");
    assert_eq!(devices[9]["permanent"], "data destruction");
    assert_eq!(devices[9]["state_number"], 3);
    assert_eq!(devices[3]["last_response"], Value::Null, "a filler is no reading");
}

#[test]
fn scan_as_a_map() {
    let stand = Stand::new();
    let map = stand.run(&["scan", "--map"]).expect(0).out;
    let lines: Vec<_> = map.lines().collect();
    assert_eq!(lines.len(), 10);
    assert!(lines[1].starts_with("0 core security       0x8000-0x800F  .........QQQ"), "{}", lines[1]);
    assert_eq!(lines[7], "6 training            0x8060-0x806B  ............");
}

#[test]
fn info() {
    let stand = Stand::new();
    let page = stand.run(&["info", "0x8003"]).expect(0).out;
    assert!(page.starts_with("id           0x8003\ngroup        core security\nindex        3\nstate        safe\n"), "{page}");
    let (status, record) = stand.json(&["info", "32771"]);
    assert_eq!((status, &record["id"], &record["state"]), (0, &json!("0x8003"), &json!("safe")));
    assert!(record["last_response"].is_u64(), "READ_DEVICE brings a real one");
}

#[test]
fn read_in_its_four_forms() {
    let mut config = Config::with_seed(7);
    config.set_data_length(DeviceId::new(0x8004), 20).unwrap();
    let stand = Stand::with(config);
    let data = device_data(7, DeviceId::new(0x8003), 512);
    assert_eq!(stand.command(&["read", "0x8003"]).output().unwrap().stdout, data);
    let file = stand.path("data");
    let said = stand.run(&["read", "0x8003", "--out", file.to_str().unwrap()]).expect(0).out;
    assert_eq!(said, format!("512 bytes of 0x8003 in {}\n", file.display()));
    assert_eq!(std::fs::read(&file).unwrap(), data);
    let short = device_data(7, DeviceId::new(0x8004), 20);
    let hex: Vec<_> = short.iter().map(|byte| format!("{byte:02x}")).collect();
    let dump = stand.run(&["read", "0x8004", "--hex"]).expect(0).out;
    let lines: Vec<_> = dump.lines().collect();
    assert!(lines[0].starts_with(&format!("00000000  {}  {}  |", hex[..8].join(" "), hex[8..16].join(" "))), "{dump}");
    assert!(lines[1].starts_with(&format!("00000010  {}{}  |", hex[16..].join(" "), " ".repeat(37))), "{dump}");
    let (status, document) = stand.json(&["read", "0x8004"]);
    assert_eq!((status, document), (0, json!({ "id": "0x8004", "bytes": 20, "hex": hex.concat() })));
}

#[test]
fn status_and_thermal() {
    let stand = Stand::new();
    stand.run(&["scan"]).expect(0);
    let (status, document) = stand.json(&["status"]);
    assert_eq!(status, 0);
    let expected = [
        "current_temp_celsius",
        "device",
        "kernel_module_loaded",
        "last_scan_timestamp",
        "quarantined_count",
        "safe_device_count",
        "thermal_safe",
        "version",
        "version_number",
    ];
    assert_eq!(keys(&document), expected);
    assert_eq!((&document["version"], &document["quarantined_count"]), (&json!("1.0.0"), &json!(5)));
    let page = stand.run(&["status"]).expect(0).out;
    assert!(page.contains("driver       1.0.0\n") && page.contains("quarantined  5 known to the driver, 7 to"), "{page}");
    let (status, thermal) = stand.json(&["thermal"]);
    let celsius = thermal["celsius"].as_i64().unwrap();
    assert!(status == 0 && (20..100).contains(&celsius), "{thermal}");
    assert!(stand.run(&["thermal"]).expect(0).out.ends_with(" °C\n"));
}

#[test]
fn probe_tells_an_older_driver_apart() {
    let stand = Stand::new();
    let page = stand.run(&["probe"]).expect(0).out;
    assert_eq!(page.lines().nth(3), Some("     3  SCAN_DEVICES   0x90F84D03  refused (EMSGSIZE)"));
    assert!(page.ends_with("chunked transfers work\n"), "{page}");
    let (_, document) = stand.json(&["probe"]);
    assert_eq!(document["chunked"], true);
    let scan_devices =
        json!({ "number": 3, "request": "SCAN_DEVICES", "code": 0x90F8_4D03_u32, "outcome": "refused", "errno": "EMSGSIZE" });
    assert_eq!(document["requests"][2], scan_devices);

    let old = Stand::with(Config { lacks_chunked: true, firmware_limit: None, ..Config::default() });
    let (status, document) = old.json(&["probe"]);
    assert_eq!((status, &document["chunked"]), (0, &json!(false)));
    assert_eq!(document["requests"][5]["outcome"], "missing");
    assert_eq!(document["requests"][9]["outcome"], "not-asked");
    assert_eq!(stand.server.counters().permanent() + old.server.counters().permanent(), 0);
}

#[test]
fn latency_measures_every_device_that_may_be_read_and_names_the_slow_ones() {
    let stand = Stand::new();
    stand.fault("[[fault]]\non = 'READ_DEVICE'\nid = 0x8003\ndo = 'delay'\nms = 30");
    let (status, report) = stand.json(&["latency", "--rounds", "2", "--slow", "20"]);
    assert_eq!((status, &report["slow"], &report["failures"]), (0, &json!(["0x8003"]), &json!([])));
    let devices = report["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 84 - 5);
    assert!(devices.iter().all(|device| device["count"] == 4), "an info and a read, twice");
    let slow = devices.iter().find(|device| device["id"] == "0x8003").unwrap();
    assert!(slow["max_ns"].as_u64().unwrap() >= 30_000_000, "{slow}");
    assert_eq!(stand.server.counters().permanent(), 0);
    let page = stand.run(&["latency", "0x8003", "0x8004", "--rounds", "1", "--slow", "20"]).expect(0).out;
    assert!(page.contains("\n0x8003  ") && page.ends_with("1 of 2 devices over 20 ms\n"), "{page}");
}

#[test]
fn latency_goes_on_past_a_device_that_fails() {
    let stand = Stand::new();
    stand.fault("[[fault]]\non = 'READ_DEVICE'\nid = 0x8003\ndo = 'thermal-limit'");
    let (status, report) = stand.json(&["latency", "0x8003", "0x8004", "--rounds", "2"]);
    assert_eq!((status, &report["failures"][0]["id"], &report["failures"][0]["kind"]), (4, &json!("0x8003"), &json!("request")));
    assert_eq!(report["failures"].as_array().unwrap().len(), 1, "once, not once a round");
    assert_eq!(report["devices"][1]["count"], 4);
}

#[test]
fn a_dry_run_asks_and_changes_nothing() {
    let stand = Stand::new();
    let file = stand.path("never");
    let out = file.to_str().unwrap();
    for (arguments, said) in [
        (&["scan"][..], "ask SCAN_DEVICES"),
        (&["info", "0x8003"], "ask READ_DEVICE of 0x8003"),
        (&["read", "0x8003"], "ask READ_START of 0x8003"),
        (&["read", "0x8003", "--out", out], "ask READ_START of 0x8003"),
        (&["status"], "ask GET_STATUS"),
        (&["thermal"], "ask GET_THERMAL"),
        (&["probe"], "ask GET_VERSION"),
        (&["latency"], "ask SCAN_DEVICES"),
        (&["quarantine", "isolate", "0x8003", "--reason", "r"], "isolate 0x8003"),
        (&["quarantine", "release", "0x8003"], "release 0x8003"),
        (&["stop", "--reason", "r"], "pull the emergency stop"),
        (&["stop", "--clear"], "clear the emergency stop"),
        (&["man", "--dir", out], "write manual pages into"),
    ] {
        let arguments = [&["--dry-run"], arguments].concat();
        let ran = stand.run(&arguments).expect(0);
        assert!(ran.out.starts_with(&format!("dry run: would {said}")), "{arguments:?}: {ran:?}");
        let (status, document) = stand.json(&arguments);
        assert_eq!((status, &document["dry_run"]), (0, &json!(true)), "{arguments:?}: {document}");
    }
    assert_eq!(stand.asked(), 0);
    assert!(!file.exists() && !stand.run_dir().join("isolations.db").exists());
    stand.run(&["stop", "--status"]).expect(0);
    stand.run(&["--dry-run", "read", "0x8009"]).expect(3);
    stand.run(&["--dry-run", "quarantine", "release", "0x8009"]).expect(3);
}

#[test]
fn traces_go_to_standard_error() {
    let stand = Stand::new();
    let ran = stand.run(&["-v", "info", "0x8003"]).expect(0);
    assert!(ran.out.starts_with("id           0x8003"), "{ran:?}");
    let denied = stand.run(&["-vv", "info", "0x8009"]).expect(3);
    assert!(denied.err.contains("WARN") && denied.err.contains("denied"), "{denied:?}");
    let traced = stand.run(&["-vv", "thermal"]).expect(0);
    assert!(traced.err.contains("GET_THERMAL") && traced.err.contains("TRACE"), "{traced:?}");
    assert_eq!(stand.run(&["thermal"]).expect(0).err, "");
}
