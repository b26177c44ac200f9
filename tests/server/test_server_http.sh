#!/bin/sh
# The server over HTTP, and the sanitized one if that is asked for.
. "$(dirname "$0")/../support/shell.sh"

command -v python3 >/dev/null || skip "no python3 on this machine"
enter_work_folder
cd "$top" || exit 1
export TMPDIR="$work" # where a server that is killed on purpose leaves what the next one removes
for folder in "$build" ${SANITIZED:+"$top/$SANITIZED"}; do
    for tests in server_http server_protocol server_limits server_batching \
        server_access server_models; do
        echo "$folder: $tests"
        SERVER=$folder/eigentensor-server python3 -B "$top/tests/server/$tests.py" || failed=1
    done
done
