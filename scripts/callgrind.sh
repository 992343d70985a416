#!/bin/sh
# Counts the instructions of one iteration of an example of dsmil-protocol (or of the package in $PACKAGE) whose
# argument is how often it repeats its work: callgrind runs it with 1 and with 101, and the difference is divided
# by 100, so that start-up and the making of the input don't count. Prints "NAME instructions-per-iteration".
set -eu

name=${1:?usage: callgrind.sh NAME, an example such as parse_22_chunks}
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet --release -p "${PACKAGE:-dsmil-protocol}" --example "$name" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT

instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$target/release/examples/$name" "$1" >"$log" 2>&1 || {
        cat "$log" >&2
        exit 1
    }
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$log"
}

once=$(instructions 1)
often=$(instructions 101)
echo "$name $(((often - once) / 100))"
