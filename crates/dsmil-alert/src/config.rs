//! Who is told of which alerts, and when: as people write it, and checked.

use std::collections::{BTreeMap, BTreeSet};

use dsmil_gate::{Labels, Period};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::AlertError;
use crate::matcher::{Matcher, all_match, is_label_name};

/// Group by every label: each alert is a group of its own.
pub(crate) const ALL_LABELS: &str = "...";
/// More routes, inhibitions or receivers than this are a mistake.
const MAX_ENTRIES: usize = 1000;

/// Who is told of which alerts, and when: the table `[alerts]`. The words are those of Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AlertConfig {
    /// Who is told when no route matches; nobody, if it is empty.
    pub receivers: Vec<String>,
    /// Alerts that are equal in these labels are told of together; `["..."]` is all labels. `["alertname"]` if not given.
    pub group_by: Vec<String>,
    /// How long a new group waits for further alerts before it is told of; `30s` if not given.
    pub group_wait: Period,
    /// How long a group that was told of waits before it tells of a change; `5m` if not given.
    pub group_interval: Period,
    /// After what time a group that still fires is told of again; `4h` if not given, at least 1 s.
    pub repeat_interval: Period,
    /// For how long a notification that fails is tried; `24h` if not given, at least 1 m.
    pub give_up_after: Period,
    /// How long a resolved alert is still listed; `1h` if not given.
    pub keep_resolved: Period,
    /// The first that matches counts, and the next ones too where it says `continue`; written as one `[[alerts.route]]` each.
    #[serde(rename = "route")]
    pub routes: Vec<Route>,
    /// Alerts that make others not worth telling of; written as one `[[alerts.inhibit]]` each.
    #[serde(rename = "inhibit")]
    pub inhibitions: Vec<Inhibit>,
}

/// Alerts with these labels go to these receivers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// All of them must match.
    pub matchers: Vec<Matcher>,
    /// Who is told; nobody, if it is empty.
    pub receivers: Vec<String>,
    /// Whether the routes behind it are looked at too; `false` if not given.
    #[serde(rename = "continue", default)]
    pub goes_on: bool,
    /// In place of that of `[alerts]`.
    #[serde(default)]
    pub group_by: Option<Vec<String>>,
    /// In place of that of `[alerts]`.
    #[serde(default)]
    pub group_wait: Option<Period>,
    /// In place of that of `[alerts]`.
    #[serde(default)]
    pub group_interval: Option<Period>,
    /// In place of that of `[alerts]`.
    #[serde(default)]
    pub repeat_interval: Option<Period>,
}

/// While a source fires, targets that are equal to it in some labels are not told of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Inhibit {
    /// What the alert that inhibits is like; all of them must match.
    pub source: Vec<Matcher>,
    /// What the alerts that are inhibited are like; all of them must match.
    pub target: Vec<Matcher>,
    /// The labels in which both must be equal; a label that neither has is equal. None if not given.
    #[serde(default)]
    pub equal: Vec<String>,
}

/// How a receiver is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiverKind {
    /// Of groups and their changes: log, command, webhook.
    #[default]
    Notified,
    /// Of every firing alert at once and again each so many milliseconds, without grouping and repeats of our own: an
    /// Alertmanager, which does that itself and takes for resolved what it isn't told of again.
    Refreshed {
        /// In milliseconds.
        every: i64,
    },
}

/// The receivers that there are, by name.
pub type Receivers = BTreeMap<String, ReceiverKind>;

impl Default for AlertConfig {
    fn default() -> Self {
        Self {
            receivers: Vec::new(),
            group_by: vec!["alertname".to_owned()],
            group_wait: Period::from_millis(30_000),
            group_interval: Period::from_millis(300_000),
            repeat_interval: Period::from_millis(4 * 3_600_000),
            give_up_after: Period::from_millis(24 * 3_600_000),
            keep_resolved: Period::from_millis(3_600_000),
            routes: Vec::new(),
            inhibitions: Vec::new(),
        }
    }
}

/// When a group is told of, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    pub(crate) wait: i64,
    pub(crate) interval: i64,
    /// Of everything that fires, unless it is acknowledged.
    pub(crate) repeat: Option<i64>,
    /// Of each alert that fires.
    pub(crate) refresh: Option<i64>,
}

/// Where one alert is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) receiver: String,
    pub(crate) labels: Labels,
    pub(crate) timing: Timing,
}

impl AlertConfig {
    /// Checks what the form can't say: names, labels and bounds.
    ///
    /// # Errors
    /// [`AlertError::Config`] with the key at fault.
    pub fn check(&self, receivers: &Receivers) -> Result<(), AlertError> {
        for name in receivers.keys() {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if name.is_empty() || name.len() > 64 || !name.bytes().all(letters) {
                let what = format!("{name:?} is no name of a receiver");
                return Err(AlertError::config("receivers", what, "write 1 to 64 letters, digits, - and _"));
            }
        }
        for (key, count) in [("route", self.routes.len()), ("inhibit", self.inhibitions.len()), ("receivers", receivers.len())] {
            if count > MAX_ENTRIES {
                return Err(AlertError::config(key, format!("there are {count}"), "write at most 1000"));
            }
        }
        check_names("", &self.receivers, receivers)?;
        check_labels("group_by", &self.group_by, true)?;
        let repeat = self.repeat_interval;
        check_least("repeat_interval", repeat, 1000, "write at least 1s")?;
        check_least("give_up_after", self.give_up_after, 60_000, "write at least 1m")?;
        for (index, route) in self.routes.iter().enumerate() {
            route.check(&format!("route[{index}]."), receivers)?;
        }
        for (index, inhibition) in self.inhibitions.iter().enumerate() {
            inhibition.check(&format!("inhibit[{index}]."))?;
        }
        Ok(())
    }

    /// What it says and who there is, as a SHA-256 in hexadecimal.
    pub(crate) fn fingerprint(&self, receivers: &Receivers) -> String {
        hex(&Sha256::digest(serde_json::to_vec(&(self, receivers)).unwrap_or_default()))
    }

    /// Where an alert with these labels is told of: each receiver and group once.
    pub(crate) fn ways(&self, labels: &Labels, receivers: &Receivers) -> Vec<Way> {
        let mut ways: Vec<Way> = Vec::new();
        let mut add = |names: &[String], group_by: &[String], timing: Timing| {
            for name in names {
                let way = match receivers.get(name) {
                    None => continue,
                    Some(ReceiverKind::Notified) => Way { receiver: name.clone(), labels: group(labels, group_by), timing },
                    Some(ReceiverKind::Refreshed { every }) => {
                        let timing = Timing { wait: 0, interval: 0, repeat: None, refresh: Some((*every).max(1000)) };
                        Way { receiver: name.clone(), labels: Labels::default(), timing }
                    }
                };
                if !ways.iter().any(|known| (&known.receiver, &known.labels) == (&way.receiver, &way.labels)) {
                    ways.push(way);
                }
            }
        };
        let mut matched = false;
        for route in &self.routes {
            if all_match(&route.matchers, labels) {
                matched = true;
                add(&route.receivers, route.group_by.as_ref().unwrap_or(&self.group_by), self.timing(Some(route)));
                if !route.goes_on {
                    return ways;
                }
            }
        }
        if !matched {
            add(&self.receivers, &self.group_by, self.timing(None));
        }
        ways
    }

    pub(crate) fn timing(&self, route: Option<&Route>) -> Timing {
        let pick = |of_route: fn(&Route) -> Option<Period>, own: Period| route.and_then(of_route).unwrap_or(own).as_millis();
        Timing {
            wait: pick(|route| route.group_wait, self.group_wait),
            interval: pick(|route| route.group_interval, self.group_interval),
            repeat: Some(pick(|route| route.repeat_interval, self.repeat_interval)),
            refresh: None,
        }
    }
}

fn group(labels: &Labels, group_by: &[String]) -> Labels {
    let wanted = |name: &str| group_by.iter().any(|by| by == name || by == ALL_LABELS);
    labels.iter().filter(|(name, _)| wanted(name)).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

impl Route {
    fn check(&self, prefix: &str, receivers: &Receivers) -> Result<(), AlertError> {
        if self.matchers.is_empty() {
            let what = "it has no matcher and would match everything";
            return Err(AlertError::config(format!("{prefix}matchers"), what, "name a label, or use [alerts] receivers"));
        }
        check_names(prefix, &self.receivers, receivers)?;
        check_labels(&format!("{prefix}group_by"), self.group_by.as_deref().unwrap_or_default(), true)?;
        match self.repeat_interval {
            Some(repeat) => check_least(&format!("{prefix}repeat_interval"), repeat, 1000, "write at least 1s"),
            None => Ok(()),
        }
    }
}

impl Inhibit {
    fn check(&self, prefix: &str) -> Result<(), AlertError> {
        for (key, matchers) in [("source", &self.source), ("target", &self.target)] {
            if matchers.iter().all(Matcher::asks_for_nothing) {
                let what = "it asks for no label and would match everything";
                return Err(AlertError::config(format!("{prefix}{key}"), what, "name at least one label that must be there"));
            }
        }
        check_labels(&format!("{prefix}equal"), &self.equal, false)
    }
}

fn check_names(prefix: &str, names: &[String], receivers: &Receivers) -> Result<(), AlertError> {
    let key = || format!("{prefix}receivers");
    let mut seen = BTreeSet::new();
    for name in names {
        if !receivers.contains_key(name) {
            let known: Vec<&str> = receivers.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
            let what = format!("there is no receiver {name:?}, {known}");
            return Err(AlertError::config(key(), what, "correct the name, or describe the receiver"));
        }
        if !seen.insert(name) {
            return Err(AlertError::config(key(), format!("{name:?} stands there twice"), "keep one of the two"));
        }
    }
    Ok(())
}

fn check_labels(key: &str, labels: &[String], all: bool) -> Result<(), AlertError> {
    for label in labels {
        if !(is_label_name(label) || (all && label == ALL_LABELS && labels.len() == 1)) {
            let what = format!("{label:?} is no name of a label here");
            return Err(AlertError::config(key, what, "write names of labels, such as [\"alertname\"]; \"...\" stands alone"));
        }
    }
    Ok(())
}

fn check_least(key: &str, period: Period, least: i64, remedy: &'static str) -> Result<(), AlertError> {
    if period.as_millis() < least {
        return Err(AlertError::config(key, format!("{period} is too short"), remedy));
    }
    Ok(())
}
