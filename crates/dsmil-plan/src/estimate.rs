//! How long something takes: the shortest, the likely and the longest time.

use dsmil_toml::Period;
use serde::Serialize;

use crate::model::Spread;

/// How long something is expected to take, in milliseconds. What lies between is drawn from the triangular distribution
/// over these three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// The shortest time.
    pub shortest: i64,
    /// The likely time: the mode of the distribution, and what the graph reckons with.
    pub likely: i64,
    /// The longest time.
    pub longest: i64,
}

impl Estimate {
    /// Always the same.
    pub const fn exact(time: i64) -> Self {
        Self { shortest: time, likely: time, longest: time }
    }

    /// What a duration and a spread say; `None` if the duration lies outside the spread, or there is neither.
    pub(crate) fn of(duration: Option<Period>, spread: Option<Spread>) -> Option<Self> {
        let likely = duration.map(Period::as_millis);
        match (likely, spread) {
            (Some(likely), None) => Some(Self::exact(likely)),
            (likely, Some(Spread::Between(shortest, longest))) => {
                let (shortest, longest) = (shortest.as_millis(), longest.as_millis());
                let likely = likely.unwrap_or(shortest + (longest - shortest) / 2);
                (shortest <= likely && likely <= longest).then_some(Self { shortest, likely, longest })
            }
            (Some(likely), Some(Spread::Around(share))) => {
                let reach = i128::from(likely) * i128::from(share.millionths()) / 1_000_000;
                let reach = i64::try_from(reach).ok()?;
                Some(Self { shortest: likely - reach, likely, longest: likely + reach })
            }
            (None, Some(Spread::Around(_)) | None) => None,
        }
    }
}
