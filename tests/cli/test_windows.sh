#!/bin/sh
# examples/windows: the commands of its README, one after the other, the last by Wine.
. "$(dirname "$0")/../support/shell.sh"

command -v x86_64-w64-mingw32-gcc >/dev/null || skip "there is no x86_64-w64-mingw32-gcc"

wine=$top/tests/support/wine.sh
readme=$top/examples/windows/README.md out=$build/windows.out
awk '/^```/ { inside = !inside; next } inside' "$readme" >"$out"
[ "$(wc -l <"$out")" -le 5 ] || wrong "more than 5 commands"
grep -vx make "$out" | sed "s|build/|$build/|g; s|^wine64 |$wine |" >"$build/windows.sh"
sh -e "$build/windows.sh" >"$out" 2>&1
case $? in
0) says "$out" 'seven.bmp: this is a 7' ;;
127) skip "$(cat "$out")" ;;
*) wrong "$(tail -n 5 "$out")" ;;
esac

# What is no such bitmap.
printf BM >"$build/windows.bmp"
"$wine" "$build/windows/digit.exe" "$build/windows.bmp" nothing >"$out" 2>&1 && wrong "no error"
says "$out" 'windows.bmp: expected a bitmap of 28x28 pixels and 24 bits'
says "$out" 'nothing: expected a bitmap'
