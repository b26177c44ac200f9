#!/bin/sh
# stage.sh BUILD: lays out in BUILD/stage what `make install` puts below DESTDIR: programs,
# libraries, header, manuals (by help2man, of what --help says), completions, and what pkg-config
# and CMake read. The Makefile sets the folders ($BINDIR, $LIBDIR, $INCLUDEDIR, $DATADIR), $VERSION,
# $SONAME and $LIBRARIES, with which the library was linked. $STRIP takes what debuggers read out of
# programs and the shared library (default: strip; ":" leaves it there).
set -eu

build=${1:?usage: stage.sh BUILD}
here=$(dirname "$0")
stage=$build/stage
programs='eigentensor eigentensor-server'

rm -rf "$stage"

# put FOLDER FILE [NAME]: a file that all may read.
put() {
    mkdir -p "$stage$1"
    install -m 644 "$2" "$stage$1/${3:-$(basename "$2")}"
}

# filled FOLDER FILE.in: the same, with the names between @ replaced.
filled() {
    name=$(basename "$2" .in)
    mkdir -p "$stage$1"
    sed -e "s|@PREFIX@|$PREFIX|; s|@LIBDIR@|$LIBDIR|; s|@INCLUDEDIR@|$INCLUDEDIR|" \
        -e "s|@VERSION@|$VERSION|; s|@MAJOR@|${VERSION%%.*}|; s|@SONAME@|$SONAME|" \
        -e "s|@LIBRARIES@|$LIBRARIES|" "$2" >"$stage$1/$name"
}

# manual NAME SUMMARY COMMAND...: a page of what `COMMAND... --help` says.
manual() {
    name=$1 summary=$2
    shift 2
    help2man --no-info --section=1 --version-string="$VERSION" --name="$summary" \
        --source="Eigentensor $VERSION" --manual='Eigentensor' "$*" |
        sed "s/^\\(eigentensor\\) \\([a-z]* .- \\)/\\1-\\2/" |
        gzip -n9 >"$stage$DATADIR/man/man1/$name.1.gz"
}

strip=${STRIP:-strip}
mkdir -p "$stage$BINDIR" "$stage$LIBDIR" "$stage$DATADIR/man/man1"
for program in $programs; do
    install -m 755 "$build/$program" "$stage$BINDIR/"
    $strip "$stage$BINDIR/$program"
done

install -m 644 "$build/libeigentensor.so" "$stage$LIBDIR/libeigentensor.so.$VERSION"
$strip --strip-unneeded "$stage$LIBDIR/libeigentensor.so.$VERSION"
ln -s "libeigentensor.so.$VERSION" "$stage$LIBDIR/$SONAME"
ln -s "$SONAME" "$stage$LIBDIR/libeigentensor.so"
put "$LIBDIR" "$build/libeigentensor.a"
$strip --strip-debug "$stage$LIBDIR/libeigentensor.a"
put "$INCLUDEDIR" runtime/eigentensor.h
filled "$LIBDIR/pkgconfig" "$here/eigentensor.pc.in"
filled "$LIBDIR/cmake/eigentensor" "$here/eigentensor-config.cmake.in"
filled "$LIBDIR/cmake/eigentensor" "$here/eigentensor-config-version.cmake.in"

manual eigentensor 'compiles stored tensor graphs and runs them' "$build/eigentensor"
manual eigentensor-server 'serves stored tensor graphs and ONNX models over HTTP' \
    "$build/eigentensor-server"
"$build/eigentensor" --help | awk -v command=- -f "$here/options.awk" |
    while IFS='	' read -r of command _ _ _ summary; do
        [ "$of" != command ] ||
            manual "eigentensor-$command" "$summary" "$build/eigentensor" "$command"
    done

completion() {
    mkdir -p "$stage$2"
    for program in $programs; do
        "$here/completion.sh" "$1" "$build/$program" >"$stage$2/$3$program$4"
    done
}
completion bash "$DATADIR/bash-completion/completions" '' ''
completion zsh "$DATADIR/zsh/site-functions" _ ''
completion fish "$DATADIR/fish/vendor_completions.d" '' .fish
