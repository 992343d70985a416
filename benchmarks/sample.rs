//! Rust's parts of the benchmark of a sample of CPU and memory: `dsmil`, and two who read `/proc` by hand.
//!
//! Run as `bench_sample WHICH`; reads how many samples to take, line by line, from standard input, and answers with nanoseconds.

use std::fs::File;
use std::hint::black_box;
use std::io::{Error, Read, stdin};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use dsmil_sample::MachineSampler;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    match std::env::args().nth(1).as_deref() {
        Some("dsmil") => {
            let mut machine = MachineSampler::new();
            answer(|| {
                black_box(machine.sample()?);
                Ok(())
            })
        }
        Some("hand") => {
            let mut last = None;
            answer(|| {
                let stat = open_and_read("/proc/stat", &mut [0; 512])?;
                let meminfo = open_and_read("/proc/meminfo", &mut [0; 4096])?;
                by_hand(&stat, &meminfo, &mut last).map(drop)
            })
        }
        Some("hand-open") => {
            let (stat, meminfo) = (File::open("/proc/stat")?, File::open("/proc/meminfo")?);
            let (mut stat_text, mut meminfo_text, mut last) = ([0; 512], [0; 4096], None);
            answer(|| {
                let stat = stat.read_at(&mut stat_text, 0)?;
                let meminfo = meminfo.read_at(&mut meminfo_text, 0)?;
                by_hand(str::from_utf8(&stat_text[..stat])?, str::from_utf8(&meminfo_text[..meminfo])?, &mut last).map(drop)
            })
        }
        _ => Err("dsmil, hand or hand-open".into()),
    }
}

fn answer(mut sample: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    sample()?;
    for line in stdin().lines() {
        let count: u32 = line?.trim().parse()?;
        let begun = Instant::now();
        for _ in 0..count {
            sample()?;
        }
        println!("{}", begun.elapsed().as_nanos());
    }
    Ok(())
}

fn open_and_read(path: &str, buffer: &mut [u8]) -> Result<String, Error> {
    let count = File::open(path)?.read(buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
}

/// What somebody would write who needs these numbers once: how busy, how full.
fn by_hand(stat: &str, meminfo: &str, last: &mut Option<(u64, u64)>) -> Result<(Option<f64>, f64, u64, f64), Failure> {
    let times: Vec<u64> = stat.lines().next().unwrap_or("").split_whitespace().skip(1).take(8).flat_map(str::parse).collect();
    let total: u64 = times.iter().sum();
    let idle = times.get(3).ok_or("no idle time")? + times.get(4).unwrap_or(&0);
    let busy = total - idle;
    let percent = last.replace((busy, total)).and_then(|(busy_before, total_before)| {
        (total > total_before).then(|| 100.0 * (busy - busy_before) as f64 / (total - total_before) as f64)
    });
    let of = |name: &str| -> Result<u64, Failure> {
        let line = meminfo.lines().find(|line| line.starts_with(name)).ok_or("a line is missing")?;
        Ok(line.split_whitespace().nth(1).ok_or("a number is missing")?.parse()?)
    };
    let (total, available, swap, swap_free) = (of("MemTotal:")?, of("MemAvailable:")?, of("SwapTotal:")?, of("SwapFree:")?);
    let used = |free: u64, total: u64| if total == 0 { 0.0 } else { 100.0 * (1.0 - free as f64 / total as f64) };
    Ok(black_box((percent, used(available, total), 1024 * available, used(swap_free, swap))))
}
