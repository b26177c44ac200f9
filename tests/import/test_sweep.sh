#!/bin/sh
# Every operator of the importer with one thing changed, a part of all there is: the sanitized
# program, if it was built. By hand, all of it: tests/import/sweep.py PROGRAM.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/venv.sh

make_onnx_venv
ASAN_OPTIONS=quarantine_size_mb=16:allocator_may_return_null=1
export ASAN_OPTIONS
"$venv/bin/python" tests/import/sweep.py --every "${EIGENTENSOR_SWEEP_EVERY:-20}" \
    "${SANITIZED:-$build}/tests/import/sweep" || failed=1
