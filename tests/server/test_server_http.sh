#!/bin/sh
# The server over HTTP, and the sanitized one if that is asked for.
. "$(dirname "$0")/../support/shell.sh"

command -v python3 >/dev/null || skip "no python3 on this machine"
for folder in "$build" ${SANITIZED:+"$top/$SANITIZED"}; do
    echo "$folder"
    SERVER=$folder/eigentensor-server PYTHONDONTWRITEBYTECODE=1 python3 tests/server/server_http.py || failed=1
done
