#!/bin/sh
# page_modules.sh TOOL FOLDER: the WebAssembly modules that the page runs by itself: each shipped
# model, and what makes a drawing ready for it. FOLDER/list names the files; FOLDER/index.js is what
# the page reads. Without clang and wasm-ld, or where this machine cannot run TOOL, there are none,
# and index.js says so. What is the same stays untouched.
set -eu

tool=$1 folder=$2 new=$2.new looked=$2.looked

can_build=
if [ -n "$tool" ] && "$tool" --version >/dev/null 2>&1 &&
    command -v clang >/dev/null && command -v wasm-ld >/dev/null; then
    can_build=yes
fi

# Nothing to do: nothing has changed, compilers that came or went included.
if [ -e "$looked" ] && [ "$(cat "$looked")" = "$can_build" ] && [ -z "$(find "$0" ${tool:+"$tool"} \
    server/browser runtime/formats templates/wasm models/mnist -newer "$looked")" ]; then
    exit
fi

rm -rf "$new"
mkdir -p "$new"
echo index.js >"$new/list"
if [ "$can_build" ]; then
    clang --target=wasm32 -std=c11 -O2 -mbulk-memory -nostdlib -nostdlibinc -I. -Itemplates/wasm \
        -include server/browser/prepare.h -Wl,--no-entry -Wl,-z,stack-size=1048576 -Wl,--strip-all \
        server/browser/prepare.c runtime/formats/image_prepare.c runtime/formats/image_paper.c \
        -o "$new/prepare.wasm"
    echo prepare.wasm >>"$new/list"
    for name in mnist mnist-int8; do
        "$tool" build --target=wasm32-simd "models/mnist/$name.json" -o "$new/$name" >/dev/null
        for file in "$new/$name"/*.js "$new/$name"/*.wasm; do
            echo "${file#"$new/"}" >>"$new/list"
        done
    done
fi

# index.js: each model by the digest of its graph.
{
    echo '/** The models that run in the browser, by the digest of their graph. Generated. */'
    echo 'export const modules = {'
    sed -n '/\/.*\.js$/p' "$new/list" | while read -r file; do
        digest=$(sed -n 's/^ \* graph  //p' "$new/$file")
        printf "    '%s':\n        () => import('./%s'),\n" "$digest" "$file"
    done
    echo '};'
} >"$new/index.js"

if diff -r "$new" "$folder" >/dev/null 2>&1; then
    rm -rf "$new"
else
    rm -rf "$folder"
    mv "$new" "$folder"
fi
echo "$can_build" >"$looked"
