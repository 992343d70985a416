//! Tries to touch each of the seven devices that are quarantined for ever, and shows the denials.
//!
//!     cargo run -p dsmil --example quarantine_denied -- sim:

use std::process::ExitCode;

use dsmil::{Device, Error, PERMANENT};

/// The number of devices that were denied in both ways.
fn quarantine_denied() -> Result<usize, Error> {
    let options = Device::options();
    let device = match std::env::args().nth(1) {
        Some(name) => options.open(&name)?,
        None => options.open_default()?,
    };
    let mut denied = 0;
    for permanent in PERMANENT {
        let refusals = [device.info(permanent.id).err(), device.read(permanent.id).err()];
        if refusals.iter().flatten().filter(|error| matches!(error, Error::Denied { .. })).count() == refusals.len() {
            denied += 1;
        }
        for refusal in refusals.iter().flatten() {
            println!("{refusal}");
        }
    }
    println!("{denied} of {} denied", PERMANENT.len());
    Ok(denied)
}

fn main() -> ExitCode {
    match quarantine_denied() {
        Ok(denied) if denied == PERMANENT.len() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("quarantine_denied: {error}");
            ExitCode::FAILURE
        }
    }
}
