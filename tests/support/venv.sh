# shellcheck shell=sh disable=SC2154,SC2034  # names of shell.sh, and for the tests
# make_venv NAME WHO: a virtual environment of the test's own, $venv, in the build folder NAME, and
# the log of what is installed there, $log. Tests that run at once may share it. The test is skipped
# where Python cannot make one, or is older than WHO needs.
make_venv() {
    python=${PYTHON:-python3}
    venv=$build/$1/venv log=$build/$1/install.$$.log
    mkdir -p "$build/$1"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        skip "no Python 3.11 or newer, which $2"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        skip "this Python cannot make virtual environments (Debian: python3-venv)"
    [ -x "$venv/bin/pip" ] || flock "$build/$1" "$python" -m venv "$venv" || exit 1
}

# Installs packages in it, quietly; those that a file lists (-r FILE) once.
install() {
    installed=
    [ "$1" != -r ] || installed=$venv/installed-$(sha256sum <"$2" | cut -c 1-16)
    if [ -n "$installed" ] && [ -e "$installed" ]; then return; fi
    flock "${venv%/venv}" "$venv/bin/pip" install -q --disable-pip-version-check "$@" || return
    [ -z "$installed" ] || touch "$installed"
}

# make_onnx_venv: one with the packages onnx and onnxruntime, for the scripts of tests/import/, that
# load the built library. Skipped, too, where they cannot be installed.
make_onnx_venv() {
    make_venv import "these packages need"
    install -r "$top/tests/import/requirements.txt" >"$log" 2>&1 ||
        skip "onnx cannot be installed: $(tail -n 1 "$log")"
    EIGENTENSOR_LIBRARY=$build/libeigentensor.so
    export EIGENTENSOR_LIBRARY PYTHONDONTWRITEBYTECODE=1
}
