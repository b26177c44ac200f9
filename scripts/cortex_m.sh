#!/bin/sh
# cortex_m.sh WORK PROGRAM BOARD COMPILER OPTION...: what a program of tests/emit/collection says on
# that board of QEMU's, of the model in WORK/mnist.o. It finds files in WORK. Instructions take a
# nanosecond each, so that it can count them. Without WORK/run in the end it could not be linked.
set -eu

work=$1 program=$2 board=$3
shift 3
sources=tests/emit/collection
rm -f "$work/run"
"$@" --specs=rdimon.specs -nostartfiles -T$sources/cortex_m.ld -Wl,--defsym=small_stack=1 \
    $sources/cortex_m.c "$sources/$program" "$work/mnist.o" -lm -o "$work/run"
cd "$work"
timeout 1200 qemu-system-arm -M "$board" -icount shift=0 -nographic \
    -semihosting-config enable=on,target=native -kernel run </dev/null
