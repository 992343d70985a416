#!/usr/bin/env bash
# Formats everything that lint looks at.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bash scripts/bootstrap.sh python
use_rust
use_venv
cargo fmt --all
[ ! -f fuzz/Cargo.toml ] || cargo fmt --manifest-path fuzz/Cargo.toml --all
"$tools_venv/bin/ruff" check --quiet --fix .
"$tools_venv/bin/ruff" format --quiet .
