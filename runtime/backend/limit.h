/* When a run is to end early, and the question that its parts ask. */
#ifndef EIGENTENSOR_LIMIT_H
#define EIGENTENSOR_LIMIT_H

#include "compiler/base/base.h"
#include "compiler/base/stop.h"

#include "runtime/eigentensor.h" /* after base.h, which has struct et_error too */

struct run_limit {
    int64_t deadline;     /* nanoseconds of CLOCK_MONOTONIC; 0: none */
    const int *cancelled; /* any thread may set it, atomically; NULL: there is none */
};

/* NULL: there is none. */
static inline bool is_cancelled(const int *cancelled) {
    return cancelled && __atomic_load_n(cancelled, __ATOMIC_RELAXED);
}

/* Has the run to end? `limit` may be NULL. About 25 ns where there is a deadline. */
static inline enum et_stop run_limit_passed(const struct run_limit *limit) {
    if (limit && is_cancelled(limit->cancelled))
        return ET_CANCELLED;
    if (!limit || !limit->deadline)
        return ET_NOT_STOPPED;
    return now_nanoseconds() >= limit->deadline ? ET_TOO_LATE : ET_NOT_STOPPED;
}

/* What the parts of one run ask, in any threads. */
struct run_stop {
    struct stop asked; /* by what knows no more than that; must come first */
    const struct run_limit *limit;
    int stopped; /* enum et_stop, atomically: once a part has ended early, none goes on */
};

/* `limit` may be NULL, and must live as long. */
struct run_stop run_stop_begin(const struct run_limit *limit);
enum et_stop run_stop_passed(struct run_stop *stop);

/* The message of a run that was ended; returns false. */
static inline bool run_limit_fail(enum et_stop stop, struct et_error *error) {
    return et_fail(error, stop == ET_CANCELLED ? "the run was cancelled"
                                               : "the run took longer than it may");
}

#endif
