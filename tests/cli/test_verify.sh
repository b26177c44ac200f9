#!/bin/sh
# Receipts: written by run, verified in every mode, at every level of CPU, on another architecture;
# in part; signed; changed; hostile.
. "$(dirname "$0")/../support/shell.sh"

tool=$build/eigentensor
enter_work_folder
model=$top/models/mnist/mnist.json
digit=$top/models/mnist/samples/3-pen.png
other=$top/models/mnist/samples/3-canvas.png

expect 0 "$tool" run "$model" "$digit" --receipt r.json -o logits.npy
digest=$(sed -n 's/^digest //p' out)
says r.json "\"result\": \"$digest\""

# ---- The same everywhere ----

for mode in eager jit aot; do
    expect 0 "$tool" verify r.json "$model" "$digit" --mode=$mode --result logits.npy
    says out "same: $digest, $mode; the receipt: jit for "
done
for level in baseline avx2; do
    expect 0 env EIGENTENSOR_CPU=$level "$tool" verify r.json "$model" "$digit"
done
expect 0 "$tool" verify r.json "$model" "$digit" --threads=2

# On AArch64 the emitted C is run, and its output taken for the result.
if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null; then
    npy '<f4' '(1, 1, 28, 28)' '' >x.npy
    head -c 3136 /dev/urandom | tr '\177\377' '\76\76' >x.raw # no exponent of all ones
    cat x.raw >>x.npy
    cat >main.c <<'C'
#include "mnist.h"
#include <stdio.h>
static float image[784], logits[10];
static _Alignas(64) char weights[MNIST_WEIGHTS_BYTES], arena[MNIST_ARENA_BYTES];
int main(int count, char **values) {
    FILE *file = fopen(values[count - 1], "rb");
    if (!file || !fread(weights, sizeof weights, 1, file) || !fread(image, sizeof image, 1, stdin))
        return 1;
    const void *inputs[] = {image};
    void *outputs[] = {logits};
    mnist_run(inputs, outputs, weights, arena);
    return !fwrite(logits, sizeof logits, 1, stdout);
}
C
    expect 0 "$tool" run "$model" x.npy --receipt arm.json
    expect 0 "$tool" emit "$model" -o .
    expect 0 aarch64-linux-gnu-gcc -O2 -static main.c mnist.c -o arm -lm
    qemu-aarch64 ./arm mnist.weights <x.raw >y.raw || wrong 'the program for AArch64'
    { npy '<f4' '(1, 10)' '' && cat y.raw; } >y.npy
    expect 0 "$tool" verify arm.json "$model" x.npy --result y.npy --mode=eager
fi

# ---- What differs is named ----

expect 1 "$tool" verify r.json "$model" "$other"
says err 'input "input_image" differs'
expect 1 "$tool" verify r.json "$top/models/mnist/mnist-int8.json" "$digit"
says err 'the receipt is of the graph'
npy '<f4' '(1, 10)' "$(printf '%40s' '' | sed 's/ /\\0/g')" >zeros.npy
expect 1 "$tool" verify r.json "$model" "$digit" --result zeros.npy
says err 'output "logits" differs from element 0 on'
result=$(sed -n 's/.*"digest": "\(.*\)".*/\1/p' r.json | tail -n 1)
sed "s/$result/$digest/" r.json >changed.json
expect 1 "$tool" verify changed.json "$model" "$digit"
says err 'output "logits" differs: the receipt has'
sed "s/\"result\": \"$digest/\"result\": \"$result/" r.json >changed.json
expect 1 "$tool" verify changed.json "$model" "$digit"
says err '"result": expected'

# ---- Images of a batch ----

expect 0 "$tool" batch "$model" -o many.json
npy '<f4' '(3, 1, 28, 28)' '' >three.npy
head -c 9408 /dev/zero | tr '\0' '\76' >>three.npy
expect 0 "$tool" run many.json three.npy --receipt three.json
expect 0 "$tool" verify three.json many.json three.npy
expect 0 "$tool" verify three.json many.json three.npy --images=2 --mode=eager
says out ', 2 of 3 images;'
expect 1 "$tool" verify three.json many.json "$digit"
says err 'the receipt is of 3 images, the files hold 1'
sed "/\"images\"/,/]/s/\"[0-9a-f]\{64\}\"/\"$digest\"/" three.json >changed.json
expect 1 "$tool" verify changed.json many.json three.npy
says err '"images"[0]: expected'
expect 1 "$tool" verify changed.json many.json three.npy --images=1
says err 'the result of image'
expect 1 "$tool" verify r.json "$model" "$digit" --images=2
says err 'the model has no batch axis'

# ---- Signatures ----

if command -v openssl >/dev/null; then
    for key in mine yours; do
        openssl genpkey -algorithm ed25519 -out $key.pem 2>/dev/null
        openssl pkey -in $key.pem -pubout -out $key.pub.pem
    done
    expect 0 "$tool" run "$model" "$digit" --receipt signed.json --sign mine.pem
    expect 0 "$tool" verify signed.json "$model" "$digit" --key mine.pub.pem
    says out ', signed'
    expect 1 "$tool" verify signed.json "$model" "$digit" --key yours.pub.pem
    says err 'signed with another key'
    sed 's/"mode": "jit"/"mode": "aot"/' signed.json >changed.json
    expect 1 "$tool" verify changed.json "$model" "$digit"
    says err 'it was changed'
    expect 1 "$tool" verify r.json "$model" "$digit" --key mine.pub.pem
    says err 'it is not signed'
    expect 1 "$tool" run "$model" "$digit" --receipt x.json --sign mine.pub.pem
    says err 'mine.pub.pem: expected an Ed25519 key in PEM, "BEGIN PRIVATE KEY"'
    [ ! -e x.json ] || wrong 'a receipt without its signature is left'
    # OpenSSL takes the signature for that of the text without it, keys sorted, without blanks.
    if command -v python3 >/dev/null; then
        python3 - <<'PYTHON'
import json
document = json.load(open("signed.json"))
open("signature", "wb").write(bytes.fromhex(document.pop("signature")))
open("text", "w").write(json.dumps(document, sort_keys=True, separators=(",", ":")))
PYTHON
        expect 0 openssl pkeyutl -verify -pubin -inkey mine.pub.pem -rawin -in text \
            -sigfile signature
    fi
fi

# ---- What is no receipt ----

size=$(wc -c <r.json)
cut=1
while [ $cut -lt "$size" ]; do
    head -c $cut r.json >cut.json
    "$tool" verify cut.json "$model" "$digit" >out 2>err
    status=$?
    [ $status = 1 ] || [ $((size - cut)) -le 2 ] || wrong "status $status for $cut bytes"
    cut=$((cut + 97))
done
# refused SED TEXT: a receipt changed so is refused with this text.
refused() {
    sed "$1" r.json >changed.json
    expect 1 "$tool" verify changed.json "$model" "$digit"
    says err "$2"
}
refused 's/eigentensor-receipt/something/' '"format": expected "eigentensor-receipt"'
refused 's/"version": 1/"version": 2/' '"version"'
refused 's/"inputs": \[/"inputs": 7, "more": [/' 'more'
refused "s/$result/abc/" '"outputs"[0]: "digest": expected 64 hexadecimal digits'
refused 's/"mode": "jit"/"mode": 3/' '"mode"'
refused 's/"ran": {/"batch": 1, "ran": {/' '"images"'
refused 's/"ran": {/"batch": 4000000000, "images": [], "ran": {/' '"batch"'
refused 's/"ran": {/"signature": "ab", "ran": {/' '"public_key": expected 64'
expect 1 "$tool" verify nothing.json "$model" "$digit"
says err 'nothing.json'
expect 2 "$tool" verify
says err 'expected a receipt'
expect 2 "$tool" run "$model" "$digit" --sign k.pem
says err '--sign: expected --receipt'
cp "$digit" digit.png
expect 1 "$tool" run "$model" digit.png --receipt digit.png
same digit.png "$digit" 'an input was written over'
