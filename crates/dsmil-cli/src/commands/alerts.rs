//! `dsmil alerts`.

use std::time::Duration;

use clap::{Args, Subcommand};
use dsmil::alert::{AlertState, AlertView, Fingerprint, Matcher, Silence, SilenceState};
use dsmil::gate::Severity;
use dsmil::monitor::{Stored, Wish, new_silence_id, post, wait};
use dsmil::serve::model::AlertHistoryQuery;
use serde_json::{Value, json};

use crate::commands::monitor::Setup;
use crate::context::{Context, now_ms};
use crate::failure::Failure;
use crate::output::{Answer, would};
use crate::table::{Cell, Page, Side, Table, Tone};
use crate::text::{self, moment, parse_duration};

/// How long a monitor that runs may take to read what is wanted of it: some of its steps.
const PATIENCE: Duration = Duration::from_secs(15);

/// See alerts, take care of them, keep them quiet
///
/// Reads what a monitor has written down, and leaves what is wanted in its inbox: it doesn't matter whether it runs. One that runs
/// takes it with its next step.
#[derive(Debug, Args)]
pub(crate) struct Alerts {
    #[command(flatten)]
    setup: Setup,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The alerts that are pending or firing, and those that have resolved lately
    List {
        /// Those that fire only
        #[arg(long)]
        firing: bool,
    },
    /// Take care of a firing alert: it is not repeated until it resolves or fires anew
    Ack {
        /// Its fingerprint, as `list` shows it
        fingerprint: Fingerprint,
        /// What is being done about it
        #[arg(long, default_value = "")]
        comment: String,
        /// Who [default: this user]
        #[arg(long)]
        by: Option<String>,
    },
    /// Tell nobody of some alerts for a while
    Silence {
        /// Which: all must match, such as alertname="cpu-high" or device=~"0x80.*"
        #[arg(required = true, value_name = "MATCHER")]
        matchers: Vec<Matcher>,
        /// For how long, such as 2h
        #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
        length: Duration,
        /// Why
        #[arg(long)]
        comment: String,
        /// Who [default: this user]
        #[arg(long)]
        by: Option<String>,
    },
    /// The silences
    Silences,
    /// End a silence now
    Unsilence {
        /// Its id, as `silences` shows it
        id: String,
    },
    /// What happened, the newest first
    History {
        /// At most so many events
        #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        /// Of this alert only
        #[arg(long)]
        fingerprint: Option<Fingerprint>,
    },
}

impl Alerts {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        match &self.what {
            What::List { firing } => self.list(*firing),
            What::Silences => self.silences(),
            What::History { limit, fingerprint } => self.history(*limit as usize, *fingerprint),
            What::Ack { fingerprint, comment, by } => {
                let (alerts, _) = self.open()?.alerts(now())?;
                let known = alerts.iter().find(|alert| alert.fingerprint == *fingerprint);
                if known.is_none_or(|alert| alert.state != AlertState::Firing) {
                    return Err(Failure::Usage(format!("no alert {fingerprint} fires: `dsmil alerts list` shows those that do")));
                }
                let wish = Wish::Acknowledge { fingerprint: *fingerprint, by: who(by.as_deref()), comment: comment.clone() };
                self.leave(context, &wish, &format!("take care of {fingerprint}"), json!({ "fingerprint": fingerprint }))
            }
            What::Silence { matchers, length, comment, by } => {
                let id = new_silence_id(0);
                let (starts_at, length) = (now(), i64::try_from(length.as_millis()).unwrap_or(i64::MAX));
                let ends_at = starts_at.saturating_add(length);
                let silence = Silence {
                    id: id.clone(),
                    matchers: matchers.clone(),
                    starts_at,
                    ends_at,
                    by: who(by.as_deref()),
                    comment: comment.clone(),
                };
                silence.check(starts_at).map_err(|error| Failure::Usage(error.to_string()))?;
                let what = format!("silence {id} until {}", moment(ends_at.unsigned_abs()));
                self.leave(context, &Wish::Silence(silence), &what, json!({ "id": id, "ends_at": ends_at }))
            }
            What::Unsilence { id } => {
                let (_, silences) = self.open()?.alerts(now())?;
                if !silences.iter().any(|silence| silence.id == *id && silence.state != SilenceState::Expired) {
                    return Err(Failure::Usage(format!("no silence {id} holds: `dsmil alerts silences` shows those that do")));
                }
                let wish = Wish::Expire { id: id.clone(), by: who(None) };
                self.leave(context, &wish, &format!("end the silence {id}"), json!({ "id": id }))
            }
        }
    }

    fn open(&self) -> Result<Stored, Failure> {
        Ok(Stored::open(&self.setup.state_dir()?)?)
    }

    fn list(&self, firing: bool) -> Result<Answer, Failure> {
        let (mut alerts, _) = self.open()?.alerts(now())?;
        alerts.retain(|alert| !firing || alert.state == AlertState::Firing);
        let mut table = Table::new([
            ("fingerprint", Side::Left),
            ("state", Side::Left),
            ("severity", Side::Left),
            ("alert", Side::Left),
            ("since", Side::Left),
            ("what", Side::Left),
        ]);
        for alert in &alerts {
            table.row([
                alert.fingerprint.to_string().into(),
                Cell::new(state(alert), tone(alert)),
                format!("{:?}", alert.severity).to_lowercase().into(),
                format!("{}{}", alert.name, series(alert)).into(),
                moment(alert.since.unsigned_abs()).into(),
                alert.summary.clone().into(),
            ]);
        }
        let mut page = Page::new();
        page.table(table);
        let count = alerts.iter().filter(|alert| alert.state == AlertState::Firing).count();
        page.line([Cell::new(format!("{count} firing"), if count == 0 { Tone::Good } else { Tone::Bad })]);
        Ok(Answer::new(json!({ "alerts": alerts }), page))
    }

    fn silences(&self) -> Result<Answer, Failure> {
        let (_, silences) = self.open()?.alerts(now())?;
        let mut table = Table::new([
            ("id", Side::Left),
            ("state", Side::Left),
            ("until", Side::Left),
            ("by", Side::Left),
            ("matchers", Side::Left),
            ("why", Side::Left),
        ]);
        for silence in &silences {
            let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
            table.row([
                silence.id.clone().into(),
                format!("{:?}", silence.state).to_lowercase().into(),
                moment(silence.ends_at.unsigned_abs()).into(),
                silence.by.clone().into(),
                matchers.join(" ").into(),
                silence.comment.clone().into(),
            ]);
        }
        let mut page = Page::new();
        page.table(table);
        Ok(Answer::new(json!({ "silences": silences }), page))
    }

    fn history(&self, limit: usize, fingerprint: Option<Fingerprint>) -> Result<Answer, Failure> {
        let fingerprint = fingerprint.map(|fingerprint| fingerprint.to_string());
        let query = AlertHistoryQuery { fingerprint, from: None, to: None, before: None, limit };
        let events = self.open()?.alert_history(&query)?;
        let mut table = Table::new([
            ("at", Side::Left),
            ("what", Side::Left),
            ("alert", Side::Left),
            ("by", Side::Left),
            ("detail", Side::Left),
        ]);
        for event in &events {
            table.row([
                moment(event.at.unsigned_abs()).into(),
                event.kind.clone().into(),
                event.name.clone().unwrap_or_default().into(),
                event.by.clone().unwrap_or_default().into(),
                event.detail.clone().unwrap_or_default().into(),
            ]);
        }
        let mut page = Page::new();
        page.table(table);
        Ok(Answer::new(json!({ "events": events }), page))
    }

    /// Leaves a wish in the inbox, and waits for a monitor that runs.
    fn leave(&self, context: &Context, wish: &Wish, what: &str, details: Value) -> Result<Answer, Failure> {
        if context.is_dry_run() {
            return Ok(would(what, details));
        }
        let state_dir = self.setup.state_dir()?;
        let posted = post(&state_dir, wish)?;
        // Only who holds the directory reads its inbox.
        let running = matches!(dsmil::history::StateDir::hold(&state_dir), Err(dsmil::history::Error::Held { .. }));
        let taken = running && wait(&posted, PATIENCE);
        let mut document = json!({ "taken": taken });
        if let (Some(document), Value::Object(details)) = (document.as_object_mut(), details) {
            document.extend(details);
        }
        let text = if taken {
            format!("done: {what}")
        } else if running {
            format!("left in the inbox: {what}; the monitor has not taken it yet")
        } else {
            format!("left in the inbox: {what}; no monitor runs on this directory, the next one takes it")
        };
        Ok(Answer::new(document, Page::of(Cell::new(text, if taken { Tone::Good } else { Tone::Warn }))))
    }
}

fn now() -> i64 {
    i64::try_from(now_ms()).unwrap_or(i64::MAX)
}

fn who(by: Option<&str>) -> String {
    by.map_or_else(text::user, str::to_owned)
}

/// The labels that tell one series of a rule from another.
fn series(alert: &AlertView) -> String {
    let own = ["alertname", "severity", "on_fail"];
    let labels: dsmil::gate::Labels = alert.labels.iter().filter(|(name, _)| !own.contains(name)).collect();
    labels.to_string()
}

fn state(alert: &AlertView) -> String {
    let acked = alert.acked.as_ref().map(|ack| format!(", {} is on it", ack.by)).unwrap_or_default();
    let silenced = if alert.silenced_by.is_empty() { "" } else { ", silenced" };
    format!("{}{acked}{silenced}", alert.state)
}

fn tone(alert: &AlertView) -> Tone {
    match (alert.state, alert.severity) {
        (AlertState::Resolved, _) => Tone::Dim,
        (AlertState::Firing, Severity::Critical | Severity::Warning) => Tone::Bad,
        _ => Tone::Warn,
    }
}
