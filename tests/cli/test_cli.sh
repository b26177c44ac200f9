#!/bin/sh
# The tool as its users meet it: every command, its results, its errors, its exit status.
. "$(dirname "$0")/../support/shell.sh"

tool=$build/eigentensor
enter_work_folder

cat >pair.json <<'END'
{
  "format": "eigentensor",
  "version": 2,
  "name": "pair",
  "inputs": [
    {"name": "x", "dtype": "float32", "shape": [3]},
    {"name": "k", "dtype": "int32", "shape": [2]}
  ],
  "nodes": [
    {"id": 0, "op": "input", "src": [], "name": "x", "dtype": "float32", "shape": [3]},
    {"id": 1, "op": "input", "src": [], "name": "k", "dtype": "int32", "shape": [2]},
    {"id": 2, "op": "sqrt", "src": [0], "dtype": "float32", "shape": [3]},
    {"id": 3, "op": "add", "src": [1, 1], "dtype": "int32", "shape": [2]}
  ],
  "outputs": [
    {"name": "root", "node": 2},
    {"name": "twice", "node": 3}
  ]
}
END
# 1, 4, 9 and their roots; -1, 300 and their doubles
npy '<f4' '(3,)' '\0\0\200\077\0\0\200\100\0\0\020\101' >x.npy
npy '<f4' '(3,)' '\0\0\200\077\0\0\0\100\0\0\100\100' >root.npy
npy '<i4' '(2,)' '\377\377\377\377\054\001\0\0' >k.npy
npy '<i4' '(2,)' '\376\377\377\377\130\002\0\0' >twice.npy
npy '<f4' '(2, 2)' '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >square.npy

# ---- run ----

for mode in eager jit aot; do
    expect 0 "$tool" run --mode=$mode pair.json x.npy k.npy -o root=r.npy -o twice=t.npy
    same r.npy root.npy
    same t.npy twice.npy
    sort -u out >>digests
done
[ "$(sort -u digests | wc -l)" -eq 1 ] || wrong "digests of the modes: $(cat digests)"
grep -Eq '^digest [0-9a-f]{64}$' digests || wrong "no digest: $(cat digests)"

expect 0 "$tool" run pair.json k=k.npy x=x.npy
says out 'root float32[3]'
says out 'twice int32[2]'
grep -Eq '^ +0 +-2 +600$' out || wrong "twice is not -2, 600: $(cat out)"
! grep -q "$(printf '\033')" out || wrong "escape sequences in a file"

expect 1 "$tool" run pair.json x.npy
says err 'expected a file for each of 2 inputs (x, k), found 1'
expect 1 "$tool" run pair.json square.npy k.npy
says err 'square.npy: input x: expected float32[3], found float32[2,2]'
expect 1 "$tool" run pair.json k.npy x.npy
says err 'k.npy: input x: expected float32[3], found int32[2]'
expect 1 "$tool" run pair.json q=x.npy k.npy
says err 'q=x.npy: there is no input "q"; the inputs are: x, k'
expect 1 "$tool" run pair.json x=x.npy x=x.npy
says err 'input x has a file already'
expect 1 "$tool" run pair.json x.npy absent.npy
says err 'absent.npy: No such file'
expect 1 "$tool" run pair.json x.npy pair.json
says err 'pair.json: expected an .npy, PNG or IDX file, found one that begins 7b 0a'
head -c 130 x.npy >short.npy
expect 1 "$tool" run pair.json short.npy k.npy
says err 'short.npy: '
expect 1 "$tool" run pair.json x.npy k.npy -o both.npy
says err 'both.npy: say which of the 2 outputs'
[ ! -e both.npy ] || wrong "both.npy was written"
expect 1 "$tool" run absent.json
says err 'absent.json: No such file'
sed 's/"sqrt"/"cube"/' pair.json >cube.json
expect 1 "$tool" run cube.json x.npy k.npy
says err 'cube.json: '
says err 'cube'
"$tool" run pair.json x.npy k.npy >/dev/full 2>err && wrong "a full disk went unnoticed"
says err 'standard output: No space left'

# ---- usage ----

# Limits of a compile: the message names the graph, the pass and the option that raises it.
for command in "run pair.json x.npy k.npy -m jit" "emit pair.json" "build pair.json -o pair" \
    "inspect pair.json"; do
    # shellcheck disable=SC2086  # words of a command
    expect 1 "$tool" $command --compile-limit-nodes=3
    says err 'compiling "pair": the pass lower has come to 4 nodes, of at most 3'
    says err '--compile-limit-nodes raises the limit'
done
expect 1 "$tool" emit pair.json --compile-limit-bytes=1
says err 'bytes, of at most 1: --compile-limit-bytes raises the limit'
expect 2 "$tool" emit pair.json --compile-limit-seconds=0
says err '0: expected a number from 1 to'

expect 2 "$tool"
expect 2 "$tool" frobnicate
says err 'frobnicate: no such command'
expect 2 "$tool" run
says err 'expected a model'
expect 2 "$tool" run --frobnicate pair.json
expect 2 "$tool" run --mode=fast pair.json
says err 'fast: expected eager, jit, aot or cuda'
expect 2 "$tool" run --index=-1 pair.json x.npy k.npy
expect 2 "$tool" check --seeds=many pair.json
expect 2 "$tool" build pair.json "--cflags='"
expect 2 "$tool" build pair.json other.json
expect 2 "$tool" inspect --dot=tree pair.json
expect 0 "$tool" --help
for command in run build emit check bench batch tune rewrite machine inspect; do
    says out "  $command "
done
for command in run build emit check bench batch tune rewrite inspect; do
    expect 0 "$tool" $command --help
    says out "Usage: eigentensor $command [OPTION...]"
    says out '--weights=FILE'
done
expect 0 "$tool" build --help
for option in --output --static --cc --cflags; do
    says out "$option"
done

# ---- emit ----

expect 0 "$tool" emit pair.json -o here
expect 0 gcc -std=c11 -Wall -Wextra -Werror -c here/pair.c -o pair.o
[ -e here/pair.weights ] || wrong "no pair.weights"
mkdir elsewhere
cp pair.json elsewhere
expect 0 "$tool" emit "$work/elsewhere/pair.json" -o "$work/there"
for file in pair.c pair.h pair.weights; do
    same here/$file there/$file
done
says here/pair.c 'command  eigentensor emit pair.json'
! grep -q "$work" here/* || wrong "a path of this machine was emitted"
expect 0 "$tool" emit pair.json --print=c
same out here/pair.c
expect 0 "$tool" emit pair.json --print=h
same out here/pair.h
[ ! -e pair.c ] || wrong "--print wrote a file"
expect 0 "$tool" emit pair.json --prefix=duo -o here
says here/duo.h 'void duo_run('
expect 2 "$tool" emit pair.json --prefix=2wrong
expect 0 "$tool" emit pair.json --print=c --dialect=calls
says out 'command  eigentensor emit pair.json --dialect=calls'
expect 0 "$tool" emit pair.json -o here --prefix=shared --threads=3
says here/shared.c 'command  eigentensor emit pair.json --prefix=shared --threads=3'
says here/shared.h 'struct shared_pool *shared_pool_new(long threads);'
expect 0 gcc -std=c11 -Wall -Wextra -pedantic -Werror -pthread -c here/shared.c -o shared.o
expect 0 "$tool" emit pair.json --print=c --dialect=calls --threads=3
says out 'void pair_run_step(const struct pair_inputs *inputs'
expect 2 "$tool" emit pair.json --threads=65
says err '65: expected a number from 0 to 64'
expect 0 "$tool" emit pair.json -o here -d all
for pass in lower fuse schedule memory emit; do
    grep -Eq "^== $pass  [0-9.]+ ms" err || wrong "no dump after $pass"
done
expect 0 "$tool" emit pair.json -o here -d fuse,memory
[ "$(grep -c '^== ' err)" -eq 2 ] || wrong "dumps of other passes: $(grep '^== ' err)"
expect 2 "$tool" emit pair.json -o nowhere -d fuse,melt
says err 'there is no pass "melt"; the passes are: '
[ ! -e nowhere ] || wrong "files in spite of a usage error"
expect 1 "$tool" emit pair.json -o x.npy
says err 'x.npy'

# ---- threads ----

mnist=$top/models/mnist/mnist.json digit=$top/models/mnist/samples/7-pen.png
expect 0 "$tool" run "$mnist" "$digit"
mv out alone
for threads in 0 2 5; do
    expect 0 "$tool" run "$mnist" "$digit" --threads=$threads
    same out alone
done
expect 0 "$tool" run "$mnist" "$digit" --threads=2 --mode=aot
same out alone
expect 0 "$tool" build "$mnist" --threads=3 --main=runner -o runner
expect 0 ./runner "$digit"
grep -v digest alone >outputs
same out outputs
expect 0 "$tool" build "$mnist" --threads=2 -o classifier
expect 0 ./classifier "$digit"
says out '7-pen.png: 7'
expect 0 "$tool" bench "$mnist" --mode=jit --calls=3 --threads=2
says out '2 threads'
expect 0 "$tool" inspect "$mnist" --plan --threads=2

# ---- runs that take too long ----

cat >long.json <<'END'
{
  "format": "eigentensor",
  "version": 2,
  "name": "long",
  "inputs": [{"name": "x", "dtype": "float32", "shape": [1]}],
  "nodes": [
    {"id": 0, "op": "input", "src": [], "name": "x", "dtype": "float32", "shape": [1]},
    {"id": 1, "op": "expand", "src": [0], "dtype": "float32", "shape": [68719476736]},
    {"id": 2, "op": "reduce_sum", "src": [1], "dtype": "float32", "shape": [], "axes": [0]}
  ],
  "outputs": [{"name": "y", "node": 2}]
}
END
npy '<f4' '(1,)' '\0\0\200\077' >one.npy
for mode in eager jit aot; do
    expect 1 "$tool" run long.json one.npy --mode=$mode --timeout=1
    says err 'stopped after 1 s, as --timeout asks'
done
expect 0 "$tool" run pair.json x.npy k.npy --timeout=100
expect 2 "$tool" run pair.json x.npy k.npy --timeout=0

# ---- hardened systems ----

# No page may become executable; or there are no files in memory either.
hardened() {
    expect "$1" python3 "$top/tests/support/hardened.py" "$2" env PATH=/nowhere \
        XDG_CACHE_HOME="$work/none" "$tool" run \
        "$mnist" "$digit" ${3:+"$3"}
}
hardened 0 write-execute
same out alone
[ ! -s err ] || wrong "a warning for nothing: $(cat err)"
hardened 0 no-memory-files
same out alone
says err 'warning: no jit: the system refuses memory for machine code: memfd_create'
says err 'runs by eager'
hardened 1 no-memory-files --mode=jit
says err 'mnist: jit: the system refuses memory for machine code: memfd_create'

# ---- check ----

expect 0 "$tool" check pair.json x.npy k.npy --seeds=2
says out 'seed 1            seed 2            files 1'
says out threads
for way in 'eager  ' 'jit, baseline' 'jit, best kernels              8' 'gcc -O0' 'gcc -O3'; do
    says out "$way"
done
grep -Eq '^[0-9]+ ways, the same bits in every output$' out || wrong "no verdict: $(cat out)"
# The wrong code differs in every element of one output: 1, 4, 9 instead of their roots, and then 1.
printf '#include <math.h>\n#define sqrtf(x) ((x) + 1)\n' >wrong.h
expect 1 "$tool" check pair.json x.npy k.npy --seeds=0 "--cflags=-include $work/wrong.h"
says out ' !'
says out 'output root, element 0: expected 1 (0x3f800000), found 2 (0x40000000); 3 of 3 elements'
[ "$(grep -c 'output twice' out)" -eq 0 ] || wrong "an output that agrees was named"
expect 1 "$tool" check pair.json x.npy k.npy x.npy
says err '3 files for 2 inputs'
expect 1 "$tool" check pair.json --seeds=0
says err 'no inputs to check'
expect 1 "$tool" check pair.json --seeds=1 --cc=absent-compiler
says err 'absent-compiler: not found'

# ---- machine, bench, inspect ----

expect 0 "$tool" machine --time=2 --bytes=100000 --threads=2
says out 'multiply-adds'
says out 'GB/s, both ways counted'
expect 0 "$tool" machine --time=2 --bytes=1 --json
python3 -c 'import json, sys; found = json.load(sys.stdin); assert min(
    found[key] for key in ("gflops", "read_gbs", "copy_gbs")) > 0, found' <out
expect 2 "$tool" machine --threads=0
expect 2 "$tool" machine pair.json

expect 0 "$tool" bench pair.json --time=20
for mode in eager jit aot; do
    grep -Eq "^$mode +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ % +[0-9]+$" out ||
        wrong "no row for $mode: $(cat out)"
done
expect 0 "$tool" bench pair.json --calls=7 --mode=jit
[ "$(tail -n 1 out | awk '{print $1, $NF}')" = 'jit 7' ] || wrong "not 7 runs: $(cat out)"
expect 1 "$tool" bench pair.json --mode=aot --cc=absent-compiler
says err 'absent-compiler: not found'

expect 0 "$tool" inspect pair.json
says out 'input       x float32[3]'
says out 'output      twice int32[2]'
says out 'nodes       4'
says out 'arena       0 bytes'
grep -Eq '^digest +[0-9a-f]{64}$' out || wrong "no digest: $(cat out)"
grep -Eq '^k01_' out || wrong "no kernels: $(cat out)"
expect 0 "$tool" inspect pair.json --summary
! grep -q '^k01_' out || wrong "--summary shows kernels"
for which in graph kernels; do
    expect 0 "$tool" inspect pair.json --dot=$which
    says out 'digraph'
    [ "$(tail -n 1 out)" = '}' ] || wrong "--dot=$which has no end"
    if command -v dot >/dev/null; then
        expect 0 dot -Tsvg out
    fi
done
expect 0 "$tool" inspect --operations
stored_rows=$(sed '/^OP(GREATER_OF/,$d' "$top/compiler/graph/ops.def" | grep -c '^OP(')
[ "$(grep -Ec '^  [a-z_]+  ' out)" -eq "$stored_rows" ] ||
    wrong "--operations has not a paragraph for every row of ops.def that graphs may have"

expect 0 "$tool" inspect "$top/models/mnist/mnist.json" --cost
grep -Eq '^k02_contract_relu_pool$' out || wrong "no kernels: $(cat out)"
grep -Eq '^> +[0-9]+ +[0-9.]+  8x32 stream a rows i2:2 columns i0 packed$' out ||
    wrong "no choice: $(cat out)"
expect 0 "$tool" inspect pair.json --cost
says out 'there is nothing to choose'
expect 0 "$tool" emit "$top/models/mnist/mnist.json" --print=h --dump=cost
says err '== cost  '
says err 'tiles (of '

# ---- tune ----

model=$top/models/mnist/mnist.json digit=$top/models/mnist/samples/3-pen.png
expect 0 "$tool" tune "$model" --mode=jit --tries=1 --time=1
says out ' of 5 kinds of contractions run faster otherwise'
kept=$(sed -n 's/^jit: written to //p' out)
[ -e "$kept" ] || wrong "nothing at \"$kept\""
expect 0 "$tool" bench "$model" --mode=jit --calls=2
grep -Eq '^jit .* tuned$' out || wrong "what is kept is not used: $(cat out)"
expect 0 "$tool" bench "$model" --mode=jit --calls=2 --no-tuned
grep -Eq '^jit .* 2$' out || wrong "--no-tuned is tuned: $(cat out)"
expect 0 "$tool" tune pair.json --mode=aot -o pair.tuned.json
says out 'aot: 0 of 0 kinds'
expect 0 "$tool" run pair.json x.npy k.npy --tuned=pair.tuned.json
expect 1 "$tool" run "$model" "$digit" --tuned=pair.tuned.json
says err 'pair.tuned.json: made for the graph'
expect 2 "$tool" tune pair.json --mode=eager
expect 2 "$tool" tune pair.json --mode=jit --mode=aot -o pair.tuned.json
# The last of the tiles that k02 can choose from: the emitted text says where that came from.
"$tool" inspect "$model" --cost | awk '
    $1 == "k02_contract_relu_pool" { getline; name = $0 }
    name && / traffic / { exit }
    name && / packed$/ { sub(/^.* [0-9.]+  /, ""); tile = $0 }
    END { printf "{\"contraction\": \"%s\", \"tile\": \"%s\"}", name, tile }' >choice
digest=$("$tool" inspect "$model" --summary | awk '$1 == "digest" { print $2 }')
printf '{"format": "eigentensor tuning", "version": 1, "graph": "%s", "target": "avx512",
 "cpu": "any", "mode": "aot", "choices": [%s]}' "$digest" "$(cat choice)" >mnist.tuned.json
"$tool" emit "$model" --print=c >plain.c
expect 0 "$tool" emit "$model" --print=c --tuned=mnist.tuned.json
says out 'command  eigentensor emit mnist.json --tuned=mnist.tuned.json'
tile=$(sed -n 's/.*"tile": "\([0-9x]*\).*/\1/p' choice)
grep -q "tile_$tile" out || wrong "$tile is not in the text: $(cat choice)"
! grep -q "tile_$tile" plain.c || wrong "$tile is the cost model's own choice"
expect 0 "$tool" check "$model" --seeds=1 --tuned=mnist.tuned.json
sed 's/"tile": "[^"]*"/"tile": "1x1"/' mnist.tuned.json >wrong.json
expect 1 "$tool" emit "$model" --print=c --tuned=wrong.json
says err 'wrong.json: choices[0]: "tile" is none of the '
expect 1 "$tool" bench "$model" --tuned=pair.json
says err 'pair.json: "format" is "eigentensor", expected "eigentensor tuning"'

# ---- build: a model that is no classifier ----

expect 1 "$tool" build pair.json --main=classifier
says err 'pair: a classifier needs one input, float32[..,28,28]'
[ ! -e pair ] || wrong "a program in spite of an error"
expect 1 "$tool" build pair.json --cc=absent-compiler
says err 'absent-compiler: not found'
expect 1 "$tool" build pair.json --cflags=-std=c1x1
says err 'gcc: exit status 1'
[ ! -e pair ] || wrong "a program in spite of an error"

# Every command makes the folders of what it writes, and none without it.

expect 1 "$tool" build pair.json -o new/a/pair --cflags=-std=c1x1
expect 1 "$tool" emit pair.json -o pair.json/a
says err 'pair.json: expected a folder, found a file'
[ ! -e new ] || wrong "a folder without a program"
expect 2 "$tool" emit pair.json -o ''
says err 'expected the name of a folder'
expect 2 "$tool" build pair.json --target=generic -o ''
expect 0 "$tool" emit pair.json -o new/b/emitted
expect 0 "$tool" run pair.json k=k.npy x.npy -o root=new/c/r.npy --receipt=new/d/r.json
expect 0 "$tool" build pair.json -o new/e/pair
expect 0 new/e/pair k=k.npy x.npy -o root=new/f/r.npy
same new/c/r.npy new/f/r.npy
[ -s new/d/r.json ] || wrong "no receipt"
expect 0 "$tool" build pair.json
expect 0 ./pair k=k.npy x.npy -o root=r.npy -o twice=t.npy
same r.npy root.npy
same t.npy twice.npy
expect 0 ./pair x.npy k.npy
mv out printed
"$tool" run pair.json x.npy k.npy | grep -v '^digest' >out
same out printed
expect 1 ./pair x.npy
says err 'pair: expected a file for each of 2 inputs (x, k), found 1'
expect 2 ./pair --frobnicate
expect 0 ./pair --help
says out 'input   k int32[2]'

# ---- batches ----

cat >row.json <<'END'
{
  "format": "eigentensor",
  "version": 2,
  "name": "row",
  "inputs": [
    {"name": "x", "dtype": "float32", "shape": [1, 2]}
  ],
  "nodes": [
    {"id": 0, "op": "input", "src": [], "name": "x", "dtype": "float32", "shape": [1, 2]},
    {"id": 1, "op": "sqrt", "src": [0], "dtype": "float32", "shape": [1, 2]}
  ],
  "outputs": [
    {"name": "root", "node": 1}
  ]
}
END
npy '<f4' '(1, 2)' '\0\0\200\077\0\0\200\100' >one.npy
npy '<f4' '(3, 2)' '\0\0\200\077\0\0\200\100\0\0\200\100\0\0\200\077\0\0\020\101\0\0\020\101' \
    >three.npy
npy '<f4' '(3, 2)' '\0\0\200\077\0\0\0\100\0\0\0\100\0\0\200\077\0\0\100\100\0\0\100\100' >roots.npy
expect 2 "$tool" batch row.json
says err '--output=OUT.json'
expect 0 "$tool" batch row.json -o rows.json
says rows.json '{"name": "x", "dtype": "float32", "shape": ["N", 2]}'
says rows.json '{"name": "root", "node": '
expect 0 "$tool" batch rows.json -o again.json
same rows.json again.json
expect 1 "$tool" run row.json three.npy
says err 'three.npy: input x: expected float32[1,2], found float32[3,2]'
for mode in eager jit aot; do
    expect 0 "$tool" run --mode=$mode rows.json three.npy -o r.npy
    same r.npy roots.npy
    expect 0 "$tool" run --mode=$mode row.json one.npy
    grep '^digest' out >alone
    expect 0 "$tool" run --mode=$mode rows.json one.npy
    grep '^digest' out | cmp - alone || wrong "one image of a batch has another digest"
done
expect 1 "$tool" run rows.json x.npy
says err 'x.npy: input x: expected float32[1,2], found float32[3]'
expect 0 "$tool" inspect rows.json
says out 'input       x float32[N,2]'
grep -Eq '^blocks +.* 1 images?$' out || wrong "no blocks: $(cat out)"
expect 0 "$tool" emit rows.json -o here
expect 0 gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -c here/row.c -o row.o
says here/row.h 'void *arena, long batch);'
says here/row.h 'const float *x; /* float32[N,2] */'
expect 0 "$tool" emit rows.json -o here --threads=3
expect 0 gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -c here/row.c -o row.o
says here/row.h 'void *arena, long batch, struct row_pool *pool);'
expect 0 "$tool" build rows.json --threads=3 --main=runner -o runner
for batch in 1 3 100; do
    data=$(for i in $(seq "$batch"); do
        printf '\\%03o\\0\\200\\077\\0\\%03o\\0\\100' "$i" "$i"
    done)
    npy '<f4' "($batch, 2)" "$data" >many.npy
    expect 0 "$tool" run rows.json many.npy -o expected.npy
    expect 0 ./runner many.npy -o found.npy
    same found.npy expected.npy
done
expect 0 "$tool" check rows.json --seeds=1 --batch=37
says out 'seed 1, N=37'
expect 0 "$tool" check rows.json three.npy
says out 'files 1, N=3'
expect 1 "$tool" check row.json --batch=2
says err 'row: 2 images, but the graph has no batch axis'
expect 0 "$tool" bench rows.json --calls=3 --batch=5
says out 'runs of 5 images'
expect 1 "$tool" bench row.json --calls=3 --batch=5
says err 'row: 5 images, but the graph has no batch axis'
expect 2 "$tool" bench rows.json --batch=0
expect 1 "$tool" rewrite winograd rows.json -o none.json
says err 'rows.json: the graph has a batch axis'
expect 0 "$tool" build rows.json -o rows
expect 0 ./rows three.npy -o r.npy
same r.npy roots.npy
expect 0 ./rows --help
says out 'input   x float32[N,2]'
