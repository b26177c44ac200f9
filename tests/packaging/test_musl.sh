#!/bin/sh
# The library, the command and the server are valid for musl, whose headers have less than glibc's;
# those of other libraries are taken from here.
. "$(dirname "$0")/../support/shell.sh"

command -v musl-gcc >/dev/null || skip "no musl-gcc on this machine (Debian: musl-tools)"
[ -e "$build/server/files.def" ] || skip "the server was not built"

enter_work_folder
mkdir headers
for name in jansson.h jansson_config.h libtcc.h zlib.h zconf.h png.h pngconf.h pnglibconf.h nettle \
    protobuf-c gmp.h; do
    for folder in /usr/include /usr/include/*-linux-gnu; do
        [ ! -e "$folder/$name" ] || ln -sf "$folder/$name" headers
    done
done
cd "$top" || exit 1

# What is compiled for other CPUs (runtime/kernels/sets.def) asks nothing of the C library, and that
# of browsers is none's.
find compiler runtime server -name '*.c' \
    -not -path 'runtime/kernels/*_*' -not -path 'runtime/shared/*' \
    -not -path 'server/browser/*' -print0 |
    xargs -0 -n 16 -P 2 musl-gcc -std=gnu11 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror -I. \
        -I"$build/onnx" -I"$build/server" -isystem "$work/headers" -idirafter templates/libc \
        >"$work/said" 2>&1 || wrong "$(head -n 20 "$work/said")"
