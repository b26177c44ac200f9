#!/bin/sh
# The importer against the packages onnx and onnxruntime, in a virtual environment of its own: the
# node cases of onnx, and operators beside ONNX Runtime's.
. "$(dirname "$0")/../support/shell.sh"

python=${PYTHON:-python3}
venv=$build/import/venv log=$build/import/install.log
mkdir -p "$build/import"

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    skip "no Python 3.11 or newer, which these packages need"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    skip "this Python cannot make virtual environments (Debian: python3-venv)"
[ -x "$venv/bin/pip" ] || "$python" -m venv "$venv" || exit 1
"$venv/bin/pip" install -q --disable-pip-version-check -r tests/import/requirements.txt \
    >"$log" 2>&1 || skip "onnx cannot be installed: $(tail -n 1 "$log")"

EIGENTENSOR_LIBRARY=$build/libeigentensor.so
export EIGENTENSOR_LIBRARY PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" tests/import/node_cases.py || failed=1
"$venv/bin/python" tests/import/node_cases.py --modes eager,aot --every 10 || failed=1
for script in tests/import/operators_*.py; do
    "$venv/bin/python" "$script" || failed=1
done
"$venv/bin/python" tests/import/real_files.py "$build/import/files" || failed=1
