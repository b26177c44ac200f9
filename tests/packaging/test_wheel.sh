#!/bin/sh
# `make wheel` gives one wheel for every Python 3 that has all it needs but the C library and zlib
# inside, and depends on no other package: it is unpacked where nothing else is, and runs a model.
# Made again, it has the same bytes.
. "$(dirname "$0")/../support/shell.sh"

python=${PYTHON:-python3}
"$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    skip 'needs Python 3.11 with venv'
command -v readelf >/dev/null || skip 'needs readelf'
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-1800000000}"
packaging/wheel.sh "$build" >"$build/wheel.log" 2>&1 || {
    grep -q 'Could not find a version\|Failed to establish' "$build/wheel.log" &&
        skip 'auditwheel cannot be installed'
    tail -n 5 "$build/wheel.log"
    wrong 'make wheel'
}

mkdir -p "$build/wheel/first"
mv "$build"/wheel/*.whl "$build/wheel/first/wheel"
packaging/wheel.sh "$build" >"$build/wheel.log" 2>&1 || wrong "make wheel again"
set -- "$build"/wheel/*.whl
same "$1" "$build/wheel/first/wheel"
"$build/wheel/venv/bin/auditwheel" show "$1" | tr '\n' ' ' >"$build/wheel.log"
says "$build/wheel.log" 'is consistent with the following platform tag: "manylinux_'
[ $# = 1 ] || wrong "$# wheels"
case $1 in
*-py3-none-manylinux_*.whl) ;;
*) wrong "$1 is not for every Python 3 and Linux" ;;
esac

enter_work_folder
"$python" -m zipfile -e "$1" package
grep '^Requires-Dist:' package/*.dist-info/METADATA | grep -v 'extra ==' &&
    wrong 'it depends on other packages'
find package -name '*.so*' | while read -r file; do
    readelf -d "$file" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p'
done | sort -u >needed
while read -r library; do
    case $library in
    libc.so.* | libm.so.* | ld-linux* | libz.so.*) ;; # which every such Linux has
    *) [ -e "package/eigentensor.libs/$library" ] || wrong "$library is needed and not inside" ;;
    esac
done <needed

cat >use.py <<PYTHON
import eigentensor
model = eigentensor.load("$top/models/mnist/mnist.json")
print(model.digest)
for mode in ("eager", "jit"):
    print(model.result_digest(model([[[[0.5] * 28] * 28]], mode=mode)))
PYTHON
unset EIGENTENSOR_LIBRARY
expect 0 env PYTHONPATH="$PWD/package" "$python" -S use.py
[ "$(tail -n 2 out | sort -u | wc -l)" = 1 ] || wrong "modes differ: $(cat out)"
