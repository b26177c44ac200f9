#!/bin/sh
# The Debian packages, of what is built already: dpkg-buildpackage makes four, lintian finds nothing
# in them, together they hold what `make install` installs, and their command and library run. The
# unit of the server is one that systemd takes, and well shut in.
. "$(dirname "$0")/../support/shell.sh"

for command in dpkg-buildpackage dh lintian help2man clang wasm-ld; do
    command -v "$command" >/dev/null || skip "needs $command"
done
enter_work_folder

version=$(sed -n 's/^#define ET_VERSION "\(.*\)"/\1/p' "$top/runtime/eigentensor.h")
[ "$(dpkg-parsechangelog -l "$top/debian/changelog" -S Version)" = "$version" ] ||
    wrong "debian/changelog does not begin with $version"

# A copy of the sources, with the objects that they would become, as old as they are.
mkdir -p source/build
tar -C "$top" --exclude=./build --exclude=./.git -c . | tar -x -C source
for part in compiler runtime server models onnx modules modules.looked jit; do
    cp -Rp "$build/$part" source/build
done
cp -p "$build"/*.a "$build/libeigentensor.so" source/build
for program in eigentensor eigentensor-server demo mnist-define; do
    cp -p "$build/$program" source/build
done
strip -p -g source/build/*.a source/build/*.so source/build/eigentensor*
touch source/build/setup-run source/build/setup-install

cd source || exit 1
DEB_BUILD_OPTIONS='nocheck noautodbgsym' dpkg-buildpackage -b -nc -us -uc >../log 2>&1 || {
    tail -n 20 ../log
    wrong 'dpkg-buildpackage'
}
cd "$work" || exit 1
! grep -q '^  cc ' log || wrong "it compiled what was there: $(grep '^  cc ' log | head -n 3)"
# lintian leaves tables of what is in ELF files
expect 0 env TMPDIR="$work" lintian --fail-on=error,warning,info ./*.changes
[ ! -s out ] || wrong "lintian: $(cat out)"

for package in eigentensor eigentensor-server libeigentensor1 libeigentensor-dev; do
    dpkg-deb -x "${package}_$version"_*.deb root || wrong "no package $package"
done
dpkg-deb -f libeigentensor-dev_*.deb Depends >depends
says depends "libeigentensor1 (= $version)"
dpkg-deb --ctrl-tarfile libeigentensor1_*.deb | tar -xO ./symbols >symbols
says symbols 'EIGENTENSOR_1@EIGENTENSOR_1'

model=$top/models/mnist/mnist.json
expect 0 root/usr/bin/eigentensor run "$model" "$top/models/mnist/samples/7-pen.png"
says out 'digest 5423b3bc500b32619fb05c6317cc10a5260de16550d858384236e037a7b0e329'
expect 0 root/usr/bin/eigentensor-server --version
says out "$version"
zcat root/usr/share/man/man1/eigentensor.1.gz >page
says page "Eigentensor $version"
set -- root/usr/lib/*/libeigentensor.so
[ -e "$1" ] || wrong 'the library has no name to be linked by'

# The packages' own test, which autopkgtest runs where they are installed.
libraries=$(echo "$work"/root/usr/lib/*-linux-gnu)
(cd "$top" && AUTOPKGTEST_TMP=$work PATH=$work/root/usr/bin:$PATH LD_LIBRARY_PATH=$libraries \
    PKG_CONFIG_PATH=$libraries/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/root \
    debian/tests/run-a-model) >log 2>&1 || {
    tail -n 20 log
    wrong 'debian/tests/run-a-model'
}

if command -v systemd-analyze >/dev/null; then
    unit=root/lib/systemd/system/eigentensor-server.service
    sed "s|/usr/bin/|$work/root/usr/bin/|" "$unit" >eigentensor-server.service
    expect 0 systemd-analyze verify --man=no ./eigentensor-server.service
    expect 0 systemd-analyze security --offline=true --threshold=20 "$unit"
else
    echo '# the unit is not verified: no systemd-analyze'
fi
