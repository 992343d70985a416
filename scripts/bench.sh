#!/usr/bin/env bash
# The benchmarks: one table of scans through the served device, peers side by side in one run, and the instruction counts
# without a device. Needs a machine that is otherwise idle; takes a few minutes, most of them for building.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bash scripts/bootstrap.sh c python
use_rust
use_venv

work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap finish EXIT

say "building"
PREFIX=$stage_prefix bash scripts/install-c.sh >/dev/null
bash scripts/wheel.sh --install
cargo build --quiet --release -p dsmil-cli
cargo build --quiet --release -p dsmil --example bench_scan
cc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$work/raw" benchmarks/raw_scan.c
# shellcheck disable=SC2046  # pkg-config prints words
cc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$work/c" benchmarks/scan.c \
    $(PKG_CONFIG_PATH=$stage_prefix/lib/pkgconfig pkg-config --cflags --libs dsmil) -Wl,-rpath,"$stage_prefix/lib"

# Client and server on one processor: otherwise what is measured is how a wake-up crosses from one to another.
mkdir -m 700 "$work/run"
export DSMIL_RUN_DIR=$work/run
taskset -c 0 "$target/release/dsmil" sim serve "$work/served" >/dev/null &
server=$!
for _ in $(seq 100); do
    [ -e "$work/served/dsmil-72dev" ] && break
    sleep 0.1
done

say "a chunked scan of 108 devices: 24 ioctls on the served device"
export DSMIL_DEVICE=$work/served/dsmil-72dev
taskset -c 0 "$venv/bin/python" benchmarks/compare.py "$DSMIL_DEVICE" \
    "raw C loop=$work/raw" \
    "dsmil, Rust=$target/release/examples/bench_scan" \
    "dsmil, C=$work/c" \
    "dsmil, Python=$venv/bin/python benchmarks/peers.py dsmil" \
    "Python, fcntl + struct=$venv/bin/python benchmarks/peers.py struct" \
    "Python, fcntl + ctypes=$venv/bin/python benchmarks/peers.py ctypes"

say "instructions (callgrind, no device)"
bash scripts/callgrind.sh parse_22_chunks
bash scripts/callgrind.sh read_22_chunks
bash scripts/callgrind.sh check dsmil-quarantine

# instructions_of_python TIMES
instructions_of_python() {
    PYTHONHASHSEED=0 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        "$venv/bin/python" benchmarks/decode.py "$1" 2>&1 | sed -n 's/.*Collected : //p'
}
once=$(instructions_of_python 1)
often=$(instructions_of_python 101)
echo "decode_22_chunks_to_python $(((often - once) / 100))"

say "a sample of CPU and memory, beside reading /proc by hand and psutil"
cargo build --quiet --release -p dsmil-sample --examples
taskset -c 0 "$venv/bin/python" benchmarks/rounds.py \
    "read by hand=$target/release/examples/bench_sample hand" \
    "dsmil, Rust=$target/release/examples/bench_sample dsmil" \
    "dsmil, Python=$venv/bin/python benchmarks/sample_dsmil.py" \
    "Python, psutil=$venv/bin/python benchmarks/sample_psutil.py" \
    "Python, psutil without swap=$venv/bin/python benchmarks/sample_psutil.py without-swap"

say "gates: nanoseconds a rule and a gate of ten, and allocations"
cargo run --quiet --release -p dsmil-gate --example speed

say "the store and the health log"
cargo run --quiet --release -p dsmil-history --example health_record
cargo run --quiet --release -p dsmil-history --example soak
