#!/bin/sh
# Tables as Python's engines hand them out, in a virtual environment of its own: columns, batches
# and digests of results.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/venv.sh

make_venv scale "these packages need"
install -r tests/scale/requirements.txt >"$log" 2>&1 ||
    skip "pyarrow cannot be installed: $(tail -n 1 "$log")"
export EIGENTENSOR_LIBRARY="$build/libeigentensor.so" PYTHONPATH="$top/capture"
export XDG_CACHE_HOME="$build/scale/cache" PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" tests/scale/test_columns.py || failed=1
