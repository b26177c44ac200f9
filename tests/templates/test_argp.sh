#!/bin/sh
# templates/libc/argp.h, for C libraries without one, beside the one that this C library has: the
# same words on standard output and error, and the same exit status.
. "$(dirname "$0")/../support/shell.sh"

cc=${CC:-gcc}
enter_work_folder
echo '#include <argp.h>' | "$cc" -E - >there.i 2>/dev/null || skip "this C library has no argp"
mkdir own there
source=$top/tests/templates/argp_words.c
"$cc" -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra "$source" -o there/words ||
    wrong "it does not compile with the C library's"
"$cc" -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined -I"$top/templates/libc" "$source" -o own/words ||
    wrong "it does not compile with ours"
# That of the C library stands first where there is one.
echo '#include <argp.h>' | "$cc" -idirafter "$top/templates/libc" -E - | cmp -s - there.i ||
    wrong "ours is found before the C library's"

# both WORD...: runs each with these words.
both() {
    for which in own there; do
        PATH=$PWD/$which:$PATH words "$@" >"$which/out" 2>"$which/err"
        echo "status $?" >>"$which/out"
    done
    cat own/out own/err >own/said
    cat there/out there/err >there/said
    diff own/said there/said || wrong "words $*"
}

both
both a b
both --help
both '-?'
both --usage
both --version
both -V
both -n 3 a --count=4 b --count 5
both -n3 -qAe1 word -a 90
both -qn
both --count
both --quiet=1
both --c=1 --q
both --a
both --an 3 --maybe --maybe=5 word
both --nothing
both -Z
both -qZ
both a -- -n --quiet -- b
both - -q
both --beside=4 --beside 5 --bes 6
both --a-long-name-that-leaves-no-room x
both a '?'
both '!'
both '#'
both a / b
both . -q a -n 3 b
both . a '#' -q
both '' -q ''
