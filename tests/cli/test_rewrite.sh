#!/bin/sh
# eigentensor rewrite as its users meet it: what it writes, what it says, its exit status.
. "$(dirname "$0")/../support/shell.sh"

tool=$build/eigentensor
mnist=$top/models/mnist/mnist.json
samples=$top/models/mnist/samples
digit=$samples/7-pen.png
mnist_folder=$(realpath -m "${MNIST_DIR:-../shared/mnist}")
enter_work_folder

digest_of() {
    "$tool" inspect --summary "$1" | sed -n 's/^digest *//p'
}

# same_in_modes MODEL INPUT: its digest is the interpreter's by libtcc and by gcc. (`check` has more
# ways, and is for one model of each kind of number.)
same_in_modes() {
    for mode in eager jit aot; do
        "$tool" run --mode=$mode "$1" "$2" | grep '^digest'
    done >digests
    [ "$(wc -l <digests)" -eq 3 ] || wrong "$1: a mode does not run"
    [ "$(sort -u digests | wc -l)" -eq 1 ] || wrong "$1: digests of the modes: $(cat digests)"
}

# ---- A new graph, and its report ----

expect 0 "$tool" rewrite winograd "$mnist" -o winograd.json
says out 'winograd: 3 of 4 sites'
says out 'stays: it would not be faster'
says out 'F(4x4, 5x5)'
says out '10240000 multiplications become 1849600; '
says out 'output logits float32[1,10]'
grep -Eq '^    before( +[0-9.]+e-[0-9]+){3}$' out || wrong "no errors before: $(cat out)"
grep -Eq '^    after ( +[0-9.]+e-[0-9]+){3}$' out || wrong "no errors after: $(cat out)"
says out "digest before  $(digest_of "$mnist")"
says out "digest after   $(digest_of winograd.json)"
[ "$(digest_of winograd.json)" != "$(digest_of "$mnist")" ] || wrong "the digest is the old one"
! grep -q "$(printf '\033')" out || wrong "escape sequences in a file"
says winograd.json '"file": "winograd.safetensors"'
says winograd.json '"name": "layers.2.weight.winograd", "dtype": "float32", "shape": [8, 8, 32, 32]'
! grep -q '"layers.2.weight"' winograd.json || wrong "a weight without use is still there"
says winograd.json '"name": "mnist"'

# The same bits in every mode, and others than before.
same_in_modes winograd.json "$digit"
"$tool" run "$mnist" "$digit" | grep '^digest' >>digests
[ "$(sort -u digests | wc -l)" -eq 2 ] || wrong "rewriting changed no bit: $(cat digests)"

# Writing again writes the same.
mkdir again
expect 0 "$tool" rewrite winograd "$mnist" -o again/winograd.json
same winograd.json again/winograd.json
same winograd.safetensors again/winograd.safetensors

# One rewrite after the other is both at once.
expect 0 "$tool" rewrite fold-batchnorm "$mnist" -o folded.json --name=folded
says out 'fold-batchnorm: 4 of 5 sites'
says out '4 operations: all forward into layers.13.weight'
says folded.json '"name": "folded"'
expect 0 "$tool" rewrite winograd folded.json -o one.json
expect 0 "$tool" rewrite fold-batchnorm,winograd "$mnist" -o two.json --name=folded
[ "$(digest_of one.json)" = "$(digest_of two.json)" ] || wrong "two rewrites are not one and one"

# ---- store-weights ----

expect 0 "$tool" rewrite store-weights "$mnist" -o half.json
says out 'store-weights: 5 of 5 sites'
says out 'float16, off by 0.0'
says out "digest after   $(digest_of half.json)"
says half.json '"name": "layers.2.weight.float16", "dtype": "float16", "shape": [32, 32, 5, 5]'
! grep -q '"layers.2.weight"' half.json || wrong "a weight without use is still there"
expect 0 "$tool" rewrite store-weights "$mnist" -o brain.json --type=bfloat16
says brain.json '"name": "layers.2.weight.bfloat16", "dtype": "bfloat16"'
same_in_modes brain.json "$digit"
expect 0 "$tool" check half.json --seeds=1
says out 'the same bits in every output'
expect 1 "$tool" rewrite store-weights half.json -o none.json
says err 'store-weights found nothing to do'
expect 2 "$tool" rewrite store-weights "$mnist" -o none.json --type=float8
says err 'float8: expected float16, bfloat16, int8 or int4'
expect 2 "$tool" rewrite winograd "$mnist" -o none.json --type=float16
says err '--type is for store-weights'
expect 0 "$tool" rewrite store-weights "$mnist" -o codes.json --type=int4
says out 'store-weights: 1 of 5 sites'
says out 'int4 by blocks of 32 with scales of float16, off by'
says out 'stays: nothing sums over one axis of it alone'
says codes.json '"name": "layers.13.weight.int4", "dtype": "uint8", "shape": [10, 18, 16]'
expect 0 "$tool" rewrite store-weights "$mnist" -o zeros.json --type=int8 --block=64 --zeros
says out 'int8 by blocks of 64 with scales of float16, off by 0.'
says zeros.json '"name": "layers.13.weight.zero", "dtype": "uint8", "shape": [10, 9]'
same_in_modes zeros.json "$digit"
expect 0 "$tool" check codes.json --seeds=1
says out 'the same bits in every output'
expect 1 "$tool" rewrite store-weights "$mnist" -o none.json --type=int8 --block=128
says out 'its sums have 576 elements, which are no blocks of 128'
expect 2 "$tool" rewrite store-weights "$mnist" -o none.json --type=int4 --block=33
says err '33: expected an even number'
expect 2 "$tool" rewrite store-weights "$mnist" -o none.json --type=int4 --block=8
expect 2 "$tool" rewrite store-weights "$mnist" -o none.json --zeros
says err '--block and --zeros are for --type=int8 and int4'
[ ! -e none.json ] || wrong "a graph was written that should not be"

# ---- quantize ----

# idx SHAPE-BYTES, then elements from standard input.
idx() {
    # shellcheck disable=SC2059
    printf "$1"
    cat
}
cat "$top"/models/mnist/samples/*.png | tail -c 1568 |
    idx '\0\0\010\003\0\0\0\002\0\0\0\034\0\0\0\034' >two
expect 0 "$tool" rewrite quantize "$mnist" -o int8.json --data two
says out 'quantize: 5 of 5 sites'
says out 'layers.0.weight'
says out 'in steps of 0.003922, zero is 0; 32 scales of weights, off by 0.56 %'
says out "digest after   $(digest_of int8.json)"
says int8.json '"name": "layers.2.weight.int8", "dtype": "int8", "shape": [32, 32, 5, 5]'
expect 0 "$tool" rewrite quantize "$mnist" -o again/int8.json --data input_image=two --samples=2
same int8.json again/int8.json
same int8.safetensors again/int8.safetensors
expect 0 "$tool" rewrite quantize "$mnist" -o one.json --data two --samples=1
[ "$(digest_of one.json)" != "$(digest_of int8.json)" ] || wrong "--samples has no influence"
expect 0 "$tool" check int8.json --seeds=1
says out 'the same bits in every output'
expect 2 "$tool" rewrite quantize "$mnist" -o none.json
says err 'quantize needs inputs to run on, --data'
for option in --data=two --samples=2 --range=entropy --error=1% --accuracy=1% --labels=two; do
    expect 2 "$tool" rewrite winograd "$mnist" -o none.json $option
    says err "${option%%=*} is for quantize"
done
expect 2 "$tool" rewrite --fast "$mnist" -o none.json --error=1%
says err '--error is for quantize'
expect 2 "$tool" rewrite fold-batchnorm "$mnist" -o none.json --tile=2x2
says err '--tile is for winograd'
expect 2 "$tool" rewrite quantize "$mnist" -o none.json --data two --samples=0
head -c 1 /dev/zero | idx '\0\0\010\003\0\0\0\001\0\0\0\001\0\0\0\001' >tiny
expect 1 "$tool" rewrite quantize "$mnist" -o none.json --data tiny
says err 'tiny: input input_image: expected float32[1,1,28,28], found entries uint8[1,1]'
expect 1 "$tool" rewrite quantize "$mnist" -o none.json --data two --data two
says err 'expected a file for each of 1 input'
expect 1 "$tool" rewrite quantize "$mnist" -o none.json --data other=two
says err 'there is no input "other"'
expect 1 "$tool" rewrite quantize "$mnist" -o none.json --data missing
says err 'missing'
expect 1 "$tool" rewrite quantize "$mnist" -o none.json --data "$digit"
npy_of_floats() { # SHAPE, then elements from standard input
    printf "\223NUMPY\001\000v\000%-117s\n" \
        "{'descr': '<f4', 'fortran_order': False, 'shape': $1, }"
    cat
}
head -c 6272 /dev/zero | npy_of_floats '(2, 784)' >two.npy
expect 0 "$tool" rewrite quantize "$mnist" -o zeros.json --data two.npy --samples=1
head -c 6272 /dev/zero | npy_of_floats '(4, 1, 28, 14)' >narrow.npy
expect 1 "$tool" rewrite quantize "$mnist" -o none.json --data narrow.npy
says err 'narrow.npy: input input_image: expected float32[1,1,28,28] along a first axis'
says err ' of samples, found float32[4,1,28,14]'
npy_of_floats '(0, 1, 28, 28)' </dev/null >empty.npy
expect 1 "$tool" rewrite quantize "$mnist" -o none.json --data empty.npy
says err 'along a first axis of samples, found float32[0,1,28,28]'
printf '\001\007' | idx '\0\0\010\001\0\0\0\002' >labels
printf '\001\007\007' | idx '\0\0\010\001\0\0\0\003' >three
expect 1 "$tool" rewrite quantize "$mnist" -o none.json --data two --labels three --accuracy 1%
says err 'three: expected 2 labels along one axis, one for each sample'
expect 2 "$tool" rewrite quantize "$mnist" -o none.json --data two --accuracy 1%
says err '--accuracy needs --labels'
expect 2 "$tool" rewrite quantize "$mnist" -o none.json --data two --error 101%
says err '101%: expected a share above 0, as 0.01 or 1%'
expect 2 "$tool" rewrite quantize "$mnist" -o none.json --data two --range all
says err 'all: no such range'
expect 1 "$tool" rewrite quantize "$mnist" -o none.json --data two --error 1e-9
says out 'stays: it is too sensitive for the budget; alone it changes the outputs by '
says err 'quantize found nothing to do'
[ ! -e none.json ] || wrong "a graph after an error"
expect 0 "$tool" rewrite quantize "$mnist" -o budget.json --data two --labels labels --accuracy 1%
says out 'quantize: 5 of 5 sites'
[ "$(digest_of budget.json)" = "$(digest_of int8.json)" ] ||
    wrong "a budget changes what it need not"
for range in percentile squares entropy; do
    expect 0 "$tool" rewrite quantize "$mnist" -o $range.json --data two --range $range
done
[ "$(digest_of entropy.json)" != "$(digest_of int8.json)" ] || wrong "--range has no influence"

# The shipped model is what `make model-int8` makes, where MNIST's training images are.
images=$mnist_folder/train-images-idx3-ubyte.gz
if [ -r "$images" ]; then
    expect 0 "$tool" rewrite quantize "$mnist" -o mnist-int8.json --name mnist-int8 --data "$images"
    same mnist-int8.json "$top/models/mnist/mnist-int8.json"
    same mnist-int8.safetensors "$top/models/mnist/mnist-int8.safetensors"
fi

# ---- Options ----

expect 0 "$tool" rewrite winograd "$mnist" -o tiles.json --tile=2x4
says out 'winograd: 4 of 4 sites'
says out 'F(2x4, 3x3)'
expect 0 "$tool" rewrite winograd "$mnist" -o tiles.json --tile=6x6
says out 'stays: it has no tiles of 6x6'
expect 0 "$tool" rewrite winograd "$mnist" -o input.json --input="$digit"
mv out digit
expect 0 "$tool" rewrite winograd "$mnist" -o input.json --seed=7
! cmp -s out digit || wrong "--input has no influence"
[ "$(digest_of input.json)" = "$(digest_of winograd.json)" ] ||
    wrong "the input has an influence on the graph"
expect 0 "$tool" rewrite --help
for text in fold-batchnorm winograd --output=OUT.json --input --tile --allow-none --weights=FILE \
    'Usage: eigentensor rewrite [OPTION...] NAME[,NAME...] MODEL.json'; do
    says out "$text"
done
expect 0 "$tool" --help
says out '  rewrite '

# ---- --fast: as much as a bound allows ----

expect 0 "$tool" rewrite fold-batchnorm,winograd "$mnist" -o both.json
expect 0 "$tool" rewrite --fast "$mnist" -o fast.json
grep -Eq '^error [0-9.]+e-[0-9]+ of the largest element, at most 0.0001$' out ||
    wrong "no error: $(cat out)"
[ "$(digest_of fast.json)" = "$(digest_of both.json)" ] || wrong "not all rewrites were done"
expect 0 "$tool" rewrite --fast=6e-7 "$mnist" -o careful.json
[ "$(digest_of careful.json)" != "$(digest_of both.json)" ] || wrong "the bound changes nothing"
expect 1 "$tool" rewrite --fast=1e-9 "$mnist" -o x.json
says err 'mnist.json: no rewrite keeps within 1e-09'
[ ! -e x.json ] || wrong "a file in spite of an error"

# The other commands take it, and say which graph they run.
"$tool" run fast.json "$digit" >wanted
expect 0 "$tool" run --fast "$mnist" "$digit"
same wanted out
says err "eigentensor: --fast: graph $(digest_of fast.json), error "
expect 0 "$tool" run --fast=1e-9 "$mnist" "$digit"
says err 'mnist.json keeps within 1e-09'
"$tool" run "$mnist" "$digit" >direct
same direct out
expect 0 "$tool" emit --fast "$mnist" -o emitted
says emitted/mnist.c "$(digest_of fast.json)"
expect 0 "$tool" build --fast "$mnist" -o fast
expect 0 ./fast "$digit"
mv out standalone
expect 0 "$tool" build fast.json -o stored
expect 0 ./stored "$digit"
same standalone out
expect 0 "$tool" check --fast --seeds=1 "$mnist"
expect 0 "$tool" bench --fast --time=1 "$mnist"
for bound in 0 -1 x nan inf 1e-4x; do
    expect 2 "$tool" run --fast=$bound "$mnist" "$digit"
    says err "$bound: expected a bound of the error, as 1e-4"
done

# ---- Integers ----

cat >codes.json <<'END'
{"format": "eigentensor", "version": 2, "name": "codes",
 "inputs": [{"name": "x", "dtype": "uint8", "shape": [2, 4]}],
 "nodes": [
  {"id": 0, "op": "input", "src": [], "name": "x", "dtype": "uint8", "shape": [2, 4]},
  {"id": 1, "op": "cast", "src": [0], "dtype": "float32", "shape": [2, 4]},
  {"id": 2, "op": "const", "src": [], "value": 0.5, "dtype": "float32", "shape": [2, 4]},
  {"id": 3, "op": "mul", "src": [1, 2], "dtype": "float32", "shape": [2, 4]},
  {"id": 4, "op": "const", "src": [], "value": [1, -2, 3, -4], "dtype": "int8", "shape": [1, 4]},
  {"id": 5, "op": "cast", "src": [4], "dtype": "float32", "shape": [1, 4]},
  {"id": 6, "op": "const", "src": [], "value": SCALE, "dtype": "float32", "shape": [1, 4]},
  {"id": 7, "op": "mul", "src": [5, 6], "dtype": "float32", "shape": [1, 4]},
  {"id": 8, "op": "expand", "src": [7], "dtype": "float32", "shape": [2, 4]},
  {"id": 9, "op": "contract", "src": [3, 8], "axes": [1], "dtype": "float32", "shape": [2]}
 ],
 "outputs": [{"name": "y", "node": 9}]}
END
npy '|u1' '(2, 4)' '\0\1\2\377\200\177\003\005' >codes.npy
sed 's/SCALE/0.25/' codes.json >powers.json
sed 's/SCALE/0.3/' codes.json >others.json
expect 0 "$tool" rewrite integers --exact powers.json -o integers.json
says out 'integers: 1 of 1 sites'
says out 'sums up to 4080: the bits are the same'
for mode in eager jit aot; do
    "$tool" run --mode=$mode integers.json codes.npy | grep '^digest' >>integers
done
"$tool" run --mode=eager powers.json codes.npy | grep '^digest' >>integers
[ "$(wc -l <integers)" -eq 4 ] || wrong "a mode does not run"
[ "$(sort -u integers | wc -l)" -eq 1 ] || wrong "bits changed: $(cat integers)"
expect 1 "$tool" rewrite integers --exact others.json -o none.json
says out 'stays: float32 rounds the products: some scale is no power of two'
says err 'others.json: integers found nothing to do'
[ ! -e none.json ] || wrong "a file in spite of an error"
expect 0 "$tool" rewrite integers others.json -o integers.json
says out 'sums up to 4080: float32 rounds on the way'
expect 2 "$tool" rewrite winograd --exact "$mnist" -o x.json
says err '--exact is for integers'

# ---- Integer inputs and outputs ----

expect 0 "$tool" rewrite quantize "$mnist" -o sensor.json --data two --io int8 --name sensor
says out 'input_image              float32[1,1,28,28]   int8, scale 0.00392156886, zero -128'
says out 'quantize: 7 of 7 sites'
says sensor.json '"shape": [1, 1, 28, 28], "scale": 0.003921569, "zero": -128}'
same_in_modes sensor.json "$digit"
expect 0 "$tool" inspect --summary sensor.json
says out 'input       input_image int8[1,1,28,28], scale 0.00392156886, zero -128'
grep -Eq '^output      logits int8\[1,10\], scale 0\.[0-9]+, zero -?[0-9]+$' out ||
    wrong "no scale of the output: $(cat out)"

# A program in C, which the header tells what the integers are, and `run`, on the same digit.
cat >sensor_main.c <<'END'
#include "sensor/sensor.h"
#include <stdio.h>
static _Alignas(64) unsigned char weights[SENSOR_WEIGHTS_BYTES], arena[SENSOR_ARENA_BYTES];
int main(int argc, char **argv) {
    int8_t image[784], logits[10];
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (!file || fread(weights, 1, sizeof weights, file) != sizeof weights)
        return 1;
    fclose(file);
    file = fopen(argv[2], "rb");
    if (!file || fseek(file, 128, SEEK_SET) || fread(image, 1, sizeof image, file) != sizeof image)
        return 1;
    fclose(file);
    const struct sensor_inputs inputs = {.input_image = image};
    const struct sensor_outputs outputs = {.logits = logits};
    sensor_run(&inputs, &outputs, weights, arena);
    fwrite(logits, 1, sizeof logits, stdout);
    return !(SENSOR_INPUT_0_SCALE * 255 == 1 && SENSOR_INPUT_0_ZERO == INT8_MIN &&
             SENSOR_OUTPUT_0_SCALE > 0 && SENSOR_OUTPUT_0_ZERO > INT8_MIN);
}
END
{
    npy '|i1' '(1, 1, 28, 28)' ''
    tail -c 784 two | LC_ALL=C tr '\000-\377' '\200-\377\000-\177'
} >image.npy
expect 0 "$tool" emit sensor.json -o sensor
says sensor/sensor.h '#define SENSOR_INPUT_0_SCALE 0x1.010102p-8f /* 0.00392156886 */'
says sensor/sensor.h '#define SENSOR_INPUT_0_ZERO -128'
says sensor/sensor.h \
    'const int8_t *input_image; /* int8[1,1,28,28], scale 0.00392156886, zero -128 */'
expect 0 gcc -std=c11 -O1 -Wall -Wextra -Werror -ffp-contract=off sensor_main.c sensor/sensor.c \
    -o sensor_main
expect 0 ./sensor_main sensor/sensor.weights image.npy
mv out found
expect 0 "$tool" run --mode=eager sensor.json image.npy -o logits.npy
tail -c 10 logits.npy >logits
same found logits

printf '\0\0\010\001\0\0\0\002\001\007' >two_labels
# A drawn digit, in every way that takes one: the integers nearest to its pixels.
for io in int8 uint8; do
    expect 0 "$tool" rewrite quantize "$mnist" -o $io.json --data two --io $io --name $io
    expect 0 "$tool" run --mode=eager $io.json "$samples/5-pen.png" -o pen.npy
    expect 0 "$tool" build $io.json -o classify
    expect 0 ./classify --json "$samples/5-pen.png"
    says out '"digit": 5'
    expect 0 ./classify --idx two two_labels --json
    says out '"pictures": 2'
    expect 0 "$tool" build $io.json --main=runner -o classify
    expect 0 ./classify "$samples/5-pen.png" -o again.npy
    same pen.npy again.npy
done
expect 0 "$tool" run --mode=eager int8.json two --index=1 -o entry.npy
expect 0 "$tool" run --mode=eager int8.json image.npy -o array.npy
same entry.npy array.npy

expect 0 "$tool" rewrite quantize "$mnist" -o equal.json --data two --equalise
says out 'quantize: 5 of 5 sites'
says out 'layers.2.weight.folded'
expect 2 "$tool" rewrite winograd "$mnist" -o x.json --equalise
says err '--equalise is for quantize'

expect 0 "$tool" rewrite integers others.json -o sensor.json --io uint8
says out 'stays: it is not made of 8-bit integers alone'
expect 2 "$tool" rewrite winograd --io int8 "$mnist" -o x.json
says err '--io is for integers and quantize'
expect 2 "$tool" rewrite integers --io int16 "$mnist" -o x.json
says err 'int16: expected int8 or uint8'

# ---- Nothing to do ----

expect 1 "$tool" rewrite winograd winograd.json -o none.json
says err 'winograd.json: winograd found nothing to do'
says out 'winograd: 0 of 1 sites'
[ ! -e none.json ] || wrong "a file in spite of an error"
expect 1 "$tool" rewrite winograd,fold-batchnorm folded.json -o none.json
says err 'folded.json: fold-batchnorm found nothing to do'
[ ! -e none.json ] || wrong "a file in spite of an error"
expect 0 "$tool" rewrite winograd winograd.json -o none.json --allow-none
[ "$(digest_of none.json)" = "$(digest_of winograd.json)" ] || wrong "changed without a site"

# ---- Errors and wrong usage ----

expect 1 "$tool" rewrite winograd absent.json -o x.json
says err 'absent.json: No such file'
expect 1 "$tool" rewrite winograd "$mnist" -o x.txt
says err 'x.txt: expected a name that ends with .json'
expect 1 "$tool" rewrite winograd "$mnist" -o "$mnist/x.json"
says err 'mnist.json: expected a folder, found a file'
expect 1 "$tool" rewrite winograd "$mnist" -o x.json --input=absent.png
says err 'absent.png: No such file'
expect 1 "$tool" rewrite winograd "$mnist" -o x.json --input="$digit" --input="$digit"
[ ! -e x.json ] || wrong "a file in spite of an error"
expect 2 "$tool" rewrite
says err 'expected the name of a rewrite'
expect 2 "$tool" rewrite winograd
says err 'expected a model'
expect 2 "$tool" rewrite winograd "$mnist"
says err '--output=OUT.json'
expect 2 "$tool" rewrite fold,winograd "$mnist" -o x.json
says err 'fold: no such rewrite'
expect 2 "$tool" rewrite winograd, "$mnist" -o x.json
expect 2 "$tool" rewrite winograd,winograd "$mnist" -o x.json
says err 'winograd: named twice'
expect 2 "$tool" rewrite winograd "$mnist" other.json -o x.json
for tile in 4 4x 4x44 0x4 x 4x4x4 4,4; do
    expect 2 "$tool" rewrite winograd "$mnist" -o x.json --tile=$tile
    says err "$tile: expected height and width of a tile"
done
expect 2 "$tool" rewrite winograd "$mnist" -o x.json --seed=-1
