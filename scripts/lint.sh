#!/bin/sh
# lint.sh BUILD: formatting, lengths, rooms, shellcheck, what clang warns of, and clang-tidy.
set -u

build=$1
failed=

# tests/golden/ is the compiler's work, not ours.
c_files() {
    find bench compiler examples models runtime server templates tests -name '*.[ch]' \
        -not -path 'tests/golden/*' | sort
}

scripts() {
    find .ci packaging scripts tests bench models findings -type f | sort | while read -r file; do
        case $(head -n 1 "$file" | tr -d '\0') in
        '#!/bin/sh' | '#!/bin/bash') echo "$file" ;;
        esac
    done
}

# check NAME COMMAND...: runs it and remembers whether it failed.
check() {
    name=$1 since=$(date +%s)
    shift
    if "$@"; then result=good; else result=FAILED failed=1; fi
    printf '%-12s %4d s  %s\n' "$name" $(($(date +%s) - since)) "$result"
}

formatted() {
    c_files | xargs clang-format --dry-run -Werror
}

# The sources that clang looks at. Templates are seen where they are included; what
# tests/emit/collection, examples/ and bench/boards include is written by those that run them.
sources() {
    elsewhere='^templates/\|^examples/\|^tests/examples/\|^tests/emit/collection/\|^bench/boards/'
    c_files | grep '\.c$' | grep -v "$elsewhere"
}
vectors='_avx[0-9a-z]*\.c$\|_dotprod\.c$\|_i8mm\.c$'

# What clang warns of, too: it reads each file once for both. Vector code is seen for the baseline
# CPU, and what is for WebAssembly for this machine. Several run at once, so each says what it has
# to say in one piece.
tidy() {
    # shellcheck disable=SC2016  # the inner shell's variables
    sources | grep -v "$vectors" |
        xargs -P "$(nproc)" -n 8 sh -c 'said=$(clang-tidy --quiet "$@" -- -std=gnu11 -D_GNU_SOURCE \
            -Wall -Wextra -Wno-deprecated-declarations -Wno-unknown-attributes \
            -I. -I"$0"/server -I"$0"/onnx 2>&1 |
            grep -v "warnings\? \(and [0-9]* errors\? \)\?generated\.$")
            [ -z "$said" ] || printf "%s\n" "$said"' "$build" >"$build/tidy.log"
    cat "$build/tidy.log"
    [ ! -s "$build/tidy.log" ]
}

# What clang warns of in the vector code, with the options of each file.
warned() {
    sources | grep "$vectors" | sed "s|\(.*\)c$|$build/clang/\1o|" |
        xargs make CC=clang BUILD="$build/clang" OPTIMIZE=-fsyntax-only \
            >"$build/clang.log" 2>&1 || {
        grep -v '^  ' "$build/clang.log"
        return 1
    }
}

# Python and JavaScript, but for weights that a training run wrote.
modules() {
    find bench capture examples findings models packaging scripts server tests \
        -name '*.py' -o -name '*.js' |
        grep -v '_weights\.js$' | sort
}

# At most 100 columns, counted in characters, and at most 700 lines. Tables (*.def) may be wider.
short() {
    # shellcheck disable=SC2016  # awk's $0
    { c_files && scripts && modules && echo Makefile; } | LC_ALL=C xargs awk '
        FNR == 1 { lines = 0 }
        { plain = $0; gsub(/[\200-\277]/, "", plain) }
        length(plain) > 100 { print FILENAME ":" FNR ": " length(plain) " columns"; bad = 1 }
        ++lines == 701 { print FILENAME ": more than 700 lines"; bad = 1 }
        END { exit bad }'
}

shells() {
    scripts | xargs shellcheck
}

check format formatted
check lengths short
check rooms scripts/lint_rooms.py
check shellcheck shells
check clang warned
check clang-tidy tidy
[ -z "$failed" ]
