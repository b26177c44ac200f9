#!/bin/sh
# setup.sh run|site|install|wheel|static|musl|deb|docs|test|lint|bench|torch: sees to it that what
# the target needs is installed. On Debian and its descendants it installs what is missing;
# elsewhere it says what that is and how it is called.
set -eu

target=${1:?usage: setup.sh run|site|install|wheel|static|musl|deb|docs|test|lint|bench|torch}

# needed for | a command, header or Python module | Debian, Ubuntu | Fedora | Arch | Homebrew
needs() {
    cat <<'END'
run  gcc                   gcc              gcc                     gcc         gcc
run  stdio.h               libc6-dev        glibc-devel             glibc       -
run  libtcc.h              libtcc-dev       tcc                     tcc         tcc
run  jansson.h             libjansson-dev   jansson-devel           jansson     jansson
run  protobuf-c/protobuf-c.h libprotobuf-c-dev protobuf-c-devel    protobuf-c  protobuf-c
run  protoc-c              protobuf-c-compiler protobuf-c-compiler  protobuf-c  protobuf-c
run  nettle/sha2.h         nettle-dev       nettle-devel            nettle      nettle
run  png.h                 libpng-dev       libpng-devel            libpng      libpng
run  zlib.h                zlib1g-dev       zlib-devel              zlib        zlib
site clang                 clang            clang                   clang       llvm
site wasm-ld               lld              lld                     lld         lld
static gmp.h               libgmp-dev       gmp-static              gmp         gmp
musl musl-gcc              musl-tools       musl-gcc                musl        -
musl dpkg-source           dpkg-dev         dpkg-dev                dpkg        dpkg
test criterion/criterion.h libcriterion-dev (from-source)           criterion   criterion
test mpfr.h                libmpfr-dev      mpfr-devel              mpfr        mpfr
test g++                   g++              gcc-c++                 gcc         gcc
test clang:fuzzer          libclang-rt-14-dev compiler-rt         compiler-rt llvm
test node                  nodejs           nodejs                  nodejs      node
test npm                   npm              npm                     npm         node
test chromium              chromium         chromium                chromium    chromium
cross aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu -                 -           -
cross /usr/aarch64-linux-gnu/lib/libc.a libc6-dev-arm64-cross -     -           -
cross qemu-aarch64         qemu-user        -                       -           -
cross s390x-linux-gnu-gcc gcc-s390x-linux-gnu - - -
cross /usr/s390x-linux-gnu/lib/libc.a libc6-dev-s390x-cross - - -
cross mips-linux-gnu-gcc gcc-mips-linux-gnu - - -
cross /usr/mips-linux-gnu/lib/libc.a libc6-dev-mips-cross - - -
cross arm-linux-gnueabihf-gcc gcc-arm-linux-gnueabihf - - -
cross /usr/arm-linux-gnueabihf/lib/libc.a libc6-dev-armhf-cross - - -
cross riscv64-linux-gnu-gcc gcc-riscv64-linux-gnu - - -
cross /usr/riscv64-linux-gnu/lib/libc.a libc6-dev-riscv64-cross - - -
cross arm-none-eabi-gcc gcc-arm-none-eabi - - -
cross /usr/lib/arm-none-eabi/newlib/libc.a libnewlib-arm-none-eabi - - -
cross i686-linux-gnu-gcc   gcc-i686-linux-gnu -                     -           -
cross /usr/i686-linux-gnu/lib/libc.a libc6-dev-i386-cross -         -           -
cross /usr/lib/arm-none-eabi/lib/libc.a libnewlib-arm-none-eabi -   -           -
cross qemu-system-arm      qemu-system-arm  -                       -           -
cross riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf - - -
cross /usr/lib/picolibc/riscv64-unknown-elf/lib/libc.a picolibc-riscv64-unknown-elf - - -
cross qemu-system-riscv32  qemu-system-misc -                       -           -
cross /usr/lib/python3/dist-packages/kconfiglib.py python3-kconfiglib - - -
cross cppcheck             cppcheck         -                       -           -
cross x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64-win32 - - -
cross /usr/lib/wine/wine64 wine64         -                       -           -
wheel python3              python3          python3                 python      python3
wheel python:ensurepip     python3-venv     python3                 python      python3
bench clang                clang            clang                   clang       llvm
bench python3              python3          python3                 python      python3
bench python:ensurepip     python3-venv     python3                 python      python3
torch python:torch         python3-torch    python3-torch           python-pytorch pytorch
torch libopenblas.so.0     libopenblas0-pthread openblas            openblas    openblas
install help2man          help2man         help2man                help2man    help2man
deb  dpkg-buildpackage    dpkg-dev            -                       -           -
deb  /usr/share/build-essential/list build-essential -             -           -
deb  dh                   debhelper           -                       -           -
deb  lintian              lintian             -                       -           -
docs sphinx-build         python3-sphinx      python3-sphinx          python-sphinx sphinx-doc
docs /usr/lib/python3/dist-packages/myst_parser python3-myst-parser - -           -
docs /usr/lib/python3/dist-packages/furo furo -                       -           -
test cmake                cmake            cmake                   cmake       cmake
test pkg-config           pkg-config       pkgconf                 pkgconf     pkg-config
test curl                 curl             curl                    curl        curl
test abidw                abigail-tools    libabigail              libabigail  -
test /usr/sbin/nginx      nginx-light      nginx                   nginx       nginx
test openssl              openssl          openssl                 openssl     openssl
test systemd-analyze      systemd             systemd                 systemd     -
lint clang-format          clang-format     clang-tools-extra       clang       clang-format
lint clang-tidy            clang-tidy       clang-tools-extra       clang       llvm
lint shellcheck            shellcheck       ShellCheck              shellcheck  shellcheck
END
}

# Is this command, header, library, Python module or sanitizer of clang's there? Some headers want
# <stdio.h> before them.
have() {
    case $1 in
    /*) [ -e "$1" ] ;;
    *.h) printf '#include <stdio.h>\n#include <%s>\n' "$1" |
        "${CC:-gcc}" -E -o /dev/null - 2>/dev/null ;;
    *.so.*) ldconfig -p | grep -q "$1" ;;
    clang:*)
        echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
            clang "-fsanitize=${1#clang:}" -x c -o /dev/null - 2>/dev/null
        ;;
    python:*) "${PYTHON:-python3}" -c "import ${1#python:}" 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# The lines of `needs` for this target that are not there.
missing() {
    case $target in
    run) wanted=run ;;
    test) wanted='run site install wheel static deb docs test' ;;
    lint) wanted='run site install wheel static deb docs test lint' ;;
    deb) wanted='run site install deb' ;;
    docs) wanted=docs ;;
    bench | torch | install | musl | site | static | wheel) wanted="run $target" ;;
    *) echo "setup.sh: no target \"$target\"; see its first line" >&2 && exit 2 ;;
    esac
    # Cross compilers and an emulator, where it is sure what they are called.
    case $target-$(uname -m) in test-x86_64 | lint-x86_64)
        if command -v apt-get >/dev/null; then wanted="$wanted cross musl"; fi
        ;;
    esac
    needs | sed "s/  */ /g" | while read -r for probe names; do
        case " $wanted " in
        *" $for "*) have "$probe" || echo "$probe $names" ;;
        esac
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Root, or a sudo that asks nothing, or one that can ask.
may_install() {
    [ "$(id -u)" = 0 ] && return
    command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }
}

print_elsewhere() {
    echo "Missing, and how it is called elsewhere:"
    echo
    { echo "what Debian,Ubuntu Fedora Arch Homebrew" && echo "$lacking"; } |
        while read -r probe debian fedora arch brew; do
            printf '  %-22s %-17s %-18s %-11s %s\n' \
                "$probe" "$debian" "$fedora" "$arch" "$brew"
        done
    echo
    echo "Install these, then run make again."
}

lacking=$(missing)
[ -n "$lacking" ] || exit 0

if ! command -v apt-get >/dev/null; then
    print_elsewhere >&2
    exit 1
fi
packages=$(echo "$lacking" | cut -d' ' -f2 | sort -u | tr '\n' ' ')
if ! may_install; then
    printf 'Missing packages. As root:\n\n    apt-get install %s\n\n' "$packages" >&2
    exit 1
fi

echo "Installing $packages"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs apt-get, and while another holds its lock again and again, for ten minutes.
apt() {
    tries=120
    until as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y "$@" >"$log" 2>&1; do
        tries=$((tries - 1))
        if [ $tries -eq 0 ] || ! grep -q 'Could not get lock' "$log"; then return 1; fi
        [ $tries -lt 119 ] || echo "Waiting for apt's lock, which another process holds"
        sleep 5
    done
}

# A fresh machine has no lists of packages, an old one outdated lists.
# shellcheck disable=SC2086  # one word a package
if ! apt install --no-install-recommends $packages; then
    if ! apt update || ! apt install --no-install-recommends $packages; then
        cat "$log" >&2
        exit 1
    fi
fi
lacking=$(missing)
[ -z "$lacking" ] || { print_elsewhere >&2 && exit 1; }
