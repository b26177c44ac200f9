/* The kinds of CPU that the scheduler plans for. */
#ifndef EIGENTENSOR_TARGET_H
#define EIGENTENSOR_TARGET_H

#include "compiler/base/base.h"

enum { LINE_ELEMENTS = 16 }; /* float32 of a line of memory */

/* target.def says what the fields mean. */
struct target {
    const char *name;
    int lanes, registers, accumulators;
    int multiplies, loads, latency;
    int64_t l1, l2; /* bytes */
};

enum target_id {
#define TARGET(id, ...) TARGET_##id,
#include "compiler/target/target.def"
#undef TARGET
    TARGET_COUNT
};
extern const struct target targets[TARGET_COUNT];

/* The target of that name; NULL: there is none. */
const struct target *target_find(const char *name);

#endif
