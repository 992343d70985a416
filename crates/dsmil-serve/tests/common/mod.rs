//! What the tests share: a server with a fake monitor, and a client that sends bytes.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::cast_possible_wrap)]

pub mod fake;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dsmil_serve::{FreshKey, Limits, ServeConfig, Server, generate_key};
use fake::Fake;
use serde_json::Value;
use tempfile::TempDir;

pub struct Setting {
    pub dir: TempDir,
    pub fake: Arc<Fake>,
    pub server: Server,
    pub metrics: String,
    pub read: String,
    pub operate: String,
}

pub fn entry(name: &str, role: &str, key: &FreshKey) -> String {
    format!("[[key]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{}\"\n", key.sha256)
}

/// Writes a file that only its owner may read.
pub fn secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A config with three keys, on a free port.
pub fn config(dir: &Path, limits: Limits) -> (ServeConfig, [String; 3]) {
    let keys = [(); 3].map(|()| generate_key().unwrap());
    let text: String = ["metrics", "read", "operate"].iter().zip(&keys).map(|(role, key)| entry(role, role, key)).collect();
    let keys_file = dir.join("keys.toml");
    secret(&keys_file, &text);
    let listen = "127.0.0.1:0".parse().unwrap();
    (ServeConfig { listen, keys_file: Some(keys_file), limits, ..ServeConfig::default() }, keys.map(|key| key.key))
}

pub fn start_with(fake: Fake, limits: Limits, change: impl FnOnce(&Path, &mut ServeConfig)) -> Setting {
    let dir = tempfile::tempdir().unwrap();
    let (mut config, [metrics, read, operate]) = config(dir.path(), limits);
    change(dir.path(), &mut config);
    let fake = Arc::new(fake);
    let server = Server::start(&config, fake.clone()).unwrap();
    Setting { dir, fake, server, metrics, read, operate }
}

pub fn start(limits: Limits) -> Setting {
    start_with(Fake::default(), limits, |_, _| {})
}

impl Setting {
    pub fn connect(&self) -> TcpStream {
        connect(self.server.local_addr())
    }

    pub fn keys_file(&self) -> PathBuf {
        self.dir.path().join("keys.toml")
    }

    pub fn ask(&self, method: &str, target: &str, key: Option<&str>) -> Answer {
        self.send(method, target, key, &[], "")
    }

    pub fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, Some(&self.read))
    }

    pub fn post(&self, target: &str, body: &str) -> Answer {
        self.send("POST", target, Some(&self.operate), &["Content-Type: application/json"], body)
    }

    pub fn send(&self, method: &str, target: &str, key: Option<&str>, headers: &[&str], body: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(&request(method, target, key, headers, body)).unwrap();
        read_answer(&mut stream, method == "HEAD").unwrap()
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

pub fn request(method: &str, target: &str, key: Option<&str>, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n");
    if let Some(key) = key {
        text += "Authorization: Bearer ";
        text += key;
        text += "\r\n";
    }
    for header in headers {
        text += header;
        text += "\r\n";
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        text += "Content-Length: ";
        text += &body.len().to_string();
        text += "\r\n";
    }
    (text + "\r\n" + body).into_bytes()
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    #[track_caller]
    pub fn status_in(&self, statuses: &[u16]) {
        assert!(statuses.contains(&self.status), "{self:?}");
    }

    /// That it is a problem with this status and kind, and says so in its header too.
    #[track_caller]
    pub fn is_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body = self.json();
        assert_eq!((&body["status"], &body["kind"]), (&Value::from(status), &Value::from(kind)), "{self:?}");
        assert!(!body["title"].as_str().unwrap().is_empty() && !body["detail"].as_str().unwrap().is_empty(), "{self:?}");
    }
}

/// Reads one answer; `None` if the connection ends before it is whole.
pub fn read_answer(stream: &mut impl Read, head_only: bool) -> Option<Answer> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = (lines.filter_map(|line| line.split_once(':')))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: String::new() };
    if !head_only && status != 204 {
        let mut body = vec![0; answer.header("content-length").parse().unwrap_or(0)];
        stream.read_exact(&mut body).ok()?;
        answer.body = String::from_utf8(body).unwrap();
    }
    Some(answer)
}
