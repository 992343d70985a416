//! Posting JSON to a web server.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use nix::libc;
use nix::unistd::geteuid;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Error};

use crate::NotifyError;
use crate::error::plain;
use crate::receiver::HttpOptions;

/// The most of an answer that is read, in bytes.
const MAX_ANSWER: u64 = 4096;
/// The longest secret, in bytes.
const MAX_SECRET: u64 = 4096;
/// The longest file of authorities, in bytes.
const MAX_CA: u64 = 1024 * 1024;

/// Posts a body, and says in a word what was answered. Redirects are not followed: a token is for one place only.
pub(crate) fn post(url: &str, body: &[u8], options: &HttpOptions, id: &str) -> Result<String, NotifyError> {
    let agent = agent(options)?;
    let mut request = agent.post(url).header("Content-Type", "application/json").header("Idempotency-Key", id);
    for (name, value) in &options.headers {
        request = request.header(name, value);
    }
    if let Some(authorization) = authorization(options)? {
        request = request.header("Authorization", authorization);
    }
    let mut response = request.send(body).map_err(|error| failure(url, options, &error))?;
    let status = response.status().as_u16();
    let mut answer = Vec::new();
    // What can't be read of an answer doesn't change its status.
    _ = response.body_mut().as_reader().take(MAX_ANSWER).read_to_end(&mut answer);
    if (200..300).contains(&status) {
        return Ok(format!("{url} answered {status}"));
    }
    Err(NotifyError::Status { url: url.to_owned(), status, body: plain(&answer, 512) })
}

fn agent(options: &HttpOptions) -> Result<Agent, NotifyError> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("dsmil/", env!("CARGO_PKG_VERSION")))
        .max_response_header_size(16 * 1024)
        .timeout_connect(Some(options.connect_timeout.as_std()))
        .timeout_global(Some(options.timeout.as_std()));
    if let Some(path) = &options.ca_file {
        let pem = read(path, MAX_CA)?;
        let certificates: Vec<_> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            let what = format!("{} has no certificate in it", path.display());
            return Err(NotifyError::config("http.ca_file", what, "write certificates in the PEM form"));
        }
        config = config.tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build());
    }
    Ok(config.build().into())
}

fn authorization(options: &HttpOptions) -> Result<Option<String>, NotifyError> {
    if let Some(path) = &options.bearer_token_file {
        return Ok(Some(format!("Bearer {}", secret(path)?)));
    }
    if let (Some(name), Some(path)) = (&options.username, &options.password_file) {
        return Ok(Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{}", secret(path)?)))));
    }
    Ok(None)
}

fn failure(url: &str, options: &HttpOptions, error: &Error) -> NotifyError {
    match error {
        Error::Timeout(_) => NotifyError::Timeout { to: url.to_owned(), waited: options.timeout.as_std(), output: String::new() },
        other => NotifyError::Connection { url: url.to_owned(), what: plain(other.to_string().as_bytes(), 512) },
    }
}

/// A secret that only its owner can read.
fn secret(path: &Path) -> Result<String, NotifyError> {
    let wrong = |why: &str, remedy| NotifyError::Secret { path: path.to_path_buf(), why: why.to_owned(), remedy };
    let (file, metadata) = open(path)?;
    let (owner, mode) = (metadata.uid(), metadata.permissions().mode() & 0o7777);
    if owner != 0 && owner != geteuid().as_raw() {
        return Err(wrong("it belongs to somebody else", "give it to root or to the user that the monitor runs as"));
    }
    if mode & 0o077 != 0 {
        return Err(wrong(&format!("its mode is {mode:04o}"), "chmod 600"));
    }
    let bytes = limited(file, path, MAX_SECRET)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Err(wrong("it holds no secret in one line of ASCII", "write the secret into it, and nothing else"));
    }
    Ok(text.to_owned())
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, NotifyError> {
    let (file, _) = open(path)?;
    limited(file, path, most)
}

fn open(path: &Path) -> Result<(File, std::fs::Metadata), NotifyError> {
    let mut options = File::options();
    let file = options.read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(NotifyError::file("open", path))?;
    let metadata = file.metadata().map_err(NotifyError::file("look at", path))?;
    if !metadata.is_file() {
        let why = "it is no regular file".to_owned();
        return Err(NotifyError::Secret { path: path.to_path_buf(), why, remedy: "name a file" });
    }
    Ok((file, metadata))
}

fn limited(file: File, path: &Path, most: u64) -> Result<Vec<u8>, NotifyError> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(NotifyError::file("read", path))?;
    if bytes.len() as u64 > most {
        let why = format!("it is longer than {most} bytes");
        return Err(NotifyError::Secret { path: path.to_path_buf(), why, remedy: "name the right file" });
    }
    Ok(bytes)
}
