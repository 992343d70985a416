//! Asks the quarantine about a device that may be touched, N times: `check N [call|empty]`.
//!
//! Run it under callgrind with two values of N and divide the difference of the instruction counts by
//! the difference of N: what one check costs, the loop included. With `call` the check is a function of
//! its own, with call, return and a result in memory, as for a caller in another language; with `empty`
//! the same loop asks nothing, so that its own cost can be taken off.

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

use dsmil_protocol::DeviceId;
use dsmil_quarantine::{Cleared, Denied, Isolation, Operation, Policy, Quarantine};

const POLICY: &str = "version = 1\n[[deny]]\nid = 0x8031\nreason = \"under repair\"\n";
const NOW_MS: u64 = 1_800_000_000_000;

#[inline(never)]
fn call(quarantine: &Quarantine, id: DeviceId, now_ms: u64) -> Result<Cleared, Box<Denied>> {
    quarantine.clear(id, Operation::Read, now_ms)
}

fn quarantine() -> Result<Quarantine, Box<dyn std::error::Error>> {
    let mut quarantine = Quarantine::new().with_policy(Policy::parse(POLICY, "policy.toml")?);
    let isolation = Isolation {
        id: DeviceId::new(0x8004),
        reason: "answers late".to_owned(),
        author: "example".to_owned(),
        since_ms: NOW_MS - 1_000,
        until_ms: Some(NOW_MS + 3_600_000),
    };
    quarantine.set_isolations(vec![isolation], NOW_MS);
    Ok(quarantine)
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let times = arguments.next().map_or(Ok(1_000), |text| text.parse::<u32>());
    let way = arguments.next().unwrap_or_default();
    let (Ok(times), Ok(quarantine)) = (times, quarantine()) else {
        eprintln!("check: N must be a number from 0 to 4294967295: check N [call|empty]");
        return ExitCode::from(2);
    };
    // Opaque to the optimiser: it must look the id up anew each time, as between two real requests.
    let (quarantine, now_ms) = black_box((&quarantine, NOW_MS));
    let next = || black_box(DeviceId::new(0x8003));
    let allowed = match way.as_str() {
        "empty" => count(times, || next().get() != 0),
        "call" => count(times, || was_cleared(call(quarantine, next(), now_ms))),
        _ => count(times, || was_cleared(quarantine.clear(next(), Operation::Read, now_ms))),
    };
    if allowed == times { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[inline]
fn count(times: u32, mut ask: impl FnMut() -> bool) -> u32 {
    let mut yes = 0;
    for _ in 0..times {
        if ask() {
            yes += 1;
        }
    }
    yes
}

/// A match, since dropping the result as a whole would be a call each time, also where there is nothing to drop.
#[inline]
fn was_cleared(answer: Result<Cleared, Box<Denied>>) -> bool {
    match answer {
        Ok(cleared) => cleared.id().get() != 0,
        Err(denied) => {
            eprintln!("{denied}");
            false
        }
    }
}
