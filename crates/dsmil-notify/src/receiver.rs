//! Receivers as people describe them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dsmil_alert::{ReceiverKind, Receivers};
use dsmil_gate::Period;
use serde::{Deserialize, Serialize};

/// Who is told of alerts, and how: a table `[receivers.NAME]` with its `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Receiver {
    /// A file of JSON Lines, or the standard error.
    Log(LogReceiver),
    /// A program that gets the notification on its standard input.
    Command(CommandReceiver),
    /// A URL that takes what Alertmanager's webhooks send.
    Webhook(WebhookReceiver),
    /// One Alertmanager or a cluster of them, told by the API v2.
    Alertmanager(AlertmanagerReceiver),
}

/// A file of JSON Lines, or the standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LogReceiver {
    /// The file, absolute; the standard error if not given. It is made with mode 0640; it must be a regular file.
    #[serde(default)]
    pub path: Option<PathBuf>,
}

/// A program that gets the notification on its standard input as JSON. It is started without a shell, in a process group
/// and with an environment of its own; the exit status 0 means that it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CommandReceiver {
    /// The program, absolute.
    pub program: PathBuf,
    /// Its arguments, each as it stands; none if not given.
    #[serde(default)]
    pub args: Vec<String>,
    /// How long it may take before its process group is ended, by TERM and 2 s later by KILL; `10s` if not given, 100 ms to
    /// 10 minutes.
    #[serde(default = "ten_seconds")]
    pub timeout: Period,
    /// Variables beside `PATH`, `HOME`, `LANG`, `TZ` and `DSMIL_ALERT_*`, which it has in any case.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// How an HTTP server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct HttpOptions {
    /// A file with a bearer token; readable by its owner only.
    pub bearer_token_file: Option<PathBuf>,
    /// A name for basic authentication, with `password_file`.
    pub username: Option<String>,
    /// A file with the password for it; readable by its owner only.
    pub password_file: Option<PathBuf>,
    /// A PEM file with the authorities that are trusted, in place of those that Mozilla trusts.
    pub ca_file: Option<PathBuf>,
    /// How long a connection may take, name and TLS included; `5s` if not given.
    pub connect_timeout: Period,
    /// How long all of it may take, answer included; `10s` if not given, 100 ms to 10 minutes.
    pub timeout: Period,
    /// Headers that are sent along.
    pub headers: BTreeMap<String, String>,
}

/// A URL that takes what Alertmanager's webhooks send (version 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookReceiver {
    /// The URL, `http` or `https`.
    pub url: String,
    /// How it is reached.
    #[serde(default)]
    pub http: HttpOptions,
    /// Where people can look further; goes into the payload as `externalURL` and `generatorURL`.
    #[serde(default)]
    pub external_url: String,
}

/// One Alertmanager or a cluster of them. Every firing alert is sent at once, and again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerReceiver {
    /// Where they are, without `/api/v2/alerts`. All are told; one that takes it is enough.
    pub urls: Vec<String>,
    /// How they are reached.
    #[serde(default)]
    pub http: HttpOptions,
    /// How often an alert that fires is sent again; `1m` if not given, 1 s to 1 h. Without, Alertmanager takes it for
    /// resolved after three times as long.
    #[serde(default = "one_minute")]
    pub resend_interval: Period,
    /// Labels that every alert gets, such as the host; those that it has win.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Where people can look further; goes along as `generatorURL`.
    #[serde(default)]
    pub generator_url: String,
}

fn ten_seconds() -> Period {
    Period::from_millis(10_000)
}

fn one_minute() -> Period {
    Period::from_millis(60_000)
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            bearer_token_file: None,
            username: None,
            password_file: None,
            ca_file: None,
            connect_timeout: Period::from_millis(5000),
            timeout: ten_seconds(),
            headers: BTreeMap::new(),
        }
    }
}

impl Receiver {
    /// How the alerts' machine is to tell it.
    pub fn kind(&self) -> ReceiverKind {
        match self {
            Self::Alertmanager(of) => ReceiverKind::Refreshed { every: of.resend_interval.as_millis() },
            Self::Log(_) | Self::Command(_) | Self::Webhook(_) => ReceiverKind::Notified,
        }
    }

    /// The receivers by name, as the alerts' machine wants them.
    pub fn kinds(receivers: &BTreeMap<String, Self>) -> Receivers {
        receivers.iter().map(|(name, receiver)| (name.clone(), receiver.kind())).collect()
    }
}
