#!/usr/bin/env bash
# `make demo`: serves a simulated device and does to it what this project is for, through real ioctl(2) calls: scans 108
# devices from the command, Rust, C and Python, is refused the seven that are quarantined, and asks gates whether to go on.
# Every claim is checked; the exit status is 0 only if all of them hold. Needs cargo, a C compiler and Python 3.11; leaves
# nothing behind but target/.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seven=(0x8009 0x800A 0x800B 0x8019 0x8029 0x8100 0x8101)
held=0
server=
work=

finish() {
    local status=$?
    trap - EXIT
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    [ -z "$work" ] || rm -rf --one-file-system "$work"
    [ "$status" -eq 0 ] || printf '%d passed, 1 failed\n' "$held"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# holds WHAT COMMAND...: a claim, and the command that shows it.
holds() {
    local what=$1
    shift
    "$@" || die "not so: $what"
    held=$((held + 1))
    printf '    [ok] %s\n' "$what"
}

# quietly STATUS COMMAND...: runs a command, keeps what it says in $said, and checks how it ends.
quietly() {
    local expected=$1 status=0
    shift
    said=$("$@" 2>&1) || status=$?
    [ "$status" -eq "$expected" ] || die "exit status $status in place of $expected from: $*
$said"
    held=$((held + 1))
}

# run STATUS COMMAND...: the same, and shows both.
run() {
    local shown="${*:2}"
    printf '  $ %s\n' "${shown//"$work/"/}"
    quietly "$@"
    printf '%s\n' "${said//"$work/"/}" | sed 's/^/    /'
}

says() { grep -qF -- "$1" <<<"$said"; }

# counter NAME: a number from the served device's own count, read from the file that it serves.
counter() {
    local counters
    counters=$(<"$work/served/counters.json")
    sed -nE "s/.*\"$1\":([0-9]+).*/\1/p" <<<"$counters"
}

untouched() { [ "$(counter permanent)" = 0 ] && ! grep -qE '"(0x8009|0x800A|0x800B|0x8019|0x8029|0x8100|0x8101)"' "$work/served/counters.json"; }

prepare() {
    bash scripts/bootstrap.sh demo
    use_rust
    use_python
    command -v cc >/dev/null || die "cc is missing: install a C compiler (Debian: gcc libc6-dev)"
    [ -e /dev/fuse ] || die "there is no /dev/fuse, through which the device is served: modprobe fuse, or give the container the device"
    [ "$(id -u)" = 0 ] || command -v fusermount3 >/dev/null ||
        die "serving a device as an ordinary user needs fusermount3: apt-get install fuse3, or run this as root"
    { [ -r /dev/fuse ] && [ -w /dev/fuse ]; } ||
        die "this user may not open /dev/fuse, through which the device is served: run this as root"
    local missing
    for missing in include/dsmil.h examples/{rust,c,python}/{scan_devices,quarantine_denied}.*; do
        [ -f "$missing" ] || die "$missing is not in this checkout"
    done
    work=$(mktemp -d)
    mkdir -m 700 "$work/run"
    export DSMIL_RUN_DIR=$work/run DSMIL_DEVICE=$work/served/dsmil-72dev
    unset DSMIL_POLICY
}

# The dev profile: half the time of a release build from cold, and nothing here is measured closely.
build() {
    say "build the command and a program in each language (about two minutes the first time)"
    # The module is loaded by a Python that is there: nothing to link it to.
    export PYO3_BUILD_EXTENSION_MODULE=1
    cargo build --quiet -p dsmil-cli -p dsmil-python -p dsmil -p dsmil-c --lib --bin dsmil \
        --example scan_devices --example quarantine_denied
    # The C library out of what is built: `cargo rustc` would build half of it again, for other features of its parts.
    rustc --edition 2024 --crate-name dsmil_static --crate-type staticlib -L "dependency=$target/debug/deps" \
        --extern "dsmil_c=$target/debug/libdsmil_c.rlib" -o "$work/libdsmil.a" - <<<'extern crate dsmil_c;'
    PATH=$target/debug:$PATH
    local program
    for program in scan_devices quarantine_denied; do
        cp "$target/debug/examples/$program" "$work/${program}_rust"
        cc -std=c11 -Wall -Wextra -O1 -Iinclude "examples/c/$program.c" "$work/libdsmil.a" \
            -lpthread -ldl -lm -o "$work/${program}_c"
    done
    # The wheel, without its wrapping.
    cp -r python/dsmil "$work/dsmil"
    cp "$target/debug/lib_dsmil.so" "$work/dsmil/_dsmil.abi3.so"
}

serve() {
    say "serve a simulated device as a file on which any program's ioctl works"
    dsmil sim serve "$work/served" --options seed=7 >"$work/device" &
    server=$!
    local tries=0
    until [ -s "$work/device" ]; do
        kill -0 "$server" 2>/dev/null || die "the device could not be served: see above"
        [ $((tries += 1)) -lt 200 ] || die "the device was not served within 20 seconds"
        sleep 0.1
    done
    holds "the device is a file: served/dsmil-72dev" [ -f "$DSMIL_DEVICE" ]
    holds "nothing has been asked of it" [ "$(counter sequence)" = 0 ]
}

scan_and_read() {
    say "scan, read, status, temperature"
    run 0 dsmil scan --map
    holds "108 devices, 84 of them functional" says "108 devices (84 functional)"
    holds "the kernel carried at least 24 requests to the device for it" [ "$(counter sequence)" -ge 24 ]
    run 0 dsmil info 0x8003
    run 0 dsmil read 0x8003 --out "$work/data"
    holds "512 bytes came" [ "$(wc -c <"$work/data")" = 512 ]
    run 0 dsmil status
    run 0 dsmil thermal
}

refuse_the_seven() {
    say "the seven that are quarantined for ever: each is refused, by both ways to it"
    local id way
    for id in "${seven[@]}"; do
        for way in info read; do
            quietly 3 dsmil "$way" "$id"
            printf '    %s\n' "$said"
            says "permanent/$id" || die "the refusal doesn't name its rule, permanent/$id"
        done
    done
    quietly 3 dsmil --json read 0x8009
    holds "each with exit status 3 and its rule's key" says '"rule":"permanent/0x8009"'
    holds "the device's own counters: 0 accesses to the seven" untouched
    holds "and they do count: 0x8003 was asked" grep -q '"0x8003"' "$work/served/counters.json"
    run 0 dsmil quarantine self-check
    holds "7 of 7 enforced, with a control that moves the counter" says "7 of 7 enforced"
}

# program LANGUAGE NAME: runs an example, keeps what it says in $said, and shows its last line.
program() {
    local status=0
    case $1 in
    Rust) said=$("$work/${2}_rust" 2>&1) || status=$? ;;
    C) said=$("$work/${2}_c" 2>&1) || status=$? ;;
    Python) said=$(PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 "$python" "examples/python/$2.py" 2>&1) || status=$? ;;
    esac
    [ "$status" = 0 ] || die "the example $2 in $1 ended with status $status: $said"
    printf '  %-7s%-18s %s\n' "$1" "$2" "$(tail -n 1 <<<"$said")"
}

three_languages() {
    say "the same by a Rust, a C and a Python program, each through its own interface"
    local language before
    for language in Rust C Python; do
        before=$(counter sequence)
        program "$language" scan_devices
        holds "$language lists 108 devices" [ "$(grep -cE '^ *0x80[0-6][0-9A-F] ' <<<"$said")" = 108 ]
        holds "$language asked the served device" [ "$(counter sequence)" -ge $((before + 24)) ]
        program "$language" quarantine_denied
        holds "$language is denied all seven" says "7 of 7 denied"
    done
    holds "still 0 accesses to the seven" untouched
}

emergency_stop() {
    say "the emergency stop"
    local before
    run 0 dsmil stop --reason "shown in the demo"
    before=$(counter sequence)
    run 5 dsmil scan
    run 5 dsmil read 0x8003 --hex
    holds "nothing was asked of the device" [ "$(counter sequence)" = "$before" ]
    run 0 dsmil stop --clear
    run 0 dsmil thermal
}

audit() {
    say "what was refused and stopped is in the audit log"
    run 0 dsmil audit tail -n 4
    run 0 dsmil audit verify
    holds "the chain is sound" says "the chain is sound"
    cp -r "$work/run/audit" "$work/forged"
    sed -i '2s/denied/permit/' "$work/forged/audit.jsonl"
    run 1 dsmil audit verify --log "$work/forged"
    holds "a changed record is found" says "audit.jsonl:2: changed"
}

# metrics NAME JSON: a file of metrics.
metrics() { printf '%s\n' "$2" >"$work/$1.json"; }

watch() {
    say "may the next step be taken? gates over what the monitor sees, and over given metrics"
    run 0 dsmil monitor --once --state-dir "$work/state"
    holds "each sampler looked once, and nothing stands against the monitor" says "gate monitor: go"
    quietly 0 dsmil metrics --state-dir "$work/state" list device_up
    holds "103 devices were asked and answered; the five served ones of the seven were not" says "103 series"
    metrics quiet '{"cpu_percent": 40, "memory_percent": 50, "active_workers": 2}'
    metrics busy '{"cpu_percent": 90, "memory_percent": 50, "active_workers": 2}'
    metrics bad '{"health_score": 96, "security_score": 70, "expansion_failure_percent": 0, "kernel_faults_total": {"samples": [[0, 0], [60000, 0]]}}'
    quietly 0 dsmil gate check examples/gates/deploy.toml --metrics "$work/quiet.json"
    holds "a quiet machine: go, exit status 0" says "gate deploy: go"
    quietly 7 dsmil gate check examples/gates/deploy.toml --metrics "$work/busy.json" --audit
    holds "a busy one: hold, exit status 7, with the reason" says "rule cpu-room is firing"
    quietly 8 dsmil gate check examples/gates/rollback.toml --metrics "$work/bad.json" --at 60000
    holds "security below 85: roll back, exit status 8" says "rule security-lost is firing"
    quietly 0 dsmil audit tail -n 1
    holds "the verdict is in the audit log" says "verdict"
    holds "still 0 accesses to the seven" untouched
}

end() {
    local ended=0
    kill -TERM "$server"
    wait "$server" || ended=$?
    server=
    holds "the service ended cleanly" [ "$ended" = 0 ]
    holds "and left no mount" [ -z "$(ls -A "$work/served")" ]
}

prepare
build
built=$SECONDS
serve
scan_and_read
refuse_the_seven
three_languages
emergency_stop
watch
audit
requests=$(counter sequence)
end

say "done in $((SECONDS - built)) s, after $built s of building: 108 devices scanned through $requests ioctl calls by the command, Rust, C
    and Python; 7 of 7 quarantined devices refused with 0 accesses; emergency stop pulled and cleared; audit log verified"
printf '%d passed, 0 failed\n' "$held"
