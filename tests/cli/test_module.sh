#!/bin/sh
# WebAssembly modules: built, and run by Node beside the interpreter.
. "$(dirname "$0")/../support/shell.sh"

tool=$build/eigentensor
models=$top/models
enter_work_folder

# ---- What cannot be ----

expect 2 "$tool" build "$models/mnist/mnist.json" --target=wasm64
says err '--target=wasm64: expected '
says err ' wasm32, wasm32-simd, '
for option in --static --main=runner --threads=2; do
    expect 2 "$tool" build "$models/mnist/mnist.json" --target=wasm32-simd "$option"
    says err 'is not for --target=wasm32-simd'
done
expect 1 "$tool" build "$models/mnist/mnist.json" --target=wasm32-simd --cc=gcc -o gcc
says err 'gcc: expected clang, which compiles for WebAssembly'
expect 1 "$tool" build "$models/mnist/mnist.json" --target=wasm32-simd --cc=no-such-clang -o none
says err 'no-such-clang: not found; install clang or name another compiler'
[ ! -e none ] || wrong "a folder without a module"

# ---- What is ----

command -v clang >/dev/null || skip "no clang on this machine (apt-get install clang lld nodejs)"
command -v wasm-ld >/dev/null || skip "no wasm-ld on this machine (apt-get install lld)"
command -v node >/dev/null || skip "no node on this machine (apt-get install nodejs)"

# module TARGET NAME MODEL [OPTION...]: a folder NAME.
module() {
    target=$1 name=$2
    shift 2
    expect 0 "$tool" build "--target=$target" "$@"
    for file in "$name/$name".wasm "$name/$name".js "$name/$name".d.ts "$name"/package.json; do
        [ -s "$file" ] || wrong "no $file"
    done
}

module wasm32-simd mnist "$models/mnist/mnist.json"
module wasm32-simd mnist_int8 "$models/mnist/mnist-int8.json"
mv mnist kept
expect 0 "$tool" build --target=wasm32 "$models/mnist/mnist.json"
mv mnist plain && mv kept mnist
for file in plain/mnist.*; do mv "$file" "plain/plain.${file#plain/mnist.}"; done
sed -i "s|'./mnist.wasm'|'./plain.wasm'|" plain/plain.js

size=$(stat -c %s mnist/mnist.wasm)
limit=$(($(stat -c %s "$models/mnist/mnist.safetensors") + 40000))
[ "$size" -le "$limit" ] || wrong "$size bytes, expected at most $limit"
for path in "${TMPDIR:-/tmp}/" "$work" "$build" "${HOME:-/root}/"; do
    ! grep -aFq "$path" mnist/* || wrong "holds the path $path"
done

mkdir in && cd in || exit 1
cp "$top/examples/linear.json" ..
module wasm32-simd linear ../linear.json
expect 0 "$tool" batch "$models/mnist/mnist.json" -o batched.json
sed -i '0,/"name": "mnist"/s//"name": "batched"/' batched.json
module wasm32-simd batched batched.json
cp "$top/tests/fuzz/corpus/onnx/open_axes" sized.onnx
module wasm32-simd sized sized.onnx --axis x.0=1 --axis width=4,5
sed -n '/^cat >columns.json/,/^END/p' "$top/tests/cli/test_counted.sh" | sed '1d;$d' >columns.json
module wasm32-simd columns columns.json
mv ../mnist ../mnist_int8 ../plain .

# The input is the user's: nothing is written over it.
cp "$models/mnist/mnist.json" "$models/mnist/mnist.safetensors" .
mkdir own && cp mnist.json own/package.json && cp mnist.safetensors own/
expect 1 "$tool" build --target=wasm32-simd own/package.json -o own
says err 'is an input of this command'

node "$top/tests/cli/module.mjs" "$tool" "$models" || wrong "module.mjs"
