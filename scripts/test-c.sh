#!/usr/bin/env bash
# The C face: installs the library as a packager would, compiles every example and test against what was installed, as C11
# and as C++17, and runs them under valgrind. Ends with "N passed, N failed".
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bash scripts/bootstrap.sh c
use_rust
python=$(find_python) || die "Python 3.11 or newer is needed to read the conformance cases"

build=$target/c-tests
rm -rf "$build" "$stage_prefix"
mkdir -p "$build"
run=$(mktemp -d)
server=
clean_up() {
    [ -z "$server" ] || { exec 7>&- && wait "$server"; } || true
    rm -rf "$run"
}
trap clean_up EXIT
passed=0
failed=0

# try NAME COMMAND...: one test. Its output is shown if it fails.
try() {
    local name=$1
    shift
    if "$@" >"$build/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $name"
    else
        failed=$((failed + 1))
        echo "FAILED  $name"
        sed 's/^/        /' "$build/log"
    fi
}

say "cargo cinstall into $stage_prefix"
cargo cinstall -p dsmil-c --release --prefix="$stage_prefix" --libdir=lib
export PKG_CONFIG_PATH=$stage_prefix/lib/pkgconfig LD_LIBRARY_PATH=$stage_prefix/lib
unset DSMIL_DEVICE DSMIL_POLICY
export DSMIL_RUN_DIR=$run
read -ra flags <<<"$(pkg-config --cflags --libs dsmil) -pthread"
read -ra static_flags <<<"$(pkg-config --cflags dsmil) $stage_prefix/lib/libdsmil.a $(pkg-config --libs-only-l --static dsmil |
    sed 's/-ldsmil//') -pthread"
strict=(-Wall -Wextra -Wpedantic -Werror -g)
c11=("${CC:-cc}" -std=c11 -x c)
cxx17=("${CXX:-c++}" -std=c++17 -x c++)

# The functions that the header declares and the symbols that the library exports are the same.
exported() { nm -D --defined-only "$stage_prefix/lib/libdsmil.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u; }
# What a comment mentions is not a declaration.
same_names() {
    local functions
    functions=$(sed 's,//.*,,; /^ \*/d' "$stage_prefix/include/dsmil.h" | grep -o '\bdsmil_[a-z0-9_]*(' | tr -d '(' | sort -u)
    [ "$(wc -l <<<"$functions")" -gt 50 ] && diff <(echo "$functions") <(exported)
}
versioned() {
    local soname
    soname=$(objdump -p "$stage_prefix/lib/libdsmil.so" | awk '$1 == "SONAME" { print $2 }')
    [[ $soname == libdsmil.so.[0-9]* ]] && [ -e "$stage_prefix/lib/$soname" ] &&
        ! nm -D --defined-only "$stage_prefix/lib/libdsmil.so" | awk '$2 != "A" { print $3 }' | grep -vF "@@$soname"
}
try "the library exports what the header declares, and nothing else" same_names
try "the library has a soname, and every symbol a version" versioned

# memcheck PROGRAM...: no error and no leak.
memcheck() {
    timeout -s KILL 600 valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect,possible \
        --suppressions=bindings/c/tests/valgrind.supp "$@"
}
# The same for a program that serves a device to itself: valgrind must let its other threads go on during any call.
memcheck_serving() { memcheck --sim-hints=fuse-compatible "$@"; }
cases() {
    "$python" bindings/c/tests/conformance_cases.py tests/conformance >"$build/cases.h" &&
        "$python" bindings/c/tests/conformance_cases.py tests/conformance gates >"$build/gate_cases.h"
}
try "the conformance cases are read" cases

for source in examples/c/*.c bindings/c/tests/*.c; do
    name=$(basename "$source" .c)
    try "$name compiles as C11" "${c11[@]}" "${strict[@]}" -I"$build" "$source" -x none "${flags[@]}" -o "$build/$name"
    try "$name compiles as C++17" "${cxx17[@]}" "${strict[@]}" -I"$build" "$source" -x none "${flags[@]}" -o "$build/$name.cxx"
done

# The examples meet a device that another program serves: each ioctl is one, and valgrind sees them.
mkdir "$run/served"
mkfifo "$run/input"
"$build/serve" "$run/served" <"$run/input" >"$run/device" &
server=$!
exec 7>"$run/input"
for _ in {1..100}; do
    [ -s "$run/device" ] && break
    sleep 0.1
done
served=$(cat "$run/device")
[ -n "$served" ] || die "no device was served within ten seconds"
denied() {
    local status=0
    memcheck "$build/read_device" "$1" 0x8009 || status=$?
    [ $status -eq 3 ]
}
# ends_with STATUS COMMAND...: it must end so, and valgrind must have nothing to say.
ends_with() {
    local expected=$1 status=0
    memcheck "${@:2}" || status=$?
    [ $status -eq "$expected" ]
}
echo '{"cpu_percent": 40.0, "memory_percent": 50, "active_workers": 2}' >"$run/go.json"
echo '{"cpu_percent": 99}' >"$run/hold.json"
for kind in "" .cxx; do
    try "check_gate$kind goes" ends_with 0 "$build/check_gate$kind" examples/gates/deploy.toml "$run/go.json"
    try "check_gate$kind holds" ends_with 7 "$build/check_gate$kind" examples/gates/deploy.toml "$run/hold.json"
    try "check_gate$kind refuses" ends_with 1 "$build/check_gate$kind" "$run/go.json" "$run/go.json"
    for device in sim: "$served"; do
        try "watch_monitor$kind ${device##*/}" memcheck "$build/watch_monitor$kind" "$run/watch" "$device" 2
        try "scan_devices$kind ${device##*/}" memcheck "$build/scan_devices$kind" "$device"
        try "read_device$kind ${device##*/}" memcheck "$build/read_device$kind" "$device"
        try "watch_thermal$kind ${device##*/}" memcheck "$build/watch_thermal$kind" "$device" 2
        try "quarantine_denied$kind ${device##*/}" memcheck "$build/quarantine_denied$kind" "$device"
    done
done
try "read_device ends with 3 where it is denied" denied "$served"
try "no access to the seven came of the examples" grep -q '"permanent":0,' "$run/served/counters.json"

for name in test_device test_gate test_monitor test_monitor_edges test_null test_rules test_sim test_threads; do
    try "$name" memcheck_serving "$build/$name"
    try "$name as C++" memcheck_serving "$build/$name.cxx"
done
# The deadlines of some cases are the machine's: valgrind, which is thirty times slower, would break them.
try "conformance, but for what is about time" memcheck_serving "$build/conformance" untimed
cat "$build/log"
try "conformance" "$build/conformance"
cat "$build/log"
try "conformance as C++" "$build/conformance.cxx"
for kind in "" .cxx; do
    try "conformance of gates$kind" memcheck "$build/conformance_gates$kind"
    cat "$build/log"
done
try "enumerate: every id, every operation, seven kinds of policy" "$build/enumerate"
cat "$build/log"

cost() {
    local collected
    collected=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=dsmil_quarantine_check \
        "$build/check_cost" 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p')
    echo "quarantine_check_c $((collected / 100)) instructions"
    [ "$collected" -ge 100 ] && [ "$collected" -le 2000 ]
}
try "the quarantine check takes at most 20 instructions" cost
cat "$build/log"

linked_statically() {
    "${c11[@]}" "${strict[@]}" examples/c/scan_devices.c -x none "${static_flags[@]}" -o "$build/scan_static" &&
        ! ldd "$build/scan_static" | grep libdsmil && memcheck "$build/scan_static" sim:
}
try "scan_devices linked statically" linked_statically

with_cmake() {
    mkdir "$build/cmake"
    cat >"$build/cmake/CMakeLists.txt" <<-EOF
		cmake_minimum_required(VERSION 3.16)
		project(example C)
		find_package(dsmil REQUIRED)
		foreach(kind dsmil dsmil-static)
		    add_executable(scan_\${kind} $root/examples/c/scan_devices.c)
		    target_link_libraries(scan_\${kind} PRIVATE dsmil::\${kind})
		endforeach()
	EOF
    env -u PKG_CONFIG_PATH cmake -S "$build/cmake" -B "$build/cmake/out" -DCMAKE_PREFIX_PATH="$stage_prefix" &&
        cmake --build "$build/cmake/out" && "$build/cmake/out/scan_dsmil" sim: && "$build/cmake/out/scan_dsmil-static" sim:
}
try "scan_devices with CMake, shared and static" with_cmake

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
