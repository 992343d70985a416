//! Serves a simulated device in a directory until SIGTERM or SIGINT.
//!
//! `cargo run -p dsmil-sim --features serve --example serve -- DIRECTORY [OPTIONS] [FAULTS-FILE]`, where OPTIONS are
//! as after `sim:`, for instance `seed=7,chunked=no`, or `-` for none.

use std::path::Path;
use std::process::ExitCode;

use dsmil_sim::{Config, DEVICE_MODE, Faults, SimError, serve_until_signal};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (place, options, faults) = match arguments.as_slice() {
        [place] => (place, "", None),
        [place, options] => (place, options.as_str(), None),
        [place, options, faults] => (place, options.as_str(), Some(faults)),
        _ => {
            eprintln!("usage: serve DIRECTORY [OPTIONS|-] [FAULTS-FILE]");
            return ExitCode::from(2);
        }
    };
    match run(Path::new(place), options.trim_start_matches('-'), faults.map(Path::new)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(place: &Path, options: &str, faults: Option<&Path>) -> Result<(), SimError> {
    let config = Config::parse_options(options)?;
    let faults = faults.map_or(Ok(Faults::none()), Faults::load)?;
    serve_until_signal(place, config, faults, DEVICE_MODE, |server| println!("{}", server.device_path().display()))
}
