//! Samples and roll-ups of one series and one hour, packed: what makes the history small.
//!
//! A block is a zlib stream (whose checksum finds damage) over: the number of entries, the distances between their times as
//! variable-length integers, and the values column by column. Each value is combined with the one before it by XOR, so that
//! what doesn't change is zero, and each column is written byte plane by byte plane, so that what changes alike stands together.

use std::io::{Read, Write};

use dsmil_gate::Sample;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::rollup::{HOUR, MINUTE, Minute, Rollup};

/// Unpacked, no block is larger: one sample a millisecond for an hour, with some room.
const LARGEST: u64 = 3_600_000 * 24;

/// Packs the samples of an hour that begins at `start`; they are ordered by time and no two have the same.
pub(crate) fn pack_samples(start: i64, samples: &[Sample]) -> Vec<u8> {
    let mut body = Vec::with_capacity(16 + samples.len() * 10);
    put(&mut body, samples.len() as u64);
    let mut before = start;
    for sample in samples {
        put(&mut body, sample.at.abs_diff(before));
        before = sample.at;
    }
    put_column(&mut body, &samples.iter().map(|sample| sample.value));
    deflate(&body)
}

/// Unpacks what [`pack_samples`] has packed; `Err` says what is wrong with it.
pub(crate) fn unpack_samples(start: i64, block: &[u8]) -> Result<Vec<Sample>, String> {
    let body = inflate(block)?;
    let mut rest = body.as_slice();
    let count = take_count(&mut rest)?;
    let times = take_times(&mut rest, count, start, HOUR)?;
    let values = take_column(&mut rest, count)?;
    ended(rest)?;
    Ok(times.into_iter().zip(values).map(|(at, value)| Sample { at, value }).collect())
}

/// Packs the minutes of an hour that begins at `start`.
pub(crate) fn pack_minutes(start: i64, minutes: &[Minute]) -> Vec<u8> {
    let mut body = Vec::with_capacity(16 + minutes.len() * 34);
    put(&mut body, minutes.len() as u64);
    let mut before = start;
    for minute in minutes {
        put(&mut body, minute.at.abs_diff(before) / MINUTE.unsigned_abs());
        before = minute.at;
    }
    for minute in minutes {
        put(&mut body, minute.rollup.count);
    }
    put_column(&mut body, &minutes.iter().map(|minute| minute.rollup.last));
    // A minute with one sample is that sample.
    let several = || minutes.iter().map(|minute| minute.rollup).filter(|rollup| rollup.count > 1);
    put_column(&mut body, &several().map(|rollup| rollup.min));
    put_column(&mut body, &several().map(|rollup| rollup.max));
    put_column(&mut body, &several().map(|rollup| rollup.sum));
    deflate(&body)
}

/// Unpacks what [`pack_minutes`] has packed.
pub(crate) fn unpack_minutes(start: i64, block: &[u8]) -> Result<Vec<Minute>, String> {
    let body = inflate(block)?;
    let mut rest = body.as_slice();
    let count = take_count(&mut rest)?;
    let times = take_times(&mut rest, count, 0, HOUR / MINUTE)?;
    let counts = (0..count).map(|_| take(&mut rest)).collect::<Result<Vec<u64>, _>>()?;
    let last = take_column(&mut rest, count)?;
    let several = counts.iter().filter(|count| **count > 1).count();
    let (min, max) = (take_column(&mut rest, several)?, take_column(&mut rest, several)?);
    let sum = take_column(&mut rest, several)?;
    ended(rest)?;
    let mut wide = min.into_iter().zip(max).zip(sum);
    let mut minutes = Vec::with_capacity(count);
    for ((minute, count), last) in times.into_iter().zip(counts).zip(last) {
        let single = ((last, last), last);
        let ((min, max), sum) = if count > 1 { wide.next().unwrap_or(single) } else { single };
        minutes.push(Minute { at: start + minute * MINUTE, rollup: Rollup { count, sum, min, max, last } });
    }
    Ok(minutes)
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(body.len() / 2 + 16), Compression::new(6));
    // Writing into a vector can't fail.
    _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}

fn inflate(block: &[u8]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let read = ZlibDecoder::new(block).take(LARGEST + 1).read_to_end(&mut body);
    match read {
        Ok(length) if length as u64 > LARGEST => Err("a block is larger than an hour can be".into()),
        Ok(_) => Ok(body),
        Err(error) => Err(format!("a block cannot be unpacked: {error}")),
    }
}

fn put(body: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        body.push(number as u8 | 0x80);
        number >>= 7;
    }
    body.push(number as u8);
}

fn take(rest: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first().ok_or("a block ends too early")?;
        *rest = tail;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("a block holds a number without end".into())
}

fn take_count(rest: &mut &[u8]) -> Result<usize, String> {
    let count = take(rest)?;
    // Each entry takes a byte at least.
    usize::try_from(count).ok().filter(|count| *count <= rest.len()).ok_or_else(|| format!("a block claims {count} entries"))
}

fn take_times(rest: &mut &[u8], count: usize, start: i64, length: i64) -> Result<Vec<i64>, String> {
    let mut at = start;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        at = at
            .checked_add_unsigned(take(rest)?)
            .filter(|at| at.abs_diff(start) < length.unsigned_abs())
            .ok_or("a block holds a time outside of its hour")?;
        times.push(at);
    }
    Ok(times)
}

fn put_column(body: &mut Vec<u8>, values: &(impl Iterator<Item = f64> + Clone)) {
    for plane in 0..8 {
        let mut before = 0;
        body.extend(values.clone().map(|value| {
            let bits = value.to_bits();
            let changed = bits ^ before;
            before = bits;
            changed.to_le_bytes()[plane]
        }));
    }
}

fn take_column(rest: &mut &[u8], count: usize) -> Result<Vec<f64>, String> {
    let (planes, tail) = rest.split_at_checked(count * 8).ok_or("a block ends too early")?;
    *rest = tail;
    let mut before = 0;
    let values = (0..count).map(|index| {
        let bytes = std::array::from_fn(|plane| planes[plane * count + index]);
        before ^= u64::from_le_bytes(bytes);
        f64::from_bits(before)
    });
    Ok(values.collect())
}

fn ended(rest: &[u8]) -> Result<(), String> {
    if rest.is_empty() { Ok(()) } else { Err(format!("a block has {} bytes too many", rest.len())) }
}
