#include "compiler/base/clock.h"

enum { NANOSECONDS = 1000000000 }; /* in a second */

int64_t clock_nanoseconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * NANOSECONDS + time.tv_nsec;
}

int64_t now_nanoseconds(void) {
    return clock_nanoseconds(CLOCK_MONOTONIC);
}

double now_microseconds(void) {
    return (double)now_nanoseconds() * 1e-3;
}

double now_milliseconds(void) {
    return (double)now_nanoseconds() * 1e-6;
}

double now_seconds(void) {
    return (double)now_nanoseconds() * 1e-9;
}

struct timespec deadline_in(int64_t milliseconds) {
    int64_t at = clock_nanoseconds(CLOCK_REALTIME) + milliseconds * 1000000;
    return (struct timespec){.tv_sec = at / NANOSECONDS, .tv_nsec = at % NANOSECONDS};
}
