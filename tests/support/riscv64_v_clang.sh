#!/bin/sh
# riscv64_v_clang.sh OPTION...: clang for RISC-V with vectors, with the C library and the start
# files of riscv64-linux-gnu-gcc. By itself it would take those of the newest gcc for RISC-V, which
# may be the one for boards.
set -eu

triplet=riscv64-linux-gnu
libgcc=$(dirname "$($triplet-gcc -print-libgcc-file-name)")
exec clang --target=$triplet "--sysroot=/usr/$triplet" "-B/usr/$triplet/lib" "-B$libgcc" \
    "-L$libgcc" -Wno-unused-command-line-argument -march=rv64gcv -mabi=lp64d \
    -mllvm -riscv-v-vector-bits-min=128 "$@"
