#!/bin/sh
# Files as people have them: links, pipes, names of any length, full disks, outputs that are inputs;
# and what the linker put into every program of ours.
. "$(dirname "$0")/../support/shell.sh"

tool=$build/eigentensor
enter_work_folder
export TMPDIR="$work/temporary"
mkdir temporary cache

# model FILE NAME CONSTANT [NODE]: y = recip(x + CONSTANT), or NODE for it.
model() {
    cat >"$1" <<MODEL
{"format": "eigentensor", "version": 2, "name": "$2",
 "inputs": [{"name": "x", "dtype": "float32", "shape": [1]}],
 "nodes": [
  {"id": 0, "op": "input", "src": [], "name": "x", "dtype": "float32", "shape": [1]},
  {"id": 1, "op": "const", "src": [], "value": $3, "dtype": "float32", "shape": [1]},
  {"id": 2, "op": "add", "src": [0, 1], "dtype": "float32", "shape": [1]},
  {"id": 3, "op": "recip", "src": [2], "dtype": "float32", "shape": [1]}],
 "outputs": [{"name": "y", "node": 3}]}
MODEL
}
npy '<f4' '(1,)' '\0\0\0\200' >minus.npy
model m.json m -0

# ---- What is read ----

expect 0 "$tool" run m.json minus.npy
says out '-inf'
cp m.json whole.json
printf '\357\273\277' >marked.json
cat m.json >>marked.json
expect 0 "$tool" run marked.json minus.npy
says out '-inf'

mkdir blobs cached
cp "$top/models/mnist/mnist.json" blobs/1
cp "$top/models/mnist/mnist.safetensors" blobs/2
ln -s ../blobs/1 cached/mnist.json
ln -s ../blobs/2 cached/mnist.safetensors
ln -s "$top/models/mnist/samples/7-pen.png" seven.png
expect 0 "$tool" run cached/mnist.json seven.png

mkfifo pipe pipe.json
for command in "run pipe.json minus.npy" "run m.json pipe" \
    "run cached/mnist.json -w pipe seven.png" \
    "run m.json --tuned=pipe minus.npy" "run m.json minus.npy -o pipe" "emit pipe.json"; do
    # shellcheck disable=SC2086
    expect 1 timeout 10 "$tool" $command
done
expect 1 timeout 10 "$tool" run m.json pipe
says err 'pipe: expected a regular file'

# ---- Outputs that are inputs ----

# refused FILE COMMAND...: says so, and leaves the file as it was.
refused() {
    cp "$1" before
    file=$1
    shift
    expect 1 "$tool" "$@"
    says err 'is an input of this command, so it cannot be an output'
    same "$file" before "$file was overwritten: $*"
}
cp cached/mnist.json mnist.json
cp cached/mnist.safetensors mnist.safetensors
ln -s m.json link.json
ln m.json hard.json
refused m.json build m.json -o m.json
refused m.json build m.json -o link.json
refused m.json build hard.json -o ./m.json
refused mnist.safetensors build mnist.json -o mnist.safetensors
refused mnist.json batch mnist.json -o mnist.json
ln -s mnist.safetensors other.safetensors
refused mnist.safetensors batch mnist.json -o other.json
rm other.safetensors
refused mnist.json rewrite winograd mnist.json -o mnist.json
refused mnist.json tune mnist.json --mode=jit -o mnist.json
refused minus.npy run m.json minus.npy -o minus.npy
refused minus.npy run m.json x=minus.npy -o y=./minus.npy
refused m.json run m.json minus.npy -o m.json
cp m.json m.h
refused m.h emit m.h
cp m.json m
refused m build m
rm m m.h
expect 0 "$tool" build m.json -o m
cp minus.npy before
expect 1 ./m minus.npy -o minus.npy
same minus.npy before

# ---- Names ----

long=$(printf '%20480s' '' | tr ' ' n)
sed "s/\"x\"/\"$long\"/g; s/\"y\"/\"${long%n}m\"/" whole.json >long.json
for mode in eager jit aot; do
    expect 0 "$tool" run -m $mode long.json minus.npy
    says out '-inf'
done
"$tool" run long.json "$long=minus.npy" -o "${long%n}m=r.npy" >out 2>err ||
    wrong "names of 20480 bytes"
expect 0 "$tool" emit long.json -o emitted
expect 0 gcc -std=c11 -Wall -Wextra -Werror -ffp-contract=off -c emitted/m.c -o emitted/m.o
expect 0 "$tool" inspect long.json
sed "s/\"x\"/\"n$long\"/g" whole.json >long.json
expect 1 "$tool" run long.json minus.npy
says err 'has 20481 bytes, expected 1 to 20480'

sed 's|"x"|"a/b=c"|g; s|"y"|"d=e/f"|g' whole.json >signs.json
expect 0 "$tool" run signs.json a/b=c=minus.npy -o d=e/f=r.npy
expect 1 "$tool" run signs.json a/b=c=minus.npy -o d=e/f=minus.npy
says err 'minus.npy: is an input of this command'
expect 1 "$tool" run signs.json a/b=c=minus.npy -o d=e/f=signs.json
says err 'signs.json: is an input of this command'
expect 1 "$tool" run signs.json b=minus.npy
says err 'there is no input "b"; the inputs are: a/b=c'
expect 0 "$tool" run signs.json ./minus.npy

name=$(printf '%250s' '' | tr ' ' a)
model one.json "$name" -0
model two.json "${name}b" -0
expect 0 "$tool" run -m aot one.json minus.npy
expect 0 "$tool" emit one.json -o cut
expect 0 "$tool" emit two.json -o cut
set -- cut/*
[ $# -eq 6 ] || wrong "names that were cut are not distinct: $*"
expect 0 "$tool" build one.json
expect 0 "$tool" build two.json
set -- aaaa*
[ $# -eq 2 ] || wrong "programs of cut names: $*"

# ---- A full disk, for which a limit on the size of files stands ----

expect 0 "$tool" emit mnist.json -o whole
cp -r whole before_full
(
    trap '' XFSZ
    ulimit -f 200
    "$tool" emit mnist.json --prefix=mnist --target=avx2 -o whole 2>err
) && wrong "the disk was not full"
says err 'cannot write'
diff -r whole before_full || wrong "a full disk left something else than before"
(
    trap '' XFSZ
    ulimit -f 200
    "$tool" batch mnist.json -o fresh.json 2>err
) && wrong "the disk was not full"
[ "$(echo fresh*)" = 'fresh*' ] || wrong "left behind: $(echo fresh*)"

# ---- What killed processes left ----

true &
gone=$!
wait $gone
mkdir "temporary/eigentensor-$gone-AbCdEf"
touch "whole/mnist.c.$gone-0.part" "temporary/eigentensor-$gone-AbCdEf/a.c"
touch -d '1 hour ago' "whole/mnist.c.$gone-0.part" "temporary/eigentensor-$gone-AbCdEf"
expect 0 "$tool" emit mnist.json -o whole
diff -r whole before_full || wrong "left behind: $(ls whole)"
expect 0 "$tool" build m.json -o again
[ -z "$(ls temporary)" ] || wrong "left behind: $(ls temporary)"

# ---- The compiler ----

expect 0 "$tool" build m.json --cc "env CCACHE_DISABLE=1 'gcc'" -o wrapped
expect 0 ./wrapped minus.npy
says out '-inf'
expect 1 "$tool" build m.json --cc "'gcc" -o wrapped
says err 'expected a compiler, quoted as a shell has it'

# ---- What is linked ----

# hardened FILE: read-only tables, all bound when it starts, loaded anywhere, canaries.
hardened() {
    readelf -hlWd "$1" >facts 2>&1 || wrong "readelf: $1"
    says facts 'DYN ('
    says facts 'GNU_RELRO'
    grep -Eq 'BIND_NOW|Flags:.* NOW' facts || wrong "no BIND_NOW in $1"
    ! grep -q TEXTREL facts || wrong "relocations of text in $1"
}
# guarded FILE: it has canaries and checked copies.
guarded() {
    readelf -Ws --dyn-syms "$1" >facts
    says facts __stack_chk_fail
}
"$tool" run -m aot mnist.json seven.png >/dev/null
"$tool" build mnist.json -o classify
for file in "$build/eigentensor" "$build/eigentensor-server" "$build/demo" \
    "$build/libeigentensor.so" classify m; do
    [ -e "$file" ] || continue
    hardened "$file"
    guarded "$file"
done
readelf -Ws --dyn-syms classify >facts
grep -Eq '__[a-z]+_chk' facts || wrong "nothing is fortified in a program"
expect 0 "$tool" build --static m.json -o still
hardened still
expect 0 ./still minus.npy
