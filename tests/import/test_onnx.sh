#!/bin/sh
# The importer against the packages onnx and onnxruntime, in a virtual environment of its own: the
# node cases of onnx, and operators beside ONNX Runtime's.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/venv.sh

make_onnx_venv
"$venv/bin/python" tests/import/node_cases.py || failed=1
"$venv/bin/python" tests/import/node_cases.py --modes eager,aot --every 10 || failed=1
for script in tests/import/operators_*.py; do
    "$venv/bin/python" "$script" || failed=1
done
"$venv/bin/python" tests/import/random_found.py "$build/tests/modes/differential" || failed=1
"$venv/bin/python" tests/import/real_files.py "$build/import/files" || failed=1
"$venv/bin/python" tests/import/open_axes.py "$build/eigentensor" "$build/import/files" || failed=1
