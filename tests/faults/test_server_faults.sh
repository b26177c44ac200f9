#!/bin/sh
# Every n-th allocation, mapping, open, read and write that fails while a request is answered.
. "$(dirname "$0")/../support/shell.sh"

command -v python3 >/dev/null || skip "no python3 on this machine"
! nm "$build/eigentensor-server" | grep -q __asan_init || skip "a sanitizer has its own allocator"
work=$(mktemp -d) || exit 1
${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -O2 -shared -fPIC tests/faults/fail_nth.c \
    -o "$work/fail_nth.so" || exit 1
SERVER=$build/eigentensor-server python3 -B tests/faults/server_faults.py "$work/fail_nth.so" "$@"
