//! The endpoint of the monitor: OpenMetrics, probes and a JSON interface over HTTP/1.1, with or without TLS.
//!
//! The monitor implements [`Api`]; [`Server::start`] serves it from threads of its own. Every path but the two probes
//! needs a key from the [keys file](Keys). What is served stands in `docs/http.md` and, for machines, in
//! `schemas/openapi.json`.
//!
//! ```no_run
//! # fn monitor() -> std::sync::Arc<dyn dsmil_serve::Api> { panic!("the doc test only compiles") }
//! use dsmil_serve::{ServeConfig, Server};
//!
//! let config = ServeConfig { keys_file: Some("/etc/dsmil/keys.toml".into()), ..ServeConfig::default() };
//! let server = Server::start(&config, monitor())?;
//! println!("listening on {}", server.local_addr());
//! server.reload_keys()?; // on SIGHUP
//! server.stop();
//! # Ok::<(), dsmil_serve::Error>(())
//! ```

#![forbid(unsafe_code)]

mod api;
mod app;
mod auth;
mod config;
mod connection;
mod document;
mod error;
mod exposition;
mod guard;
mod keys;
mod limiter;
mod listener;
pub mod model;
mod params;
mod problem;
mod routes;
mod server;
mod tls;

pub use api::{Api, ApiError};
pub use config::{Limits, ServeConfig, TlsFiles};
pub use document::openapi;
pub use error::Error;
pub use exposition::{Exposition, Family, Format, Kind, Sample};
pub use keys::{FreshKey, Keys, Role, generate_key};
pub use server::Server;
