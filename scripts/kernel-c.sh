#!/usr/bin/env bash
# Compiles, for the guest, the C examples and tests against the library that is installed in the stage: kernel-c.sh OUT.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -eq 1 ] || die "usage: scripts/kernel-c.sh OUT"
use_python
mkdir -p "$1"
"$python" bindings/c/tests/conformance_cases.py tests/conformance >"$1/cases.h"
read -ra flags <<<"$(PKG_CONFIG_PATH=$stage_prefix/lib/pkgconfig pkg-config --cflags --libs dsmil) -pthread"
for source in examples/c/*.c bindings/c/tests/{conformance,enumerate}.c; do
    "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -g -I"$1" "$source" "${flags[@]}" -o "$1/$(basename "$source" .c)"
done
