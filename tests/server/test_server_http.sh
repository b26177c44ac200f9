#!/bin/sh
# The server over HTTP, the plain build and, if it is there, the sanitized one.
set -eu

if ! command -v python3 >/dev/null; then
    echo "python3 is not there"
    exit 77
fi
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
cd "$(dirname "$0")"
for program in "$BUILD/eigentensor-server" "$BUILD/asan/eigentensor-server"; do
    [ -x "$program" ] || continue
    echo "$program"
    SERVER=$(realpath "$program") PYTHONDONTWRITEBYTECODE=1 python3 server_http.py
done
