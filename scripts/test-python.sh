#!/usr/bin/env bash
# The Python tests, against the installed wheel. Arguments go to pytest: scripts/test-python.sh -k scan
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bash scripts/bootstrap.sh python
use_rust
use_venv

[ -d python/tests ] || die "python/tests is not in this checkout: this part of the project has not been built yet"
# Tests serve a device with the command that belongs to this tree.
cargo build --quiet -p dsmil-cli
bash scripts/wheel.sh --install
"$venv/bin/python" -m pytest -n 2 "$@"
