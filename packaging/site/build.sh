#!/bin/sh
# build.sh FOLDER: builds the documentation as a site there; warnings, as of links that lead
# nowhere, are errors.
set -eu

here=$(realpath "$(dirname "$0")")
sphinx-build -q -W --keep-going -n -c "$here" -d "$1/.doctrees" "$here/../.." "$1"
