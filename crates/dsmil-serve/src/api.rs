//! What the endpoint asks of the monitor.

use crate::exposition::Exposition;
use crate::model::{
    Acknowledgement, Alert, AlertEvent, AlertFilter, AlertHistoryQuery, Device, History, HistoryQuery, NewSilence, Probe, Score,
    SeriesInfo, Silence, Verdicts,
};

/// What the endpoint serves. Every method is called on a thread that may block, several at once; a panic in one becomes
/// a 500. A request waits at most [`request_timeout`](crate::Limits::request_timeout) for an answer, but a call that
/// takes longer is not broken off: keep each one short.
///
/// Lists are to come in an order that stays the same between calls; the endpoint cuts pages from them.
pub trait Api: Send + Sync + 'static {
    /// Every metric that has a value now, with the time of its observation. Stale series are left out.
    fn metrics(&self) -> Result<Exposition, ApiError>;

    /// Whether the process works at all: a supervisor restarts it if not.
    fn live(&self) -> Probe;

    /// Whether it does its work: store open, samplers running. The reasons name what is missing.
    fn ready(&self) -> Probe;

    /// The health score and the checks behind it.
    fn health(&self) -> Result<Score, ApiError>;

    /// The security score and the checks behind it.
    fn security(&self) -> Result<Score, ApiError>;

    /// The devices, ordered by id.
    fn devices(&self) -> Result<Vec<Device>, ApiError>;

    /// What the gates decide now. `From<&dsmil_gate::Evaluation>` makes it.
    fn verdicts(&self) -> Result<Verdicts, ApiError>;

    /// The alerts that are not over (pending and firing) and those resolved lately, as far as the filter lets through.
    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, ApiError>;

    /// Somebody looks after a firing alert. `by` names who, and ends with the name of the key that was used.
    /// [`ApiError::NotFound`] if no such alert is known, [`ApiError::Conflict`] if it isn't firing.
    fn acknowledge(&self, fingerprint: &str, by: &str, comment: &str) -> Result<Acknowledgement, ApiError>;

    /// All silences that are known, ended ones too.
    fn silences(&self) -> Result<Vec<Silence>, ApiError>;

    /// Begins a silence. What it says has been checked: at least one matcher, an end that lies after its start and ahead.
    fn silence(&self, silence: &NewSilence, by: &str) -> Result<Silence, ApiError>;

    /// Ends a silence now. [`ApiError::NotFound`] if there is none, [`ApiError::Conflict`] if it has ended already.
    fn expire_silence(&self, id: &str, by: &str) -> Result<(), ApiError>;

    /// At most `query.limit` events, the newest (with the greatest id) first.
    fn alert_history(&self, query: &AlertHistoryQuery) -> Result<Vec<AlertEvent>, ApiError>;

    /// The series of one metric over a time: at most `query.limit` points in all, the oldest first, and whether there were
    /// more. A metric that was never seen is [`ApiError::NotFound`].
    fn history(&self, query: &HistoryQuery) -> Result<History, ApiError>;

    /// Every series that the store knows.
    fn series(&self) -> Result<Vec<SeriesInfo>, ApiError>;
}

/// Why the monitor can't answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// There is no such thing: 404.
    #[error("{0}")]
    NotFound(String),
    /// It is not in the state that this needs: 409.
    #[error("{0}")]
    Conflict(String),
    /// What was asked makes no sense: 422.
    #[error("{0}")]
    Invalid(String),
    /// Not now, but perhaps later: 503.
    #[error("{0}")]
    Unavailable(String),
    /// Something is broken: 500. The text goes to the log, not to the client.
    #[error("{0}")]
    Internal(String),
}

impl ApiError {
    /// Its stable name, the `kind` of the problem that the client gets.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not-found",
            Self::Conflict(_) => "conflict",
            Self::Invalid(_) => "invalid",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }
}
