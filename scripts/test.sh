#!/bin/sh
# test.sh BUILD...: runs every Criterion program in the build folders, and tests/*/test_*.sh on the
# first of them. A line for each; what a failing one printed; the totals in the last line.
# A shell test finds the build folder in $BUILD and exits with 0 (passed), 77 (skipped) or else.
set -u

passed=0 failed=0 skipped=0

# What a sanitizer says of a process whose tests may have passed all the same.
complaint='SUMMARY: [A-Za-z]*Sanitizer|runtime error:|ERROR: [A-Za-z]*Sanitizer'

now() {
    date +%s.%N
}

# report NAME PASSED FAILED SKIPPED SINCE LOG
report() {
    passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
    result="$2 passed"
    [ "$4" -eq 0 ] || result="$result, $4 skipped"
    [ "$3" -eq 0 ] || result="$result, $3 FAILED"
    echo "$1 $(now) $5 $result" | awk '{
        printf "%-44s %7.1f s  ", $1, $2 - $3
        $1 = $2 = $3 = ""; sub(/^ */, ""); print }'
    [ "$3" -eq 0 ] || sed 's/^/    /' "$6"
}

count() {
    grep -c "$1" "$tap" 2>/dev/null || true
}

run_unit() {
    program=$1 log=$1.log tap=$1.tap since=$(now)
    rm -f "$tap" "$log"
    jobs=0 # as many as there are cores
    case $program in */asan/*) jobs=1 ;; esac # side by side Criterion itself leaks, now and then
    timeout 900 "$program" --jobs="$jobs" --tap="$tap" >>"$log" 2>&1 </dev/null
    status=$?
    [ -e "$tap" ] || : >"$tap"
    skips=$(count '^ok.*# SKIP') good=$(count '^ok') bad=$(count '^not ok')
    good=$((good - skips))
    # Programs without results, that end badly, or that a sanitizer complains of have failed too.
    [ $((good + bad + skips)) -gt 0 ] || bad=1
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    grep -Eq "$complaint" "$log" && bad=$((bad + 1))
    report "$program" "$good" "$bad" "$skips" "$since" "$log"
}

run_shell() {
    log=$BUILD/$1.log since=$(now)
    mkdir -p "$(dirname "$log")"
    rm -f "$log"
    timeout 900 "$1" >>"$log" 2>&1 </dev/null
    status=$?
    grep -Eq "$complaint" "$log" && status=1
    case $status in
    0) report "$1" 1 0 0 "$since" "$log" ;;
    77) report "$1" 0 0 1 "$since" "$log" && tail -n 1 "$log" | sed 's/^/    /' ;;
    *) report "$1" 0 1 0 "$since" "$log" ;;
    esac
}

export BUILD="$1"
export UBSAN_OPTIONS=print_stacktrace=1
for folder in "$@"; do
    # Compilers' output is not sanitized, so fewer random graphs do.
    case $folder in */asan)
        export EIGENTENSOR_AOT_COUNT="${EIGENTENSOR_AOT_COUNT:-50}"
        export EIGENTENSOR_AARCH64_COUNT="${EIGENTENSOR_AARCH64_COUNT:-10}"
        ;;
    esac
    for source in tests/*/test_*.c; do
        run_unit "$folder/${source%.c}"
    done
done
for test in tests/*/test_*.sh; do
    run_shell "$test"
done

echo "$passed passed, $failed failed, $skipped skipped" | tee "$BUILD/summary"
[ "$failed" -eq 0 ]
