#include "runtime/backend/limit.h"

enum et_stop run_stop_passed(struct run_stop *stop) {
    int stopped = __atomic_load_n(&stop->stopped, __ATOMIC_RELAXED);
    if (stopped == ET_NOT_STOPPED && (stopped = run_limit_passed(stop->limit)) != ET_NOT_STOPPED)
        __atomic_store_n(&stop->stopped, stopped, __ATOMIC_RELAXED);
    return (enum et_stop)stopped;
}

static int passed(void *stop) {
    return run_stop_passed(stop) != ET_NOT_STOPPED;
}

struct run_stop run_stop_begin(const struct run_limit *limit) {
    return (struct run_stop){.asked = {passed}, .limit = limit};
}
