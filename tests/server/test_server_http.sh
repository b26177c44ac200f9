#!/bin/sh
# The server over HTTP, the plain build and, if it is there, the sanitized one.
. "$(dirname "$0")/../support/shell.sh"

command -v python3 >/dev/null || skip "no python3 on this machine"
cd tests/server || exit 1
for program in "$build/eigentensor-server" "$build/asan/eigentensor-server"; do
    [ -x "$program" ] || continue
    echo "$program"
    SERVER=$program PYTHONDONTWRITEBYTECODE=1 python3 server_http.py || failed=1
done
