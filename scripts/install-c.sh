#!/usr/bin/env bash
# Builds and installs the C library, its header and its pkg-config file.
#
#   PREFIX=/usr/local DESTDIR= scripts/install-c.sh
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bash scripts/bootstrap.sh c
use_rust
cargo cinstall -p dsmil-c --release --prefix="${PREFIX:-$stage_prefix}" --libdir=lib ${DESTDIR:+--destdir="$DESTDIR"}
