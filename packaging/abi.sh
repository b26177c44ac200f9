#!/bin/sh
# abi.sh describe LIBRARY.so: prints what a library offers by runtime/eigentensor.h, as libabigail
# describes it, without what changes from build to build.
# abi.sh compare DESCRIPTION LIBRARY.so: fails, and says what changed, where programs that were
# linked with the one described might not run with this one.
set -eu

case ${1-} in
describe)
    # libabigail takes the public types of a folder of headers, of which there is one.
    headers=$(mktemp -d)
    trap 'rm -rf "$headers"' EXIT
    cp "$(dirname "$0")/../runtime/eigentensor.h" "$headers"
    abidw --headers-dir "$headers" --drop-private-types --exported-interfaces-only \
        --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed \
        --type-id-style hash "$2"
    ;;
compare)
    abidiff --no-added-syms "$2" "$3"
    ;;
*)
    echo 'usage: abi.sh describe LIBRARY.so | compare DESCRIPTION LIBRARY.so' >&2
    exit 2
    ;;
esac
