//! Samples and roll-ups of one series and one hour, packed: what makes the history small.
//!
//! A block is a zlib stream (whose checksum finds damage) over: the number of entries, the distances between their times as
//! variable-length integers, and the values column by column. A column holds the difference of each value from the one before
//! it, so that what doesn't change is zero, and is written byte plane by byte plane, so that what changes alike stands together.

use std::io::Read;

use dsmil_gate::Sample;
use flate2::read::ZlibDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::rollup::{HOUR, MINUTE, Minute, Rollup};

/// Unpacked, no block is larger: one sample a millisecond for an hour, with some room.
const LARGEST: u64 = 3_600_000 * 24;

/// A column's kind is how many decimal digits its values have, or this.
const AS_IT_IS: u8 = 0xff;
/// With more digits than this, a column is written as it is.
const MOST_DIGITS: usize = 9;
const POWERS: [f64; MOST_DIGITS + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// What packs: its tables are made once, for they take longer than a block.
#[derive(Debug)]
pub(crate) struct Packer {
    compress: Compress,
    body: Vec<u8>,
}

impl Packer {
    pub(crate) fn new() -> Self {
        Self { compress: Compress::new(Compression::new(6), true), body: Vec::new() }
    }

    /// Packs the samples of an hour, as [`unpack_samples`] reads them.
    pub(crate) fn samples(&mut self, start: i64, samples: &[Sample]) -> Result<Vec<u8>, String> {
        self.body.clear();
        lay_out_samples(&mut self.body, start, samples);
        self.deflate()
    }

    /// Packs the minutes of an hour, as [`unpack_minutes`] reads them.
    pub(crate) fn minutes(&mut self, start: i64, minutes: &[Minute]) -> Result<Vec<u8>, String> {
        self.body.clear();
        lay_out_minutes(&mut self.body, start, minutes);
        self.deflate()
    }

    fn deflate(&mut self) -> Result<Vec<u8>, String> {
        self.compress.reset();
        let mut block = Vec::with_capacity(self.body.len() / 2 + 64);
        loop {
            let taken = self.compress.total_in() as usize;
            match self.compress.compress_vec(&self.body[taken..], &mut block, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => return Ok(block),
                Ok(Status::Ok | Status::BufError) => block.reserve(self.body.len() / 2 + 64),
                Err(error) => return Err(format!("a block cannot be packed: {error}")),
            }
        }
    }
}

/// Lays out the samples of an hour that begins at `start`; they are ordered by time and no two have the same.
fn lay_out_samples(body: &mut Vec<u8>, start: i64, samples: &[Sample]) {
    put(body, samples.len() as u64);
    let mut before = start;
    for sample in samples {
        put(body, sample.at.abs_diff(before));
        before = sample.at;
    }
    put_column(body, &samples.iter().map(|sample| sample.value));
}

/// Unpacks the samples of an hour that begins at `start`; `Err` says what is wrong with it.
pub(crate) fn unpack_samples(start: i64, block: &[u8]) -> Result<Vec<Sample>, String> {
    let body = inflate(block)?;
    let mut rest = body.as_slice();
    let count = take_count(&mut rest)?;
    let times = take_times(&mut rest, count, start, HOUR)?;
    let values = take_column(&mut rest, count)?;
    ended(rest)?;
    Ok(times.into_iter().zip(values).map(|(at, value)| Sample { at, value }).collect())
}

/// Lays out the minutes of an hour that begins at `start`.
fn lay_out_minutes(body: &mut Vec<u8>, start: i64, minutes: &[Minute]) {
    put(body, minutes.len() as u64);
    let mut before = start;
    for minute in minutes {
        put(body, minute.at.abs_diff(before) / MINUTE.unsigned_abs());
        before = minute.at;
    }
    for minute in minutes {
        put(body, minute.rollup.count);
    }
    put_column(body, &minutes.iter().map(|minute| minute.rollup.last));
    // A minute with one sample is that sample.
    let several = || minutes.iter().map(|minute| minute.rollup).filter(|rollup| rollup.count > 1);
    put_column(body, &several().map(|rollup| rollup.min));
    put_column(body, &several().map(|rollup| rollup.max));
    // The sum of two is that of the smaller and the larger, unless one is a negative zero; two a minute is what is usual.
    let summed = |rollup: &Rollup| rollup.count > 2 || (rollup.min + rollup.max).to_bits() != rollup.sum.to_bits();
    let all = several().any(|rollup| rollup.count == 2 && summed(&rollup));
    put(body, u64::from(all));
    put_column(body, &several().filter(|rollup| all || summed(rollup)).map(|rollup| rollup.sum));
}

/// Unpacks the minutes of an hour that begins at `start`.
pub(crate) fn unpack_minutes(start: i64, block: &[u8]) -> Result<Vec<Minute>, String> {
    let body = inflate(block)?;
    let mut rest = body.as_slice();
    let count = take_count(&mut rest)?;
    let times = take_times(&mut rest, count, 0, HOUR / MINUTE)?;
    let counts = (0..count).map(|_| take(&mut rest)).collect::<Result<Vec<u64>, _>>()?;
    let last = take_column(&mut rest, count)?;
    let several = counts.iter().filter(|count| **count > 1).count();
    let (min, max) = (take_column(&mut rest, several)?, take_column(&mut rest, several)?);
    let all = take(&mut rest)? == 1;
    let summed = |count: u64| count > 2 || (all && count == 2);
    let sum = take_column(&mut rest, counts.iter().filter(|count| summed(**count)).count())?;
    ended(rest)?;
    let (mut wide, mut sum) = (min.into_iter().zip(max), sum.into_iter());
    let mut minutes = Vec::with_capacity(count);
    for ((minute, count), last) in times.into_iter().zip(counts).zip(last) {
        let (min, max) = if count > 1 { wide.next().unwrap_or((last, last)) } else { (last, last) };
        let of_ends = if count > 1 { min + max } else { last };
        let sum = if summed(count) { sum.next().unwrap_or(of_ends) } else { of_ends };
        minutes.push(Minute { at: start + minute * MINUTE, rollup: Rollup { count, sum, min, max, last } });
    }
    Ok(minutes)
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

/// Numbers that people or clocks have made are often decimal fractions with few digits: such a column is written as the
/// differences of integers. Any other is written as it is, each value combined with the one before it.
fn put_column(body: &mut Vec<u8>, values: &(impl Iterator<Item = f64> + Clone)) {
    let decimal = |digits: &usize| values.clone().all(|value| scaled(value, *digits).is_some());
    let (kind, words): (u8, Vec<u64>) = if let Some(digits) = (0..=MOST_DIGITS).find(decimal) {
        let mut before = 0;
        let steps = values.clone().filter_map(|value| scaled(value, digits)).map(|whole| {
            let step = whole - before;
            before = whole;
            // Small, whatever its sign.
            ((step << 1) ^ (step >> 63)).cast_unsigned()
        });
        (digits as u8, steps.collect())
    } else {
        let mut before = 0;
        let changes = values.clone().map(|value| {
            let change = value.to_bits() ^ before;
            before = value.to_bits();
            change
        });
        (AS_IT_IS, changes.collect())
    };
    let width = 8 - words.iter().fold(0, |all, word| all | word).leading_zeros() as usize / 8;
    body.extend([kind, width as u8]);
    for plane in 0..width {
        body.extend(words.iter().map(|word| word.to_le_bytes()[plane]));
    }
}

/// A value of so many decimal digits as an integer; `None` if it doesn't come back to the bit.
fn scaled(value: f64, digits: usize) -> Option<i64> {
    let whole = (value * POWERS[digits]).round();
    // Above, not every integer is a number.
    let exact = whole.abs() < 9e15 && (whole as i64 as f64 / POWERS[digits]).to_bits() == value.to_bits();
    exact.then_some(whole as i64)
}

fn take_column(rest: &mut &[u8], count: usize) -> Result<Vec<f64>, String> {
    let ([kind, width], tail) = rest.split_first_chunk().ok_or("a block ends too early")?;
    let (kind, width) = (*kind, usize::from(*width));
    if width > 8 || (kind != AS_IT_IS && usize::from(kind) > MOST_DIGITS) {
        return Err(format!("a block holds a column of kind {kind} and width {width}"));
    }
    let (planes, tail) = tail.split_at_checked(count * width).ok_or("a block ends too early")?;
    *rest = tail;
    let words = (0..count).map(|index| {
        let mut bytes = [0; 8];
        for (plane, byte) in bytes.iter_mut().take(width).enumerate() {
            *byte = planes[plane * count + index];
        }
        u64::from_le_bytes(bytes)
    });
    let mut before = 0u64;
    let values = words.map(|word| {
        if kind == AS_IT_IS {
            before ^= word;
            return f64::from_bits(before);
        }
        let step = (word >> 1) ^ (word & 1).wrapping_neg();
        before = before.wrapping_add(step);
        before.cast_signed() as f64 / POWERS[usize::from(kind)]
    });
    Ok(values.collect())
}

fn ended(rest: &[u8]) -> Result<(), String> {
    if rest.is_empty() { Ok(()) } else { Err(format!("a block has {} bytes too many", rest.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rollup::minutes;

    /// Noise grows when it is packed, and still comes back.
    #[test]
    fn what_is_packed_comes_back_whatever_it_is() {
        let mut packer = Packer::new();
        let mut noise = 7u64;
        for count in [0, 1, 2, 3600, 50_000] {
            let samples: Vec<Sample> = (0..count)
                .map(|n| {
                    noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let value = match count {
                        2 if n == 0 => -0.0,
                        3600 => (noise >> 40) as f64 / 1e6 - 7.0,
                        _ => f64::from_bits(noise),
                    };
                    Sample { at: -HOUR + n * HOUR / count, value }
                })
                .collect();
            let bits = |samples: &[Sample]| samples.iter().map(|s| (s.at, s.value.to_bits())).collect::<Vec<_>>();
            let block = packer.samples(-HOUR, &samples).unwrap();
            assert_eq!(bits(&unpack_samples(-HOUR, &block).unwrap()), bits(&samples));
            let rolled = minutes(&samples);
            let block = packer.minutes(-HOUR, &rolled).unwrap();
            assert_eq!(unpack_minutes(-HOUR, &block).unwrap(), rolled);
        }
    }

    #[test]
    fn a_block_of_another_kind_is_refused_and_nothing_panics() {
        let mut packer = Packer::new();
        let samples: Vec<Sample> = (0..300).map(|n| Sample { at: n * 7000, value: n as f64 }).collect();
        let good = packer.samples(0, &samples).unwrap();
        assert!(unpack_minutes(0, &good).is_err());
        for length in 0..good.len() {
            assert!(unpack_samples(0, &good[..length]).is_err());
        }
        // Whole streams with any content.
        let mut noise = 7u64;
        for _ in 0..20_000 {
            packer.body.clear();
            for _ in 0..noise >> 59 {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                packer.body.push((noise >> 56) as u8 & if noise & 0x100 == 0 { 0xff } else { 3 });
            }
            noise = noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let block = packer.deflate().unwrap();
            _ = unpack_samples(0, &block);
            _ = unpack_minutes(0, &block);
        }
    }
}
