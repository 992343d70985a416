#!/usr/bin/env bash
# Builds kernel/dsmil-sim against an unpacked kernel (scripts/kernel-fetch.sh): kernel-module.sh TREE OUT. A warning is an
# error, the compiler's and, where it is installed, sparse's.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -eq 2 ] || die "usage: scripts/kernel-module.sh TREE OUT"
headers=("$1"/usr/src/linux-headers-*-amd64)
out=$2
mkdir -p "$out"
# Not in the tree: a module is built beside its sources.
cp kernel/dsmil-sim/{Kbuild,Makefile,*.[ch]} "$out"
options=("CONFIG_DEBUG_INFO_BTF_MODULES=" "DSMIL_CFLAGS=-Werror")
if command -v sparse >/dev/null; then
    # Each file is looked at, whether it is compiled again or not.
    options+=("C=2" "CF=-Wsparse-error")
else
    say "sparse is not installed: the module is built without it"
fi
make -s -C "${headers[0]}" M="$out" "${options[@]}" modules
[ -s "$out/dsmil-sim.ko" ] || die "no module came of it"
