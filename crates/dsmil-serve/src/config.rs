//! What people set.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use dsmil_gate::Period;
use serde::Deserialize;

use crate::Error;

/// Where the endpoint listens, who may ask, and how much.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ServeConfig {
    /// Address and port, such as `127.0.0.1:9472` (the default) or `[::1]:9472`. Port 0 takes any that is free.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub listen: SocketAddr,
    /// The file with the keys. Nothing is served without one.
    pub keys_file: Option<PathBuf>,
    /// Certificate and private key. Needed for an address that other machines reach.
    pub tls: Option<TlsFiles>,
    /// Whether an address that other machines reach may be served without TLS. False by default.
    pub allow_plain_remote: bool,
    /// How much a client may ask for, and how slowly.
    pub limits: Limits,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9472)),
            keys_file: None,
            tls: None,
            allow_plain_remote: false,
            limits: Limits::default(),
        }
    }
}

/// Certificate and private key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The server's certificate, followed by those that lead to its authority.
    pub cert: PathBuf,
    /// Its private key (PKCS #8, PKCS #1 or SEC 1). Nobody but its owner and its group may read it.
    pub key: PathBuf,
}

/// How much a client may ask for, and how slowly.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once, 1 to 10,000; 64 by default. One more gets a 503 and is closed.
    pub connections: usize,
    /// Bytes of a request's line and headers, 1024 to 1 MiB; 16384 by default. Above: 431.
    pub header_bytes: usize,
    /// Headers of a request, 8 to 1000; 64 by default. Above: 431.
    pub headers: usize,
    /// Bytes of a request's body, 1024 to 16 MiB; 65536 by default. Above: 413.
    pub body_bytes: usize,
    /// How long a request's headers may take from their first byte; also how long a new connection may be silent. `10s`.
    pub header_timeout: Period,
    /// How long a request may take from its headers to its answer, its body included; `30s` by default. Above: 408 or 503.
    pub request_timeout: Period,
    /// How long the client may take to read an answer; `30s` by default. Above: closed.
    pub response_timeout: Period,
    /// How long a connection may be silent between requests; `2m` by default. Above: closed.
    pub keep_alive_timeout: Period,
    /// How long TLS may take to be agreed on; `10s` by default. Above: closed.
    pub handshake_timeout: Period,
    /// How long [`stop`](crate::Server::stop) lets requests finish; `5s` by default. Above: broken off.
    pub stop_timeout: Period,
    /// How often an address may present a wrong key before it gets 429, 1 to 10,000; 10 by default.
    pub failures: u32,
    /// After what time one more such failure is allowed; `6s` by default.
    pub failure_forgiven_after: Period,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            header_bytes: 16 * 1024,
            headers: 64,
            body_bytes: 64 * 1024,
            header_timeout: Period::from_millis(10_000),
            request_timeout: Period::from_millis(30_000),
            response_timeout: Period::from_millis(30_000),
            keep_alive_timeout: Period::from_millis(120_000),
            handshake_timeout: Period::from_millis(10_000),
            stop_timeout: Period::from_millis(5_000),
            failures: 10,
            failure_forgiven_after: Period::from_millis(6_000),
        }
    }
}

impl ServeConfig {
    /// Whether every setting is in its range, and the address may be listened on as it is. Touches no file.
    pub fn check(&self) -> Result<(), Error> {
        let limits = &self.limits;
        let numbers = [
            ("limits.connections", limits.connections, 1, 10_000),
            ("limits.header_bytes", limits.header_bytes, 1024, 1 << 20),
            ("limits.headers", limits.headers, 8, 1000),
            ("limits.body_bytes", limits.body_bytes, 1024, 16 << 20),
            ("limits.failures", limits.failures as usize, 1, 10_000),
        ];
        for (key, value, least, most) in numbers {
            if !(least..=most).contains(&value) {
                return Err(Error::Setting { key, reason: format!("{value} is out of range; choose {least} to {most}") });
            }
        }
        let times = [
            ("limits.header_timeout", limits.header_timeout),
            ("limits.request_timeout", limits.request_timeout),
            ("limits.response_timeout", limits.response_timeout),
            ("limits.keep_alive_timeout", limits.keep_alive_timeout),
            ("limits.handshake_timeout", limits.handshake_timeout),
            ("limits.stop_timeout", limits.stop_timeout),
            ("limits.failure_forgiven_after", limits.failure_forgiven_after),
        ];
        for (key, value) in times {
            if !(10..=3_600_000).contains(&value.as_millis()) {
                return Err(Error::Setting { key, reason: format!("{value} is out of range; choose 10ms to 1h") });
            }
        }
        if !self.listen.ip().to_canonical().is_loopback() && self.tls.is_none() && !self.allow_plain_remote {
            return Err(Error::PlainRemote { listen: self.listen });
        }
        Ok(())
    }
}
