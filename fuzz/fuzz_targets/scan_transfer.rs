//! libFuzzer on the harness that the test suite runs too.

#![no_main]

#[path = "../../crates/dsmil-protocol/tests/harness/mod.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    harness::scan(bytes);
});
