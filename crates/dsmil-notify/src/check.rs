//! What the form of a description can't say.

use std::path::Path;

use dsmil_gate::Period;
use ureq::http::{HeaderName, HeaderValue, Uri};

use crate::NotifyError;
use crate::receiver::{AlertmanagerReceiver, CommandReceiver, HttpOptions, LogReceiver, Receiver, WebhookReceiver};

/// Headers that are ours.
const OWN_HEADERS: [&str; 7] =
    ["authorization", "content-length", "content-type", "host", "idempotency-key", "transfer-encoding", "user-agent"];

impl Receiver {
    /// Checks what can be checked without acting: names, URLs and bounds. Files are looked at when they are needed.
    ///
    /// # Errors
    /// [`NotifyError::Config`] with the key at fault.
    pub fn check(&self) -> Result<(), NotifyError> {
        match self {
            Self::Log(of) => of.check(),
            Self::Command(of) => of.check(),
            Self::Webhook(of) => of.check(),
            Self::Alertmanager(of) => of.check(),
        }
    }
}

impl LogReceiver {
    fn check(&self) -> Result<(), NotifyError> {
        self.path.as_deref().map_or(Ok(()), |path| absolute("path", path))
    }
}

impl CommandReceiver {
    fn check(&self) -> Result<(), NotifyError> {
        absolute("program", &self.program)?;
        let has_nul = |text: &String| text.contains('\0');
        if self.args.iter().any(has_nul) {
            return Err(NotifyError::config("args", "an argument has a NUL byte in it", "remove it"));
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) || has_nul(value) || name.starts_with("DSMIL_ALERT_") {
                let what = format!("{name:?} can't be a variable here");
                return Err(NotifyError::config("env", what, "choose another name; DSMIL_ALERT_* are set for the program"));
            }
        }
        between("timeout", self.timeout, 100, 600_000, "write 100ms to 10m")
    }
}

impl WebhookReceiver {
    fn check(&self) -> Result<(), NotifyError> {
        self.http.check()?;
        check_url("url", &self.url, &self.http)
    }
}

impl AlertmanagerReceiver {
    fn check(&self) -> Result<(), NotifyError> {
        self.http.check()?;
        if self.urls.is_empty() || self.urls.len() > 16 {
            let what = format!("there are {}", self.urls.len());
            return Err(NotifyError::config("urls", what, "write one to 16, such as [\"http://127.0.0.1:9093\"]"));
        }
        for url in &self.urls {
            check_url("urls", url, &self.http)?;
            if url.trim_end_matches('/').ends_with("/api/v2/alerts") {
                return Err(NotifyError::config("urls", format!("{url} names the API"), "leave /api/v2/alerts out"));
            }
        }
        between("resend_interval", self.resend_interval, 1000, 3_600_000, "write 1s to 1h")
    }
}

impl HttpOptions {
    fn has_secret(&self) -> bool {
        self.bearer_token_file.is_some() || self.password_file.is_some()
    }

    fn check(&self) -> Result<(), NotifyError> {
        between("http.connect_timeout", self.connect_timeout, 100, 600_000, "write 100ms to 10m")?;
        between("http.timeout", self.timeout, 100, 600_000, "write 100ms to 10m")?;
        if self.username.is_some() != self.password_file.is_some() {
            return Err(NotifyError::config("http.username", "it goes with password_file", "write both or none"));
        }
        if self.username.as_ref().is_some_and(|name| name.is_empty() || name.contains(':') || name.contains(char::is_control)) {
            return Err(NotifyError::config(
                "http.username",
                "it is no name for basic authentication",
                "write it without a colon",
            ));
        }
        if self.bearer_token_file.is_some() && self.username.is_some() {
            return Err(NotifyError::config("http.bearer_token_file", "there is a username, too", "choose one of the two"));
        }
        for (key, path) in [
            ("http.bearer_token_file", &self.bearer_token_file),
            ("http.password_file", &self.password_file),
            ("http.ca_file", &self.ca_file),
        ] {
            path.as_deref().map_or(Ok(()), |path| absolute(key, path))?;
        }
        for (name, value) in &self.headers {
            let wrong = |what: String| NotifyError::config("http.headers", what, "correct or remove it");
            if name.parse::<HeaderName>().is_err() || value.parse::<HeaderValue>().is_err() {
                return Err(wrong(format!("{name:?} or its value can't be a header")));
            }
            if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(wrong(format!("{name} is not for a file to set")));
            }
        }
        Ok(())
    }
}

fn check_url(key: &'static str, url: &str, http: &HttpOptions) -> Result<(), NotifyError> {
    const REMEDY: &str = "write http://HOST[:PORT][/PATH] or https://...";
    let uri: Uri = url.parse().map_err(|error| NotifyError::config(key, format!("{url:?} is no URL: {error}"), REMEDY))?;
    let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default());
    if !matches!(scheme, "http" | "https") || host.is_empty() {
        return Err(NotifyError::config(key, format!("{url:?} is no URL of a web server"), REMEDY));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        let remedy = "use username and password_file, or bearer_token_file";
        return Err(NotifyError::config(key, "a name or password stands in the URL", remedy));
    }
    if scheme == "http" && http.has_secret() && !is_loopback(host) {
        let what = format!("the secret would go to {host} for all on the way to read");
        return Err(NotifyError::config(key, what, "use https"));
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn absolute(key: &'static str, path: &Path) -> Result<(), NotifyError> {
    if !path.is_absolute() || path.as_os_str().as_encoded_bytes().contains(&0) {
        let what = format!("{} does not begin at the root", path.display());
        return Err(NotifyError::config(key, what, "write the whole path"));
    }
    Ok(())
}

fn between(key: &'static str, period: Period, least: i64, most: i64, remedy: &'static str) -> Result<(), NotifyError> {
    if (least..=most).contains(&period.as_millis()) {
        return Ok(());
    }
    Err(NotifyError::config(key, format!("{period} is too short or too long"), remedy))
}
