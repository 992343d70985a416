//! Lists every device that the driver has.
//!
//!     cargo run -p dsmil --example scan_devices -- sim:

use std::process::ExitCode;

use dsmil::{Device, Error};

fn scan_devices() -> Result<(), Error> {
    let options = Device::options();
    let device = match std::env::args().nth(1) {
        Some(name) => options.open(&name)?,
        None => options.open_default()?,
    };
    let scan = device.scan()?;
    for record in &scan.records {
        let celsius = record.thermal_celsius.map_or_else(|| "-".to_owned(), |celsius| format!("{celsius} °C"));
        println!("{}  {:<13} {celsius:>6}", record.id, record.state.to_string());
    }
    let quarantined = scan.records.iter().filter(|record| record.is_quarantined).count();
    println!("{} devices, {quarantined} quarantined", scan.records.len());
    Ok(())
}

fn main() -> ExitCode {
    if let Err(error) = scan_devices() {
        eprintln!("scan_devices: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
