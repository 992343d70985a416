//! One attempt.

use std::thread;
use std::time::{Duration, Instant};

use dsmil_alert::Notification;

use crate::receiver::{AlertmanagerReceiver, Receiver, WebhookReceiver};
use crate::{NotifyError, command, http, log, payload};

/// That a notification was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What the receiver had to say, in a line.
    pub detail: String,
    /// How long it took.
    pub took: Duration,
}

/// Tells a receiver: one attempt. Blocks for the receiver's time-out at most (2 s longer for a command that doesn't end).
/// A receiver may get the same notification again, with the same id: at least once is what is promised.
///
/// # Errors
/// [`NotifyError`]; [`NotifyError::is_retryable`] says whether a further attempt may succeed.
pub fn deliver(receiver: &Receiver, notification: &Notification) -> Result<Receipt, NotifyError> {
    let begun = Instant::now();
    let detail = match receiver {
        Receiver::Log(of) => log::deliver(of, notification)?,
        Receiver::Command(of) => command::deliver(of, notification)?,
        Receiver::Webhook(of) => webhook(of, notification)?,
        Receiver::Alertmanager(of) => alertmanager(of, notification)?,
    };
    Ok(Receipt { detail, took: begun.elapsed() })
}

fn webhook(of: &WebhookReceiver, notification: &Notification) -> Result<String, NotifyError> {
    let body = serde_json::to_vec(&payload::Webhook::new(notification, &of.external_url))?;
    http::post(&of.url, &body, &of.http, &notification.id)
}

/// All of a cluster are told at the same time, as Prometheus does; one that takes it is enough.
fn alertmanager(of: &AlertmanagerReceiver, notification: &Notification) -> Result<String, NotifyError> {
    let now = jiff::Timestamp::now().as_millisecond();
    let body = serde_json::to_vec(&payload::posted(notification, of, now))?;
    let post =
        |url: &String| http::post(&format!("{}/api/v2/alerts", url.trim_end_matches('/')), &body, &of.http, &notification.id);
    let answers: Vec<Result<String, NotifyError>> = match of.urls.as_slice() {
        [url] => vec![post(url)],
        urls => thread::scope(|scope| {
            let running: Vec<_> = urls.iter().map(|url| scope.spawn(move || post(url))).collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).collect()
        }),
    };
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(detail) => taken.push(detail),
            Err(error) => refused.push(error),
        }
    }
    if !taken.is_empty() {
        for error in &refused {
            tracing::warn!(kind = error.kind(), "{error}; another of the cluster was told");
        }
        return Ok(taken.join(", "));
    }
    // One that may take it later is worth another attempt.
    let last = refused.iter().position(NotifyError::is_retryable).unwrap_or_default();
    let none = || NotifyError::config("urls", "there is none", "name one");
    if refused.is_empty() { Err(none()) } else { Err(refused.swap_remove(last)) }
}
