#!/bin/sh
# Every fuzz target for a while ($EIGENTENSOR_FUZZ_SECONDS each, 6), from the inputs in corpus/ on;
# that of ONNX models from one of each operator, too, if the package onnx can be installed.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/venv.sh

# In a shell of its own, which a `skip` ends.
make_seeds() (
    trap - EXIT
    make_onnx_venv
    "$venv/bin/python" tests/import/models.py "$build/fuzz/seeds/onnx"
)

scripts/fuzz.sh check || exit 77
make_seeds || echo "# no seeds of ONNX operators"
BUILD=$build scripts/fuzz.sh run '' "${EIGENTENSOR_FUZZ_SECONDS:-6}" || failed=1
