#!/bin/sh
# ONNX models on the command line: at sizes that are given or that the files have, stored, built.
. "$(dirname "$0")/../support/shell.sh"

tool=$build/eigentensor
enter_work_folder
for seed in open_axes conv external names; do
    cp "$top/tests/fuzz/corpus/onnx/$seed" "$seed.onnx"
done

# npy SHAPE FILE BYTES: an array of float32 zeros.
npy() {
    header="{'descr': '<f4', 'fortran_order': False, 'shape': $1, }"
    padded=$(printf '%-117s' "$header")
    { printf '\223NUMPY\1\0\166\0%s\n' "$padded" && head -c "$3" /dev/zero; } >"$2"
}
npy '(2, 3, 5)' five.npy 120
npy '(1, 3, 4)' four.npy 48
npy '(1, 2, 6, 6)' image.npy 288
npy '(3, 2)' pairs.npy 24

# Sizes: those of the files, those that are given, none.
expect 0 "$tool" run open_axes.onnx five.npy
says out 'y float32[3,10]'
expect 0 "$tool" run open_axes.onnx x=four.npy --axis x.2=4
says out 'y float32[3,4]'
expect 1 "$tool" run open_axes.onnx five.npy --axis width=4
says err 'five.npy: input x: expected float32[2,3,4], found float32[2,3,5]'
expect 1 "$tool" inspect open_axes.onnx
says err 'open axes without a size: width (axis 2 of "x"); give each one, as --axis NAME=SIZE'
expect 1 "$tool" inspect conv.onnx --axis width=4
says err 'no input has an open axis "width"'
expect 2 "$tool" inspect open_axes.onnx --axis width
says err 'expected NAME=SIZE'
expect 2 "$tool" inspect open_axes.onnx --axis width=-3
says err 'expected a number from 0'
expect 1 "$tool" inspect "$top/models/mnist/mnist.json" --axis width=4
says err 'a stored graph has no open axes to give a size (--axis)'

# Names of any bytes, as they are shown.
expect 0 "$tool" run names.onnx 'a\xff\x00\x0a\x5cx0a=pairs.npy' -o 'y\x09=out.npy'
expect 0 "$tool" import names.onnx --axis '*/\x0aq\x60=1..4' -o names.json
says out 'open   */\x0aq\x60 1..4'
expect 0 "$tool" check names.json --axis '*/\x0aq\x60=2'
expect 0 "$tool" emit names.json --axis '*/\x0aq\x60=1,2' -o names
expect 0 gcc -std=c11 -Wall -Wextra -Werror -ffp-contract=off -c names/names.c -o names/names.o

# Stored, it is the same model.
expect 0 "$tool" import conv.onnx
says out conv.json
expect 0 "$tool" run conv.json image.npy
cp out stored
expect 0 "$tool" run conv.onnx image.npy
same out stored
expect 2 "$tool" import conv.json
says err 'conv.json: expected a name that ends with .onnx'
expect 1 "$tool" import conv.onnx -o conv.onnx
says err 'is an input of this command'

# With open axes: one graph for all their sizes, the same as the import at each of them.
expect 0 "$tool" import open_axes.onnx --axis x.0=1..4 --axis width=2..9 -o open.json
says out 'open   width 2..9'
expect 0 "$tool" inspect open.json
says out 'axis        width 2..9'
says out 'input       x float32[x.0,3,width]'
says out 'output      y float32[3,x.0*width]'
expect 0 "$tool" run open.json five.npy
cp out open
expect 0 "$tool" run open_axes.onnx five.npy
same out open
expect 0 "$tool" import open_axes.onnx --axis n@x.0,x.2=2..4 -o tied.json
says out 'open   n 2..4'
expect 0 "$tool" inspect tied.json
says out 'input       x float32[n,3,n]'
expect 0 "$tool" inspect --summary tied.json --axis n=3
sed -n '/^digest/s/  *//p' out >tied
expect 0 "$tool" import open_axes.onnx --axis n@x.0,x.2=3 -o three.json
sed -n '/^digest/s/ //p' out >three
same three tied 'the tied graph at a size is another one than the import'
expect 1 "$tool" import open_axes.onnx --axis n@x.0,y.2=2..4 --axis width=2 -o tied.json
says err 'no input has an open axis "y.2"'
expect 2 "$tool" check open_axes.onnx --axis n@x.0,x.2=2,3
says err 'an axis of several places has one size here'
expect 0 "$tool" inspect --summary open.json --axis x.0=2 --axis width=5
sed -n '/^digest/s/  *//p' out >open
expect 0 "$tool" import open_axes.onnx --axis x.0=2 --axis width=5 -o closed.json
sed -n '/^digest/s/ //p' out >closed
same closed open 'the open graph at a size is another one than the import'
expect 0 "$tool" check open.json --axis x.0=3 --axis width=2
expect 1 "$tool" check open.json --axis x.0=3
says err 'axis "width" needs a size, as --axis NAME=SIZE; open are x.0 (1..4), width (2..9)'
expect 1 "$tool" check open.json --axis x.0=5 --axis width=2
says err 'axis "x.0" has size 5, expected 1 to 4'
expect 2 "$tool" import open_axes.onnx --axis width=1,3
says err 'width: expected one size or range'
expect 1 "$tool" import open_axes.onnx --axis width=2 --axis height=1..3
says err 'no input has an open axis "height"'

# A program of its own.
expect 0 "$tool" build conv.onnx -o classify
expect 0 ./classify image.npy
sed '$d' stored >wanted # all but the digest
same out wanted 'the program gives something else'

# One text for several sizes.
expect 0 "$tool" emit open_axes.onnx --axis width=1..3,8 -o set
expect 0 grep -A1 OPEN_AXES_SIZES set/open_axes.h
says out '{1}, {2}, {3}, {8}'
expect 0 grep 'command' set/open_axes.c
says out 'eigentensor emit open_axes.onnx --axis=width=1..3,8'
expect 1 "$tool" emit open_axes.onnx --axis width=1..65 -o set
says err 'width: more than 64 sizes, of all axes together'
expect 1 "$tool" emit open_axes.onnx --axis width=1,2 --axis height=1,2 -o set
says err 'no input has an open axis "height"'
expect 0 "$tool" emit open_axes.onnx --axis width=1,2 --threads 2 -o set
expect 0 grep 'open_axes_steps\|open_axes_run_on(' -A 1 set/open_axes.h
says out 'long open_axes_steps(long width);'
says out 'struct open_axes_pool *pool, long width);'
expect 2 "$tool" run open_axes.onnx five.npy --axis width=4,5
says err 'width: expected one size; emit, build, check and inspect take several'
expect 2 "$tool" emit open_axes.onnx --axis width=4..2 -o set
says err '4..2: expected a range from the smaller size to the larger'
expect 0 "$tool" inspect open_axes.onnx --axis width=4,5 --axis N=N
says out 'axis        N: one text serves every size'
says out 'axis        width: a text for each of 2 sizes'
says out 'at width=4'
expect 1 "$tool" inspect open_axes.onnx --axis width=4,5 --dot=graph
says err '--dot and --cost show one size'
expect 0 "$tool" check open_axes.onnx --axis width=4,5 -n 1
says out 'open_axes at width=4 '
says out 'open_axes at width=5 '
says out 'open_axes, one text for 2 sizes'
[ "$(grep -c 'the same bits at every size' out)" -eq 2 ] || wrong "not checked: $(tail -n 3 out)"
expect 1 "$tool" check open_axes.onnx four.npy --axis width=4,5
says err 'files have one size'

# A program takes the size of its arrays.
npy '(1, 3, 5)' one.npy 60
npy '(1, 3, 6)' six.npy 72
expect 0 "$tool" build open_axes.onnx --axis width=4,5 -o sized
expect 0 ./sized one.npy
says out 'y float32[3,5]'
expect 0 ./sized four.npy
says out 'y float32[3,4]'
expect 1 ./sized six.npy
says err 'not built for arrays of these shapes, but for width=4; width=5'
expect 0 ./sized --help
says out 'at width=5'
expect 0 "$tool" build open_axes.onnx --axis N=N --axis width=4,5 --threads 2 -o sized
npy '(2, 1, 3, 5)' zeros.npy 120
{ head -c 128 zeros.npy && yes 0123 | head -c 120; } >two.npy
expect 0 "$tool" run open_axes.onnx two.npy --axis N=N --axis width=5
sed '$d' out >wanted # all but the digest
expect 0 ./sized two.npy
same out wanted 'threads give something else'

# Tunings, each of one of the sizes.
for width in 4 5; do
    expect 0 "$tool" tune open_axes.onnx --axis N=1 --axis width=$width --tries=1 --time=1 \
        -o "$width.tuned.json"
done
expect 0 "$tool" emit open_axes.onnx --axis N=1 --axis width=4,5 --tuned=5.tuned.json \
    --tuned=4.tuned.json --print=c
says out '--axis=width=4..5 --tuned=5.tuned.json --tuned=4.tuned.json'
expect 1 "$tool" emit open_axes.onnx --axis N=1 --axis width=5,6 --tuned=5.tuned.json \
    --tuned=4.tuned.json --print=c
says err '4.tuned.json: made for the graph'
says err 'nor for its other sizes'
expect 1 "$tool" emit open_axes.onnx --axis N=N --axis width=4,5 --tuned=4.tuned.json --print=c
says err '4.tuned.json: made for the graph'
cp 4.tuned.json open.c
expect 1 "$tool" emit open_axes.onnx --axis N=1 --axis width=4,5 --tuned=5.tuned.json \
    --tuned=open.c -o . --prefix=open
says err 'open.c'
same open.c 4.tuned.json 'a tuning was written over'

# Weights in another file.
expect 1 "$tool" inspect external.onnx
says err 'weights.data: No such file or directory'
head -c 120 /dev/zero >weights.data
expect 0 "$tool" inspect external.onnx

# The page of operators is what the table says.
expect 0 "$tool" import --operators
same out "$top/docs/onnx.md" "docs/onnx.md is not what \`eigentensor import --operators\` prints"
