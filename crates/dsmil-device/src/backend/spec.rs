//! The string that names a backend.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::Error;

/// The device that is used unless something else is said.
pub const DEFAULT_DEVICE: &str = "/dev/dsmil-72dev";
/// The environment variable that says something else.
pub const DEVICE_VARIABLE: &str = "DSMIL_DEVICE";

/// Which backend: written `/dev/dsmil-72dev`, `sim:seed=7`, `record:FILE,BACKEND` or `replay:FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendSpec {
    /// A device file: the driver's node, or a simulated device that is served as a file.
    Path(PathBuf),
    /// A simulated device in this process, with options separated by commas: those of
    /// `dsmil_sim::Config::parse_options` (`seed=7`), and `faults=FILE`.
    Sim(String),
    /// Another backend, all of whose traffic is written to a file.
    Record {
        /// The trace, made anew.
        file: PathBuf,
        /// The backend that answers.
        inner: Box<BackendSpec>,
    },
    /// A trace that answers in place of the device, if it is asked the same in the same order.
    Replay(PathBuf),
}

impl BackendSpec {
    /// What `DSMIL_DEVICE` says, or `/dev/dsmil-72dev`.
    ///
    /// # Errors
    /// [`Error::Spec`].
    pub fn from_environment() -> Result<Self, Error> {
        match std::env::var(DEVICE_VARIABLE) {
            Ok(value) if !value.is_empty() => value.parse(),
            Err(std::env::VarError::NotUnicode(value)) => Ok(Self::Path(value.into())),
            _ => Ok(Self::Path(DEFAULT_DEVICE.into())),
        }
    }

    /// Whether it is nothing outside this process that answers.
    pub fn is_in_process(&self) -> bool {
        match self {
            Self::Path(_) => false,
            Self::Sim(_) | Self::Replay(_) => true,
            Self::Record { inner, .. } => inner.is_in_process(),
        }
    }
}

impl FromStr for BackendSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |what: &str| Err(Error::Spec { spec: text.to_owned(), what: what.to_owned() });
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.contains('\0') {
            return refuse("it has a NUL in it");
        }
        match text.split_once(':') {
            Some(("sim", options)) => Ok(Self::Sim(options.to_owned())),
            Some(("replay", "")) => refuse("no file is named"),
            Some(("replay", file)) => Ok(Self::Replay(file.into())),
            Some(("record", rest)) => match rest.split_once(',') {
                Some((file, inner)) if !file.is_empty() => {
                    Ok(Self::Record { file: file.into(), inner: Box::new(inner.parse()?) })
                }
                _ => refuse("a recording needs a file and the backend to record"),
            },
            // A file may have a colon in its name if it is named by a path.
            Some((scheme, _)) if !scheme.contains('/') => refuse("there is no such kind of backend"),
            _ if text == "sim" => refuse("there is no such file; the simulated device is sim: with a colon"),
            _ => Ok(Self::Path(text.into())),
        }
    }
}

impl fmt::Display for BackendSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Sim(options) => write!(f, "sim:{options}"),
            Self::Record { file, inner } => write!(f, "record:{},{inner}", file.display()),
            Self::Replay(file) => write!(f, "replay:{}", file.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["/dev/dsmil-72dev", "./a:b", "sim:", "sim:seed=7,faults=f.toml", "replay:t.jsonl", "record:t,sim:seed=1"] {
            assert_eq!(text.parse::<BackendSpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for text in ["", "sim", "replay:", "record:x", "record:,sim:", "file:/dev/x", "record:t,tcp:1", "a\0b"] {
            let error = text.parse::<BackendSpec>().unwrap_err();
            assert!(matches!(error, Error::Spec { .. }), "{text:?}: {error}");
        }
    }
}
