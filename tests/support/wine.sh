#!/bin/sh
# wine.sh PROGRAM [ARGUMENT...]: runs a program for Windows by Wine, which finds its settings, its
# drives and, by a link, its libraries in a folder for this run alone: the one that it would make
# itself is of 700 MB. Compilers add .exe to names of programs. 127: there is no Wine.
set -eu

program=${1:?usage: wine.sh PROGRAM [ARGUMENT...]}
shift
[ ! -e "$program.exe" ] || program=$program.exe

wine=$(command -v wine64 || command -v wine || echo /usr/lib/wine/wine64)
libraries=
for folder in /usr/lib/*/wine/x86_64-windows /usr/lib/wine/x86_64-windows; do
    [ ! -d "$folder" ] || libraries=$folder
done
if [ ! -x "$wine" ] || [ -z "$libraries" ]; then
    echo "there is no wine64 on this machine" >&2
    exit 127
fi

WINEPREFIX=$(mktemp -d)
trap 'rm -rf "$WINEPREFIX"' EXIT
# Its server leaves a folder where temporary files are.
export WINEPREFIX TMPDIR="$WINEPREFIX" WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='
mkdir -p "$WINEPREFIX/drive_c/windows" "$WINEPREFIX/dosdevices"
ln -s "$libraries" "$WINEPREFIX/drive_c/windows/system32"
ln -s ../drive_c "$WINEPREFIX/dosdevices/c:"
ln -s / "$WINEPREFIX/dosdevices/z:"
echo disable >"$WINEPREFIX/.update-timestamp"
status=0
"$wine" "$program" "$@" || status=$?
# Its server would look for the folder for a while, and say so into what the program wrote.
server=$(command -v wineserver || echo /usr/lib/wine/wineserver)
"$server" --kill --wait >/dev/null 2>&1 || :
exit "$status"
