//! Percentages without rounding surprises: whole ten-thousandths of a percent.

use std::fmt;

use serde::{Serialize, Serializer};

/// A percentage, to four places after the point. Sums and comparisons of percentages are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

impl Percent {
    /// All of it.
    pub const WHOLE: Self = Self(1_000_000);
    /// Nothing of it.
    pub const NONE: Self = Self(0);

    /// So many whole percent.
    pub const fn whole(percent: u32) -> Self {
        Self(percent.saturating_mul(10_000))
    }

    /// So many millionths: 1,000,000 are 100 %.
    pub const fn from_millionths(millionths: u32) -> Self {
        Self(millionths)
    }

    /// In millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// From a number as it is written; `None` if it is negative, too large or has more than four places.
    pub(crate) fn from_written(number: f64, most: u32) -> Option<Self> {
        let scaled = number * 10_000.0;
        let rounded = scaled.round();
        let fits = number.is_finite() && number >= 0.0 && number <= f64::from(most) && (scaled - rounded).abs() < 1e-4;
        #[expect(clippy::cast_sign_loss, reason = "checked to lie from 0 to a u32")]
        fits.then_some(Self(rounded as u32))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{rest:04}").trim_end_matches('0'))
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(10_000) {
            return serializer.serialize_u32(self.0 / 10_000);
        }
        serializer.serialize_f64(f64::from(self.0) / 10_000.0)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Percent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0 })
    }
}
