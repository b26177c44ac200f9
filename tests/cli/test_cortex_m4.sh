#!/bin/sh
# examples/cortex-m4: the commands of its README, one after the other, on QEMU's board.
. "$(dirname "$0")/../support/shell.sh"

for tool in arm-none-eabi-gcc qemu-system-arm; do
    command -v "$tool" >/dev/null || { echo "there is no $tool"; exit 77; }
done

readme=examples/cortex-m4/README.md out=$build/cortex-m4.out
awk '/^```/ { inside = !inside; next } inside' "$readme" >"$out"
[ "$(wc -l <"$out")" -le 5 ] || wrong "more than 5 commands"
grep -vx make "$out" | sed "s|build/|$build/|g" >"$build/cortex-m4.sh"
sh -e "$build/cortex-m4.sh" >"$out" 2>&1 || wrong "status $?: $(tail -n 5 "$out")"
says "$out" 'This is a 7.'

# The same of 8-bit integers.
sed 's|mnist.json|mnist-int8.json --prefix=mnist|' "$build/cortex-m4.sh" >"$build/cortex-m4-int8.sh"
sh -e "$build/cortex-m4-int8.sh" >"$out" 2>&1 || wrong "status $?: $(tail -n 5 "$out")"
says "$out" 'This is a 7.'
