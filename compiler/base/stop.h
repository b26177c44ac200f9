/* The question whether work that takes long has to end. */
#ifndef EIGENTENSOR_STOP_H
#define EIGENTENSOR_STOP_H

#include <stdbool.h>

/* To be the first field of what the caller needs to answer it. `passed` is called now and then,
 * by any of the threads that work: not 0 ends the work, and is what it must return from then on. */
struct stop {
    int (*passed)(void *stop);
};

/* `stop` may be NULL: the work goes on to its end. */
static inline bool stop_passed(struct stop *stop) {
    return stop && stop->passed(stop) != 0;
}

#endif
