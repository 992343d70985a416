//! The files that people write, in TOML: read with positions, so that everything that is wrong is told at once, with file,
//! line, column, key and a remedy, and the name that was probably meant.
//!
//! A [`Source`] is the text, a [`Table`] one table of it; whoever reads a key asks the table for it, and
//! [`Table::finish`] names the keys that nobody asked for. [`Period`] is a duration in such a file. The crate is pure.
//!
//! ```
//! use dsmil_toml::{Source, Table};
//!
//! let source = Source::new("plan file", "version = 1\nnmae = \"a\"", "plan.toml");
//! let tree = source.tree().unwrap();
//! let root = Table::root(&source, &tree);
//! assert!(root.text("name", "write name = \"...\"").is_none());
//! root.finish();
//! let told = source.error().to_string();
//! assert_eq!(told, "plan file plan.toml, line 2, column 1, nmae: there is no key nmae here; did you mean name?");
//! ```

#![forbid(unsafe_code)]

pub mod duration;
mod fault;
mod nearest;
mod reader;
mod values;

pub use duration::Period;
pub use fault::{Fault, FileError};
pub use nearest::nearest;
pub use reader::{MAX_BYTES, Placed, Source, Table};
pub use values::{Value, whole};
