#!/bin/sh
# deb.sh BUILD NAME: makes the Debian packages of BUILD/NAME.tar.gz (`make dist`) in BUILD/deb, and
# has lintian look at them: what it finds is an error.
set -eu

build=$(realpath "${1:?usage: deb.sh BUILD NAME}") name=$2
folder=$build/deb

rm -rf "$folder"
mkdir "$folder"
tar -xzf "$build/$name.tar.gz" -C "$folder"
(cd "$folder/$name" && dpkg-buildpackage -us -uc)
rm -rf "${folder:?}/$name"
lintian --fail-on=error,warning,info "$folder"/*.changes
ls "$folder"/*.deb
