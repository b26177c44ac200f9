#!/bin/sh
# The standalone classifier: built from the MNIST model, and used as its users do.
# The part on MNIST's own test pictures needs them in $MNIST_DIR or ../shared/mnist.
. "$(dirname "$0")/../support/shell.sh"

samples=$top/models/mnist/samples
weights=$top/models/mnist/mnist.safetensors
mnist=$(realpath -m "${MNIST_DIR:-../shared/mnist}")
enter_work_folder

# ---- The program itself ----

cp "$weights" mnist.safetensors
expect 0 "$build/mnist-define" mnist.json mnist.safetensors
expect 0 "$build/eigentensor" build mnist.json -o mnist-classify
rm -rf "$work/mnist.safetensors"

size=$(stat -c %s mnist-classify)
limit=$(($(stat -c %s "$weights") + 200000))
[ "$size" -le "$limit" ] || wrong "$size bytes, expected at most $limit"
readelf -S mnist-classify | grep -q symtab && wrong "not stripped"
readelf -d mnist-classify | sed -n 's/.*NEEDED.*\[\(.*\)\.so.*/\1/p' |
    grep -Ev '^(libc|libm|libpng[0-9]*|libz|ld-linux-.*)$' >needed
[ ! -s needed ] || wrong "needs $(cat needed)"
for path in "${TMPDIR:-/tmp}/" "$work" "$build" "${HOME:-/root}/"; do
    ! grep -aFq "$path" mnist-classify || wrong "holds the path $path"
done

# ---- Names ----

# A model may be called as a file of the program is, or as anything else.
cp "$weights" mnist.safetensors
for name in model main image base stored_model int 'a b/c'; do
    sed "s|^  \"name\": \"mnist\"|  \"name\": \"$name\"|" mnist.json >named.json
    grep -q "\"name\": \"$name\"" named.json || wrong "cannot name a model \"$name\""
    expect 0 "$build/eigentensor" build named.json
    expect 0 "./$(echo "$name" | tr ' /' '__')" "$samples/7-pen.png"
    says out '7-pen.png: 7'
done
rm mnist.safetensors

# ---- Pictures ----

expect 0 ./mnist-classify "$samples"/*.png
[ ! -s err ] || wrong "said on standard error: $(cat err)"
grep '\.png: ' out | sed 's/.*\/\([0-9]\)-[a-z]*\.png: /\1 /' >pairs
[ "$(wc -l <pairs)" -eq "$(find "$samples" -name '*.png' | wc -l)" ] || wrong "not a line for each"
awk '$1 != $2' pairs >mistaken
[ ! -s mistaken ] || wrong "drawn, recognised: $(cat mistaken)"
! grep -q "$(printf '\033')" out || wrong "escape sequences in a file"
[ "$(sed -n '2,11p' out | grep -c '%$')" -eq 10 ] || wrong "no ten probabilities: $(head -n 12 out)"

# The same bits as in the tool: every logit, to the digits that tell all float32 apart.
cp "$weights" mnist.safetensors
for sample in 2-pen 7-canvas; do
    expect 0 ./mnist-classify --json "$samples/$sample.png"
    says out "\"digit\": ${sample%-*}, \"probabilities\": ["
    sed 's/.*"logits": \[\(.*\)\]}/\1/; s/, /\n/g' out >standalone
    expect 0 "$build/eigentensor" run --mode=eager mnist.json "$samples/$sample.png"
    sed '1,2d; /^digest/d' out | awk '{print $2}' >tool
    [ "$(wc -l <tool)" -eq 10 ] || wrong "no ten logits: $(cat out)"
    same standalone tool "$sample: other logits than the tool's"
done

expect 0 ./mnist-classify --show "$samples/1-pen.png"
[ "$(wc -l <out)" -eq 25 ] || wrong "no picture of 14 lines: $(cat out)"
says out '█'

# ---- Bad pictures: a line each, and the rest is done ----

head -c 200 "$samples/4-pen.png" >cut.png
echo 'not a picture' >text.png
cp "$samples/9-pen.png" 'odd"\name.png'
expect 1 ./mnist-classify absent.png "$samples/5-pen.png" cut.png text.png 'odd"\name.png' . --json
[ "$(wc -l <err)" -eq 4 ] || wrong "not a line for each of four bad files: $(cat err)"
says err 'mnist-classify: absent.png: No such file'
says err 'mnist-classify: cut.png: damaged PNG'
says err 'mnist-classify: text.png: expected a PNG'
[ "$(wc -l <out)" -eq 2 ] || wrong "not a line for each of two good files: $(cat out)"
says out '5-pen.png", "digit": 5'
says out '"file": "odd\u0022\u005cname.png", "digit": 9'

# A name that is not UTF-8 must not spoil the JSON.
bad=$(printf 'caf\351.png')
if cp "$samples/6-pen.png" "$bad" 2>/dev/null; then
    expect 0 ./mnist-classify --json "$bad"
    says out '"file": "caf\ufffd.png", "digit": 6'
fi

expect 2 ./mnist-classify
expect 2 ./mnist-classify --frobnicate
expect 2 ./mnist-classify --idx images
says err 'expected two files, IMAGES and LABELS'
expect 0 ./mnist-classify --help
for option in --idx --json --show; do
    says out "$option"
done
"./mnist-classify" "$samples/0-pen.png" >/dev/full 2>err && wrong "a full disk went unnoticed"

# ---- Sets ----

# idx SHAPE-BYTES, then elements from standard input.
idx() {
    # shellcheck disable=SC2059
    printf "$1"
    cat
}
head -c 1568 /dev/zero | idx '\0\0\010\003\0\0\0\002\0\0\0\034\0\0\0\034' >two
printf '\001\007' | idx '\0\0\010\001\0\0\0\002' >labels
printf '\001\007\007' | idx '\0\0\010\001\0\0\0\003' >three
printf '\001\012' | idx '\0\0\010\001\0\0\0\002' >eleven
head -c 2 /dev/zero | idx '\0\0\010\003\0\0\0\002\0\0\0\001\0\0\0\001' >tiny
expect 0 ./mnist-classify --idx two labels --json
says out '"pictures": 2, "correct": '
expect 1 ./mnist-classify --idx two three
says err 'three: expected a label for each of the 2 pictures, found 3'
expect 1 ./mnist-classify --idx two eleven
says err 'eleven: label 1: expected 0 to 9, found 10'
expect 1 ./mnist-classify --idx tiny labels
says err 'tiny: expected pictures, uint8[N,28,28]'
expect 1 ./mnist-classify --idx labels two
says err 'labels: expected pictures'
expect 1 ./mnist-classify --idx absent missing
[ "$(wc -l <err)" -eq 2 ] || wrong "not a line for each of two bad files: $(cat err)"

if [ -e "$mnist/t10k-images-idx3-ubyte.gz" ]; then
    images=$mnist/t10k-images-idx3-ubyte.gz
    expect 0 ./mnist-classify --idx "$images" "$mnist/t10k-labels-idx1-ubyte.gz"
    [ ! -s err ] || wrong "a progress bar where there is no terminal"
    # 9961 is what training counted; the rows' sums are how often each digit is in the set.
    says out 'accuracy 99.61 % (9961 of 10000)'
    sums=$(awk '/^ +[0-9] / && /%$/ {
        s = 0; for (i = 2; i <= 11; i++) s += $i; printf "%d ", s}' out)
    [ "$sums" = '980 1135 1032 1010 982 892 958 1028 974 1009 ' ] || wrong "rows of $sums"
else
    echo "MNIST is not in $mnist: accuracy is not checked"
fi

# ---- On a terminal ----

if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
    escape=$(printf '\033')
    NO_COLOR='' TERM=xterm script -qec './mnist-classify --idx two labels' /dev/null >out </dev/null
    says out '100.0 %'
    grep -Fq "${escape}[1;32m" out || wrong "no colours on a terminal"
    NO_COLOR=1 TERM=xterm script -qec "./mnist-classify $samples/3-pen.png" /dev/null \
        >out </dev/null
    says out '3-pen.png: 3'
    ! grep -Fq "$escape" out || wrong "colours in spite of NO_COLOR"
else
    echo "no pseudo-terminal here: colours and the progress bar are not checked"
fi

# ---- Other compilers, other links ----

expect 0 ./mnist-classify --json "$samples/8-pen.png"
mv out expected
expect 0 "$build/eigentensor" build mnist.json --static -o alone
readelf -d alone | grep -q NEEDED && wrong "--static needs libraries"
expect 0 ./alone --json "$samples/8-pen.png"
same out expected "--static gives another result"
expect 0 "$build/eigentensor" build mnist.json --cflags='-O1 -march=x86-64' -o again
expect 0 ./again --json "$samples/8-pen.png"
same out expected "-O1 without vectors gives another result"
if command -v clang >/dev/null; then
    expect 0 "$build/eigentensor" build mnist.json --cc=clang -o clanged
    expect 0 ./clanged --json "$samples/8-pen.png"
    same out expected "clang gives another result"
fi
expect 0 "$build/eigentensor" build mnist.json -o twin
same twin mnist-classify "two builds differ"
