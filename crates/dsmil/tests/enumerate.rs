//! No quarantined id is ever asked for: every id × every operation, against the served device (by `make test-kernel`: the kernel
//! module's), whose own counters say what it was asked. With each policy that can go wrong, too.

#![allow(clippy::unwrap_used)]

#[path = "../../../tests/driver/kernel_device.rs"]
#[allow(unreachable_pub, dead_code, reason = "a module of several crates' tests")]
mod kernel_device;
#[path = "enumerate/policies.rs"]
mod policies;
#[path = "enumerate/stand.rs"]
mod stand;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use dsmil::{Device, DeviceId, Error};
use nix::unistd::geteuid;

use policies::{Effect, Variant};
use stand::{Stand, run_as_nobody};

/// Written out, so that a slip in the library's list is noticed.
const SEVEN: [u16; 7] = [0x8009, 0x800A, 0x800B, 0x8019, 0x8029, 0x8100, 0x8101];
/// The ranges that the specification names, with room at both ends.
const NEIGHBOURHOOD: RangeInclusive<u16> = 0x7F00..=0x8600;
/// The policies under which every id is asked for; under the others, which fail in the same way, the ranges above.
const FOR_EVERY_ID: [&str; 5] = ["missing", "empty", "malformed", "a directory", "allow"];
/// Set in the child that runs as another user.
const CHILD: &str = "DSMIL_TEST_CHILD";

/// What came of asking.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    info: BTreeSet<u16>,
    read: BTreeSet<u16>,
    denied: usize,
}

/// Every id that there can be. In the emulated guest of `make test-kernel`, where each denial takes a millisecond, those that the
/// specification names, and every 64th of the others, unless `DSMIL_TEST_EVERY_ID` is set.
fn every_id() -> Vec<u16> {
    let is_fast = std::env::var_os(kernel_device::TEST_DEVICE).is_none() || std::env::var_os("DSMIL_TEST_EVERY_ID").is_some();
    (0..=u16::MAX).filter(|id| is_fast || NEIGHBOURHOOD.contains(id) || id % 64 == 0).collect()
}

/// What the driver serves and nobody has quarantined.
fn cleared() -> BTreeSet<u16> {
    (0x8000..=0x806B).filter(|id| !SEVEN.contains(id)).collect()
}

/// Asks for the record and for the data of each id. Whatever is neither an answer nor a denial fails the test.
fn enumerate(device: &Device, ids: impl IntoIterator<Item = u16>) -> Tally {
    let mut tally = Tally::default();
    for id in ids {
        let device_id = DeviceId::new(id);
        for (answered, result) in
            [(&mut tally.info, device.info(device_id).map(drop)), (&mut tally.read, device.read(device_id).map(drop))]
        {
            match result {
                Ok(()) => assert!(answered.insert(id)),
                Err(Error::Denied { denied, unrecorded }) => {
                    assert_eq!(unrecorded, None, "every denial is audited");
                    assert_eq!(denied.id, device_id);
                    let expected = SEVEN.contains(&id).then(|| format!("permanent/{device_id}"));
                    assert!(expected.is_none_or(|key| key == denied.key()), "{device_id}: {denied}");
                    tally.denied += 1;
                }
                Err(error) => panic!("{device_id}: {error}"),
            }
        }
    }
    tally
}

/// The operations that name no device.
fn ask_for_the_rest(device: &Device) {
    device.version().unwrap();
    device.status().unwrap();
    device.thermal().unwrap();
    device.probe().unwrap();
    assert_eq!(device.scan().unwrap().records.len(), 108);
}

/// Reads the served device's counters and holds them against what may have been asked.
fn check_counters(stand: &Stand, may_be_asked: &BTreeSet<u16>) {
    let counters = stand.counters();
    assert_eq!(counters.permanent, 0, "the driver was asked for one of the seven");
    for id in SEVEN {
        assert_eq!(counters.accesses(id), 0, "0x{id:04X}");
    }
    for id in may_be_asked {
        let counted = &counters.ids[&format!("0x{id:04X}")];
        assert!(counted.read_device > 0 && counted.read_start > 0 && counted.read_chunk > 0, "0x{id:04X}: {counted:?}");
    }
    let asked: BTreeSet<u16> = counters.ids.keys().map(|id| u16::from_str_radix(&id[2..], 16).unwrap()).collect();
    assert_eq!(&asked, may_be_asked, "the ids that the driver was asked for, and those that it may be");
}

#[test]
fn every_id_in_every_operation() {
    let stand = Stand::new();
    let policy = stand.write_policy("policy.toml", "version = 1\n");
    let device = stand.open(&policy).unwrap();
    ask_for_the_rest(&device);
    let ids = every_id();
    let count = ids.len();
    let tally = enumerate(&device, ids);
    ask_for_the_rest(&device);
    assert_eq!(tally.info, cleared());
    assert_eq!(tally.read, cleared());
    assert_eq!(tally.denied, 2 * (count - cleared().len()));
    check_counters(&stand, &cleared());
    assert_eq!(stand.audited_denials(), tally.denied, "records in the audit log");
}

/// The counters would have moved: the same driver, asked by a program that doesn't use the library.
#[test]
fn the_counters_count_whoever_asks_past_the_library() {
    let stand = Stand::new();
    for id in SEVEN {
        stand.ask_past_the_library(id);
    }
    let counters = stand.counters();
    assert_eq!(counters.permanent, 14);
    for id in SEVEN {
        assert_eq!(counters.accesses(id), 2, "0x{id:04X}: READ_DEVICE and READ_START");
    }
}

fn check_variant(variant: &Variant) {
    let stand = Stand::new();
    let policy = (variant.make)(&stand);
    let device = stand.open(&policy).unwrap_or_else(|error| panic!("{}: {error}", variant.name));
    // What names no device works on, whatever the policy.
    assert_eq!(device.scan().unwrap().records.len(), 108, "{}", variant.name);
    device.probe().unwrap();
    let ids = if FOR_EVERY_ID.contains(&variant.name) { every_id() } else { NEIGHBOURHOOD.collect() };
    let tally = enumerate(&device, ids);
    let allowed = match variant.effect {
        Effect::DeniesEverything => BTreeSet::new(),
        Effect::DeniesAlso(ids) => cleared().into_iter().filter(|id| !ids.contains(id)).collect(),
    };
    assert_eq!(tally.info, allowed, "{}", variant.name);
    assert_eq!(tally.read, allowed, "{}", variant.name);
    check_counters(&stand, &allowed);
}

#[test]
fn policies_that_say_something_else() {
    policies::CONTENTS.iter().for_each(check_variant);
}

#[test]
fn policies_that_cannot_be_used() {
    policies::UNUSABLE.iter().for_each(check_variant);
}

#[test]
fn policies_that_try_to_release_the_seven() {
    policies::RELEASES.iter().for_each(check_variant);
}

#[test]
fn a_policy_of_another_user() {
    if !geteuid().is_root() {
        return eprintln!("not shown: only root can give a file away");
    }
    check_variant(&policies::ANOTHER_USERS);
}

/// Root can read every file, so that this is done as *nobody*, by a child that runs this very test. It is
/// told by DSMIL_POLICY where the policy is.
#[test]
fn a_policy_that_may_not_be_read() {
    if let Some(device) = std::env::var_os(CHILD) {
        let options = Device::options().limits(stand::patient());
        let device = options.open(PathBuf::from(device).to_str().unwrap()).unwrap();
        let tally = enumerate(&device, every_id());
        println!("answered: {} and {}", tally.info.len(), tally.read.len());
        return;
    }
    if !geteuid().is_root() {
        return check_variant(&policies::MODE_000);
    }
    for (mode, of_nobody, answered) in [(0o000, true, 0), (0o600, false, 0), (0o644, false, 103)] {
        let stand = Stand::new();
        let policy = stand.write_policy("policy.toml", "version = 1\n");
        stand::set_mode(&policy, mode);
        if of_nobody {
            stand::give_to_nobody(&policy);
        }
        let said = run_as_nobody(&stand, &policy, "a_policy_that_may_not_be_read");
        assert!(said.contains(&format!("answered: {answered} and {answered}")), "mode {mode:04o}: {said}");
        let allowed = if answered == 0 { BTreeSet::new() } else { cleared() };
        check_counters(&stand, &allowed);
    }
}
