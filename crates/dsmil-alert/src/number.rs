//! A value in JSON, which has no NaN and no infinity: those are words, as in the evidence of gates.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

#[expect(clippy::ref_option, reason = "serde calls it so")]
pub(crate) fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match *value {
        Some(value) if value.is_finite() => serializer.serialize_f64(value),
        Some(f64::INFINITY) => serializer.serialize_str("+Inf"),
        Some(f64::NEG_INFINITY) => serializer.serialize_str("-Inf"),
        Some(_) => serializer.serialize_str("NaN"),
        None => serializer.serialize_none(),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Word(String),
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    match Option::<Written>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Written::Number(value)) => Ok(Some(value)),
        Some(Written::Word(word)) => match word.as_str() {
            "+Inf" => Ok(Some(f64::INFINITY)),
            "-Inf" => Ok(Some(f64::NEG_INFINITY)),
            "NaN" => Ok(Some(f64::NAN)),
            _ => Err(D::Error::custom(format!("{word:?} is no number"))),
        },
    }
}
