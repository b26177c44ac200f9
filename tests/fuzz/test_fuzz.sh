#!/bin/sh
# Every fuzz target for a while ($EIGENTENSOR_FUZZ_SECONDS each, 20), from the inputs in corpus/ on.
. "$(dirname "$0")/../support/shell.sh"

scripts/fuzz.sh check || exit 77
BUILD=$build scripts/fuzz.sh run '' "${EIGENTENSOR_FUZZ_SECONDS:-20}" || failed=1
