#!/usr/bin/env bash
# Fuzzes both transfer machines, each for the given number of seconds (60 by default): fuzz.sh [SECONDS]
# cargo-fuzz needs sanitizer flags that a stable compiler takes only with RUSTC_BOOTSTRAP=1. Where that, or cargo-fuzz
# itself, is missing, this says so and ends well: the test suite runs the same harness on 1,000,000 inputs a machine.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "usage: fuzz.sh [SECONDS for each target]"
targets=(scan_transfer read_transfer)
use_rust

# stand_in REASON: ends the script.
stand_in() {
    say "fuzz: NOT RUN: $1"
    say "fuzz: 'cargo test -p dsmil-protocol --test fuzz_harness' stands in: the same harness, 1,000,000 inputs a machine"
    exit 0
}

cargo fuzz --version >/dev/null 2>&1 || stand_in "cargo-fuzz is not installed: cargo install cargo-fuzz --version 0.13.2 --locked"

# A target that the ordinary compiler refuses is a fault of ours and not of the toolchain.
cargo check --quiet --locked --manifest-path fuzz/Cargo.toml

export RUSTC_BOOTSTRAP=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for each in "${targets[@]}"; do
    cargo fuzz build "$each" >"$log" 2>&1 || {
        tail -n 20 "$log"
        stand_in "this toolchain can't build with the address sanitizer"
    }
done
for each in "${targets[@]}"; do
    say "fuzz: $each for $seconds s"
    # A chunk is 256 bytes, and 26 of them are all that the harness feeds.
    if ! cargo fuzz run "$each" -- -max_total_time="$seconds" -max_len=7000 -print_final_stats=1 >"$log" 2>&1; then
        tail -n 60 "$log"
        die "fuzz: $each failed; the input that does it is under fuzz/artifacts/$each"
    fi
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    [ "${inputs:-0}" -gt 0 ] || die "fuzz: $each ran nothing: $(tail -n 20 "$log")"
    say "fuzz: $each kept every rule on $inputs inputs"
done
