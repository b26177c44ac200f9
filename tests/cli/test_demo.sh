#!/bin/sh
# The demo of `make run`: every sample digit as its name says, with the same bits in all modes.
. "$(dirname "$0")/../support/shell.sh"

out=$build/demo.out
"$build/demo" models/mnist/mnist.json models/mnist/samples/*.png >"$out" 2>&1 ||
    wrong "status $?: $(tail -n 5 "$out")"
count=$(find models/mnist/samples -name '*.png' | wc -l)
says "$out" "$count of $count digits are what their file names begin with."
says "$out" "$count of $count results have the same bits in all modes."

"$build/demo" >"$out" 2>&1 && wrong "no file, no error"
"$build/demo" models/mnist/mnist.json no_such.png >"$out" 2>&1 && wrong "a file that is not there"
says "$out" no_such.png
