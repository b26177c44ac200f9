#!/bin/sh
# site.sh MODULES FOLDER: writes a folder that any static host serves: the page without a server,
# the models as WebAssembly that page_modules.sh left in MODULES, and the samples.
set -eu

modules=$1 folder=$2 new=$2.new

[ -s "$modules/prepare.wasm" ] || {
    echo "site.sh: $modules holds no WebAssembly: it takes clang and wasm-ld (clang, lld)" >&2
    exit 1
}

rm -rf "$new"
mkdir -p "$new"
cp -R server/page/. "$new/"
sed 's/^<html lang="en">$/<html lang="en" data-alone>/' server/page/index.html >"$new/index.html"
grep -q data-alone "$new/index.html"
cp -R "$modules" "$new/modules"
rm "$new/modules/list"
cp -R models/mnist/samples "$new/samples"
cp LICENSE "$new/"
rm -rf "$folder"
mv "$new" "$folder"
echo "$folder is a page for any static host: python3 -m http.server --directory $folder"
