#!/bin/sh
# `make wheel CROSS=aarch64-linux-gnu` gives a wheel for that machine: its library, opened there by
# an emulator, needs the C library alone and gives the digests of this one's.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/cross.sh

"${PYTHON:-python3}" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    skip 'needs Python 3.11 with venv'
make_cross aarch64-linux-gnu build/cross/aarch64-linux-gnu/libeigentensor.so
packaging/wheel.sh "$there" "$triplet" >"$cross_log" 2>&1 || {
    grep -q 'Could not find a version\|Failed to establish' "$cross_log" &&
        skip 'auditwheel cannot be installed'
    wrong "make wheel: $(tail -n 5 "$cross_log")"
    exit 1
}
set -- "$there"/wheel/*.whl
case $1 in
*-py3-none-manylinux_*_aarch64.whl) ;;
*) wrong "$1 is not for every Python 3 on AArch64" ;;
esac
enter_work_folder
"$there/wheel/venv/bin/auditwheel" show "$1" | tr '\n' ' ' >shown
says shown 'is consistent with the following platform tag: "manylinux_'

"${PYTHON:-python3}" -m zipfile -e "$1" package
find package -name '*.so*' >libraries
[ "$(cat libraries)" = package/eigentensor/libeigentensor.so ] ||
    wrong "other libraries are inside: $(cat libraries)"
"$triplet-readelf" -d package/eigentensor/libeigentensor.so |
    sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' >needed
grep -v '^libc\.so\.\|^libm\.so\.\|^ld-linux-' needed && wrong 'these are needed'

# open_with COMPILER: ./COMPILER, the program that opens a library.
open_with() {
    "$1" -std=gnu11 -I"$top" "$top/tests/packaging/open_library.c" -o "$1" -ldl ||
        wrong "$1 does not compile it"
}
open_with gcc
open_with "$triplet-gcc"
for model in mnist mnist-int8; do
    path=$top/models/mnist/$model.json
    ./gcc "$build/libeigentensor.so" "$path" eager jit aot >here ||
        wrong "$model here"
    emulated "./$triplet-gcc" "$PWD/package/eigentensor/libeigentensor.so" "$path" \
        eager jit aot >found || wrong "$model there"
    same found here "$model: $(cat found), not $(cat here)"
done
echo "# aarch64, the wheel ($(basename "$1")): the same bits in 2 models"
