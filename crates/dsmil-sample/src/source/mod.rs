//! Values that others have observed: a JSON file, a command, a callback, a Prometheus server.

mod callback;

pub use callback::{CallbackResult, CallbackSampler};
