# shellcheck shell=sh disable=SC2154  # names of shell.sh
# make_cross TRIPLET TARGET...: makes targets, below $there, of the library for another machine, by
# its cross compiler, and `emulated` then runs programs of it. Tests that run at once share the
# build folder. The test is skipped where a tool or that machine's libraries cannot be had.
# $cross_optimize, if set, stands in for the usual level of optimisation.
make_cross() {
    triplet=$1
    shift
    there=build/cross/$triplet cross_log=$build/cross_$(basename "$0" .sh).log
    emulator=qemu-${triplet%%-*}
    emulated_cpu=baseline
    case $triplet in
    "$(uname -m)"-*) emulator='env' ;;
    aarch64-*) emulated_cpu=neon ;;
    i686-*) emulator='qemu-i386' ;;
    esac
    for tool in "$triplet-gcc" "$emulator" apt-get flock; do
        command -v "$tool" >/dev/null || skip "no $tool on this machine"
    done
    mkdir -p "$there"
    _make_there "build/sysroot/$triplet/fetched.mk" || ! grep 'does not build' "$cross_log" ||
        exit 1
    [ -e "build/sysroot/$triplet/fetched.mk" ] ||
        skip "its libraries cannot be fetched: $(tail -n 1 "$cross_log")"
    _make_there "$@" ||
        { wrong "it does not build: $(tail -n 20 "$cross_log")" && exit 1; }
    there=$(realpath "$there")
}
_make_there() {
    flock "$there" make MAKEFLAGS= "CROSS=$triplet" "BUILD=$there" \
        OPTIMIZE="${cross_optimize:--O1 -Wno-maybe-uninitialized}" VECTOR_OPTIMIZE=-O1 "$@" \
        >"$cross_log" 2>&1
}

# emulated PROGRAM...: runs one of that machine's. What it starts runs as it is: the C compiler,
# too, which as "gcc" in ./bin is the one for it, and knows no native CPU.
emulated() {
    [ -e bin/gcc ] || _make_compiler
    PATH=$PWD/bin:$PATH QEMU_LD_PREFIX=/usr/$triplet EIGENTENSOR_CPU=$emulated_cpu \
        "$emulator" "$@"
}
_make_compiler() {
    mkdir -p bin
    cat >bin/gcc <<GCC
#!/bin/sh
for word; do
    shift
    [ "\$word" = -march=native ] || set -- "\$@" "\$word"
done
exec $triplet-gcc "\$@"
GCC
    chmod +x bin/gcc
}
