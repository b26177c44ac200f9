#!/bin/sh
# The library and the command on AArch64, built by a cross compiler and run by an emulator: models
# and random graphs, interpreted, by libtcc and by gcc, give the digests that they have here.
# EIGENTENSOR_AARCH64_COUNT is how many random graphs.
. "$(dirname "$0")/../support/shell.sh"

triplet=aarch64-linux-gnu
count=${EIGENTENSOR_AARCH64_COUNT:-100}
for tool in $triplet-gcc qemu-aarch64 apt-get; do
    command -v "$tool" >/dev/null || skip "no $tool on this machine"
done
sysroot=build/sysroot/$triplet there=build/cross/$triplet
make_there() {
    make MAKEFLAGS= "CROSS=$triplet" "BUILD=$there" \
        OPTIMIZE='-O1 -Wno-maybe-uninitialized' VECTOR_OPTIMIZE=-O1 "$@" \
        >"$build/aarch64.log" 2>&1
}
make_there "$sysroot/fetched.mk" ||
    skip "its libraries cannot be fetched: $(tail -n 1 "$build/aarch64.log")"
make_there "$there/eigentensor" "$there/tests/modes/differential" ||
    { wrong "it does not build: $(tail -n 20 "$build/aarch64.log")" && exit 1; }

there=$(realpath "$there")
models=$top/models/mnist
enter_work_folder

# Programs that were not built for it run as they are: the C compiler, too, which as "gcc" is the
# one for it, and knows no native CPU.
mkdir bin
cat >bin/gcc <<'END'
#!/bin/sh
for word; do
    shift
    [ "$word" = -march=native ] || set -- "$@" "$word"
done
exec aarch64-linux-gnu-gcc "$@"
END
chmod +x bin/gcc
emulated() {
    PATH=$PWD/bin:$PATH QEMU_LD_PREFIX=/usr/$triplet EIGENTENSOR_CPU=neon qemu-aarch64 "$@"
}

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
