#!/bin/sh
# `make static`: one file that needs no library, and gives the same digests.
. "$(dirname "$0")/../support/shell.sh"

enter_work_folder
make -C "$top" BUILD="$build" MAKEFLAGS= "$build/eigentensor-static" >make.log 2>&1 || {
    wrong "make static: $(tail -n 5 make.log)"
    exit 1
}
tool=$build/eigentensor-static model=$top/models/mnist
ldd "$tool" >out 2>&1 && wrong "it needs libraries: $(cat out)"
digit=$model/samples/3-pen.png
"$build/eigentensor" run "$model/mnist.json" "$digit" -m eager | tail -n 1 >expected
for mode in eager jit; do
    expect 0 env -i "$tool" run "$model/mnist.json" "$digit" -m "$mode"
    tail -n 1 out >found
    same found expected "$mode gives another digest"
done
