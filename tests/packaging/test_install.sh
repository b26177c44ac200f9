#!/bin/sh
# `make install` as a stranger has it: a program in C by pkg-config, shared and static, one by
# CMake, manuals, completions; `make uninstall` leaves nothing; the shared library offers what
# packaging/eigentensor.abi says; `make dist` has the same bytes twice.
. "$(dirname "$0")/../support/shell.sh"

enter_work_folder
prefix=$work/usr
for command in help2man pkg-config cmake; do
    command -v "$command" >/dev/null || skip "needs $command"
done

ours() {
    make -C "$top" BUILD="$build" PREFIX="$prefix" MAKEFLAGS= "$@" >make.log 2>&1 || {
        tail -n 5 make.log
        wrong "make $*"
    }
}
ours install

# ---- A program of C ----

cat >program.c <<'C'
#include <eigentensor.h>
#include <stdio.h>
int main(int count, char **values) {
    struct et_error error;
    struct et_program *program = et_program_open(values[count - 1], NULL, &error);
    if (!program)
        return fprintf(stderr, "%s\n", error.message), 1;
    printf("%s %s\n", et_version(), et_program_digest(program));
    et_program_free(program);
}
C
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
model=$top/models/mnist/mnist.json
"$prefix/bin/eigentensor" inspect "$model" >inspected
digest_is_right() {
    grep -q "$(cut -d ' ' -f 2 out)" inspected || wrong "digest of $1: $(cat out)"
}

# shellcheck disable=SC2046  # words
expect 0 gcc program.c -o shared $(pkg-config --cflags --libs eigentensor)
expect 0 env LD_LIBRARY_PATH="$prefix/lib" ./shared "$model"
says out "$(pkg-config --modversion eigentensor) "
digest_is_right 'the shared library'
[ "$(readelf -d shared | sed -n 's/.*NEEDED.*\[\(libeigen.*\)\]/\1/p')" = libeigentensor.so.1 ] ||
    wrong 'the program needs another name than libeigentensor.so.1'

# shellcheck disable=SC2046
expect 0 gcc program.c -o static $(pkg-config --cflags eigentensor) \
    "$prefix/lib/libeigentensor.a" $(pkg-config --static --libs-only-other eigentensor) \
    $(pkg-config --static --libs-only-l eigentensor | sed 's/-leigentensor//')
expect 0 ./static "$model"
digest_is_right 'the static library'

cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.13)
project(program C)
find_package(eigentensor 1.0 REQUIRED)
add_executable(program program.c)
target_link_libraries(program eigentensor::eigentensor)
CMAKE
expect 0 cmake -S . -B cmake -DCMAKE_PREFIX_PATH="$prefix"
expect 0 cmake --build cmake
expect 0 cmake/program "$model"
digest_is_right CMake
sed 's/eigentensor 1.0/eigentensor 2.0/' CMakeLists.txt >changed && mv changed CMakeLists.txt
expect 1 cmake -S . -B cmake2 -DCMAKE_PREFIX_PATH="$prefix"
says err 'version "2.0"'

# ---- Manuals and completions ----

for command in run emit import rewrite; do
    zcat "$prefix/share/man/man1/eigentensor-$command.1.gz" >page
    says page "eigentensor-$command \\- "
    says page '.SH SYNOPSIS'
    ! grep -q "$build" page || wrong "the manual of $command names our build folder"
done
if command -v man >/dev/null; then
    for page in "$prefix"/share/man/man1/*; do
        LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" >/dev/null 2>err
        [ ! -s err ] || wrong "$page: $(head -n 3 err)"
    done
fi

# completed LINE: the words that bash offers behind it.
cat >complete.bash <<'BASH'
. "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMPREPLY=()
read -ra COMP_WORDS <<<"$2"
case $2 in *' ') COMP_WORDS+=('') ;; esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"_${COMP_WORDS[0]//-/_}"
echo "${COMPREPLY[*]}"
BASH
completed() {
    program=${1%% *}
    found=$(bash complete.bash "$prefix/share/bash-completion/completions/$program" "$1")
    [ "$found" = "$2" ] || wrong "behind \"$1\" bash offers \"$found\", not \"$2\""
}
completed 'eigentensor ru' run
completed 'eigentensor i' 'import inspect'
completed 'eigentensor emit --dia' '--dialect='
completed 'eigentensor emit --dialect=c' 'calls cuda'
completed 'eigentensor run --mode=' 'eager jit aot cuda'
completed 'eigentensor run --fa' '--fast'
completed 'eigentensor run --weights=progr' program.c
completed 'eigentensor run progr' program.c
completed 'eigentensor-server --po' '--port='
if command -v zsh >/dev/null; then
    expect 0 zsh -n "$prefix/share/zsh/site-functions/_eigentensor"
fi
if command -v fish >/dev/null; then
    expect 0 fish -c ". $prefix/share/fish/vendor_completions.d/eigentensor.fish
        complete -C 'eigentensor run --mode='"
    says out '--mode=jit'
fi

# ---- What is promised, and what is left ----

if command -v abidiff >/dev/null && [ "$(uname -m)" = x86_64 ]; then
    abi=$top/packaging/eigentensor.abi
    expect 0 "$top/packaging/abi.sh" compare "$abi" "$build/libeigentensor.so"
    sed "s/<var-decl name='size' type-id='[0-9a-f]*'/<var-decl name='size' type-id='95e97e5e'/" \
        "$abi" >narrow.abi
    expect 4 "$top/packaging/abi.sh" compare narrow.abi "$build/libeigentensor.so"
    says out "type of 'int size' changed"
fi

ours uninstall
left=$(find "$prefix" ! -type d | head -n 3)
[ -z "$left" ] || wrong "uninstall leaves $left"
ours install DESTDIR="$work/root" PREFIX=/opt/et
says "$work/root/opt/et/lib/pkgconfig/eigentensor.pc" 'prefix=/opt/et'
[ -x "$work/root/opt/et/bin/eigentensor-server" ] || wrong 'DESTDIR has no server'

if git -C "$top" rev-parse HEAD >/dev/null 2>&1; then
    ours dist
    cp "$build"/eigentensor-*.tar.gz first.tar.gz
    sleep 1
    ours dist
    same first.tar.gz "$(ls "$build"/eigentensor-*.tar.gz)"
    tar -tzf first.tar.gz >list
    version=$(pkg-config --modversion "$work/root/opt/et/lib/pkgconfig/eigentensor.pc")
    says list "eigentensor-$version/Makefile"
fi
