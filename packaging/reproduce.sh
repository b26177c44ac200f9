#!/bin/sh
# reproduce.sh [FOLDER]: builds what is committed in two folders, with an hour between their clocks'
# zones, and compares all that is shipped: library, programs, what `make install` lays out, the
# archive of sources, the wheel and the Debian packages. Prints the SHA-256 of each; takes as long
# as building everything twice, and again for the packages.
set -eu

top=$(realpath "$(dirname "$0")/..")
folder=${1:-$(mktemp -d)}

shipped() {
    find build -maxdepth 2 \( -name 'libeigentensor.*' -o -name 'eigentensor*' -o -name '*.whl' \
        -o -name '*.deb' \) -type f ! -name '*.changes' ! -name '*.buildinfo'
    find build/stage -type f
}

# build NAME ZONE: a clone of that name, built, and the digests of what came out in NAME.digests.
build() {
    git clone -q "$top" "$folder/$1"
    (
        cd "$folder/$1"
        TZ=$2 make all shared stage dist wheel deb >"$folder/log" 2>&1 || {
            tail "$folder/log" && exit 1
        }
        shipped | sort -u | xargs sha256sum
    ) >"$folder/$1.digests"
}
build one UTC
build another-folder UTC-1
cat "$folder/one.digests"
diff "$folder/one.digests" "$folder/another-folder.digests"
echo "the same: $(wc -l <"$folder/one.digests") files"
