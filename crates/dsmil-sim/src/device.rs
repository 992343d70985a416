//! What the 108 devices are like: a function of the seed, the id and the time, and of nothing else.

use dsmil_protocol::{Access, DeviceId, DeviceRecord, State};

/// The least temperature that a device or the system shows, faults aside, in degrees Celsius.
pub const COOLEST: i32 = 30;
/// The greatest temperature that a device or the system shows, faults aside, in degrees Celsius.
pub const WARMEST: i32 = 70;
/// The temperature at which the driver refuses, in degrees Celsius.
pub const THERMAL_LIMIT: i32 = 100;

/// The device that stands for the whole system's sensor: no real one has this number.
const SYSTEM: u64 = 0x1_0000;

/// Spreads a number over 64 bits (the finaliser of SplitMix64), so that neighbours don't look alike.
const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const fn mix3(seed: u64, thing: u64, place: u64) -> u64 {
    mix(mix(seed ^ mix(thing)).wrapping_add(place))
}

/// Fills `out` with the device's data from `offset` on. Every byte depends only on the seed, the id
/// and its place, so that a test can foretell it.
pub(crate) fn fill_data(seed: u64, id: DeviceId, offset: usize, out: &mut [u8]) {
    let thing = 0xDA7A_0000 | u64::from(id.get());
    let mut at = offset;
    let mut rest = out;
    while !rest.is_empty() {
        let word = mix3(seed, thing, (at / 8) as u64).to_le_bytes();
        let part = &word[at % 8..];
        let n = part.len().min(rest.len());
        let (now, later) = rest.split_at_mut(n);
        now.copy_from_slice(&part[..n]);
        rest = later;
        at += n;
    }
}

/// The first `length` bytes of a device's data under a seed: what a chunked read must yield.
pub fn device_data(seed: u64, id: DeviceId, length: usize) -> Vec<u8> {
    let mut data = vec![0; length];
    fill_data(seed, id, 0, &mut data);
    data
}

/// A temperature that rises and falls between two bounds of its own, with a period of its own of one
/// to four minutes, and without a jump.
fn wave(seed: u64, thing: u64, ms: u64) -> i32 {
    let character = mix3(seed, 0x7E39, thing);
    let base = 34 + (character % 18) as i32;
    let swing = 6 + ((character >> 8) % 11) as i32;
    let period = 60_000 + (character >> 16) % 180_000;
    let phase = (character >> 40) % period;
    let place = (ms % period + phase) % period;
    let share = place as f64 / period as f64;
    let up = 1.0 - (2.0 * share - 1.0).abs();
    let eased = up * up * (3.0 - 2.0 * up);
    (base + (f64::from(swing) * eased).round() as i32).clamp(COOLEST, WARMEST)
}

/// The temperature of the system's own sensor at this many milliseconds since boot.
pub(crate) fn system_temperature(seed: u64, ms: u64) -> i32 {
    wave(seed, SYSTEM, ms)
}

/// The temperature of a device; `None` where it has no sensor: in the gaps, and one in sixteen others.
pub(crate) fn temperature(seed: u64, id: DeviceId, ms: u64) -> Option<i32> {
    let has_sensor = id.is_functional() && !mix3(seed, 0x5E45, id.get().into()).is_multiple_of(16);
    has_sensor.then(|| wave(seed, id.get().into(), ms))
}

/// What the driver knows as the device's state: the five permanent ids that it serves are
/// quarantined, index 15 of groups 1, 3 and 5 is offline, index 14 of groups 2 and 4 unknown, and
/// the other 98 are safe. The seed has no part in it.
pub(crate) const fn state(id: DeviceId) -> State {
    if id.is_permanent() {
        return State::Quarantined;
    }
    match id.get() {
        0x801F | 0x803F | 0x805F => State::Offline,
        0x802E | 0x804E => State::Unknown,
        _ => State::Safe,
    }
}

/// What a scan says of a device at this many milliseconds since boot. A scan has no reading, so that
/// the driver puts its filler there (quirk 7).
pub(crate) fn record(seed: u64, id: DeviceId, ms: u64) -> DeviceRecord {
    let state = state(id);
    let access = if matches!(state, State::Safe) { Access::Read } else { Access::None };
    DeviceRecord {
        id,
        state,
        access,
        is_quarantined: id.is_permanent(),
        last_response: None,
        timestamp: ms,
        thermal_celsius: temperature(seed, id, ms),
    }
}

/// The reading that READ_DEVICE adds: another each second, and never the filler.
pub(crate) fn response(seed: u64, id: DeviceId, ms: u64) -> u32 {
    // Bit 31 is left clear: 0xDEADBEEF has it set.
    (mix3(seed, 0x4E50_0000 | u64::from(id.get()), ms / 1000) as u32) & 0x7FFF_FFFF
}
