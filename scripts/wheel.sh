#!/usr/bin/env bash
# Builds the Python wheel.
#
#   scripts/wheel.sh DIRECTORY          leaves it there
#   scripts/wheel.sh --install          installs it into this clone's own environment, target/venv
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
use_rust
use_venv

build() {
    mkdir -p "$1"
    # What an earlier version left would be taken for this one.
    rm -f "$1"/dsmil-*.whl
    "$tools_venv/bin/maturin" build --quiet --release --interpreter "$tools_venv/bin/python" --out "$1"
}

case ${1:-} in
--install)
    build "$target/wheels"
    "$tools_venv/bin/python" -m pip --python "$venv/bin/python" --disable-pip-version-check install --quiet \
        --no-index --no-deps --force-reinstall "$target"/wheels/dsmil-*.whl
    ;;
'' | -*) die "usage: scripts/wheel.sh DIRECTORY | --install" ;;
*)
    build "$1"
    ls "$1"/dsmil-*.whl
    ;;
esac
