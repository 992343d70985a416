#!/usr/bin/env bash
# Counts the instructions of one iteration of an example whose argument is how often it repeats its work:
#   callgrind.sh NAME [PACKAGE [FEATURES]]      for instance parse_22_chunks; the package is dsmil-protocol by default
# callgrind runs it with 1 and with 101, and the difference is divided by 100, so that the start and the making of the
# input don't count. Prints "NAME instructions-per-iteration".
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

name=${1:?usage: callgrind.sh NAME [PACKAGE [FEATURES]]}
package=${2:-dsmil-protocol}
command -v valgrind >/dev/null || die "valgrind is missing: apt-get install valgrind"
use_rust
cargo build --quiet --release -p "$package" --example "$name" ${3:+--features "$3"} >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# instructions TIMES
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$target/release/examples/$name" "$1" >"$log" 2>&1 ||
        die "$name failed under callgrind: $(cat "$log")"
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$log"
}

once=$(instructions 1)
often=$(instructions 101)
echo "$name $(((often - once) / 100))"
