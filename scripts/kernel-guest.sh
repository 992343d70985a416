#!/usr/bin/env bash
# What runs inside the guest of scripts/test-kernel.sh: kernel-guest.sh OUT SUITE...
# Each suite ends with one line on the console; its output is in OUT/SUITE.log. OUT/env says where the things to run are.
# shellcheck disable=SC2154  # what OUT/env sets
set -uo pipefail
out=$1
shift
# shellcheck source=/dev/null
. "$out/env"
export DSMIL_TEST_DEVICE=/dev/dsmil-72dev TMPDIR=/run/tmp
mkdir -p "$TMPDIR"
busybox insmod /run/dsmil-sim.ko || echo "GUEST FAILED  the module can't be loaded"
control=/sys/kernel/debug/dsmil-sim

# rust BINARY ARGUMENT...: a Rust test program, on the one device there is.
rust() {
    local program=$1
    shift
    "${rust_tests[$program]}" --test-threads=1 "$@"
}

memcheck() {
    valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect,possible \
        --suppressions=bindings/c/tests/valgrind.supp "$@"
}

c_examples() {
    local run=$TMPDIR/examples status=0
    mkdir -m 700 "$run"
    export DSMIL_RUN_DIR=$run LD_LIBRARY_PATH=$stage/lib
    echo seed=7 >$control/options
    memcheck "$c_tests/scan_devices" "$DSMIL_TEST_DEVICE" && memcheck "$c_tests/read_device" "$DSMIL_TEST_DEVICE" &&
        memcheck "$c_tests/watch_thermal" "$DSMIL_TEST_DEVICE" 2 && memcheck "$c_tests/quarantine_denied" "$DSMIL_TEST_DEVICE" ||
        return 1
    "$c_tests/read_device" "$DSMIL_TEST_DEVICE" 0x8009 || status=$?
    [ $status -eq 3 ] || return 1
    grep -q '"permanent":0,' $control/counters.json && ! grep -q '"sequence":0,' $control/counters.json && echo "6 passed, 0 failed"
}

c_program() {
    export LD_LIBRARY_PATH=$stage/lib
    "$c_tests/$1" "${@:2}"
}

pytest() { "$venv/bin/python" -m pytest -q -p no:cacheprovider "$@"; }

run_suite() {
    case $1 in
    driver) "$venv/bin/python" tests/driver/run_cases.py tests/driver/cases.toml ;;
    rust-conformance) rust conformance --ignored in_kernel ;;
    rust-enumerate) rust enumerate --exact every_id_in_every_operation the_counters_count_whoever_asks_past_the_library ;;
    turns) rust turns --skip child ;;
    stop) rust stop --skip child ;;
    c-conformance) c_program conformance kernel ;;
    c-enumerate) c_program enumerate ;;
    c-examples) c_examples ;;
    python-conformance) pytest python/tests/test_conformance.py -k "kernel or there_are_cases" ;;
    python-enumerate) pytest python/tests/test_enumerate.py -k 'not (missing or empty or malformed or unreadable)' ;;
    # What needs a device; what is about serving one has no place here.
    python) pytest python/tests/test_{stop,fork,interrupt,threads}.py -k "not sim and not serves" ;;
    node) pytest tests/driver/test_node.py ;;
    bench) bash scripts/kernel-bench.sh "$out" ;;
    *) echo "no such suite: $1" && return 2 ;;
    esac
}

for suite in "$@"; do
    begun=$(date +%s)
    verdict=ok
    export suite out TMPDIR
    (run_suite "$suite") >"$out/$suite.log" 2>&1 || verdict=FAILED
    # A suite that says nothing of what it ran has shown nothing.
    summary=$(sed 's/\x1b\[[0-9;]*m//g' "$out/$suite.log" | grep -E "[0-9]+ (passed|failed)|^test result|checks|^medians" | tail -n 1 | cut -c1-90)
    [ -n "$summary" ] || verdict=FAILED
    printf 'GUEST %-7s %-20s %4d s  %s\n' "$verdict" "$suite" $(($(date +%s) - begun)) "${summary:-it said nothing of what it ran}"
    printf '%s %s\n' "$verdict" "$suite" >>"$out/results"
done
# What the kernel complains of is a failure, too.
if busybox dmesg | grep -E 'BUG|WARNING|Oops|possible circular|INFO: task'; then
    echo "GUEST FAILED  kernel's log"
    echo "FAILED kernel-log" >>"$out/results"
fi
