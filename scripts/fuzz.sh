#!/bin/sh
# Fuzzes both transfer machines, each for the given number of seconds (60 by default).
# cargo-fuzz needs sanitizer flags that a stable compiler takes only with RUSTC_BOOTSTRAP=1. Where that, or
# cargo-fuzz itself, is missing, this says so and exits 0: the test suite runs the same harness on 1,000,000
# inputs for each machine.
set -eu

seconds=${1:-60}
case $seconds in
    '' | *[!0-9]*) echo "usage: fuzz.sh [seconds for each target]" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."

stand_in() {
    echo "fuzz: not run: $1"
    echo "fuzz: 'cargo test -p dsmil-protocol --test fuzz_harness' stands in: the same harness, 1,000,000 inputs for each machine"
    exit 0
}

cargo fuzz --version >/dev/null 2>&1 || stand_in "cargo-fuzz is not installed (cargo install cargo-fuzz --version 0.13.2 --locked)"
export RUSTC_BOOTSTRAP=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A target that doesn't compile under the ordinary compiler is a fault of ours and not of the toolchain.
cargo check --quiet --locked --manifest-path fuzz/Cargo.toml
for target in scan_transfer read_transfer; do
    cargo fuzz build "$target" >"$log" 2>&1 || { tail -n 20 "$log"; stand_in "this toolchain can't build with the address sanitizer"; }
done
for target in scan_transfer read_transfer; do
    echo "fuzz: $target for $seconds s"
    # A chunk is 256 bytes, and 26 of them are all that the harness feeds.
    if ! cargo fuzz run "$target" -- -max_total_time="$seconds" -max_len=7000 -print_final_stats=1 >"$log" 2>&1; then
        tail -n 60 "$log"
        echo "fuzz: $target FAILED; the input is under fuzz/artifacts/$target" >&2
        exit 1
    fi
    grep -E 'stat::number_of_executed_units|DONE' "$log" || { tail -n 20 "$log"; echo "fuzz: $target ran nothing" >&2; exit 1; }
done
echo "fuzz: both targets kept every rule"
