#!/bin/sh
# fuzz.sh check: is there what fuzz targets are built with?
# fuzz.sh run [WORD] [SECONDS]: runs those that `make fuzz` built with WORD in their names, each for
# so long, $JOBS (2) at a time; a line for each, as it ends: how often it was executed, and how much
# of the code that reached. What it found worth keeping is in build/fuzz/corpus/NAME, where the next
# run begins; what broke something is in build/fuzz/found/, to be given to its program again.
set -u
cd "$(dirname "$0")/.." || exit 1
self=scripts/fuzz.sh

fuzz=${BUILD:-build}/fuzz

check() {
    probe=$(mktemp -d) || exit 1
    trap 'rm -rf "$probe"' EXIT
    echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' >"$probe/fuzz.c"
    clang -fsanitize=fuzzer,address "$probe/fuzz.c" -o "$probe/fuzz" 2>/dev/null && return
    echo "fuzz: clang or its fuzzer runtime (Debian: libclang-rt-*-dev) is not installed"
    exit 1
}

# The most bytes of an input: what takes long to read is short, so that more is tried.
most_bytes() {
    case $1 in
    graphs) echo 400 ;;
    head) echo 2000 ;;
    stored | ir | png) echo 4096 ;;
    *) echo 8192 ;;
    esac
}

# run_one NAME: what the sanitizers say of it goes to a log, which is shown if it fails.
run_one() {
    name=$1
    log=$fuzz/$name.log
    mkdir -p "$fuzz/corpus/$name" "$fuzz/found" "tests/fuzz/corpus/$name"
    dictionary=tests/fuzz/$name.dict
    [ -f "$dictionary" ] || dictionary=
    seeds=$fuzz/seeds/$name # what a test made for it (tests/fuzz/test_fuzz.sh)
    [ -d "$seeds" ] || seeds=
    ASAN_OPTIONS=quarantine_size_mb=16:allocator_may_return_null=1 \
        UBSAN_OPTIONS=print_stacktrace=1 \
        "$fuzz/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len="$(most_bytes "$name")" \
        -timeout=25 -rss_limit_mb=1536 -malloc_limit_mb=256 -print_final_stats=1 \
        -artifact_prefix="$fuzz/found/$name-" ${dictionary:+"-dict=$dictionary"} \
        "$fuzz/corpus/$name" "tests/fuzz/corpus/$name" ${seeds:+"$seeds"} >"$log" 2>&1 </dev/null
    status=$?
    awk -v name="$name" '/^stat::number_of_executed_units/ { count = $2 }
        / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") covered = $(i + 1) }
        END { printf "# %-12s %9d executions, %6d edges\n", name, count, covered }' "$log"
    [ "$status" -eq 0 ] && return
    echo "FAILED: fuzz_$name: status $status"
    grep -v '^#[0-9]' "$log" | tail -n 60
    exit 1
}

case ${1:-} in
check) check ;;
one)
    seconds=$3
    run_one "$2"
    ;;
run)
    names=$(printf '%s\n' tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||' | grep -F -- "${2:-}")
    echo "$names" | xargs -P "${JOBS:-2}" -I '{}' "$self" one '{}' "${3:-60}"
    ;;
*) sed -n '2,/^set/s/^# //p' "$self" >&2 && exit 2 ;;
esac
