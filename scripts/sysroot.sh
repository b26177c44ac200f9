#!/bin/sh
# sysroot.sh TRIPLET FOLDER: what Eigentensor links, for another machine: headers and static
# libraries of Debian's packages for it, unpacked into FOLDER. Nothing is installed, and the machine
# keeps its own architecture alone: apt works in FOLDER. Needs apt and a network; done once.
set -eu

triplet=${1:?usage: sysroot.sh TRIPLET FOLDER}
folder=${2:?usage: sysroot.sh TRIPLET FOLDER}
packages='libjansson-dev libprotobuf-c-dev nettle-dev libgmp-dev libpng-dev zlib1g-dev'

case $triplet in *-linux-musl | riscv64-*)
    exec scripts/sysroot_sources.sh "$triplet" "$folder"
    ;;
esac

# How Debian calls the architecture, and libtcc where its code was seen to have our bits.
libtcc='libtcc-dev' criterion='libcriterion-dev'
case $triplet in
aarch64-linux-gnu) architecture=arm64 ;;
arm-linux-gnueabihf) architecture=armhf criterion='' libtcc= ;;
i686-linux-gnu) architecture=i386 libtcc= ;; # whose floating point is the x87's
powerpc64le-linux-gnu) architecture=ppc64el libtcc= ;;
mips64el-linux-gnuabi64) architecture=mips64el libtcc= ;;
*)
    echo "sysroot.sh: $triplet: not known; put its libraries into a folder of your own" \
        "and name it: make CROSS=$triplet SYSROOT=FOLDER" >&2
    exit 1
    ;;
esac
command -v apt-get >/dev/null || {
    echo "sysroot.sh: no apt-get here; name a folder with the libraries: SYSROOT=FOLDER" >&2
    exit 1
}

. scripts/apt_apart.sh
apt_apart "$folder/apt" deb "$architecture"

# Says what apt did if it fails.
quietly() {
    "$@" >"$apt/log" 2>&1 && return
    cat "$apt/log" >&2
    echo "sysroot.sh: no packages for $architecture? SYSROOT=FOLDER names another folder" >&2
    exit 1
}

# Of several archives one may be in the middle of a change; what is wanted may be in the others.
apt_get update >"$apt/log" 2>&1 || echo "sysroot.sh: not all lists of packages came: $apt/log" >&2
# shellcheck disable=SC2086  # one word a package
(mkdir "$apt/packages" && cd "$apt/packages" &&
    quietly apt_get download $libtcc $criterion $packages)
for package in "$apt"/packages/*.deb; do dpkg-deb -x "$package" "$folder"; done
rm -rf "$apt" "${folder:?}/usr/share"
