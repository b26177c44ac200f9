#!/bin/sh
# `build --target`: objects for machines that emulators have, each linked with the same program and
# run beside a text for this one; and programs for other x86-64 CPUs.
. "$(dirname "$0")/../support/shell.sh"

tool=$build/eigentensor
model=$top/models/mnist/mnist-int8.json
collection=$top/tests/emit/collection
enter_work_folder

# ---- What cannot be ----

expect 2 "$tool" build "$model" --target=cortex-m99
says err '--target=cortex-m99: expected '
says err ' cortex-m4, '
for option in --static --main=runner --threads=2; do
    expect 2 "$tool" build "$model" --target=cortex-m4 "$option"
    says err 'is not for --target=cortex-m4'
done
expect 1 "$tool" build "$model" --target=cortex-m4 --cc=no-such-gcc -o none
says err 'no-such-gcc: not found; install arm-none-eabi-gcc or name another compiler'
[ ! -e none ] || wrong "a folder without an object"
mkdir own
cp "$model" own/mnist_int8.h
cp "${model%.json}.safetensors" own
expect 1 "$tool" build own/mnist_int8.h --target=generic -o own
says err 'is an input of this command'

# ---- Programs ----

"$tool" emit "$model" --prefix=mnist --weights-as=assembler --arena=static -o here || exit 1
gcc -O1 -I here "$collection/targets.c" here/mnist.c here/mnist.S -lm -o wanted || exit 1
./wanted | cut -d ' ' -f 1 >wanted.bits

for target in x86-64 x86-64-v3; do
    [ "$(uname -m)" = x86_64 ] || break
    expect 0 "$tool" build "$model" "--target=$target" -o program
    [ $target = x86-64 ] || grep -q ' avx2 ' /proc/cpuinfo || continue
    expect 0 ./program "$top/models/mnist/samples/7-pen.png"
    says out ': 7'
done

# ---- Objects ----

# object TARGET RUN COMPILER...: built, linked with the program, and run.
object() {
    target=$1 run=$2
    shift 2
    for needed in "$1" "${run%% *}"; do
        command -v "$needed" >/dev/null || {
            echo "# left out: $target ($needed)"
            return
        }
    done
    expect 0 "$tool" build "$model" "--target=$target" ${cflags:+"--cflags=$cflags"} -o "$target"
    cp "$target/mnist_int8.h" "$target/mnist.h"
    "$@" -O1 -I "$target" -Dmnist_inputs=mnist_int8_inputs -Dmnist_outputs=mnist_int8_outputs \
        -Dmnist_run=mnist_int8_run "$collection/targets.c" "$target/mnist_int8.o" -lm \
        -o "$target/run" 2>said || wrong "$target: $(head -n 5 said)"
    # shellcheck disable=SC2086  # words
    timeout 60 $run "$target/run" 2>&1 </dev/null | cut -d ' ' -f 1 >found
    same found wanted.bits "$target: $(cat found), expected $(cat wanted.bits)"
}

# Of Cortex-M, on one of QEMU's boards.
cortex() {
    object "$1" "qemu-system-arm -M $2 -nographic -semihosting -kernel" arm-none-eabi-gcc \
        -mthumb -mfloat-abi="$3" -mcpu="$1" --specs=rdimon.specs -nostartfiles \
        -T "$collection/cortex_m.ld" "$collection/cortex_m.c"
}

cflags=
object generic env gcc
object aarch64 qemu-aarch64 aarch64-linux-gnu-gcc -static
object armv7 qemu-arm arm-linux-gnueabihf-gcc -static
object riscv64 qemu-riscv64 riscv64-linux-gnu-gcc -static
# The C library for clang, whose own vectors QEMU may not run (tests/emit/test_cross.c).
cflags='--sysroot=/usr/riscv64-linux-gnu -fno-vectorize'
object riscv64-v 'qemu-riscv64 -cpu rv64,v=true,vext_spec=v1.0,vlen=256' \
    riscv64-linux-gnu-gcc -static
cflags=
cortex cortex-m3 mps2-an385 soft
cflags=-Os
cortex cortex-m4 mps2-an386 hard
# Debian's compiler for RISC-V finds a C library when it is told which.
cflags=--specs=picolibc.specs
object riscv32 'qemu-system-riscv32 -M virt -bios none -nographic -semihosting -kernel' \
    riscv64-unknown-elf-gcc -march=rv32imafc -mabi=ilp32f --specs=picolibc.specs \
    --oslib=semihost --crt0=hosted -T "$top/examples/riscv/board.ld"
