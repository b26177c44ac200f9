#!/bin/sh
# The library and the command on AArch64, built by a cross compiler and run by an emulator: models
# and random graphs, interpreted, by libtcc and by gcc, give the digests that they have here.
# EIGENTENSOR_TRIPLET names another machine, as CROSS= takes it; EIGENTENSOR_AARCH64_COUNT is how
# many random graphs.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/cross.sh

triplet=${EIGENTENSOR_TRIPLET:-aarch64-linux-gnu} count=${EIGENTENSOR_AARCH64_COUNT:-100}
make_cross "$triplet" "build/cross/$triplet/eigentensor" \
    "build/cross/$triplet/tests/modes/differential"
models=$top/models/mnist
has_jit=$([ ! -e "build/sysroot/$triplet/usr/include/libtcc.h" ] || echo yes)
enter_work_folder

# ---- Models ----

# digest_of COMMAND...: the last line of what it prints.
digest_of() {
    "$@" 2>&1 | tail -n 1
}
for model in "$models/mnist.json" "$models/mnist-int8.json"; do
    here=$(digest_of "$build/eigentensor" run "$model" "$models/samples/3-pen.png" -m eager)
    case $here in "digest "*) ;; *) wrong "$model: $here" ;; esac
    for mode in eager ${has_jit:+jit} aot; do
        found=$(digest_of emulated "$there/eigentensor" run "$model" \
            "$models/samples/3-pen.png" -m "$mode")
        [ "$found" = "$here" ] || wrong "$model, $mode: $found, not $here"
    done
done
[ -n "$has_jit" ] || {
    expect 0 emulated "$there/eigentensor" run "$models/mnist.json" "$models/samples/3-pen.png"
    says err 'warning: no jit: this build of Eigentensor has no libtcc; runs by aot'
}

# ---- Random graphs ----

"$build/tests/modes/differential" -n "$count" -d -m eager >digests_here ||
    wrong "here: $(cat digests_here)"
emulated "$there/tests/modes/differential" -n "$count" -d \
    -m "eager${has_jit:+,jit,jit-threads},gcc-O3" >digests ||
    wrong "there: $(head -n 40 digests)"
grep '^digest: ' digests_here >expected
grep '^digest: ' digests >found
same found expected "random graphs: $(cat found), not $(cat expected)"
[ "$failed" != 0 ] || echo "# $triplet, by eager${has_jit:+, jit} and aot: the same bits in" \
    "$count random graphs and 2 models"
