#!/usr/bin/env bash
# The rules of the house that no compiler checks. Prints every breach, then fails.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

longest=500
breaches=0

breach() {
    printf '%s\n' "$*"
    breaches=$((breaches + 1))
}

# Tracked files, and new ones that git doesn't ignore: a file is to be right before it is added.
sources() {
    git ls-files -z --cached --others --exclude-standard -- "$@" |
        while IFS= read -r -d '' file; do [ -f "$file" ] && printf '%s\n' "$file"; done
    return 0
}

# What may hold `unsafe`: the ioctl call, and the C face.
may_be_unsafe() {
    case $1 in
    crates/dsmil-device/src/sys/* | bindings/c/src/*) return 0 ;;
    *) return 1 ;;
    esac
}

check_length() {
    local file lines
    while IFS= read -r file; do
        case $file in include/*) continue ;; esac # generated
        lines=$(wc -l <"$file")
        [ "$lines" -le $longest ] || breach "$file: $lines lines; the limit is $longest"
    done < <(sources '*.rs' '*.py' '*.pyi' '*.c' '*.h' '*.sh')
}

# The compiler enforces it where `forbid(unsafe_code)` stands; this finds a place where the line is missing.
check_unsafe() {
    local file line
    while IFS= read -r file; do
        may_be_unsafe "$file" && continue
        while IFS= read -r line; do
            breach "$file:${line%%:*}: unsafe outside the two places that may have it"
        done < <(sed 's,//.*,,' "$file" | grep -nE '\bunsafe[[:space:]]*(\{|fn\b|impl\b|extern\b|trait\b)' || true)
    done < <(sources '*.rs')
}

# A crate that has a place for `unsafe` denies it at its root and allows it there by name.
check_crate_roots() {
    local file lint
    while IFS= read -r file; do
        lint=forbid
        case $file in
        bindings/c/*) continue ;;
        crates/dsmil-device/src/lib.rs) lint='(forbid|deny)' ;;
        esac
        grep -qE "^#!\[$lint\((.*, *)?unsafe_code\b" "$file" || breach "$file: #![forbid(unsafe_code)] is missing"
    done < <(sources 'crates/*/src/lib.rs' 'crates/*/src/main.rs' 'crates/*/src/bin/*.rs' 'bindings/*/src/lib.rs')
}

# Each pattern is written so that it doesn't match the line it stands on.
check_text() {
    local found
    while IFS= read -r found; do breach "$found: left to do"; done < <(
        matches '\b(TO[D]O|FI[X]ME|XX[X])\b|\b(tod[o]|unimplemente[d])!\(' ':!*.lock'
    )
    while IFS= read -r found; do breach "$found: a path of one machine"; done < <(
        matches '(^|[^[:alnum:]_.~-])/(root|work|Users/[a-z]+|home/[a-z]+)/' ':!*.lock'
    )
}

# matches PATTERN PATHSPEC...: file:line of each match in a text file.
matches() {
    local pattern=$1
    shift
    git grep -InE --untracked "$pattern" -- . "$@" | cut -d: -f1,2 || true
}

git rev-parse --is-inside-work-tree >/dev/null 2>&1 || die "check-house.sh asks git which files are the project's: no repository here"
check_length
check_unsafe
check_crate_roots
check_text
if [ $breaches -gt 0 ]; then die "$breaches breach(es) of the rules of the house"; fi
say "the rules of the house are kept"
