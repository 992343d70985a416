//! A real Prometheus and a real Alertmanager, of Debian's packages, on loopback. They end with the test.

#![allow(dead_code, clippy::unwrap_used)]

use std::fmt::Write;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};

use serde_json::Value;
use tempfile::TempDir;

use super::{ask, eventually};

/// An address that nobody listens on.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// `text` as it stands in a URL.
fn encoded(text: &str) -> String {
    let letter = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(letter).collect()
}

impl Server {
    fn start(program: &str, package: &str, folder: TempDir, address: SocketAddr, arguments: &[String]) -> Self {
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program).args(arguments).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("start {program} (of Debian's package {package}): {error}"));
        let server = Self { child, address, folder };
        let ready = || ask(address, "GET", "/-/ready", None, "").is_ok_and(|(status, _)| status == 200).then_some(());
        eventually(&format!("{program} is ready: {}", server.log()), ready);
        server
    }

    /// Scrapes `target` with a key every half a second, and evaluates rules as often.
    pub fn prometheus(target: SocketAddr, key: &str, rules: &[(String, String)]) -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        let mut config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}\nscrape_configs:\n\
             - job_name: dsmil\n  authorization: {{credentials: {key}}}\n  static_configs: [{{targets: ['{target}']}}]\nrule_files:\n"
        );
        for (name, text) in rules {
            fs::write(folder.path().join(name), text).unwrap();
            writeln!(config, "- {name}").unwrap();
        }
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let arguments = [
            format!("--config.file={}", path("prometheus.yml")),
            format!("--storage.tsdb.path={}", path("data")),
            format!("--web.listen-address={address}"),
        ];
        Self::start("prometheus", "prometheus", folder, address, &arguments)
    }

    /// Tells a webhook, and inhibits `waiting` while `broken` fires.
    pub fn alertmanager(address: SocketAddr, hook: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "route:\n  receiver: hook\n  group_by: [alertname]\n  group_wait: 300ms\n  group_interval: 500ms\n  repeat_interval: 1h\n\
             inhibit_rules:\n- source_matchers: ['alertname=\"broken\"']\n  target_matchers: ['alertname=\"waiting\"']\n\
             receivers:\n- name: hook\n  webhook_configs:\n  - url: http://{hook}/\n"
        );
        fs::write(folder.path().join("am.yml"), config).unwrap();
        let arguments = [
            format!("--config.file={}", folder.path().join("am.yml").display()),
            format!("--storage.path={}", folder.path().join("data").display()),
            format!("--web.listen-address={address}"),
            "--cluster.listen-address=".to_owned(),
        ];
        Self::start("prometheus-alertmanager", "prometheus-alertmanager", folder, address, &arguments)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn get(&self, path: &str) -> Value {
        let (status, body) = ask(self.address, "GET", path, None, "").unwrap();
        assert_eq!(status, 200, "{path}: {body}\n{}", self.log());
        serde_json::from_str(&body).unwrap()
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = ask(self.address, "POST", path, None, &body.to_string()).unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// The series that fit an expression.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(expression)));
        answer["data"]["result"].as_array().unwrap().clone()
    }
}
