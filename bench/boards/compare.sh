#!/bin/sh
# compare.sh BUILD: MNIST in 8-bit integers on the boards that QEMU emulates, ours beside what
# BakeNN makes of the same weights, on standard output as bench/boards/record.md keeps it. Wants
# Arm's gcc, qemu-system-arm, and MNIST's files in MNIST_DIR; puts BakeNN, pinned, into
# BUILD/bench/boards.
set -eu

build=${1:?usage: bench/boards/compare.sh BUILD}
mnist=${MNIST_DIR:-../shared/mnist}
here=bench/boards
programs=tests/emit/collection
work=$build/bench/boards

# target | compiler and options | board | its clock | choices of BakeNN's kernels
targets() {
    arm='arm-none-eabi-gcc -mthumb -mfloat-abi=hard'
    cat <<END
cortex-m4|$arm -mcpu=cortex-m4|mps2-an386|25e6|portable m4 m4-cmsis
cortex-m55|$arm -mcpu=cortex-m55|mps3-an547|32e6|portable m55-cmsis
END
}

setup() {
    mkdir -p "$work"
    [ -x "$work/venv/bin/pip" ] || python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    "$work/venv/bin/python" "$here/bakenn_export.py" models/mnist/mnist.safetensors \
        "$mnist/train-images-idx3-ubyte.gz" "$work/bakenn" >"$work/bakenn.log"
    rm -f "$work"/*.outputs
    zcat "$mnist/t10k-images-idx3-ubyte.gz" >"$work/images"
    zcat "$mnist/t10k-labels-idx1-ubyte.gz" >"$work/labels"
}

# model COMPILER... : the model's sources, compiled into $work/mnist.o, only what is called.
model() {
    "$@" -ffunction-sections -fdata-sections -r -nostdlib -Wl,--gc-sections,-e,mnist_run \
        -o "$work/mnist.o"
}

# same NAME OUTPUTS WHERE: stops unless NAME gives the same outputs everywhere.
same() {
    seen=$work/$1.outputs
    [ -s "$seen" ] || echo "$2" >"$seen"
    [ "$(cat "$seen")" = "$2" ] || {
        echo "compare.sh: $1, $3: outputs $2, not $(cat "$seen")" >&2
        exit 1
    }
}

# row NAME KERNELS TARGET LEVEL BOARD COMPILER... : measures the model in mnist.o.
row() {
    name=$1 kernels_of=$2 target=$3 level=$4 board=$5
    shift 5
    said=$(scripts/cortex_m.sh "$work" targets.c "$board" "$@")
    same "$name" "${said% *}" "$kernels_of at $level on $target"
    sizes=$(size "$work/mnist.o" |
        awk 'NR == 2 { printf "%.1f | %.1f", $1 / 1000, ($2 + $3) / 1000 }')
    echo "| $target | $name$kernels_of | $level | ${said#* } | $sizes |"
}

# ours LEVEL.. and theirs CHOICE LEVEL.. : the model into mnist.o; $base is left as the compiler and
# its options, with those that programs need.
ours() {
    base="$compiler -std=gnu11 $1 -DCLOCK=$clock -I $work/ours"
    # shellcheck disable=SC2086  # words of a command
    model $base "$work/ours/mnist.c"
}
theirs() {
    from=$work/bakenn/$1
    base="$compiler -std=gnu11 $2 -DCLOCK=$clock -I $here"
    # shellcheck disable=SC2046,SC2086
    model $base -I . -I "$from" -I "$from/third_party/cmsis_nn/Include" \
        -I "$from/third_party/cmsis_core/Include" -DBAKENN_CMSIS_NN_BUILTIN_MEMORY \
        "$here/bakenn.c" $(find "$from" -name '*.c' | sort)
}

setup
cat <<'END'

## Beside BakeNN

What `bench/boards/compare.sh` found: MNIST in 8-bit integers, one run, as above, beside C that
BakeNN 1.0.0 makes of the same weights, calibrated by as many training images. Portable is what it
does by itself; m4 are its kernels for a Cortex-M4, cmsis those of CMSIS-NN 4.0.0 that it brings
along. It has no profile for a Cortex-M55 and was given one, so that CMSIS-NN takes vectors there.
Our outputs are the same in all rows, and so are BakeNN's. RAM has the arena and, of BakeNN, the
integers that it takes and gives. That CMSIS-NN does not compile at -Os by gcc 12 for a Cortex-M55.

END
echo '| target | | | instructions | flash | RAM |'
echo '|---|---|---|--:|--:|--:|'
targets | while IFS='|' read -r target compiler board clock kernels; do
    "$build/eigentensor" emit models/mnist/mnist-int8.json --prefix=mnist --weights-as=array \
        --arena=static -T "$target" -o "$work/ours"
    for level in -O2 -O3 -Os; do
        # shellcheck disable=SC2086
        { ours "$level" && row Eigentensor '' "$target" "$level" "$board" $base; }
        for choice in $kernels; do
            if theirs "$choice" "$level" 2>"$work/gcc.log"; then
                # shellcheck disable=SC2086
                row BakeNN ", $choice" "$target" "$level" "$board" $base
            else
                echo "| $target | BakeNN, $choice | $level | does not compile | | |"
            fi
        done
    done
done

# right NAME: of 1,000 images, by the model in mnist.o, compiled for this machine.
right() {
    for program in targets accuracy; do
        # shellcheck disable=SC2086
        $base "$programs/$program.c" "$work/mnist.o" -lm -o "$work/$program"
    done
    same "$1" "$("$work/targets" | cut -d' ' -f1)" 'on this machine'
    (cd "$work" && ./accuracy) # where it looks for files
}

compiler=gcc clock=1
ours -O2
of_ours=$(right Eigentensor)
theirs portable -O2
of_theirs=$(right BakeNN)
cat <<END

Of the first 1,000 test images we get $of_ours right, and BakeNN $of_theirs:
counted on this machine, by programs whose outputs are those of the boards.
END
