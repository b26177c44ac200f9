#!/bin/sh
# Every n-th allocation, mapping, open, read, write, thread and process that fails in a command.
. "$(dirname "$0")/../support/shell.sh"

command -v python3 >/dev/null || skip "no python3 on this machine"
! nm "$build/eigentensor" | grep -q __asan_init || skip "a sanitizer has an allocator of its own"
work=$(mktemp -d) || exit 1
${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -O2 -shared -fPIC tests/faults/fail_nth.c \
    -o "$work/fail_nth.so" || exit 1
python3 -B tests/faults/command_faults.py "$build/eigentensor" "$work/fail_nth.so" "$work/runs" "$@"
