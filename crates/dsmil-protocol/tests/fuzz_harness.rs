//! The harness of the fuzz targets on 1,000,000 inputs each, the same in every run: what stands in for
//! `cargo fuzz` where the toolchain can't run it.

mod harness;

use std::collections::BTreeMap;

use harness::Outcome;

const INPUTS: u32 = 1_000_000;

/// Marsaglia's xorshift: enough to vary a script, and no dependency.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Runs a harness on scripts of 0 to 255 bytes. A quarter of them get few overwrites, so that long transfers
/// come to their end too. Counts how the transfers went.
fn run(seed: u64, harness: fn(&[u8]) -> Outcome) -> Tally {
    let mut random = Random(seed);
    let mut script = [0; 256];
    let mut tally = Tally::default();
    for _ in 0..INPUTS {
        for eight in script.as_chunks_mut::<8>().0 {
            *eight = random.next().to_le_bytes();
        }
        let shape = random.next();
        if shape.is_multiple_of(4) {
            // Operations 1 to 5 overwrite nothing. Bytes that are not operations become as tame.
            script.iter_mut().skip(9).for_each(|byte| *byte = 1 + *byte % 5 + (*byte & 0x38));
        }
        let length = (shape >> 8) as usize % script.len();
        tally.add(harness(&script[..length]));
    }
    tally
}

#[derive(Default)]
struct Tally {
    whole: u32,
    longest: u32,
    faults: BTreeMap<&'static str, u32>,
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        self.whole += u32::from(outcome.whole);
        self.longest = self.longest.max(outcome.chunks);
        if let Some(name) = outcome.fault {
            *self.faults.entry(name).or_default() += 1;
        }
    }

    /// A harness that never gets past the first check would pass for nothing.
    fn must_be_deep(&self, faults: &[&str]) {
        println!("{} whole, longest {}, {:?}", self.whole, self.longest, self.faults);
        assert!(self.whole > INPUTS / 20, "only {} whole transfers", self.whole);
        assert_eq!(self.longest, 22);
        for name in faults {
            assert!(self.faults.contains_key(name), "no input reached {name}: {:?}", self.faults);
        }
    }
}

#[test]
fn a_million_scans_keep_every_rule() {
    run(0x72DE_5C41, harness::scan).must_be_deep(&[
        "after-end",
        "chunk-size-mismatch",
        "devices-in-chunk-too-large",
        "duplicate-id",
        "id-out-of-range",
        "index-repeated",
        "index-skipped",
        "index-went-back",
        "quarantined-marked-safe",
        "session-changed",
        "total-chunks-changed",
        "total-chunks-too-large",
        "total-chunks-zero",
    ]);
}

#[test]
fn a_million_reads_keep_every_rule() {
    run(0x72DE_4EAD, harness::read).must_be_deep(&[
        "after-end",
        "chunk-size-out-of-range",
        "index-repeated",
        "index-skipped",
        "index-went-back",
        "offset-mismatch",
        "session-changed",
        "token-mismatch",
        "total-chunks-changed",
        "total-chunks-too-large",
        "total-chunks-zero",
    ]);
}
