#!/bin/sh
# generated/ and the stored graph are what this tree makes them, and generated/ compiles alone.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# same FOUND EXPECTED TARGET: the files are equal; `make TARGET` makes them so.
same() {
    cmp "$1" "$2" || { echo "$2 is not what the tree makes: run make $3" && exit 1; }
}

cp models/mnist/mnist.safetensors "$folder"
"$BUILD/mnist-define" "$folder/mnist.json" "$folder/mnist.safetensors"
same "$folder/mnist.json" models/mnist/mnist.json model

"$BUILD/eigentensor" emit models/mnist/mnist.json -o "$folder/generated"
for file in "$folder"/generated/* generated/*; do
    name=$(basename "$file")
    same "$folder/generated/$name" "generated/$name" generated
done

# On x86-64 for CPUs without and with each set of vectors; elsewhere for the compiler's usual one.
case $(uname -m) in
x86_64) cpus='-march=x86-64 -march=x86-64-v3 -march=x86-64-v4' ;;
*) cpus=-O1 ;;
esac
for compiler in gcc clang; do
    for cpu in $cpus; do
        "$compiler" -std=c11 -Wall -Wextra -pedantic -Werror -O1 "$cpu" \
            -c generated/mnist.c -o "$folder/mnist.o"
    done
done
