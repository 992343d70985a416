#!/usr/bin/env bash
# Holds the HTTP endpoint against its own OpenAPI document: schemathesis sends it what the document allows and what it
# doesn't, and checks every answer. Arguments go to schemathesis: scripts/fuzz-http.sh --seed 7 -n 500
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bash scripts/bootstrap.sh python
use_rust
use_venv

cargo build --quiet -p dsmil-serve --example serve_fake
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
umask 077
key=$("$python" -c 'import secrets; print("dsmil_" + secrets.token_hex(32))')
printf '[[key]]\nname = "fuzz"\nrole = "operate"\nsha256 = "%s"\n' "$(printf %s "$key" | sha256sum | cut -d' ' -f1)" >"$folder/keys.toml"

# The server ends when its input does: it can't outlive this script.
coproc SERVER { exec "$target/debug/examples/serve_fake" "$folder/keys.toml" 2>"$folder/log"; }
server=$SERVER_PID
input=${SERVER[1]}
read -r -t 10 address <&"${SERVER[0]}" || die "the server did not start: $(cat "$folder/log")"

failed=0
(
    cd "$folder" # where schemathesis keeps its notes
    export DSMIL_FUZZ_KEY=$key
    "$tools_venv/bin/schemathesis" --config-file "$root/crates/dsmil-serve/tests/schemathesis.toml" run "$root/schemas/openapi.json" \
        --url "http://$address" --checks all --workers 2 --seed 1 --max-examples 50 "$@"
) || failed=1
exec {input}>&-
wait "$server" || die "the server ended badly: $(cat "$folder/log")"
if grep -q panicked "$folder/log"; then die "the server panicked: $(cat "$folder/log")"; fi
[ $failed = 0 ] || die "the endpoint doesn't do what schemas/openapi.json says"
