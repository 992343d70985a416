# shellcheck shell=bash
# What every script here shares: strict mode, where things are, and which Rust and Python are used. Sourced, never run.
# shellcheck disable=SC2034  # what is set here is used by the scripts that source it
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# Tools that take minutes to build are kept outside the tree, so that a second clone doesn't build them again.
cache=${DSMIL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dsmil-tools}
target=${CARGO_TARGET_DIR:-$root/target}
stage_prefix=$target/stage
requirements=python/requirements-dev.txt

# A shell that is not a login shell (a CI job's) often lacks rustup's folder.
if ! command -v cargo >/dev/null && [ -n "${HOME:-}" ] && [ -x "$HOME/.cargo/bin/cargo" ]; then
    PATH=$HOME/.cargo/bin:$PATH
fi
export PATH=$cache/bin:$PATH

# A toolchain is asked for by name in places: it is used where it is, and never downloaded behind anyone's back.
export RUSTUP_AUTO_INSTALL=0

if [ -n "${CI:-}" ] || [ ! -t 1 ]; then
    export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
fi

say() { printf '==> %s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# The one Rust release that the lints were chosen for. There is no rust-toolchain.toml: rustup would refuse to work on a
# machine that has the same release under the name `stable` and may not download. So it is preferred, never demanded.
rust_release=1.95

use_rust() {
    command -v cargo >/dev/null || die "cargo is missing: install Rust $rust_release with rustup, https://rustup.rs"
    local version
    version=$(rustc --version | cut -d' ' -f2)
    if [ "${version%.*}" != "$rust_release" ] && [ -z "${RUSTUP_TOOLCHAIN:-}" ] &&
        rustup run "$rust_release.0" rustc --version >/dev/null 2>&1; then
        export RUSTUP_TOOLCHAIN=$rust_release.0
        version=$rust_release.0
    fi
    if [ "$(printf '%s\n' "$rust_release" "$version" | sort -V | head -n 1)" != "$rust_release" ]; then
        die "Rust $rust_release or newer is needed, this is $version: rustup toolchain install $rust_release.0"
    fi
}

# Prints the interpreter itself, not a shim: a pyenv shim can exist for a version that isn't active.
find_python() {
    local candidate
    for candidate in ${DSMIL_PYTHON:+"$DSMIL_PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11)); ' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    return 1
}

# Sets $python, and tells PyO3 of it where a bare `python3` would be another one. Set only then: a change of the
# variable makes cargo build PyO3 again.
use_python() {
    python=$(find_python) ||
        die "Python 3.11 or newer is missing: install python3 and python3-venv, or name one with DSMIL_PYTHON=/path/to/python3"
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        export PYO3_PYTHON=$python
    fi
}

# Sets $tools_venv (pinned tools, shared by all clones, named after what is in it) and $venv (this clone's own, where
# the wheel is installed: two clones must never see each other's `dsmil`).
use_venv() {
    use_python
    local key
    key=$({ "$python" -c 'import sys; print(sys.executable, sys.version)' && cat "$requirements"; } | sha256sum | cut -c1-16)
    tools_venv=$cache/venv-$key
    venv=$target/venv
}

# part FILE: runs a script that another part of the project brings.
part() {
    [ -f "$1" ] || die "$1 is not in this checkout: this part of the project has not been built yet"
    bash "$@"
}
