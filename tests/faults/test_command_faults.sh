#!/bin/sh
# The n-th allocation, mapping, open, read, write, thread and process that fails in a command: all n
# with EIGENTENSOR_FAULTS_EVERY=1.
. "$(dirname "$0")/../support/shell.sh"
. tests/faults/prepare.sh

prepare "$build/eigentensor"
python3 -B tests/faults/command_faults.py "$build/eigentensor" "$library" "$work/runs" "$@"
