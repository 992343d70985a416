#!/usr/bin/env bash
# The peers of scripts/bench.sh on the kernel module's device: kernel-bench.sh --build FOLDER outside, kernel-bench.sh OUT inside the guest.
if [ "${1:-}" = --build ]; then
    # shellcheck source=scripts/lib.sh
    . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
    mkdir -p "$2"
    cargo build --quiet --release -p dsmil --example bench_scan
    cp "$target/release/examples/bench_scan" "$2/rust"
    cc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$2/raw" benchmarks/raw_scan.c
    # shellcheck disable=SC2046  # pkg-config prints words
    cc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$2/c" benchmarks/scan.c \
        $(PKG_CONFIG_PATH=$stage_prefix/lib/pkgconfig pkg-config --cflags --libs dsmil) -Wl,-rpath,"$stage_prefix/lib"
    exit
fi
set -euo pipefail
# shellcheck source=/dev/null
. "$1/env"
export DSMIL_DEVICE=/dev/dsmil-72dev DSMIL_RUN_DIR=/run/bench
mkdir -m 700 "$DSMIL_RUN_DIR"
echo seed=7 >/sys/kernel/debug/dsmil-sim/options
python=$venv/bin/python
# shellcheck disable=SC2154  # from the file above
taskset -c 0 "$python" benchmarks/compare.py "$DSMIL_DEVICE" \
    "raw C loop=$bench/raw" \
    "dsmil, Rust=$bench/rust" \
    "dsmil, C=$bench/c" \
    "dsmil, Python=$python benchmarks/peers.py dsmil" \
    "Python, fcntl + struct=$python benchmarks/peers.py struct" \
    "Python, fcntl + ctypes=$python benchmarks/peers.py ctypes"
