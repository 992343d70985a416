#!/usr/bin/env bash
# The Python tests, against the installed wheel. Arguments go to pytest: scripts/test-python.sh -k scan
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bash scripts/bootstrap.sh python
use_rust
use_venv

[ -d python/tests ] || die "python/tests is not in this checkout: this part of the project has not been built yet"
# Against the wheel as a user installs it, and never against the sources: the tests need nothing else of the tree
# than the examples and the conformance cases.
bash scripts/wheel.sh --install
"$venv/bin/python" -m pytest -n 2 "$@"

# The HTTP endpoint against its own document. Arguments are for pytest: with some, only part of the tests was wanted.
[ $# -gt 0 ] || bash scripts/fuzz-http.sh
