#!/usr/bin/env bash
# Every check that reads the code and doesn't run it. All of them are made, also after one has failed.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bash scripts/bootstrap.sh lint
use_rust
use_venv

passed=0
failed=()

# check NAME COMMAND... `set -e` is off inside COMMAND, as in any condition: a function ends with what decides.
check() {
    local name=$1
    shift
    say "lint: $name"
    if "$@"; then passed=$((passed + 1)); else failed+=("$name"); fi
}

shell_scripts() { shellcheck -x scripts/*.sh .ci/run; }

rust_format() {
    # The fuzz targets are a workspace of their own.
    cargo fmt --all --check && { [ ! -f fuzz/Cargo.toml ] || cargo fmt --manifest-path fuzz/Cargo.toml --all --check; }
}

lock_file() { cargo metadata --locked --format-version 1 >/dev/null; }

rust_docs() { RUSTDOCFLAGS='-D warnings' cargo doc --quiet --workspace --no-deps --lib; }

python_paths() {
    local each
    for each in python/dsmil python/tests examples/python benchmarks bindings/c/tests tests/driver; do
        if [ -n "$(find "$each" -name '*.py' -print -quit 2>/dev/null)" ]; then printf '%s\n' "$each"; fi
    done
}

python_types() {
    local paths
    mapfile -t paths < <(python_paths)
    if [ ${#paths[@]} -eq 0 ]; then
        echo "error: there is no Python in this checkout" >&2
        return 1
    fi
    "$venv/bin/python" -m mypy --strict "${paths[@]}"
}

# The stubs against what the compiled module really offers: both as the wheel has them.
python_stubs() { bash scripts/wheel.sh --install && "$venv/bin/python" -P -m mypy.stubtest dsmil; }

check "rules of the house" bash scripts/check-house.sh
check "shell scripts" shell_scripts
check "rustfmt" rust_format
check "Cargo.lock" lock_file
check "clippy" cargo clippy --quiet --workspace --all-targets -- -D warnings
check "rustdoc" rust_docs
check "cargo deny" bash scripts/deny.sh
check "ruff" "$tools_venv/bin/ruff" check --quiet .
check "ruff format" "$tools_venv/bin/ruff" format --quiet --check .
check "mypy" python_types
check "stubtest" python_stubs

for each in ${failed[@]+"${failed[@]}"}; do printf 'FAILED: %s\n' "$each"; done
printf '%d passed, %d failed\n' "$passed" "${#failed[@]}"
[ ${#failed[@]} -eq 0 ]
