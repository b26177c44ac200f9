#!/bin/sh
# sysroot_sources.sh TRIPLET FOLDER: what the command links, built from the sources of Debian's
# packages: headers and static libraries, in FOLDER. For machines that the release of Debian has no
# packages for, by their cross compiler; and for musl, by musl-gcc (Debian: musl-tools). Needs
# dpkg-source (dpkg-dev), apt and a network, and no root; sysroot.sh calls it, once.
set -eu

triplet=${1:?usage: sysroot_sources.sh TRIPLET FOLDER}
folder=${2:?usage: sysroot_sources.sh TRIPLET FOLDER}
cpu=${triplet%%-*} cc=$triplet-gcc ar=$triplet-ar
case $triplet in *-linux-musl)
    [ "$cpu" = "$(uname -m)" ] || {
        echo "sysroot_sources.sh: $triplet: musl-gcc compiles for $(uname -m) alone; name a" \
            "folder that has the libraries: make CROSS=$triplet SYSROOT=FOLDER" >&2
        exit 1
    }
    cc=musl-gcc ar=ar
    ;;
esac
for tool in "$cc" "$ar" dpkg-source apt-get; do
    command -v "$tool" >/dev/null || { echo "sysroot_sources.sh: no $tool here" >&2 && exit 1; }
done

. scripts/apt_apart.sh
apt_apart "$folder/apt" deb-src "$(dpkg --print-architecture)"
lib=$(mkdir -p "$folder/usr/lib" && realpath "$folder/usr/lib")
include=$(mkdir -p "$folder/usr/include" && realpath "$folder/usr/include")
compile="$cc -O2 -fPIC -w"

fail() {
    tail -n 40 "$apt/log" >&2
    echo "sysroot_sources.sh: $1" >&2
    exit 1
}

# fetch SOURCE: its newest version that the archives have, as the folder SOURCE. Signatures of the
# archives vouch for it.
fetch() {
    for version in $(apt_cache showsrc --only-source "$1" | sed -n 's/^Version: //p' | sort -Vr); do
        apt_get source --download-only "$1=$version" >>"$apt/log" 2>&1 || continue
        dpkg-source --no-check -x "$1_${version#*:}.dsc" "$1" >>"$apt/log" 2>&1 && return
    done
    fail "$1: its sources cannot be fetched"
}

# archive NAME OPTIONS FILE.c...: the library NAME of these, compiled with OPTIONS.
archive() (
    name=$1 options=$2
    shift 2
    # shellcheck disable=SC2086  # words of a command
    $compile $options -c "$@" >>"$apt/log" 2>&1 &&
        "$ar" rcsD "$lib/lib$name.a" ./*.o
)

# One function a library, called in the folder of its sources.
# It has no configure of its own; the answers are those that one would find.
build_jansson() {
    cd src && sed 's/@json_inline@/inline/; s/@json_have_[a-z_]*@/1/' jansson_config.h.in \
        >jansson_config.h || return
    for has in HAVE_ATOMIC_BUILTINS HAVE_CLOSE HAVE_FCNTL_H HAVE_GETPID HAVE_GETTIMEOFDAY \
        HAVE_OPEN HAVE_READ HAVE_SCHED_H HAVE_SCHED_YIELD HAVE_STDINT_H HAVE_SYS_STAT_H \
        HAVE_SYS_TIME_H HAVE_SYS_TYPES_H HAVE_UNISTD_H USE_URANDOM; do
        echo "#define $has 1"
    done >jansson_private_config.h
    echo '#define INITIAL_HASHTABLE_ORDER 3' >>jansson_private_config.h
    archive jansson '-DHAVE_CONFIG_H -I.' ./*.c && cp jansson.h jansson_config.h "$include"
}

build_png() {
    cp scripts/pnglibconf.h.prebuilt pnglibconf.h && rm -f pngtest.c &&
        archive png "-DPNG_INTEL_SSE_OPT=0 -DPNG_ARM_NEON_OPT=0 -I. -I$include" ./png*.c &&
        cp png.h pngconf.h pnglibconf.h "$include"
}

# nettle's big integers are its own, so that libgmp has nothing to give.
build_nettle() {
    ./configure --quiet --host="$triplet" CC="$cc -w" CFLAGS='-O2 -fPIC' --enable-mini-gmp \
        --disable-assembler --disable-shared --disable-openssl --disable-documentation \
        >>"$apt/log" 2>&1 && make libnettle.a libhogweed.a >>"$apt/log" 2>&1 &&
        cp libnettle.a libhogweed.a "$lib" && mkdir -p "$include/nettle" &&
        cp ./*.h "$include/nettle" && rm "$include/nettle/config.h" && "$ar" rcsD "$lib/libgmp.a"
}

build_protobuf_c() {
    (cd protobuf-c && archive protobuf-c '-I..' protobuf-c.c) &&
        mkdir -p "$include/protobuf-c" && cp protobuf-c/protobuf-c.h "$include/protobuf-c"
}

build_tcc() {
    sh ./configure --cc="$cc" --ar="$ar" --config-musl --extra-cflags='-O2 -fPIC' \
        >>"$apt/log" 2>&1 &&
        make libtcc.a >>"$apt/log" 2>&1 && cp libtcc.a "$lib" && cp libtcc.h "$include"
}

build_zlib() {
    archive z '-DHAVE_UNISTD_H -DHAVE_STDARG_H -D_LARGEFILE64_SOURCE=1 -DHAVE_HIDDEN' ./*.c &&
        cp zlib.h zconf.h "$include"
}

# add SOURCE FUNCTION
add() {
    fetch "$1"
    (cd "$1" && $2) || fail "$1: does not build"
}

apt_get update >"$apt/log" 2>&1 || echo "sysroot_sources.sh: not all lists came: $apt/log" >&2
cd "$apt"
add zlib build_zlib
add libpng1.6 build_png
add jansson build_jansson
add nettle build_nettle
add protobuf-c build_protobuf_c
[ "$cc" != musl-gcc ] || add tcc build_tcc # whose code for others was not tested
rm -rf "$apt"
