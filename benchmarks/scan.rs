//! Our Rust's part of the scan benchmark: reads how many scans to make, line by line, from standard
//! input, and answers with nanoseconds.

use std::hint::black_box;
use std::io::stdin;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = match std::env::args().nth(1) {
        Some(path) => dsmil::Device::open(&path)?,
        None => dsmil::Device::options().open_default()?,
    };
    // The first scan finds out whether the table can be had in one call.
    device.scan()?;
    for line in stdin().lines() {
        let count: u32 = line?.trim().parse()?;
        let begun = Instant::now();
        for _ in 0..count {
            black_box(device.scan()?);
        }
        println!("{}", begun.elapsed().as_nanos());
    }
    Ok(())
}
