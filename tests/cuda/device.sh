#!/bin/sh
# device.sh PROGRAM GRAPHS SEED: so many random graphs on the GPU of this machine, by as many
# processes as there are cores, each with seeds of its own.
program=$1 graphs=$2 seed=$3
processes=$(nproc)
each=$(((graphs + processes - 1) / processes))
logs=$(mktemp -d) || exit 1
trap 'rm -rf "$logs"' EXIT

i=0
while [ "$i" -lt "$processes" ]; do
    { "$program" $((seed + i * each)) "$each" >"$logs/$i" 2>&1 || echo "$?" >"$logs/$i.failed"; } &
    i=$((i + 1))
done
wait
cat "$logs"/[0-9] "$logs"/[0-9][0-9]* 2>/dev/null | grep -v '^[0-9]*$'
! ls "$logs"/*.failed >/dev/null 2>&1
