//! Serves a monitor that watches nothing, for tests with clients from elsewhere: `serve_fake KEYS.toml [HOST:PORT]`.
//!
//! Prints the address that it listens on, and ends when its input does.

#![allow(clippy::cast_possible_wrap)]

#[allow(dead_code, unreachable_pub)]
#[path = "../tests/common/fake.rs"]
mod fake;

use std::io::{Read, stdin};
use std::sync::Arc;

use dsmil_serve::{Limits, ServeConfig, Server};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let keys_file = arguments.next().ok_or("usage: serve_fake KEYS.toml [HOST:PORT]")?;
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    // Whoever tests presents wrong keys all the time.
    let limits = Limits { failures: 10_000, ..Limits::default() };
    let config = ServeConfig { listen, keys_file: Some(keys_file.into()), limits, ..ServeConfig::default() };
    let server = Server::start(&config, Arc::new(fake::Fake::default()))?;
    println!("{}", server.local_addr());
    stdin().read_to_end(&mut Vec::new())?;
    server.stop();
    Ok(())
}
