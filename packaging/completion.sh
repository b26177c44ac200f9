#!/bin/sh
# completion.sh SHELL PROGRAM: prints the completion of a program for bash, zsh or fish: what
# completion.SHELL does by the table of the program's commands and options.
set -eu

here=$(dirname "$0")
shell=${1:?usage: completion.sh bash|zsh|fish PROGRAM} program=${2:?which program?}

table() {
    "$program" --help | awk -v command=- -f "$here/options.awk" >"$scratch/of-program"
    cat "$scratch/of-program"
    sed -n 's/^command	\([a-z]*\)	.*/\1/p' "$scratch/of-program" | while read -r command; do
        "$program" "$command" --help | awk -v command="$command" -f "$here/options.awk"
    done
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# fish has the table in double quotes.
case $shell in
fish) table | sed 's/[\\"$]/\\&/g' ;;
*) table ;;
esac >"$scratch/table"

name=$(basename "$program")
sed -e "/@TABLE@/{
    r $scratch/table
    d
}" -e "s/@PROGRAM@/$name/g; s/@FUNCTION@/$(echo "$name" | tr - _)/g" "$here/completion.$shell"
