//! The soak of `examples/soak.rs`, shorter: memory flat, files within their bound.

#[allow(dead_code)]
#[path = "../examples/soak.rs"]
mod soak;

#[test]
fn a_soak_keeps_memory_flat_and_the_files_within_their_bound() {
    soak::run(40_000);
}
