#!/bin/sh
# Threads under ThreadSanitizer: the pool, runs of graphs that it shares, the server's workers, and
# the server itself, asked by many at a time. (What libtcc makes is not seen; what it calls is.)
. "$(dirname "$0")/../support/shell.sh"

tsan=$build/tsan
command -v python3 >/dev/null || skip "no python3 on this machine"
[ -x "$tsan/eigentensor-server" ] || skip "not built: make tsan"
export EIGENTENSOR_RANDOM_COUNT="${EIGENTENSOR_RANDOM_COUNT:-60}"

# cases PROGRAM [WORD]: those of its tests that have the word in their names.
cases() {
    log=$tsan/tests/$1.log
    "$tsan/tests/$1" ${2:+"$2"} >"$log" 2>&1
    status=$?
    if [ "$status" -ne 0 ] || grep -q ThreadSanitizer "$log"; then
        wrong "$1: status $status"
        head -n 100 "$log"
    fi
    echo "# $1: $(tail -n 1 "$log")"
}

# requests FILE TEST...: some of the tests of tests/server/FILE.py.
requests() {
    file=$1
    shift
    SERVER=$tsan/eigentensor-server PYTHONDONTWRITEBYTECODE=1 \
        python3 "tests/server/$file.py" "$@" || wrong "$file"
    echo "# $file: $# tests"
}

cases runtime/test_pool
cases server/test_server_workers
cases server/test_server
cases server/test_server_sizes
cases modes/test_random random/threads_
requests server_http test_replies_say_where_their_time_went \
    test_too_many_connections_are_told test_pipelining_and_half_closed_sockets \
    test_sigterm_under_load_loses_no_reply test_aot_is_swapped_in_and_kept
requests server_limits test_health_is_apart_from_the_work test_runs_have_a_time \
    test_sigterm_ends_a_run test_new_connections_hear_that_it_stops
requests server_batching
requests server_models
requests server_access test_tokens_are_read_again test_one_process_takes_over_from_another
