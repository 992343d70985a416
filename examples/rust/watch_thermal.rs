//! Shows the driver's temperature once a second, ten times or as often as is said.
//!
//!     cargo run -p dsmil --example watch_thermal -- sim: 3

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use dsmil::Device;

fn watch_thermal() -> Result<(), Box<dyn Error>> {
    let options = Device::options();
    let device = match std::env::args().nth(1) {
        Some(name) => options.open(&name)?,
        None => options.open_default()?,
    };
    let readings: u32 = std::env::args().nth(2).as_deref().unwrap_or("10").parse()?;

    for reading in 0..readings {
        if reading > 0 {
            thread::sleep(Duration::from_secs(1));
        }
        let status = device.status()?;
        let verdict = if status.thermal_safe { "safe" } else { "over the limit" };
        println!("{} °C, {verdict}", device.thermal()?);
    }
    Ok(())
}

fn main() -> ExitCode {
    if let Err(error) = watch_thermal() {
        eprintln!("watch_thermal: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
