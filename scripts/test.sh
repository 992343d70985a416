#!/usr/bin/env bash
# The whole test run: every stage in its order, each told with its time, also after one has failed; one summary at the end.
#
#   scripts/test.sh [STAGE...]      lint rust c python kernel fuzz demo; all of them by default
#
# DSMIL_TIME_LIMIT (seconds, for the whole run; none by default): a stage that hangs is ended in time for the summary.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

stages=("$@")
[ $# -gt 0 ] || stages=(lint rust c python kernel fuzz demo)
logs=$target/test-logs
lines=()
passed=0
failed=0
mkdir -p "$logs"

command_of() {
    case $1 in
    lint) echo scripts/lint.sh ;;
    rust | c | python | kernel) echo "scripts/test-$1.sh" ;;
    fuzz) echo scripts/fuzz.sh ;;
    demo) echo scripts/demo.sh ;;
    *) die "no such stage: $1 (lint rust c python kernel fuzz demo)" ;;
    esac
}

# within COMMAND...: what is left of the limit. Without one the command stays in the terminal's process group, so that Ctrl-C
# reaches it.
within() {
    [ -n "${DSMIL_TIME_LIMIT:-}" ] || {
        "$@"
        return
    }
    local left=$((DSMIL_TIME_LIMIT - SECONDS))
    [ $left -gt 0 ] || die "the time limit of $DSMIL_TIME_LIMIT s is used up: not run"
    local status=0
    timeout --kill-after=20 "$left" "$@" || status=$?
    [ $status -ne 124 ] || printf 'error: ended at the time limit of %s s\n' "$DSMIL_TIME_LIMIT" >&2
    return $status
}

# count WORD LOG: sums WORD (passed, failed) over the lines in which cargo (one for each test program), pytest and our own
# scripts give their totals.
count() {
    awk -v word="$1" '
        { gsub(/\033\[[0-9;]*m/, "") }
        /^test result: / || /^=+ .* in [0-9.]+s/ || /^[0-9]+ passed, [0-9]+ failed$/ {
            if (match($0, "[0-9]+ " word)) sum += substr($0, RSTART, RLENGTH)
        }
        END { print sum + 0 }' "$2"
}

run_stage() {
    local name=$1 number=$2 script start status=0 good bad verdict=ok
    script=$(command_of "$name")
    printf '\n=== %d/%d %s ===\n' "$number" "${#stages[@]}" "$name"
    start=$SECONDS
    if [ -f "$script" ]; then
        within bash "$script" 2>&1 | tee "$logs/$name.log" || status=${PIPESTATUS[0]}
    else
        printf 'error: %s is not in this checkout: this part has not been built yet\n' "$script" | tee "$logs/$name.log"
        status=1
    fi
    good=$(count passed "$logs/$name.log")
    bad=$(count failed "$logs/$name.log")
    # A stage that counts nothing is one test; one that fails without a failed test (it didn't compile) is a failed one.
    if [ "$status" -ne 0 ]; then
        verdict=FAILED
        [ "$bad" -gt 0 ] || bad=1
    elif [ "$good" -eq 0 ]; then
        good=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    lines+=("$(printf '%-8s %-6s %5d s   %d passed, %d failed' "$name" "$verdict" $((SECONDS - start)) "$good" "$bad")")
    [ "$verdict" = ok ] || broken=1
}

broken=0
for name in "${stages[@]}"; do command_of "$name" >/dev/null; done
if [ $# -eq 0 ]; then
    printf '=== tools ===\n'
    within bash scripts/bootstrap.sh test || {
        printf 'error: the tools could not be installed: no stage was run\n0 passed, 1 failed\n'
        exit 1
    }
fi
number=0
for name in "${stages[@]}"; do
    number=$((number + 1))
    run_stage "$name" "$number"
done

printf '\n=== summary: %d stage(s), %d s; logs in %s ===\n' "${#stages[@]}" "$SECONDS" "${logs#"$root"/}"
printf '%s\n' "${lines[@]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
exit "$broken"
