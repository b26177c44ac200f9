#!/bin/sh
# targets.sh BUILD: docs/targets.md, on standard output: MNIST in float32 and quantised, as emitted
# for each machine without vectors and for RISC-V with them, compiled, and run by QEMU where that
# has a board.
set -eu

build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
emit="$build/eigentensor emit --prefix=mnist --weights-as=array --arena=static"

# target | compiler and options | board | its clock
machines() {
    arm='arm-none-eabi-gcc -mthumb'
    cat <<END
generic|gcc||
cortex-m0|$arm -mcpu=cortex-m0||
cortex-m3|$arm -mcpu=cortex-m3|mps2-an385|25e6
cortex-m4|$arm -mcpu=cortex-m4 -mfloat-abi=hard|mps2-an386|25e6
cortex-m7|$arm -mcpu=cortex-m7 -mfloat-abi=hard|mps2-an500|25e6
cortex-m33|$arm -mcpu=cortex-m33 -mfloat-abi=hard||
cortex-m55|$arm -mcpu=cortex-m55 -mfloat-abi=hard|mps3-an547|32e6
riscv64|$riscv|virt|
riscv64-v|tests/support/riscv64_v_clang.sh -mcmodel=medany -fno-math-errno|virt|
END
}

# What links programs for either RISC-V.
riscv='riscv64-unknown-elf-gcc -march=rv64gc -mabi=lp64d -mcmodel=medany --specs=picolibc.specs'

# What a run on this machine gives, of text for vectors.
expected() {
    $emit "models/mnist/$1.json" -o "$work/here"
    gcc -O2 -I "$work/here" tests/emit/collection/targets.c "$work/here/mnist.c" -lm -o "$work/run"
    "$work/run" | cut -d' ' -f1
}

# virt PROGRAM.c: what the program says on the board of RISC-V, of the model in mnist.o.
virt() (
    printf '%s = %s;\n' __flash 0x80000000 __flash_size 1M __ram 0x80100000 __ram_size 1M \
        __stack_size 16K >"$work/virt.ld"
    echo 'INCLUDE picolibc.ld' >>"$work/virt.ld"
    # shellcheck disable=SC2086  # words of a command
    $riscv -O2 --oslib=semihost --crt0=hosted -T "$work/virt.ld" -I "$work/at" \
        "tests/emit/collection/$1" "$work/mnist.o" -lm -o "$work/run"
    timeout 1200 qemu-system-riscv64 -M virt -cpu rv64,v=true,vext_spec=v1.0,vlen=128 -bios none \
        -icount shift=0 -nographic -semihosting -kernel "$work/run" </dev/null 2>&1 || true
)

# board PROGRAM.c MACHINE COMPILER... : the same on that board.
board() (
    program=$1 machine=$2
    shift 2
    if [ "$machine" = virt ]; then
        virt "$program"
        return
    fi
    scripts/cortex_m.sh "$work" "$program" "$machine" "$@" || [ -e "$work/run" ]
)

# row MODEL BITS TARGET COMPILER BOARD CLOCK LEVEL
row() {
    # shellcheck disable=SC2086  # words of a command
    set -- "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$4 -std=gnu11 $7 -I $work/at -DCLOCK=${6:-1}"
    $8 -c "$work/at/mnist.c" -o "$work/mnist.o" 2>"$work/said" || {
        echo "| $3 | $1 | $7 | does not compile | | | |"
        return
    }
    sizes=$(size "$work/mnist.o" |
        awk 'NR == 2 { printf "%.1f | %.1f", $1 / 1000, ($2 + $3) / 1000 }')
    bits='not run' instructions=
    emulator=qemu-system-arm
    [ "$5" != virt ] || emulator=qemu-system-riscv64
    if [ -n "$5" ] && command -v $emulator >/dev/null; then
        # shellcheck disable=SC2086
        said=$(board targets.c "$5" $8)
        bits=$([ "${said% *}" = "$2" ] && echo same || echo DIFFER)
        instructions=${said#* }
    elif [ "$3" = generic ]; then
        $8 tests/emit/collection/targets.c "$work/mnist.o" -lm -o "$work/run"
        said=$("$work/run")
        bits=$([ "${said% *}" = "$2" ] && echo same || echo DIFFER)
    fi
    echo "| $3 | $1 | $7 | $bits | $instructions | $sizes |"
}

cat <<'END'
# Small machines, and RISC-V

What `make targets` found: MNIST as `emit --target` writes it, in float32 and quantised, with
weights and arena in the text, one run. Bits are those of the text for vectors on the machine that
made this table. Instructions, in millions, are QEMU's, by `-icount shift=0`; flash has the weights,
RAM is the arena, both in KB (1,000 bytes). Where there is no FPU, a product and
a sum are one function of the text, of integers and exact. The vectors of riscv64-v have 128 bits
here, and its compiler is clang.

| target | model | | bits | instructions | flash | RAM |
|---|---|---|---|---|---|---|
END
for model in mnist mnist-int8; do
    wanted=$(expected $model)
    machines | while IFS='|' read -r target compiler machine clock; do
        command -v "${compiler%% *}" >/dev/null || continue
        $emit "models/mnist/$model.json" -T "$target" -o "$work/at"
        for level in -O2 -Os; do
            row $model "$wanted" "$target" "$compiler" "$machine" "$clock" $level
        done
    done
done

# Accuracy, where MNIST's files are.
mnist=${MNIST_DIR:-../shared/mnist}
if ! [ -e "$mnist/t10k-images-idx3-ubyte.gz" ] || ! command -v qemu-system-arm >/dev/null; then
    exit 0
fi
zcat "$mnist/t10k-images-idx3-ubyte.gz" >"$work/images"
zcat "$mnist/t10k-labels-idx1-ubyte.gz" >"$work/labels"
cat <<'END'

Of the first 1,000 test images of MNIST, classified on the emulated boards, these are right:

| target | mnist | mnist-int8 |
|---|---|---|
END
for target in cortex-m4 cortex-m55; do
    IFS='|' read -r target compiler machine clock <<END
$(machines | grep "^$target|")
END
    for model in mnist mnist-int8; do
        $emit "models/mnist/$model.json" -T "$target" -o "$work/at"
        # shellcheck disable=SC2086
        $compiler -std=gnu11 -O2 -I "$work/at" -c "$work/at/mnist.c" -o "$work/mnist.o"
        # shellcheck disable=SC2086
        board accuracy.c "$machine" $compiler -std=gnu11 -O2 -I "$work/at" >"$work/$model.right"
        [ -s "$work/$model.right" ] || { echo "targets.sh: $target: no answer" >&2 && exit 1; }
    done
    echo "| $target | $(cat "$work/mnist.right") | $(cat "$work/mnist-int8.right") |"
done
