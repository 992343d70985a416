//! Who asks, and whether they may.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};

use crate::keys::{Digest32, Keys, Role};
use crate::limiter::Limiter;
use crate::problem::Problem;

/// The keys that are known, and the failures that are remembered.
#[derive(Debug)]
pub(crate) struct Guardian {
    keys: RwLock<Arc<Keys>>,
    limiter: Mutex<Limiter>,
}

/// Whose key a request came with.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// The key that was right on this connection. Who presents it again there is not kept waiting for the failures of others
/// with the same address (every user of this machine has it), and can't use that to guess.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Option<Digest32>>);

enum Presented {
    Nothing,
    Nonsense,
    Key(Digest32),
}

/// The two paths that need no key.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// What a request needs. What is not known to change nothing is taken for a change.
pub(crate) fn needed(method: &Method, path: &str) -> Role {
    match *method {
        Method::GET | Method::HEAD if path == "/metrics" => Role::Metrics,
        Method::GET | Method::HEAD | Method::OPTIONS => Role::Read,
        _ => Role::Operate,
    }
}

impl Guardian {
    pub(crate) fn new(keys: Keys, failures: u32, forgiven_after: Duration) -> Self {
        Self { keys: RwLock::new(Arc::new(keys)), limiter: Mutex::new(Limiter::new(failures, forgiven_after)) }
    }

    pub(crate) fn replace_keys(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The caller, or the refusal: 401, 403 or 429.
    pub(crate) fn admit(&self, headers: &HeaderMap, needed: Role, peer: IpAddr, memory: &Memory) -> Result<Caller, Problem> {
        let presented = presented(headers);
        if matches!(presented, Presented::Nothing) {
            let detail = "a key is needed: send it as Authorization: Bearer KEY, or as X-API-Key: KEY";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "no-key", detail));
        }
        let mut remembered = memory.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known_here = matches!((&presented, &*remembered), (Presented::Key(key), Some(known)) if key.same_as(known));
        if !known_here && let Some(wait) = self.limiter.lock().unwrap_or_else(PoisonError::into_inner).wait(peer, Instant::now())
        {
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX - 1) + 1;
            let detail = format!("this address has presented too many wrong keys; try again in {seconds} s");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-failures", detail).retry_after(seconds));
        }
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let found = match &presented {
            Presented::Key(key) => keys.find(key).map(|entry| (entry, *key)),
            Presented::Nothing | Presented::Nonsense => None,
        };
        let Some((entry, key)) = found else {
            self.limiter.lock().unwrap_or_else(PoisonError::into_inner).failed(peer, Instant::now());
            tracing::warn!(%peer, "a wrong key was presented");
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "wrong-key",
                "this key is not known here, or not sent as one key",
            ));
        };
        *remembered = Some(key);
        if entry.role < needed {
            let detail = format!("the key {} has the role {}; this needs the role {needed}", entry.name, entry.role);
            return Err(Problem::new(StatusCode::FORBIDDEN, "wrong-role", detail));
        }
        Ok(Caller { name: entry.name.clone(), role: entry.role })
    }
}

/// The one key of a request. Two are nonsense: which of them is meant?
fn presented(headers: &HeaderMap) -> Presented {
    let mut all = headers.get_all(AUTHORIZATION).iter().map(|value| bearer(value.as_bytes()));
    let mut plain = headers.get_all("x-api-key").iter().map(|value| Some(value.as_bytes()));
    match (all.next(), all.next(), plain.next(), plain.next()) {
        (None, None, None, None) => Presented::Nothing,
        (Some(Some(key)), None, None, None) | (None, None, Some(Some(key)), None) => {
            Digest32::of(key.trim_ascii()).map_or(Presented::Nonsense, Presented::Key)
        }
        _ => Presented::Nonsense,
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(key)
}
