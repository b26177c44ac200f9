#!/bin/sh
# `make static-musl`: one file that runs in a folder that has nothing else, with the same digests.
# It is built unoptimised here, but for the kernels: those of this build, which ask nothing of a C
# library but memory functions.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/cross.sh

triplet=$(uname -m)-linux-musl
for tool in "$triplet-gcc" dpkg-source objcopy; do
    command -v "$tool" >/dev/null || skip "no $tool on this machine"
done
# glibc's checked memcpy takes a size more, and is the same where that is not looked at.
kernels=build/cross/$triplet/runtime/kernels
mkdir -p "$kernels"
for object in "$build"/runtime/kernels/*_*.o; do
    objcopy --redefine-sym __memcpy_chk=memcpy "$object" "$kernels/${object##*/}"
done
cross_optimize=-O0
make_cross "$triplet" "build/cross/$triplet/eigentensor-static"
tool=$there/eigentensor-static here=$build/eigentensor models=$top/models/mnist
enter_work_folder
readelf -l "$tool" >program
! grep -q INTERP program || wrong "it names a loader: $(cat program)"

# ---- Where everything is ----

expect 0 "$tool" check "$models/mnist.json" -n 1
says out 'skipped gcc -O2: this program has its C library inside, and loads no other'
says out '7 ways, the same bits in every output'
expect 0 "$tool" build "$models/mnist.json" --static -o classify

# A signature, by big integers of another origin.
openssl genpkey -algorithm ed25519 -out key.pem && openssl pkey -in key.pem -pubout -out public.pem
digit=$models/samples/3-pen.png
expect 0 "$here" run "$models/mnist.json" "$digit" --receipt receipt --sign key.pem
expect 0 "$tool" verify receipt "$models/mnist.json" "$digit" --key public.pem
sed 's/"mode": "jit"/"mode": "aot"/' receipt >changed
expect 1 "$tool" verify changed "$models/mnist.json" "$digit" --key public.pem

# ---- Where nothing is ----

enter() {
    if [ "$(id -u)" = 0 ]; then
        env -u TMPDIR chroot empty "$@" # which is not in there
    else
        env -u TMPDIR unshare --map-root-user chroot empty "$@"
    fi
}
mkdir empty
cp "$tool" empty/eigentensor
cp classify "$models"/mnist*.json "$models"/mnist*.safetensors "$digit" \
    "$top"/tests/import/torch/lstm.onnx* empty
enter /eigentensor --version >out 2>err || skip "this user may not chroot: $(cat err)"

for mode in eager jit; do
    "$here" run "$models/mnist.json" "$digit" -m $mode >expected
    expect 0 enter /eigentensor run mnist.json 3-pen.png -m $mode
    same out expected "$mode gives another digest"
done
for model in mnist.json mnist-int8.json 'lstm.onnx --axis batch=3'; do
    # shellcheck disable=SC2086  # words of a command
    (cd empty && PATH=/nowhere "$here" check $model -n 2) >all || wrong "check $model: $(cat all)"
    grep -v '^skipped' all >expected
    # shellcheck disable=SC2086
    expect 0 enter /eigentensor check $model -n 2
    grep -v '^skipped' out >found
    says found ' ways, the same bits in every output'
    same found expected "$model gives other digests"
done
expect 0 enter /eigentensor emit mnist.json -o emitted
"$here" emit "$models/mnist.json" -o emitted
diff -r emitted empty/emitted || wrong 'it emits another text'
expect 0 enter /classify 3-pen.png
says out '3-pen.png: 3'
mkdir empty/tmp
expect 1 enter /eigentensor build mnist.json -o another
says err 'gcc: not found; install gcc or name another compiler'
