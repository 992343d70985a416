//! Notifications to deliver, and a web server that does what a test tells it to.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::thread;
use std::time::Duration;

use dsmil_alert::{Cause, Fingerprint, Notification, NotifiedAlert, Status};
use dsmil_gate::{Labels, Severity};
use dsmil_notify::Receiver;

pub(crate) fn labels(text: &str) -> Labels {
    text.split(',').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap()).collect()
}

pub(crate) fn alert(text: &str, starts_at: i64, ends_at: Option<i64>) -> NotifiedAlert {
    let labels = labels(text);
    NotifiedAlert {
        fingerprint: Fingerprint::of(&labels),
        status: if ends_at.is_some() { Status::Resolved } else { Status::Firing },
        labels,
        severity: Severity::Warning,
        starts_at,
        ends_at,
        value: Some(91.5),
        summary: "cpu_percent fail when > 80".to_owned(),
        description: Some("too \"busy\"\nby far".to_owned()),
        acked_by: None,
    }
}

pub(crate) fn notification(alerts: Vec<NotifiedAlert>) -> Notification {
    Notification {
        id: "00112233445566ff-7".to_owned(),
        sequence: 7,
        receiver: "pager".to_owned(),
        group: "pager/{alertname=\"cpu\"}".to_owned(),
        group_labels: labels("alertname=cpu"),
        cause: Cause::Change,
        alerts,
        truncated: 2,
        created_at: 1_700_000_000_500,
    }
}

pub(crate) fn plain() -> Notification {
    let mut infinite = alert("alertname=cpu,device=b", 1_700_000_000_000, Some(1_700_000_060_000));
    infinite.value = Some(f64::INFINITY);
    notification(vec![alert("alertname=cpu,device=a", 1_700_000_000_000, None), infinite])
}

/// A receiver as a configuration file has it.
pub(crate) fn receiver(text: &str) -> Receiver {
    let receiver: Receiver = toml::from_str(text).unwrap();
    receiver.check().unwrap();
    receiver
}

pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// What a server was asked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A web server on a port of its own that answers every request in the same way, until it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) asked: Inbox<Asked>,
}

impl Server {
    /// Answers with these bytes, whatever they are.
    pub(crate) fn answering(answer: &'static [u8]) -> Self {
        Self::doing(move |mut stream| _ = stream.write_all(answer))
    }

    /// Answers with a status and no body.
    pub(crate) fn status(line: &str) -> Self {
        let answer = format!("HTTP/1.1 {line}\r\nContent-Length: 7\r\nConnection: close\r\n\r\nbecause");
        Self::answering(answer.leak().as_bytes())
    }

    /// Does this with each connection, after the request was read.
    pub(crate) fn doing(act: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, asked) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                if read(&stream, &sender).is_none() {
                    continue;
                }
                act(stream);
            }
        });
        Self { port, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(crate) fn next(&self) -> Asked {
        self.asked.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

fn read(stream: &TcpStream, sender: &Sender<Asked>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    sender.send(Asked { line: line.trim().to_owned(), headers, body: String::from_utf8(body).ok()? }).ok()
}
