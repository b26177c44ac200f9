#!/bin/sh
# matrix.sh BUILD [COUNT]: the table of docs/targets.md, on standard output, of the machines on
# which emitted C ran with the interpreter's bits: what the tests of tests/emit/ say that build and
# run it by cross compilers and emulators, here with COUNT random graphs (200) each. Fails if a test
# does.
set -eu

build=$1 count=${2:-200}
export EIGENTENSOR_CROSS_COUNT="$count" EIGENTENSOR_SMALL_COUNT="$count"
export EIGENTENSOR_AARCH64_COUNT="$count" EIGENTENSOR_WASM_COUNT="$count"
said=$(mktemp)
trap 'rm -f "$said" "$said.rows"' EXIT

for test in emit/test_cross emit/test_aarch64 emit/test_small emit/test_wasm; do
    "$build/tests/$test" --jobs="$(nproc)" >>"$said" 2>&1 || { cat "$said" >&2 && exit 1; }
done

sed -n 's/^# \(.*\): the same bits in \([0-9]*\) small graphs and \([0-9]*\) models$/\1|\2|\3/p' \
    "$said" | LC_ALL=C sort >"$said.rows"
[ -s "$said.rows" ] || { echo "matrix.sh: no test told of a machine" >&2 && exit 1; }

cat <<'END'

## The same bits

Random and other small graphs, and beside them MNIST in float32 and in 8-bit integers and an LSTM
of PyTorch, emitted, compiled for a machine, and run by QEMU, Wine or Node: each output is compared
with the interpreter's, byte by byte; every run of the tests does it. Built by gcc, unless the name
says otherwise, and for WebAssembly by clang: the models and every fourth of the random graphs at
-O2, the others at -Os. Cortex-M0's text ran on a Cortex-M3.

| machine | compiles | runs | bits | small graphs | models |
|---|---|---|---|--:|--:|
END
while IFS='|' read -r machine graphs models; do
    echo "| $machine | yes | yes | same | $graphs | $models |"
done <"$said.rows"
