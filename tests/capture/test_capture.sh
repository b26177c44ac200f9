#!/bin/sh
# The Python package, installed into a virtual environment of its own, and its tests.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/venv.sh

command -v clang >/dev/null || skip "no clang, which TinyGrad's CPU backend needs"
make_venv capture "TinyGrad needs"
tinygrad=$(sed -n 's/^tinygrad = \["\(.*\)"\]$/\1/p' capture/pyproject.toml)
install "$tinygrad" numpy 'setuptools>=64' wheel >"$log" 2>&1 ||
    skip "$tinygrad cannot be installed: $(tail -n 1 "$log")"

# A copy, so that building leaves nothing in the checkout.
EIGENTENSOR_LIBRARY=$build/libeigentensor.so
export EIGENTENSOR_LIBRARY
rm -rf "$build/capture/source"
cp -r capture "$build/capture/source"
install --no-deps --no-build-isolation --force-reinstall "$build/capture/source" || exit 1

unset EIGENTENSOR_LIBRARY PYTHONPATH
export BUILD="$build" XDG_CACHE_HOME="$build/capture/cache" PYTHONDONTWRITEBYTECODE=1
for part in operations models; do
    "$venv/bin/python" "tests/capture/test_$part.py" >"$build/capture/$part.log" 2>&1 &
    eval "$part=$!"
done
"$venv/bin/python" tests/capture/test_program.py || failed=1
"$venv/bin/python" tests/capture/test_arrays.py || failed=1
# shellcheck disable=SC2154  # set by eval
for part in "operations $operations" "models $models"; do
    wait "${part#* }" || failed=1
    cat "$build/capture/${part% *}.log"
done
