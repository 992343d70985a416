//! Configurations with each kind of mistake, and what is said of them, with file, line and column.

use dsmil_monitor::MonitorConfig;

fn message(text: &str) -> String {
    match MonitorConfig::parse(text, "monitor.toml") {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

macro_rules! cases {
    ($($name:ident: $text:literal => $message:literal;)*) => {
        $(#[test] fn $name() {
            assert_eq!(message($text), $message, "\n{}", $text);
        })*
    };
}

cases! {
    an_unknown_key: "versoin = 1" => "monitor.toml:1:1: unknown field `versoin`, expected one of `version`, `deployment_id`, `device`, `state_dir`, `evaluate_every`, `score_every`, `gates`, `samplers`, `scores`, `baselines`, `alerts`, `receivers`, `history`, `log`, `serve`";
    no_version: r#"device = "sim:""# => "monitor.toml:1:1: missing field `version`";
    another_version: "version = 2" => "monitor.toml:1:1: version: 2 is not known, only 1";
    a_version_of_another_type: r#"version = "1""# => r#"monitor.toml:1:11: invalid type: string "1", expected u32"#;
    no_toml: "version = 1
x = [" => "monitor.toml:2:6: unclosed array, expected `]`";
    a_key_twice: "version = 1
version = 1" => "monitor.toml:2:1: duplicate key";
    evaluate_every_type: "version = 1
evaluate_every = 5" => "monitor.toml:2:18: invalid type: integer `5`, expected a string";
    evaluate_every_unit: r#"version = 1
evaluate_every = "5""# => r#"monitor.toml:2:18: "5" is no duration: write 500ms, 30s, 5m, 1h30m or 7d, at most 10y"#;
    evaluate_every_often: r#"version = 1
evaluate_every = "99ms""# => "monitor.toml:2:1: evaluate_every: 99ms is too often: write at least 100ms";
    evaluate_every_seldom: r#"version = 1
evaluate_every = "31s"
score_every = "1m""# => "monitor.toml:2:1: evaluate_every: 31s is too seldom: write at most 30s";
    score_every_short: r#"version = 1
evaluate_every = "5s"
score_every = "1s""# => "monitor.toml:3:1: score_every: 1s is shorter than evaluate_every, 5s";
    state_dir_type: "version = 1
state_dir = 7" => "monitor.toml:2:13: invalid type: integer `7`, expected path string";
    gates_type: r#"version = 1
gates = "a.toml""# => r#"monitor.toml:2:9: invalid type: string "a.toml", expected a sequence"#;
    samplers_key: r#"version = 1
[samplers]
intervall = "1s""# => "monitor.toml:3:1: unknown field `intervall`, expected one of `interval`, `timeout`, `cpu`, `memory`, `load`, `temperature`, `monitor`, `workers`, `quarantine`, `disks`, `devices`, `processes`, `file`, `command`, `prometheus`";
    samplers_interval: r#"version = 1
[samplers]
interval = "999ms""# => "monitor.toml:3:1: samplers.interval: 999ms is not between 1s and 1d; write 30s, or 1m";
    samplers_timeout: r#"version = 1
[samplers]
timeout = "1ms""# => "monitor.toml:3:1: samplers.timeout: 1ms is not between 100ms and the interval, 30s; write 5s";
    sampler_key: r#"version = 1
[samplers.cpu]
every = "1s""# => "monitor.toml:3:1: unknown field `every`, expected one of `enabled`, `interval`, `timeout`";
    sampler_type: r#"version = 1
[samplers.cpu]
enabled = "yes""# => r#"monitor.toml:3:11: invalid type: string "yes", expected a boolean"#;
    sampler_interval: r#"version = 1
[samplers.cpu]
interval = "1ms""# => "monitor.toml:3:1: samplers.cpu.interval: 1ms is not between 1s and 1d; write 30s, or 1m";
    disks_path: r#"version = 1
[samplers.disks]
paths = ["rel"]"# => r#"monitor.toml:3:1: samplers.disks.paths: "rel" is not an absolute path; write it from / on"#;
    devices_unknown: r#"version = 1
[samplers.devices]
ids = ["0x1"]"# => "monitor.toml:3:1: samplers.devices.ids: the driver has no 0x0001; write ids from 0x8000 to 0x806B";
    devices_quarantined: r#"version = 1
[samplers.devices]
ids = ["0x8009"]"# => "monitor.toml:3:1: samplers.devices.ids: 0x8009 is quarantined for ever (data destruction) and is never asked; take it out";
    processes_empty: "version = 1
[samplers.processes]
watch = [{}]" => "monitor.toml:3:10: missing field `name`";
    file_without_path: r#"version = 1
[[samplers.file]]
name = "x""# => "monitor.toml:2:1: missing field `path`";
    file_relative: r#"version = 1
[[samplers.file]]
name = "x"
path = "rel""# => r#"monitor.toml:4:1: samplers.file x: path: "rel" is not an absolute path; write it from / on"#;
    file_twice: r#"version = 1
[[samplers.file]]
name = "x"
path = "/a"
[[samplers.file]]
name = "x"
path = "/b""# => "monitor.toml:3:1: samplers.file x: there are two of this name, or it is empty; name each one differently";
    command_empty: r#"version = 1
[[samplers.command]]
name = "c"
command = []"# => r#"monitor.toml:3:1: samplers.command c: command is empty; write ["/path/to/program", "argument"]"#;
    command_text: r#"version = 1
[[samplers.command]]
name = "c"
command = "ls -l""# => r#"monitor.toml:4:11: invalid type: string "ls -l", expected a sequence"#;
    prometheus_url: r#"version = 1
[[samplers.prometheus]]
name = "p"
url = "x"
query = [{ metric = "a", query = "b" }]"# => r#"monitor.toml:4:1: samplers.prometheus.url: "x" has no scheme or no host; write http://127.0.0.1:9090"#;
    scores_key: "version = 1
[scores]
latency = 1" => "monitor.toml:3:1: unknown field `latency`, expected one of `look_back`, `weights`, `disabled`, `latency_ms`, `error_percent`, `temperature_celsius`, `cpu_headroom_percent`, `memory_headroom_percent`, `disks`, `files`, `attestations`, `audit_full_every`, `audit_read_bytes`";
    scores_range: "version = 1
[scores]
latency_ms = -1" => "monitor.toml:3:1: scores.latency_ms: -1 is not over 0; write a number over 0";
    scores_look_back: r#"version = 1
[scores]
look_back = "0s""# => r#"monitor.toml:3:1: scores.look_back: it is under a second; write at least "1s""#;
    scores_weight_of_nothing: "version = 1
[scores.weights]
nothing = 1" => r#"monitor.toml:3:1: scores.weights.nothing: there is no check "nothing"; the checks are audit-chain, chunked-scan, cpu-headroom, device-errors, device-node-mode, devices-answer, disk-headroom, driver-answers, file-modes, kernel-module, memory-headroom, policy-mode, policy-verified, quarantine-enforced, rules-in-force, run-directory-mode, sampler-failures, sampler-ticks, stop-readable, thermal-headroom"#;
    scores_disabled_nothing: r#"version = 1
[scores]
disabled = ["nothing"]"# => r#"monitor.toml:3:1: scores.disabled: there is no check "nothing"; the checks are audit-chain, chunked-scan, cpu-headroom, device-errors, device-node-mode, devices-answer, disk-headroom, driver-answers, file-modes, kernel-module, memory-headroom, policy-mode, policy-verified, quarantine-enforced, rules-in-force, run-directory-mode, sampler-failures, sampler-ticks, stop-readable, thermal-headroom"#;
    scores_attestation: r#"version = 1
[[scores.attestations]]
name = "x""# => "monitor.toml:2:1: missing field `metric`";
    baselines_key: "version = 1
[baselines]
windows = 20" => "monitor.toml:3:1: unknown field `windows`, expected one of `window`, `warm_up`, `factor`, `drift_percent`, `slope_window`, `adopt_after`, `max_series`";
    baselines_range: "version = 1
[baselines]
window = 1" => "monitor.toml:3:1: baselines.window: 1 is out of its range; write 16 to 1000";
    baselines_type: r#"version = 1
[baselines]
factor = "8""# => r#"monitor.toml:3:10: invalid type: string "8", expected f64"#;
    alerts_key: "version = 1
[alerts]
group = []" => "monitor.toml:3:1: unknown field `group`, expected one of `receivers`, `group_by`, `group_wait`, `group_interval`, `repeat_interval`, `give_up_after`, `keep_resolved`, `route`, `inhibit`";
    alerts_receiver: r#"version = 1
[alerts]
receivers = ["nobody"]"# => r#"monitor.toml:3:1: alerts: receivers: there is no receiver "nobody", there is none; correct the name, or describe the receiver"#;
    alerts_group_by: r#"version = 1
[alerts]
group_by = ["9a"]"# => r#"monitor.toml:3:1: alerts: group_by: "9a" is no name of a label here; write names of labels, such as ["alertname"]; "..." stands alone"#;
    alerts_repeat: r#"version = 1
[alerts]
repeat_interval = "0s""# => "monitor.toml:3:1: alerts: repeat_interval: 0s is too short; write at least 1s";
    alerts_give_up: r#"version = 1
[alerts]
give_up_after = "1s""# => "monitor.toml:3:1: alerts: give_up_after: 1s is too short; write at least 1m";
    route_receiver: r#"version = 1
[[alerts.route]]
matchers = ['a="b"']
receivers = []
[[alerts.route]]
matchers = ['a="b"']
receivers = ["nobody"]"# => r#"monitor.toml:7:1: alerts: route[1].receivers: there is no receiver "nobody", there is none; correct the name, or describe the receiver"#;
    route_matcher: r#"version = 1
[[alerts.route]]
matchers = ["a"]
receivers = []"# => r#"monitor.toml:3:12: alerts: `a` is no matcher: it has no operator; write a label, one of = != =~ !~, and a value, such as severity="critical" or device=~"0x80.*""#;
    inhibit_all: "version = 1
[[alerts.inhibit]]
source = []
target = []" => "monitor.toml:3:1: alerts: inhibit[0].source: it asks for no label and would match everything; name at least one label that must be there";
    receiver_kind: r#"version = 1
[receivers.x]
kind = "smoke""# => "monitor.toml:3:8: unknown variant `smoke`, expected one of `log`, `command`, `webhook`, `alertmanager`";
    receiver_url: r#"version = 1
[receivers.x]
kind = "webhook"
url = "ftp://x""# => r#"monitor.toml:4:1: receivers.x: notify: url: "ftp://x" is no URL of a web server; write http://HOST[:PORT][/PATH] or https://..."#;
    receiver_name: r#"version = 1
[receivers."a b"]
kind = "log""# => r#"monitor.toml:2:1: alerts: receivers: "a b" is no name of a receiver; write 1 to 64 letters, digits, - and _"#;
    receiver_key: r#"version = 1
[receivers.x]
kind = "log"
file = "/x""# => "monitor.toml:2:1: unknown field `file`, expected `path`";
    receiver_path: r#"version = 1
[receivers.x]
kind = "log"
path = "x""# => "monitor.toml:4:1: receivers.x: notify: path: x does not begin at the root; write the whole path";
    receiver_program: r#"version = 1
[receivers.x]
kind = "command"
program = "page""# => "monitor.toml:4:1: receivers.x: notify: program: page does not begin at the root; write the whole path";
    receiver_timeout: r#"version = 1
[receivers.x]
kind = "webhook"
url = "http://h/"
http.timeout = "1ms""# => "monitor.toml:5:1: receivers.x: notify: http.timeout: 1ms is too short or too long; write 100ms to 10m";
    alertmanager_none: r#"version = 1
[receivers.x]
kind = "alertmanager"
urls = []"# => r#"monitor.toml:4:1: receivers.x: notify: urls: there are 0; write one to 16, such as ["http://127.0.0.1:9093"]"#;
    history_key: "version = 1
[history]
max = 1" => "monitor.toml:3:1: unknown field `max`, expected one of `retention`, `max_bytes`, `ballast_bytes`, `busy_timeout`";
    history_negative: "version = 1
[history]
max_bytes = -1" => "monitor.toml:3:13: invalid value: integer `-1`, expected u64";
    history_little: "version = 1
[history]
max_bytes = 1000" => "monitor.toml:3:1: history.max_bytes: 1000 is too little: write at least 1048576";
    history_retention: r#"version = 1
[history.retention]
raw = "1x""# => r#"monitor.toml:3:7: "1x" is no duration: write 500ms, 30s, 5m, 1h30m or 7d, at most 10y"#;
    history_short: r#"version = 1
[history]
retention = { raw = "10m" }"# => "monitor.toml:3:1: history.retention.raw: 10m is too short: write at least 1h";
    history_busy: r#"version = 1
[history]
busy_timeout = "1h""# => "monitor.toml:3:1: history.busy_timeout: 1h is too long, the monitor waits meanwhile: write at most 30s";
    log_sync: r#"version = 1
[log]
sync = "never""# => "monitor.toml:3:8: unknown variant `never`, expected `record` or `rotation`";
    log_little: "version = 1
[log]
max_bytes = 0" => "monitor.toml:3:1: log.max_bytes: 0 is too little: write at least 1024";
    log_keep: r#"version = 1
[log]
keep = "1m""# => "monitor.toml:3:1: log.keep: 1m is too short: write at least 1h";
    serve_listen: r#"version = 1
[serve]
listen = "127.0.0.1""# => "monitor.toml:3:10: invalid socket address syntax";
    serve_everywhere: r#"version = 1
[serve]
listen = "0.0.0.0:1""# => r#"monitor.toml:3:1: serve.listen = "0.0.0.0:1" can be reached from other machines, and keys would cross the network in the clear: configure [tls] with cert and key, or listen on 127.0.0.1, or set allow_plain_remote = true where something else encrypts"#;
    serve_limits: "version = 1
[serve.limits]
connections = 0" => "monitor.toml:3:1: serve.limits.connections: 0 is out of range; choose 1 to 10000";
    serve_tls: r#"version = 1
[serve.tls]
cert = "c.pem""# => "monitor.toml:2:1: missing field `key`";
    serve_key: r#"version = 1
[serve]
keys = "k""# => "monitor.toml:3:1: unknown field `keys`, expected one of `listen`, `keys_file`, `tls`, `allow_plain_remote`, `limits`";
}
