# shellcheck shell=sh disable=SC2034,SC2154  # names of shell.sh, and for the tests
# prepare PROGRAM: what a test needs that lets calls of the program fail: a folder, $work, and in it
# fail_nth.c to preload, $library.
prepare() {
    command -v python3 >/dev/null || skip "no python3 on this machine"
    ! nm "$1" | grep -q __asan_init || skip "a sanitizer has an allocator of its own"
    work=$(mktemp -d) || exit 1
    library=$work/fail_nth.so
    ${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -O2 -shared -fPIC tests/faults/fail_nth.c \
        -o "$library" || exit 1
}
