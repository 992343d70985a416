//! Receivers as people write them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use dsmil_alert::ReceiverKind;
use dsmil_notify::Receiver;

fn refused(text: &str) -> String {
    match toml::from_str::<Receiver>(text) {
        Err(error) => format!("toml: {}", error.message()),
        Ok(receiver) => {
            let error = receiver.check().unwrap_err();
            format!("{}: {error}", error.kind())
        }
    }
}

#[test]
fn all_kinds_are_read_back_as_written() {
    let text = r#"
        [log]
        kind = "log"
        [file]
        kind = "log"
        path = "/var/log/dsmil/alerts.jsonl"
        [page]
        kind = "command"
        program = "/usr/local/bin/page"
        args = ["--team", "night shift"]
        timeout = "20s"
        env = { REGION = "north" }
        [hook]
        kind = "webhook"
        url = "https://hooks.example.org/dsmil"
        http = { bearer_token_file = "/etc/dsmil/hook.token", ca_file = "/etc/dsmil/ca.pem", headers = { X-Team = "night" } }
        [am]
        kind = "alertmanager"
        urls = ["http://127.0.0.1:9093", "http://[::1]:9093/prefix/"]
        resend_interval = "30s"
        labels = { host = "rack-7" }
        [am.http]
        username = "dsmil"
        password_file = "/etc/dsmil/am.password"
    "#;
    let receivers: BTreeMap<String, Receiver> = toml::from_str(text).unwrap();
    for receiver in receivers.values() {
        receiver.check().unwrap();
    }
    let again: BTreeMap<String, Receiver> = toml::from_str(&toml::to_string(&receivers).unwrap()).unwrap();
    assert_eq!(receivers, again);
    let kinds = Receiver::kinds(&receivers);
    assert_eq!(kinds["am"], ReceiverKind::Refreshed { every: 30_000 });
    assert!(["log", "file", "page", "hook"].iter().all(|name| kinds[*name] == ReceiverKind::Notified));
}

#[test]
fn mistakes_are_named_with_their_key() {
    let command = |rest: &str| format!("kind = \"command\"\nprogram = \"/bin/true\"\n{rest}");
    let hook = |url: &str, rest: &str| format!("kind = \"webhook\"\nurl = {url:?}\n{rest}");
    let manager = |rest: &str| format!("kind = \"alertmanager\"\n{rest}");
    let good = "http://127.0.0.1:1/";
    for (text, part) in [
        (
            "kind = \"mail\"".to_owned(),
            "toml: unknown variant `mail`, expected one of `log`, `command`, `webhook`, `alertmanager`",
        ),
        ("path = \"/x\"".to_owned(), "toml: missing field `kind`"),
        ("kind = \"log\"\nfile = \"/x\"".to_owned(), "toml: unknown field `file`"),
        ("kind = \"log\"\npath = \"x\"".to_owned(), "config: notify: path: x does not begin at the root; write the whole path"),
        ("kind = \"command\"".to_owned(), "toml: missing field `program`"),
        ("kind = \"command\"\nprogram = \"true\"".to_owned(), "program: true does not begin at the root"),
        (command("args = \"x\""), "toml: invalid type"),
        (command("args = [\"a\\u0000b\"]"), "args: an argument has a NUL byte"),
        (command("env = { \"A=B\" = \"x\" }"), "env: \"A=B\" can't be a variable"),
        (command("env = { DSMIL_ALERT_ID = \"x\" }"), "env: \"DSMIL_ALERT_ID\" can't be a variable"),
        (command("timeout = \"10ms\""), "timeout: 10ms is too short or too long; write 100ms to 10m"),
        (command("timeout = \"1d\""), "timeout: 1d is too short or too long"),
        (hook("hooks.example.org", ""), "url: \"hooks.example.org\" is no URL"),
        (hook("ftp://a/", ""), "url: \"ftp://a/\" is no URL of a web server"),
        (hook("/path", ""), "url: \"/path\" is no URL of a web server"),
        (hook("http://", ""), "url: \"http://\" is no URL"),
        (hook("http://ann:pw@a/", ""), "url: a name or password stands in the URL"),
        (hook("http://a b/", ""), "url: \"http://a b/\" is no URL"),
        (hook("http://example.org/", "http.bearer_token_file = \"/x\""), "url: the secret would go to example.org"),
        (hook(good, "http.bearer_token_file = \"x\""), "http.bearer_token_file: x does not begin"),
        (hook(good, "http.username = \"a\""), "http.username: it goes with password_file"),
        (hook(good, "http.password_file = \"/a\""), "http.username: it goes with password_file"),
        (hook(good, "http.username = \"a:b\"\nhttp.password_file = \"/a\""), "no name for basic authentication"),
        (
            hook(good, "http.username = \"a\"\nhttp.password_file = \"/a\"\nhttp.bearer_token_file = \"/b\""),
            "http.bearer_token_file: there is a username, too",
        ),
        (hook(good, "http.headers = { \"a b\" = \"x\" }"), "http.headers: \"a b\" or its value can't be a header"),
        (hook(good, "http.headers = { a = \"x\\ny\" }"), "http.headers: \"a\" or its value can't be a header"),
        (hook(good, "http.headers = { Authorization = \"x\" }"), "http.headers: Authorization is not for a file to set"),
        (hook(good, "http.timeout = \"0s\""), "http.timeout: 0s is too short"),
        (hook(good, "http.timeouts = \"1s\""), "toml: unknown field `timeouts`"),
        (manager(""), "toml: missing field `urls`"),
        (manager("urls = []"), "urls: there are 0; write one to 16"),
        (manager("urls = [\"http://a/api/v2/alerts\"]"), "urls: http://a/api/v2/alerts names the API"),
        (manager("urls = [\"http://a\"]\nresend_interval = \"10ms\""), "resend_interval: 10ms is too short"),
        (manager("urls = [\"http://a\"]\nresend_interval = \"2h\""), "resend_interval: 2h is too short or too long"),
    ] {
        let found = refused(&text);
        assert!(found.contains(part), "{text}\ngives {found}\nand not {part}");
    }
}

#[test]
fn the_schema_knows_every_kind_and_key() {
    let schema = schemars::schema_for!(Receiver).to_value();
    let kinds = schema["oneOf"].as_array().unwrap();
    assert_eq!(kinds.len(), 4);
    let text = schema.to_string();
    for key in ["path", "program", "args", "timeout", "env", "url", "urls", "resend_interval", "bearer_token_file", "ca_file"] {
        assert!(text.contains(&format!("\"{key}\":{{")), "{key}");
    }
}
