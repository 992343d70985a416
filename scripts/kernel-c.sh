#!/usr/bin/env bash
# Compiles, for the guest, the C examples and tests against the library that is installed in the stage: kernel-c.sh OUT.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -eq 1 ] || die "usage: scripts/kernel-c.sh OUT"
use_python
mkdir -p "$1"
"$python" bindings/c/tests/conformance_cases.py tests/conformance >"$1/cases.h"
read -ra flags <<<"$(PKG_CONFIG_PATH=$stage_prefix/lib/pkgconfig pkg-config --cflags --libs dsmil) -pthread"
compile() { "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -g -I"$1" "${@:3}" "$2" "${flags[@]}" -o "$1/$(basename "$2" .c)"; }
for source in examples/c/*.c; do compile "$1" "$source" -include bindings/c/tests/patient.h; done
for source in bindings/c/tests/{conformance,enumerate}.c; do compile "$1" "$source"; done
