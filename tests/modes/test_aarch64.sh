#!/bin/sh
# The library and the command on AArch64, built by a cross compiler and run by an emulator: models
# and random graphs, interpreted, by libtcc and by gcc, give the digests that they have here.
# EIGENTENSOR_AARCH64_COUNT is how many random graphs.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/cross.sh

count=${EIGENTENSOR_AARCH64_COUNT:-100}
make_cross aarch64-linux-gnu build/cross/aarch64-linux-gnu/eigentensor \
    build/cross/aarch64-linux-gnu/tests/modes/differential
models=$top/models/mnist
enter_work_folder

# ---- Models ----

# digest_of COMMAND...: the last line of what it prints.
digest_of() {
    "$@" 2>&1 | tail -n 1
}
for model in "$models/mnist.json" "$models/mnist-int8.json"; do
    here=$(digest_of "$build/eigentensor" run "$model" "$models/samples/3-pen.png" -m eager)
    case $here in "digest "*) ;; *) wrong "$model: $here" ;; esac
    for mode in eager jit aot; do
        found=$(digest_of emulated "$there/eigentensor" run "$model" \
            "$models/samples/3-pen.png" -m "$mode")
        [ "$found" = "$here" ] || wrong "$model, $mode: $found, not $here"
    done
done

# ---- Random graphs ----

"$build/tests/modes/differential" -n "$count" -d -m eager >digests_here ||
    wrong "here: $(cat digests_here)"
emulated "$there/tests/modes/differential" -n "$count" -d -m eager,jit,jit-threads,gcc-O3 \
    >digests || wrong "there: $(head -n 40 digests)"
grep '^digest: ' digests_here >expected
grep '^digest: ' digests >found
same found expected "random graphs: $(cat found), not $(cat expected)"
echo "# aarch64, the library itself: the same bits in $count random graphs and 2 models"
