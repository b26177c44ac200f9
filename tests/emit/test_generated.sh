#!/bin/sh
# generated/ and the stored graph are what this tree makes them, and generated/ compiles alone.
. "$(dirname "$0")/../support/shell.sh"

enter_work_folder

# as_made FOUND FILE TARGET: the tree's FILE is what `make TARGET` would write now.
as_made() {
    same "$1" "$top/$2" "$2 is not what the tree makes: run make $3"
}

cp "$top/models/mnist/mnist.safetensors" .
expect 0 "$build/mnist-define" mnist.json mnist.safetensors
as_made mnist.json models/mnist/mnist.json model

expect 0 "$build/eigentensor" emit "$top/models/mnist/mnist.json" -o generated
for file in generated/* "$top"/generated/*; do
    name=generated/$(basename "$file")
    as_made "$name" "$name" generated
done

# C++ calls it, and is one of the languages that it is written in.
cat >main.cc <<'END'
#include "mnist.h"
int main(int count, char **) { if (count > 1) mnist_run(nullptr, nullptr, nullptr, nullptr); }
END
for compiler in 'gcc g++' 'clang clang++'; do
    expect 0 "${compiler% *}" -c "$top/generated/mnist.c" -o mnist.o
    expect 0 "${compiler#* }" -I"$top/generated" main.cc mnist.o -lm -o main
    expect 0 ./main
    expect 0 "${compiler#* }" -x c++ -std=c++20 -Wall -Wextra -pedantic -Werror \
        -c "$top/generated/mnist.c" -o mnist.o
    expect 0 "${compiler% *}" -std=c99 -Wall -Wextra -pedantic -Werror \
        -c "$top/generated/mnist.c" -o mnist.o
done

# With what 8-bit integers take of vectors, which a compiler looks through once it inlines it.
expect 0 "$build/eigentensor" emit "$top/models/mnist/mnist-int8.json" -o integers
for compiler in 'g++ -x c++ -std=c++20' 'clang++ -x c++ -std=c++20' 'gcc -std=c99'; do
    # shellcheck disable=SC2086  # words
    expect 0 $compiler -O2 -Wall -Wextra -pedantic -Werror -c integers/mnist_int8.c -o mnist.o
done

# On x86-64 for CPUs without and with each set of vectors; elsewhere for the compiler's usual one.
case $(uname -m) in
x86_64) cpus='-march=x86-64 -march=x86-64-v3 -march=x86-64-v4' ;;
*) cpus=-O1 ;;
esac
for compiler in gcc clang; do
    for cpu in $cpus; do
        expect 0 "$compiler" -std=c11 -Wall -Wextra -pedantic -Werror -O1 "$cpu" \
            -c "$top/generated/mnist.c" -o mnist.o
    done
done
