#!/usr/bin/env bash
# Licences, sources, banned crates, and known vulnerabilities of every dependency (deny.toml).
#
# The advisory database is a git repository of its own, which a machine behind a registry mirror may be unable to reach. So the
# two steps are kept apart: fetching it may fail, which is said and forgiven; an advisory that it holds is never forgiven.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
use_rust

cargo deny --workspace check --hide-inclusion-graph bans licenses sources

if timeout 60 cargo deny fetch db >/dev/null 2>&1; then
    cargo deny --workspace check --disable-fetch advisories
else
    say "advisories NOT checked: the advisory database can't be reached from here"
fi
