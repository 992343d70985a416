use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A value. JSON has no NaN and no infinity: they are the words `"NaN"`, `"+Inf"` and `"-Inf"`.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub f64);

impl Number {
    /// The word for a value that JSON can't write as a number.
    pub fn word(self) -> Option<&'static str> {
        if self.0.is_finite() {
            None
        } else if self.0.is_nan() {
            Some("NaN")
        } else if self.0 > 0.0 {
            Some("+Inf")
        } else {
            Some("-Inf")
        }
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self(value)
    }
}

/// By bits: what would be written the same is the same.
impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.word() {
            Some(word) => serializer.serialize_str(word),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Number).format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)));
        let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["NaN", "+Inf", "-Inf"]));
        let description = "A value; what JSON can't write as a number is a word.";
        OneOfBuilder::new().item(number).item(word).description(Some(description)).into()
    }
}

impl ToSchema for Number {}
