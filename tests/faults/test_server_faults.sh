#!/bin/sh
# The n-th allocation, mapping, open, read and write that fails while a request is answered: all n
# with EIGENTENSOR_FAULTS_EVERY=1.
. "$(dirname "$0")/../support/shell.sh"
. tests/faults/prepare.sh

prepare "$build/eigentensor-server"
SERVER=$build/eigentensor-server python3 -B tests/faults/server_faults.py "$library" "$@"
