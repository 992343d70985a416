//! What one append costs: `cargo run --release -p dsmil-audit --example cost [DIRECTORY]`.
#![forbid(unsafe_code)]

use std::time::Instant;

use dsmil_audit::{Durability, Entry, Log, Options, Outcome, verify};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    for (durability, count) in [(Durability::Disk, 500u32), (Durability::Kernel, 20_000)] {
        let dir = parent.join(format!("dsmil-audit-cost-{}", std::process::id()));
        let log = Log::open(&dir, Options { durability, retention: None, ..Options::default() })?;
        let entry = Entry::new("read").target("0x8003");
        let start = Instant::now();
        for _ in 0..count {
            log.record(entry.clone(), Outcome::Ok)?;
        }
        let record = start.elapsed() / count;
        let start = Instant::now();
        for _ in 0..count {
            log.begin(entry.clone())?.done(Outcome::Ok)?;
        }
        let pair = start.elapsed() / count;
        let start = Instant::now();
        let records = verify(&dir, None)?.records;
        let rate = records as f64 / start.elapsed().as_secs_f64();
        println!("{durability:?}: record {record:.1?}, begin + done {pair:.1?}; verify {rate:.0} records/s over {records}");
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}
