#!/bin/sh
# setup.sh FOLDER: sets up the peers below FOLDER, pinned. Fails if one cannot be had, unless
# WITHOUT_PEERS=yes says to go on without. PyTorch comes from Debian (its packages elsewhere carry
# gigabytes of CUDA); with TORCH=2.x.y from there all the same. Leaves FOLDER/torch-python, which
# runs a Python that has it, and FOLDER/ready.
set -eu

folder=${1:?usage: setup.sh FOLDER}
here=$(dirname "$0")
venv=$folder/venv

step() {
    printf '  %-5s %s\n' setup "$*"
}

# A peer that cannot be had: said at once, and again at the end.
missing=$folder/missing
lacks() {
    step "$1 cannot be had: $2"
    echo "$1" >>"$missing"
}

# Installs one requirement, with pip's options before it.
install() {
    step "${1##* }"
    # shellcheck disable=SC2086
    "$venv/bin/pip" install --quiet --disable-pip-version-check $1 2>"$folder/pip.log" ||
        lacks "${1##* }" "$(tail -n 1 "$folder/pip.log")"
}

has_torch() {
    [ -x "$1" ] && "$1" -c 'import torch' 2>/dev/null
}

torch() {
    [ -z "${TORCH:-}" ] || install "torch==$TORCH"
    for python in "$venv/bin/python" /usr/bin/python3; do
        if has_torch "$python"; then
            # A link would not do: Python finds its packages by the path that it was called by.
            printf '#!/bin/sh\nexec "%s" "$@"\n' "$(realpath --no-symlinks "$python")" \
                >"$folder/torch-python"
            chmod +x "$folder/torch-python"
            return
        fi
    done
    return 1
}

mkdir -p "$folder"
rm -f "$folder/ready" "$folder/torch-python" "$missing"
[ -x "$venv/bin/pip" ] || "${PYTHON:-python3}" -m venv "$venv"
grep -v '^#' "$here/requirements.txt" | while read -r requirement; do install "$requirement"; done
if ! torch; then
    PYTHON=/usr/bin/python3 scripts/setup.sh torch || true
    torch || lacks PyTorch "see above"
fi
if [ -s "$missing" ]; then
    printf '\n  Without: %s\n' "$(tr '\n' ' ' <"$missing")" >&2
    if [ "${WITHOUT_PEERS:-}" != yes ]; then
        printf '  Run it again, or go on without them: make bench WITHOUT_PEERS=yes\n\n' >&2
        exit 1
    fi
fi
touch "$folder/ready"
