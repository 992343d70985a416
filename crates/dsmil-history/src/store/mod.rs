//! The store: samples, roll-ups, events and states in one SQLite file.

mod ballast;
mod block;
mod commit;
mod maintain;
mod pack;
mod query;
mod reader;
mod rollup;
mod schema;

use std::path::Path;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Error as Sqlite, ErrorCode};

use crate::error::Error;

pub use commit::{Batch, Committed, NewEvent, Store};
pub use maintain::{Dropped, Maintenance};
pub use query::{Point, Query, Resolution, SeriesPoints};
pub use reader::{Reader, SeriesInfo, StoredEvent};
pub use rollup::Rollup;

/// The name of the database in the state directory.
pub(crate) const FILE: &str = "history.sqlite";

/// A number as the tables hold it: SQLite turns NaN into NULL and -0 into 0, so these go in as the eight bytes of their bits.
struct Number(f64);

impl ToSql for Number {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let Self(value) = *self;
        if value.is_nan() || (value == 0.0 && value.is_sign_negative()) {
            return Ok(value.to_bits().to_be_bytes().to_vec().into());
        }
        Ok(value.into())
    }
}

impl FromSql for Number {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Real(value) => Ok(Self(value)),
            ValueRef::Blob(bytes) => {
                let bits = bytes.try_into().map_err(|_| FromSqlError::InvalidType)?;
                Ok(Self(f64::from_bits(u64::from_be_bytes(bits))))
            }
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// For `map_err`: what SQLite's refusal means.
fn sql(operation: &'static str, path: &Path) -> impl FnOnce(Sqlite) -> Error {
    let path = path.to_path_buf();
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full { path, why: source.to_string() },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Damaged { path, what: source.to_string() },
        // SQLite names only one way to be out of room; a quota or a file-size limit comes as a failed write.
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if !ballast::has_room(&path) => {
            Error::Full { path, why: source.to_string() }
        }
        _ if wrong_type(&source) => Error::Damaged { path, what: source.to_string() },
        _ => Error::Sql { operation, path, source },
    }
}

/// Whether a column holds what no version of this program writes.
fn wrong_type(error: &Sqlite) -> bool {
    matches!(
        error,
        Sqlite::InvalidColumnType(..)
            | Sqlite::FromSqlConversionFailure(..)
            | Sqlite::IntegralValueOutOfRange(..)
            | Sqlite::Utf8Error(..)
    )
}
