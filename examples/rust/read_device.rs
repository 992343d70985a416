//! Reads one device: what the driver knows of it, and its data.
//!
//!     cargo run -p dsmil --example read_device -- sim: 0x8003

use std::error::Error;
use std::process::ExitCode;

use dsmil::{Device, DeviceId};

fn read_device() -> Result<(), Box<dyn Error>> {
    let options = Device::options();
    let device = match std::env::args().nth(1) {
        Some(name) => options.open(&name)?,
        None => options.open_default()?,
    };
    let id: DeviceId = std::env::args().nth(2).as_deref().unwrap_or("0x8003").parse()?;

    let record = device.info(id)?;
    println!("{id} is {}, access {}", record.state, record.access);

    let data = device.read(id)?;
    for (line, bytes) in data.chunks(16).enumerate() {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{:04x}  {}", line * 16, hex.join(" "));
    }
    println!("{} bytes", data.len());
    Ok(())
}

fn main() -> ExitCode {
    if let Err(error) = read_device() {
        eprintln!("read_device: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
