# shellcheck shell=sh disable=SC2034  # names that the tests use
# What the shell tests share. A test begins with
#
#     . "$(dirname "$0")/../support/shell.sh"
#
# and goes on from the top of the tree; $top is that folder, $build the build folder ($BUILD, else
# build/), both absolute. The test fails if it ends with a status other than 0, or if `wrong` was
# called: it need not exit by itself.
set -u

top=$(realpath "$(dirname "$0")/../..")
cd "$top" || exit 1
build=$(realpath -m "${BUILD:-build}")
work=
failed=0

finish() {
    status=$?
    [ -z "$work" ] || rm -rf "$work"
    [ "$status" -ne 0 ] || status=$failed
    exit "$status"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# A folder of the test's own, $work, which is removed at the end; goes there. What the user of the
# machine has kept elsewhere must not matter.
enter_work_folder() {
    work=$(mktemp -d) && cd "$work" || exit 1
    export XDG_CACHE_HOME="$work/cache"
}

# skip REASON: ends the test, which could not run here.
skip() {
    echo "skipped: $1"
    exit 77
}

# wrong WHAT: the test has failed, and goes on.
wrong() {
    echo "FAILED: $*"
    failed=1
}

# expect STATUS COMMAND...: leaves what it printed in ./out and ./err.
expect() {
    wanted=$1
    shift
    "$@" >out 2>err
    status=$?
    [ "$status" -eq "$wanted" ] || {
        tail -n 40 out | sed 's/^/    /'
        wrong "status $status instead of $wanted: $* ($(head -n 3 err))"
    }
}

# says FILE TEXT: the text stands in the file, word for word.
says() {
    grep -Fq -- "$2" "$1" || wrong "no \"$2\" in $1: $(head -n 30 "$1")"
}

# same FOUND EXPECTED [SENTENCE]: the files are equal; else the sentence says what is wrong.
same() {
    cmp "$1" "$2" || wrong "${3:-$1 and $2 differ}"
}

# npy DTYPE SHAPE BYTES: an array as NumPy stores it; the bytes as printf has them.
npy() {
    printf '\223NUMPY\001\000\166\000'
    printf "%-117s\n" "{'descr': '$1', 'fortran_order': False, 'shape': $2, }"
    # shellcheck disable=SC2059
    printf "$3"
}
