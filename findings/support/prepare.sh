# shellcheck shell=sh
# prepare.sh, sourced: `prepare PACKAGE==VERSION...` installs these in a temporary folder, which
# goes with the script. $python then has them, and the modules of support/.
set -eu

prepare() {
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    python3 -m venv "$folder/venv"
    python=$folder/venv/bin/python
    "$python" -m pip install -q --disable-pip-version-check "$@"
    PYTHONPATH=$(dirname "$0")/support
    PYTHONDONTWRITEBYTECODE=1
    export PYTHONPATH PYTHONDONTWRITEBYTECODE
}
