#!/bin/sh
# examples/node: the commands of its README, one after the other; its digest is the interpreter's.
. "$(dirname "$0")/../support/shell.sh"

for needed in clang wasm-ld node; do
    command -v "$needed" >/dev/null || skip "no $needed (apt-get install clang lld nodejs)"
done
enter_work_folder

awk '/^```/ { inside = !inside; next } inside' "$top/examples/node/README.md" | grep -vx make |
    sed "s|build/web|web|g; s|build/eigentensor|$build/eigentensor|" >commands.sh
ln -s "$top/models" "$top/examples" .
expect 0 sh -e commands.sh
says out 'This is a 7.'

# The same pixels as an array, run one operation at a time.
cat >array.mjs <<'END'
import { readFileSync } from 'node:fs';
const drawing = readFileSync('examples/node/seven.txt', 'utf8').replaceAll('\n', '');
const ninths = [...drawing].map((character) => ' .:-=+*#%@'.indexOf(character));
process.stdout.write(Buffer.from(Float32Array.from(ninths, (ink) => ink / 9).buffer));
END
{ npy '<f4' '(1, 1, 28, 28)' '' && node array.mjs; } >digit.npy
grep '^digest' out >found
expect 0 "$build/eigentensor" run --mode=eager models/mnist/mnist.json digit.npy
grep '^digest' out >expected
same found expected "examples/node has another digest"
