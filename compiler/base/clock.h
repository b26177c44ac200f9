/* Clocks. */
#ifndef EIGENTENSOR_CLOCK_H
#define EIGENTENSOR_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of a clock of clock_gettime: CLOCK_THREAD_CPUTIME_ID, CLOCK_REALTIME, ... */
int64_t clock_nanoseconds(clockid_t clock);

/* Time that only grows, from some unknown start: for differences. */
int64_t now_nanoseconds(void);
double now_microseconds(void);
double now_milliseconds(void);
double now_seconds(void);

/* The time of day so many milliseconds from now, for the waiting functions of pthread.h. */
struct timespec deadline_in(int64_t milliseconds);

#endif
