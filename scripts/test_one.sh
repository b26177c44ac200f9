#!/bin/sh
# test_one.sh NAME: runs one test for test.sh, which says what a line of the results is. NAME is
# a Criterion program in a build folder (build/tests/ir/test_index) or a script
# (tests/*/test_*.sh).
#
# A shell test finds the build folder in $BUILD, that of the sanitized build in $SANITIZED (which is
# empty if that is not asked for), and ends with 0 (passed), 77 (skipped) or else.
set -u

name=$1
# What a sanitizer says of a process whose tests may have passed all the same.
complaint='SUMMARY: [A-Za-z]*Sanitizer|runtime error:|ERROR: [A-Za-z]*Sanitizer'

now() {
    date +%s.%N
}

# How many lines of Criterion's report are like this.
count() {
    grep -c "$1" "$tap" || true
}

# Criterion reports as skipped what $FILTER does not name, with just these words.
left_out='# SKIP test was skipped$'

run_program() {
    tap=$name.tap
    : >"$tap"
    # The cases of a long program run side by side, too. Sanitized, Criterion itself then leaks.
    jobs=1
    case $name in
    */asan/* | */coverage/*) ;;
    *) if grep -Fxq "tests/${name#*/tests/}.c" tests/long.txt; then jobs=0; fi ;;
    esac
    timeout 900 "$name" --jobs=$jobs --tap="$tap" ${FILTER:+--filter="$FILTER"} \
        >"$log" 2>&1 </dev/null
    status=$?
    skipped=$(count '^ok.*# SKIP') passed=$(count '^ok') failed=$(count '^not ok')
    passed=$((passed - skipped))
    [ -z "${FILTER:-}" ] || skipped=$((skipped - $(count "^ok.*$left_out")))
    # Programs without results, that end badly, or that a sanitizer complains of have failed too.
    [ -s "$tap" ] || failed=1
    [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
    if grep -Eq "$complaint" "$log"; then failed=$((failed + 1)); fi
}

run_script() {
    passed=0 failed=0 skipped=0
    timeout 900 "$name" >"$log" 2>&1 </dev/null
    status=$?
    if grep -Eq "$complaint" "$log"; then status=1; fi
    case $status in
    0) passed=1 ;;
    77) skipped=1 ;;
    *) failed=1 ;;
    esac
}

# What it leaves in the folder for temporary files fails it, but for .ses, which is ONNX Runtime's.
parent=${TMPDIR:-/tmp}
TMPDIR=$(mktemp -d "$parent/et-XXXXXX") || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' HUP INT TERM

since=$(now)
case $name in
*.sh)
    log=$BUILD/$name.log
    mkdir -p "${log%/*}"
    run_script
    ;;
*)
    log=$name.log
    mkdir -p "${log%/*}"
    run_program
    ;;
esac
seconds=$(echo "$(now) $since" | awk '{ printf "%.1f", $1 - $2 }')
left=$(find "$TMPDIR" -mindepth 1 ! -name .ses | head -n 10)
if [ -n "$left" ]; then
    failed=$((failed + 1))
    printf 'FAILED: it left temporary files:\n%s\n' "$left" >>"$log"
fi
# The CPU's seconds of its processes, as far as somebody waited for them: minutes and seconds of
# user and system, in the second line.
times >"$TMPDIR/times"
cpu=$(tail -n 1 "$TMPDIR/times" | awk -F '[ms ]+' '{ printf "%.1f", 60 * ($1 + $3) + $2 + $4 }')
echo "$passed $failed $skipped $seconds $cpu $name $log"
