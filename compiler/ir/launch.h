/* What a kernel of a GPU is given, and how many threads run it. It stands by itself: programs that
 * `eigentensor build` makes have it too. */
#ifndef EIGENTENSOR_IR_LAUNCH_H
#define EIGENTENSOR_IR_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum launch_place {
    LAUNCH_INPUT, /* of the run: the argument is that one's address; `at` says which */
    LAUNCH_OUTPUT,
    LAUNCH_WEIGHTS, /* `at` bytes behind where they begin */
    LAUNCH_ARENA,
};
struct launch_argument {
    enum launch_place place;
    size_t at;
};
struct launch {
    int64_t blocks; /* 0: the kernel is none of a GPU's, or part of another */
    int threads;    /* of a block */
    bool tile;      /* it takes long to compile */
    int count;
    struct launch_argument *arguments; /* in the order of the parameters */
};

#endif
