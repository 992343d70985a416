#!/usr/bin/env bash
# The Rust tests. Arguments go to `cargo test`.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bash scripts/bootstrap.sh rust
use_rust
find_python >/dev/null && use_python
cargo test --workspace --no-fail-fast "$@"
