//! How long a rule and a gate of ten rules take on `last`, and a verdict with its evidence:
//! `cargo run --release -p dsmil-gate --example speed`.

#![allow(clippy::unwrap_used, clippy::format_push_string)]

use std::hint::black_box;
use std::time::Instant;

use dsmil_gate::{Engine, GateFile, Labels, Samples};

/// Nanoseconds of one call: the best of some runs, since everything else only adds.
fn best(calls: u32, mut call: impl FnMut(i64)) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..15 {
        let start = Instant::now();
        (0..calls).for_each(|step| call(i64::from(step % 1000)));
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    best
}

fn engine(rules: usize, gate: bool) -> (Engine, Samples) {
    let mut text = "version = 1\n".to_owned();
    let mut samples = Samples::new();
    let names: Vec<String> = (0..rules).map(|index| format!("\"r{index}\"")).collect();
    for (index, name) in names.iter().enumerate() {
        text += &format!(
            "[[rule]]\nname = {name}\nmetric = \"m{index}\"\nrequire = \"< 75\"\non_fail = \"no-go\"\non_no_data = \"fail\"\n"
        );
        samples.record(&format!("m{index}"), &Labels::default(), 0, 40.0);
    }
    if gate {
        text += &format!("[[gate]]\nname = \"g\"\nkind = \"all\"\nrules = [{}]\n", names.join(", "));
    }
    (Engine::new(GateFile::parse(&text, "speed.toml").unwrap()), samples)
}

fn main() {
    let (mut ten, samples) = engine(10, true);
    let gate = best(1_000_000, |now| _ = black_box(ten.advance(black_box(&samples), now)));
    let (mut hundred, many) = engine(100, false);
    let rule = best(100_000, |now| _ = black_box(hundred.advance(black_box(&many), now))) / 100.0;
    let evidence = best(20_000, |now| _ = black_box(ten.evaluate(black_box(&samples), now)));
    let json = best(10_000, |now| _ = black_box(ten.evaluate(black_box(&samples), now).to_json()));
    println!("a rule on last: {rule:.1} ns");
    println!("a gate of ten rules on last: {gate:.1} ns");
    println!("the same with its evidence: {evidence:.0} ns; as JSON: {json:.0} ns");
}
