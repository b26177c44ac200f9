#!/bin/sh
# The same sources give the same bytes in whatever folder and at whatever time: some objects, a
# program and the shared library around them, and all that `make install` lays out, made twice.
# packaging/reproduce.sh does so with everything.
. "$(dirname "$0")/../support/shell.sh"

command -v help2man >/dev/null || skip 'needs help2man'
enter_work_folder
made='libeigentensor.a libserver.a eigentensor eigentensor-server mnist-define'

# remake FOLDER: all but what is made already, which is long to make.
remake() {
    mkdir -p "$1/build"
    cp -Rp "$build/modules" "$build/modules.looked" "$1/build"
    tar -C "$top" --exclude=./build --exclude=./.git -c . | tar -x -C "$1"
    given=
    for file in $made; do
        cp -p "$build/$file" "$1/build"
        given="$given -o build/$file"
    done
    # shellcheck disable=SC2086  # words
    make -C "$1" MAKEFLAGS= BUILD=build $given build/compiler/base/text.o \
        build/compiler/emit/templates.o build/server/files.o stage \
        >log 2>&1 || {
        tail -n 5 log
        wrong "make in $1"
    }
}
remake one
sleep 1
remake another/folder
diff -r one/build another/folder/build || wrong 'the folder or the time is in what was made'
