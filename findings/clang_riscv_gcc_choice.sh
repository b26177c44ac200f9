#!/bin/sh
# Debian's clang 14.0.6 for riscv64-linux-gnu, where its gcc 12.2.0 for Linux and its gcc 12.2.0 for
# boards are installed (gcc-riscv64-linux-gnu, gcc-riscv64-unknown-elf): it takes the one for
# boards, whose folder has the longer version, 12.2.0 and not 12, and so finds neither the headers
# nor the start files of the C library. Nothing is run.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for compiler in riscv64-linux-gnu-gcc riscv64-unknown-elf-gcc; do
    "$compiler" -dumpfullversion
done
echo '#include <stdio.h>' >"$folder/header.c"
compile() {
    "${CC:-clang}" --target=riscv64-linux-gnu "$@" -fsyntax-only "$folder/header.c" 2>&1
}
compile -v | grep 'GCC installation' | tee "$folder/said"
grep -q 'Selected.*/riscv64-unknown-elf/' "$folder/said"
! compile || exit 1
compile --sysroot=/usr/riscv64-linux-gnu
