#!/usr/bin/env bash
# The tests on a real kernel device: builds the module (kernel/dsmil-sim) and the tests, boots a Linux kernel in QEMU, loads the module
# and runs there what can only be shown there. One line a suite, then "N passed, N failed".
#
#   scripts/test-kernel.sh               everything
#   scripts/test-kernel.sh SUITE...      driver rust-conformance c-conformance python-conformance turns stop node python c-examples
#                                        rust-enumerate c-enumerate python-enumerate
#   scripts/test-kernel.sh --every-id    the three enumerations with every id: some minutes
#   scripts/test-kernel.sh --bench       the benchmark table
#
# DSMIL_GUEST_SECONDS (240, which leaves room on a busy machine): what a guest may take. Needs no privileges beyond a readable root.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

every_id=
case ${1:-} in
--bench)
    guests=("bench")
    DSMIL_GUEST_SECONDS=${DSMIL_GUEST_SECONDS:-300}
    ;;
--every-id)
    every_id=1
    guests=("c-enumerate" "python-enumerate rust-enumerate")
    DSMIL_GUEST_SECONDS=${DSMIL_GUEST_SECONDS:-900}
    ;;
'')
    # Two guests, since an emulated processor is slow and there are two real ones nearly everywhere.
    guests=("driver python-conformance node python python-enumerate"
        "rust-conformance c-conformance turns stop c-examples rust-enumerate c-enumerate")
    ;;
-*) die "usage: scripts/test-kernel.sh [--every-id | --bench | SUITE...]" ;;
*) guests=("$*") ;;
esac
seconds=${DSMIL_GUEST_SECONDS:-240}

bash scripts/bootstrap.sh kernel
use_rust
use_venv
begun=$SECONDS
out=$target/kernel
mkdir -p "$out"

say "kernel and module"
tree=$(bash scripts/kernel-fetch.sh)
bash scripts/kernel-module.sh "$tree" "$out/module"

say "what runs inside"
PREFIX=$stage_prefix bash scripts/install-c.sh >"$out/install-c.log" 2>&1 || { cat "$out/install-c.log" && die "the C library was not built"; }
bash scripts/kernel-c.sh "$out/c"
bash scripts/wheel.sh --install
# Prints where cargo put each test program: Executable tests/turns.rs (target/debug/deps/turns-…)
cargo test --no-run -p dsmil --test conformance --test enumerate -p dsmil-device --test turns --test stop 2>&1 |
    tee "$out/cargo.log" | sed -n 's,.*Executable tests/\(.*\)\.rs (\(.*\)),\1 \2,p' >"$out/programs"
[ "$(wc -l <"$out/programs")" -eq 4 ] || { cat "$out/cargo.log" && die "the Rust tests were not built"; }
if [ "${guests[0]}" = bench ]; then bash scripts/kernel-bench.sh --build "$out/bench"; fi
{
    echo "declare -A rust_tests"
    while read -r name path; do printf 'rust_tests[%s]=%q\n' "$name" "$(realpath "$path")"; done <"$out/programs"
    printf 'stage=%q c_tests=%q venv=%q bench=%q\n' "$stage_prefix" "$out/c" "$venv" "$out/bench"
    [ -z "$every_id" ] || echo "export DSMIL_TEST_EVERY_ID=1"
} >"$out/env"
built=$((SECONDS - begun))

say "${#guests[@]} guest(s)"
pids=()
for number in "${!guests[@]}"; do
    folder=$out/guest-$number
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$out/env" "$folder/env"
    read -ra suites <<<"${guests[number]}"
    bash scripts/kernel-boot.sh "$tree" "$out/module/dsmil-sim.ko" "$folder" "$seconds" \
        scripts/kernel-guest.sh "$folder" "${suites[@]}" &
    pids+=($!)
done
passed=0
failed=0
# Meanwhile: the module also builds against the newest kernel that Debian has here. Nothing boots it.
if [ $# -eq 0 ]; then
    if newest=$(DSMIL_KERNEL_VERSION=newest bash scripts/kernel-fetch.sh) &&
        bash scripts/kernel-module.sh "$newest" "$out/module-newest"; then
        echo "ok      newest-kernel  the module builds against ${newest##*/}"
        passed=$((passed + 1))
    else
        echo "FAILED  newest-kernel  the module does not build against the newest kernel"
        failed=$((failed + 1))
    fi
fi
for number in "${!guests[@]}"; do
    folder=$out/guest-$number
    if ! wait "${pids[number]}"; then
        echo "FAILED  guest $number       it panicked, hung, or said nothing; see $folder/console.log"
        failed=$((failed + 1))
    fi
    for suite in ${guests[number]}; do
        if grep -qx "ok $suite" "$folder/results" 2>/dev/null; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "--- $suite: what it said last ($folder/$suite.log)"
            tail -n 40 "$folder/$suite.log" 2>/dev/null || echo "it did not run"
        fi
    done
    if grep -q "^FAILED kernel-log" "$folder/results" 2>/dev/null; then
        failed=$((failed + 1))
        echo "--- the kernel complained: $folder/dmesg.log"
    fi
done
[ "${guests[0]}" != bench ] || cat "$out/guest-0/bench.log"
say "$((SECONDS - begun)) s, of which $built s for building"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
