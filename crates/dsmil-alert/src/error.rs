//! What can go wrong, and what the reader can do about it.

/// Why a configuration, a command or a saved state was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AlertError {
    /// The configuration contradicts itself or names something that isn't there.
    #[error("alerts: {key}: {what}; {remedy}")]
    Config {
        /// The key at fault, such as `route[2].receivers`.
        key: String,
        /// What is wrong.
        what: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The text is no matcher.
    #[error(
        "alerts: `{text}` is no matcher: {what}; write a label, one of = != =~ !~, and a value, such as severity=\"critical\" or device=~\"0x80.*\""
    )]
    Matcher {
        /// The text.
        text: String,
        /// What is wrong.
        what: String,
    },
    /// The text is no fingerprint.
    #[error("alerts: `{text}` is no fingerprint; write its 16 hexadecimal digits as `dsmil alerts list` shows them")]
    Fingerprint {
        /// The text.
        text: String,
    },
    /// There is no such alert.
    #[error("alerts: no alert has the fingerprint {fingerprint}; `dsmil alerts list` shows those that are")]
    UnknownAlert {
        /// The fingerprint.
        fingerprint: crate::Fingerprint,
    },
    /// Only what fires can be acknowledged.
    #[error("alerts: {alert} does not fire, it is {state}: only a firing alert can be acknowledged")]
    NotFiring {
        /// The alert's name and labels.
        alert: String,
        /// In what state it is.
        state: crate::AlertState,
    },
    /// A name or a comment can't be kept.
    #[error("alerts: {what}; {remedy}")]
    Words {
        /// What is wrong.
        what: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The silence is not one that can be kept.
    #[error("alerts: silence {id}: {what}; {remedy}")]
    Silence {
        /// Its id.
        id: String,
        /// What is wrong.
        what: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// There is no such silence.
    #[error("alerts: there is no silence {id} that still runs; `dsmil alerts list` shows those that do")]
    UnknownSilence {
        /// Its id.
        id: String,
    },
    /// A saved state that can't be gone on from.
    #[error("alerts: restore the saved state: {what}; replay the journal from its start, or start without it")]
    Snapshot {
        /// What is wrong.
        what: String,
    },
}

impl AlertError {
    /// Its name, the same in every language.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Config { .. } => "config",
            Self::Matcher { .. } => "matcher",
            Self::Fingerprint { .. } => "fingerprint",
            Self::UnknownAlert { .. } => "unknown-alert",
            Self::NotFiring { .. } => "not-firing",
            Self::Words { .. } => "words",
            Self::Silence { .. } => "silence",
            Self::UnknownSilence { .. } => "unknown-silence",
            Self::Snapshot { .. } => "snapshot",
        }
    }

    pub(crate) fn config(key: impl Into<String>, what: impl Into<String>, remedy: &'static str) -> Self {
        Self::Config { key: key.into(), what: what.into(), remedy }
    }
}
