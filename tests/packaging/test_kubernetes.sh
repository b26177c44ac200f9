#!/bin/sh
# packaging/kubernetes/: the manifests against the schemas of Kubernetes and the types of KServe,
# and the server started as they start it.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/venv.sh

[ -x "$build/eigentensor-server" ] || skip "not built: eigentensor-server"
make_venv kubernetes "this test needs"
{ install -r tests/packaging/requirements.txt &&
    install --no-deps --target "$build/kubernetes/kserve" --upgrade \
        -r tests/packaging/kserve.txt; } >"$log" 2>&1 ||
    skip "what knows Kubernetes cannot be installed: $(tail -n 1 "$log")"
PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" tests/packaging/manifests.py \
    "$build/eigentensor-server" "$build/kubernetes/kserve" || failed=1
