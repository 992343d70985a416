//! What people write: what it means when nothing is said, and what is said of mistakes.

#![allow(clippy::unwrap_used)]

mod common;

use common::receivers;
use dsmil_alert::{AlertConfig, Alerts};

fn refused(text: &str) -> String {
    let config: AlertConfig = match toml::from_str(text) {
        Ok(config) => config,
        Err(error) => return format!("toml: {}", error.message()),
    };
    let error = Alerts::new(config, receivers(&["pager", "mail"])).unwrap_err();
    format!("{}: {error}", error.kind())
}

#[test]
fn nothing_said_means_what_alertmanager_means() {
    let config: AlertConfig = toml::from_str("").unwrap();
    assert_eq!(config, AlertConfig::default());
    assert_eq!(config.group_by, ["alertname"]);
    let times = [config.group_wait, config.group_interval, config.repeat_interval, config.give_up_after, config.keep_resolved];
    assert_eq!(times.map(|time| time.to_string()), ["30s", "5m", "4h", "1d", "1h"]);
    assert!(config.receivers.is_empty() && config.routes.is_empty() && config.inhibitions.is_empty());
    config.check(&receivers(&[])).unwrap();
}

#[test]
fn what_is_written_is_read_back() {
    let text = r#"
        receivers = ["mail"]
        group_by = ["alertname", "device"]
        [[route]]
        matchers = ['severity="critical"', 'device=~"0x80.*"']
        receivers = ["pager"]
        continue = true
        repeat_interval = "1h"
        [[inhibit]]
        source = ['severity="critical"']
        target = ['severity="warning"']
        equal = ["device"]
    "#;
    let config: AlertConfig = toml::from_str(text).unwrap();
    config.check(&receivers(&["mail", "pager"])).unwrap();
    let again: AlertConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    assert_eq!(config, again);
}

#[test]
fn mistakes_are_named_with_their_key() {
    let route = |rest: &str| format!("[[route]]\nmatchers = ['a=b']\nreceivers = [\"mail\"]\n{rest}");
    let inhibit = |source: &str, target: &str, equal: &str| {
        format!("[[inhibit]]\nsource = ['{source}']\ntarget = ['{target}']\nequal = ['{equal}']")
    };
    for (text, part) in [
        (
            "receivers = [\"nobody\"]".to_owned(),
            "config: alerts: receivers: there is no receiver \"nobody\", there are mail, pager;",
        ),
        ("receivers = [\"mail\", \"mail\"]".to_owned(), "receivers: \"mail\" stands there twice"),
        ("group_by = [\"9x\"]".to_owned(), "group_by: \"9x\" is no name of a label"),
        ("group_by = [\"...\", \"a\"]".to_owned(), "group_by: \"...\" is no name of a label here"),
        ("group_wait = \"5 minutes\"".to_owned(), "toml: \"5 minutes\" is no duration"),
        ("group_wait = \"-5m\"".to_owned(), "toml: \"-5m\" is no duration"),
        ("repeat_interval = \"0s\"".to_owned(), "repeat_interval: 0s is too short; write at least 1s"),
        ("give_up_after = \"1s\"".to_owned(), "give_up_after: 1s is too short; write at least 1m"),
        ("group_waits = \"1s\"".to_owned(), "toml: unknown field `group_waits`"),
        ("[[route]]\nreceivers = []".to_owned(), "toml: missing field `matchers`"),
        ("[[route]]\nmatchers = []\nreceivers = []".to_owned(), "route[0].matchers: it has no matcher"),
        ("[[route]]\nmatchers = ['a=b']".to_owned(), "toml: missing field `receivers`"),
        ("[[route]]\nmatchers = ['severity']\nreceivers = []".to_owned(), "toml: alerts: `severity` is no matcher"),
        ("[[route]]\nmatchers = ['a=~\"(\"']\nreceivers = []".to_owned(), "unclosed group"),
        (route("[[route]]\nmatchers = ['a=b']\nreceivers = [\"x\"]"), "route[1].receivers: there is no receiver \"x\""),
        (route("repeat_interval = \"10ms\""), "route[0].repeat_interval: 10ms is too short"),
        (route("group_by = [\"a b\"]"), "route[0].group_by: \"a b\" is no name of a label"),
        (route("continues = true"), "toml: unknown field `continues`"),
        (inhibit("a!=b", "a=b", "c"), "inhibit[0].source: it asks for no label"),
        (inhibit("a=b", "a=~\".*\"", "c"), "inhibit[0].target: it asks for no label"),
        (inhibit("a=b", "a=b", "..."), "inhibit[0].equal: \"...\" is no name of a label"),
    ] {
        let found = refused(&text);
        assert!(found.contains(part), "{text}\ngives {found}\nand not {part}");
    }
    let error = Alerts::new(AlertConfig::default(), receivers(&["a b"])).unwrap_err();
    assert!(error.to_string().contains("\"a b\" is no name of a receiver"));
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schemars::schema_for!(AlertConfig).to_value();
    for key in ["receivers", "group_by", "group_wait", "group_interval", "repeat_interval", "give_up_after", "keep_resolved"] {
        assert!(schema["properties"][key]["description"].is_string(), "{key}");
    }
    let keys = |name: &str| {
        assert_eq!(schema["$defs"][name]["additionalProperties"], false, "{name}");
        let mut keys: Vec<String> = schema["$defs"][name]["properties"].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let route = ["continue", "group_by", "group_interval", "group_wait", "matchers", "receivers", "repeat_interval"];
    assert_eq!(keys("Route"), route);
    assert_eq!(keys("Inhibit"), ["equal", "source", "target"]);
}
