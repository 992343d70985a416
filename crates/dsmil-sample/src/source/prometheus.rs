//! Values of a Prometheus server, by query.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use dsmil_gate::{Labels, Measurement};
use serde_json::Value;
use ureq::http::{Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::{Marks, secret, shown};
use crate::{Batch, SampleError, Sampler};

/// So many bytes an answer may have.
const MAX_BYTES: u64 = 4 << 20;

/// One query and the metric that it gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusQuery {
    /// The metric's name here.
    pub metric: String,
    /// The query, in PromQL: an instant vector or a scalar.
    pub query: String,
}

/// How a server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) bearer_file: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) allow_plain_http: bool,
}

/// Asks a Prometheus server, or one with the same API, by `POST /api/v1/query`.
///
/// A result's time is that of the observation. The server gives the time at which it evaluated the query, which says nothing of
/// how old the newest sample was (up to five minutes). For a query that is one selector (`up`, `node_load1{job="a"}`) it is
/// therefore asked for `timestamp(...)` at the same time, and the sample's own time taken; the result of any other query
/// has the time of its evaluation.
#[derive(Debug)]
pub struct PrometheusSampler {
    /// Without user and password: they are never in it.
    url: String,
    access: Access,
    queries: Vec<PrometheusQuery>,
    marks: Marks,
}

impl PrometheusSampler {
    /// Asks the server at `url` (`http://127.0.0.1:9090`, with a prefix of its path if it has one).
    ///
    /// # Errors
    /// [`SampleError::Config`] for a URL that can't be used.
    pub fn new(url: &str, queries: impl IntoIterator<Item = PrometheusQuery>, marks: Marks) -> Result<Self, SampleError> {
        Self::with_access(url, Access::default(), queries, marks)
    }

    pub(crate) fn with_access(
        url: &str,
        access: Access,
        queries: impl IntoIterator<Item = PrometheusQuery>,
        marks: Marks,
    ) -> Result<Self, SampleError> {
        let url = check_url(url, &access)?;
        Ok(Self { url, access, queries: queries.into_iter().collect(), marks })
    }

    /// With a bearer token from a file that only its owner can read; it is read for each sample.
    ///
    /// # Errors
    /// [`SampleError::Config`]: over plain HTTP a secret goes to this machine only.
    pub fn bearer_file(self, path: impl Into<PathBuf>) -> Result<Self, SampleError> {
        let access = Access { bearer_file: Some(path.into()), ..self.access };
        Self::with_access(&self.url, access, self.queries, self.marks)
    }

    /// With a user and a password from a file that only its owner can read; it is read for each sample.
    ///
    /// # Errors
    /// [`SampleError::Config`]: over plain HTTP a secret goes to this machine only.
    pub fn user(self, user: impl Into<String>, password_file: impl Into<PathBuf>) -> Result<Self, SampleError> {
        let access = Access { user: Some(user.into()), password_file: Some(password_file.into()), ..self.access };
        Self::with_access(&self.url, access, self.queries, self.marks)
    }

    /// Trusts the certificates in this PEM file, and no others.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.access.ca_file = Some(path.into());
        self
    }

    fn agent(&self) -> Result<Agent, SampleError> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = &self.access.ca_file {
            let pem = fs::read(path).map_err(|error| SampleError::read(path, error))?;
            let wrong = |what: String| SampleError::parse(path.display().to_string(), what);
            let mut certificates = Vec::new();
            for item in parse_pem(&pem) {
                if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(format!("it is not PEM: {error}")))? {
                    certificates.push(certificate);
                }
            }
            if certificates.is_empty() {
                return Err(wrong("there is no certificate in it".to_owned()));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
        }
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("dsmil/", env!("CARGO_PKG_VERSION")));
        Ok(config.build().new_agent())
    }

    /// The header that says who asks.
    fn authorization(&self) -> Result<Option<String>, SampleError> {
        let Access { bearer_file, user, password_file, .. } = &self.access;
        Ok(match (bearer_file, user, password_file) {
            (Some(path), ..) => Some(format!("Bearer {}", secret::read(path)?)),
            (None, Some(user), Some(path)) => Some(format!("Basic {}", base64(&format!("{user}:{}", secret::read(path)?)))),
            _ => None,
        })
    }

    fn server_error(&self, what: impl Into<String>) -> SampleError {
        SampleError::Server { url: self.url.clone(), what: what.into() }
    }
}

impl Sampler for PrometheusSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        self.queries.iter().map(|query| Cow::Owned(query.metric.clone())).collect()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let asking = Asking { sampler: self, agent: self.agent()?, authorization: self.authorization()? };
        for query in &self.queries {
            match asking.observe(query, batch) {
                Ok(observed) => observed.into_iter().for_each(|measurement| batch.push(self.marks.mark(measurement))),
                // The others would not fare better.
                Err(error @ (SampleError::Timeout { .. } | SampleError::Server { .. })) => return Err(error),
                Err(error) => batch.problem(error),
            }
        }
        Ok(())
    }
}

/// One round of questions.
struct Asking<'a> {
    sampler: &'a PrometheusSampler,
    agent: Agent,
    authorization: Option<String>,
}

/// One element of a result.
#[derive(Debug, PartialEq)]
struct Element {
    labels: Labels,
    /// When the server evaluated it, in seconds since the Unix epoch.
    time: f64,
    value: f64,
}

impl Asking<'_> {
    fn observe(&self, query: &PrometheusQuery, batch: &Batch<'_>) -> Result<Vec<Measurement>, SampleError> {
        let elements = self.ask(query, &query.query, None, batch)?;
        let Some(first) = elements.first() else {
            let what = "has no result: nothing matches it, or no sample is newer than five minutes".to_owned();
            return Err(query.error(what));
        };
        // At the same evaluation time, so that both look at the same samples.
        let observed: BTreeMap<Labels, f64> = if is_selector(&query.query) {
            let of_samples = self.ask(query, &format!("timestamp({})", query.query), Some(first.time), batch)?;
            of_samples.into_iter().map(|element| (element.labels, element.value)).collect()
        } else {
            BTreeMap::new()
        };
        let measurement = |element: Element| {
            let at = observed.get(&element.labels).copied().unwrap_or(element.time);
            // A float that doesn't fit becomes the nearest that does.
            Measurement::new(query.metric.clone(), (at * 1000.0).round() as i64, element.value).with_labels(element.labels)
        };
        Ok(elements.into_iter().map(measurement).collect())
    }

    fn ask(&self, of: &PrometheusQuery, query: &str, time: Option<f64>, batch: &Batch<'_>) -> Result<Vec<Element>, SampleError> {
        let left = batch.remaining();
        let timed_out = || SampleError::Timeout { what: format!("asking {}", self.sampler.url), limit: batch.timeout() };
        if left.is_zero() {
            return Err(timed_out());
        }
        let mut form = vec![("query", query.to_owned()), ("timeout", format!("{}ms", left.as_millis().max(1)))];
        form.extend(time.map(|time| ("time", format!("{time:.3}"))));
        let fail = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => timed_out(),
            ureq::Error::BodyExceedsLimit(_) => {
                SampleError::TooMuch { origin: self.sampler.url.clone(), limit: MAX_BYTES as usize, unit: "bytes" }
            }
            error => self.sampler.server_error(error.to_string()),
        };
        let mut answer = self.post(form, left).map_err(fail)?;
        let text = answer.body_mut().with_config().limit(MAX_BYTES).read_to_vec().map_err(fail)?;
        self.read(of, answer.status().as_u16(), &text)
    }

    fn post(&self, form: Vec<(&str, String)>, left: Duration) -> Result<Response<Body>, ureq::Error> {
        let url = format!("{}/api/v1/query", self.sampler.url);
        let mut request = self.agent.post(url).config().timeout_global(Some(left)).build();
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        request.send_form(form)
    }

    /// Reads an answer, whatever it is.
    fn read(&self, of: &PrometheusQuery, status: u16, text: &[u8]) -> Result<Vec<Element>, SampleError> {
        let failed = |what: String| Err(self.sampler.server_error(what));
        match status {
            300..=399 => return failed(format!("it answers {status}, a redirect, which is not followed: write the URL itself")),
            401 | 403 => return failed(format!("it answers {status}: see bearer_file, or user and password_file")),
            _ => {}
        }
        let start = || shown(&String::from_utf8_lossy(&text[..text.len().min(400)]), 100);
        let Ok(answer) = serde_json::from_slice::<Value>(text) else {
            return failed(format!("it answers {status} with what is not JSON: {:?}", start()));
        };
        if answer["status"] == "error" {
            let part = |name: &str| shown(answer[name].as_str().unwrap_or("?"), 200);
            let what = format!("is refused with {status}, {}: {}", part("errorType"), part("error"));
            return Err(of.error(what));
        }
        if status != 200 || answer["status"] != "success" {
            return failed(format!("it answers {status} with what is no answer of a Prometheus: {:?}", start()));
        }
        elements(&answer["data"]).map_err(|what| of.error(what))
    }
}

impl PrometheusQuery {
    fn error(&self, what: String) -> SampleError {
        SampleError::Query { metric: self.metric.clone(), query: self.query.clone(), what }
    }
}

/// The elements of a result that has one value for each series.
fn elements(data: &Value) -> Result<Vec<Element>, String> {
    let result = &data["result"];
    match data["resultType"].as_str() {
        Some("vector") => {
            let vector = result.as_array().ok_or("gives a vector that is no list")?;
            vector.iter().map(|element| sample(labels(&element["metric"])?, &element["value"])).collect()
        }
        Some("scalar") => Ok(vec![sample(Labels::default(), result)?]),
        Some("matrix") => Err("gives a range of samples: leave out the [...] at its end, or put a function around it".to_owned()),
        Some(other) => Err(format!("gives a {}, and not an instant vector or a scalar", shown(other, 20))),
        None => Err("is answered without a resultType".to_owned()),
    }
}

/// All labels but the name, which need not be the metric's name here.
fn labels(metric: &Value) -> Result<Labels, String> {
    let of_metric = metric.as_object().ok_or("gives an element without labels")?;
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(value) => Ok((name.clone(), value.clone())),
        _ => Err(format!("gives a label {:?} that is no text", shown(name, 40))),
    };
    of_metric.iter().filter(|(name, _)| *name != "__name__").map(pair).collect()
}

/// `[1435781451.781, "1"]`.
fn sample(labels: Labels, sample: &Value) -> Result<Element, String> {
    let wrong = || format!("gives a value that is not [time, \"number\"]: {}", shown(&sample.to_string(), 60));
    let [time, value] = sample.as_array().map(Vec::as_slice).ok_or_else(wrong)? else { return Err(wrong()) };
    let time = time.as_f64().ok_or_else(wrong)?;
    let value = value.as_str().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    Ok(Element { labels, time, value })
}

/// Whether a query is one selector of an instant vector, with nothing around it: `name`, `name{...}` or `{...}`.
fn is_selector(query: &str) -> bool {
    let query = query.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let rest = query.trim_start_matches(is_name);
    let name = &query[..query.len() - rest.len()];
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let Some(inside) = rest.trim_start().strip_prefix('{') else { return rest.is_empty() && !name.is_empty() };
    let mut quote = None;
    let mut chars = inside.char_indices();
    while let Some((index, c)) = chars.next() {
        match (quote, c) {
            // A back-quoted text has no escapes.
            (Some('"' | '\''), '\\') => _ = chars.next(),
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '}') => return inside[index + 1..].is_empty(),
            _ => {}
        }
    }
    false
}

/// The URL without a slash at its end. A secret must not go over a network in plain.
fn check_url(url: &str, access: &Access) -> Result<String, SampleError> {
    let wrong = |what: &str, remedy: &str| {
        let (what, remedy) = (format!("{:?} {what}", shown(url, 200)), remedy.to_owned());
        Err(SampleError::Config { key: "prometheus.url".to_owned(), what, remedy })
    };
    // Before the URL is shown anywhere.
    if url.split('/').nth(2).is_some_and(|authority| authority.contains('@')) {
        let (key, what) = ("prometheus.url".to_owned(), "there is a user in it".to_owned());
        return Err(SampleError::Config { key, what, remedy: "write user and password_file".to_owned() });
    }
    let example = "write http://127.0.0.1:9090";
    let Ok(uri) = url.parse::<Uri>() else { return wrong("is no URL", example) };
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return wrong("has no scheme or no host", example) };
    if !matches!(scheme, "http" | "https") {
        return wrong("is neither http nor https", example);
    }
    if uri.query().is_some() {
        return wrong("has a query", "write the server's URL alone");
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let has_secret = access.bearer_file.is_some() || access.password_file.is_some();
    if has_secret && scheme == "http" && !is_here && !access.allow_plain_http {
        return wrong("would send a secret over the network in plain", "write https, or allow_plain_http = true");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Base64 as RFC 4648 has it, for the one header that wants it.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let of_three = |bytes: &[u8]| {
        let word = bytes.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - bytes.len()));
        let letter = move |index: usize| char::from(LETTERS[(word >> (18 - 6 * index)) as usize & 63]);
        let count = bytes.len();
        (0..4).map(move |index| if index <= count { letter(index) } else { '=' })
    };
    text.as_bytes().chunks(3).flat_map(of_three).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_selector_is_told_from_everything_else() {
        for selector in [
            "up",
            " up ",
            "a:b_c",
            "up{}",
            "up {job=\"a\"}",
            "{__name__=\"up\"}",
            "up{a=\"}\", b='\\'}', c=`\\`}",
            "{\"metric.name\"}",
        ] {
            assert!(is_selector(selector), "{selector}");
        }
        for other in [
            "",
            "1",
            "1up",
            "up[5m]",
            "up{a=\"b\"}[5m]",
            "up offset 5m",
            "up + up",
            "up{a=\"b\"} > 1",
            "sum(up)",
            "up{a=\"b",
            "{}{}",
            "up{a=\"}\"",
            "-up",
            "(up)",
            "up @ 1",
            "\"text\"",
        ] {
            assert!(!is_selector(other), "{other}");
        }
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain), coded);
        }
    }
}
