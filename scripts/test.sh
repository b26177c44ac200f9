#!/bin/sh
# test.sh TEST...: runs tests, as many side by side as there are cores. A TEST is the source of a
# Criterion program (tests/*/test_*.c), which is run in every build folder of $FOLDERS, or if
# tests/once.txt has it in the last of them, or a script (tests/*/test_*.sh), which is run on the
# first of them. A line for each, as it ends; then what those that failed printed, and how to run
# each again; the totals in the last line.
#
# $FILTER: Criterion's --filter, a pattern of SUITE/CASE. $JOBS: how many side by side.
set -u

: "${FOLDERS:=build}" "${JOBS:=$(nproc)}"
export BUILD="${FOLDERS%% *}"
SANITIZED=
case $FOLDERS in *' '*/asan) SANITIZED=${FOLDERS##* } ;; esac
export SANITIZED UBSAN_OPTIONS=print_stacktrace=1

# What is to be run, a line each. What takes longest comes first, so that no core waits for it at
# the end: the tests of tests/long.txt, the scripts, the programs of the last folder, of the first.
names() {
    folders=
    for folder in $FOLDERS; do folders="$folder $folders"; done
    printf '%s\n' "$@" | awk -v folders="$folders" '
        function add(rank, name) { print rank, ++count, name }
        FNR == 1 { file++ }
        file == 1 { long[$1] = FNR; next }
        file == 2 { once[$1]; next }
        /\.sh$/ { add($1 in long ? long[$1] : 1000, $1); next }
        {
            split(folders, folder)
            for (i = 1; i in folder && (i == 1 || !($1 in once)); i++)
                add($1 in long ? long[$1] : 1000 + i, folder[i] "/" substr($1, 1, length($1) - 2))
        }' tests/long.txt tests/once.txt - | sort -k 1n -k 2n | cut -d ' ' -f 3
}

# again NAME: how the failed cases of a program, or a script, are run again.
again() {
    case $1 in
    *.sh) echo "BUILD=$BUILD $1" ;;
    *)
        cases=$(sed -n 's/^not ok - \([^ ]*\).*/\1/p' "$1.tap" 2>/dev/null | sed 's/::/\//')
        for case in ${cases:-'*'}; do echo "$1 --filter '$case'"; done
        ;;
    esac
}

# A line of test_one.sh a test, as they end: PASSED FAILED SKIPPED SECONDS CPU NAME LOG.
report() {
    total=$1 done=0 passed=0 failed=0 skipped=0 bad=
    : >"$BUILD/test_times"
    while read -r good wrong left seconds cpu name log; do
        done=$((done + 1))
        [ $((good + wrong + left)) -gt 0 ] || continue # the filter names nothing in it
        passed=$((passed + good)) failed=$((failed + wrong)) skipped=$((skipped + left))
        result="$good passed"
        [ "$left" -eq 0 ] || result="$result, $left skipped"
        [ "$wrong" -eq 0 ] || result="$result, $wrong FAILED" bad="$bad $name"
        printf '%3d/%d  %-44s %6.1f s %6.1f s of CPU  %s\n' "$done" "$total" "$name" "$seconds" \
            "$cpu" "$result"
        echo "$cpu $seconds $name" >>"$BUILD/test_times"
        case $name$left in *.sh1) tail -n 1 "$log" | sed 's/^/    /' ;; esac
        grep '^# ' "$log" | sed 's/^#/   /' # what a test wants to be seen of it
    done
    for name in $bad; do
        printf '\n---- %s ----\n' "$name"
        case $name in *.sh) cat "$BUILD/$name.log" ;; *) cat "$name.log" ;; esac
    done
    [ "$done" -le 20 ] || {
        printf '\nWhat took most: seconds of CPU, seconds, test\n'
        sort -rn "$BUILD/test_times" | head -n 10
    }
    [ -z "$bad" ] || printf '\nAgain:\n'
    for name in $bad; do again "$name"; done
    echo "$passed passed, $failed failed, $skipped skipped" | tee "$BUILD/summary"
    [ "$failed" -eq 0 ] && [ "$done" -eq "$total" ] && [ $((passed + skipped)) -gt 0 ]
}

names "$@" | xargs -P "$JOBS" -n 1 "$(dirname "$0")/test_one.sh" | report "$(names "$@" | wc -l)"
