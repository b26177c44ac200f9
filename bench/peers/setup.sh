#!/bin/sh
# setup.sh FOLDER: sets up the peers below FOLDER, pinned, and says which cannot be had. PyTorch
# comes from Debian (its packages elsewhere carry gigabytes of CUDA); with TORCH=2.x.y from there
# all the same. Leaves FOLDER/torch-python, a link to a Python that has it, and FOLDER/ready.
set -eu

folder=${1:?usage: setup.sh FOLDER}
here=$(dirname "$0")
venv=$folder/venv

step() {
    printf '  %-5s %s\n' setup "$*"
}

# Installs one requirement; a peer that cannot be installed is done without.
install() {
    step "$1"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$1" 2>"$folder/pip.log" || {
        step "$1 cannot be installed, so it is left out: $(tail -n 1 "$folder/pip.log")"
    }
}

has_torch() {
    [ -x "$1" ] && "$1" -c 'import torch' 2>/dev/null
}

torch() {
    [ -z "${TORCH:-}" ] || install "torch==$TORCH"
    for python in "$venv/bin/python" /usr/bin/python3; do
        if has_torch "$python"; then
            ln -sfn "$(realpath --no-symlinks "$python")" "$folder/torch-python"
            return
        fi
    done
    return 1
}

mkdir -p "$folder"
rm -f "$folder/ready" "$folder/torch-python"
[ -x "$venv/bin/pip" ] || "${PYTHON:-python3}" -m venv "$venv"
grep -v '^#' "$here/requirements.txt" | while read -r requirement; do install "$requirement"; done
if ! torch; then
    PYTHON=/usr/bin/python3 scripts/setup.sh torch || true
    torch || step "PyTorch cannot be had, so it is left out"
fi
touch "$folder/ready"
