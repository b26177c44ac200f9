#!/bin/sh
# riscv64_v_qemu.sh PROGRAM [ARGUMENT...]: runs a program for RISC-V with vectors: where they have
# 128 bits, the least that a machine may have, and where they have more.
set -eu

for bits in 128 512; do
    qemu-riscv64 -cpu "rv64,v=true,vext_spec=v1.0,vlen=$bits" "$@"
done
