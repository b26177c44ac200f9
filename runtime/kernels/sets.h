/* For the files that are compiled once for each set of kernels, and define SET, one of sets.def's
 * names: what the set's target has, as constants. */
#ifndef EIGENTENSOR_SETS_H
#define EIGENTENSOR_SETS_H

#include "compiler/target/target.h"

enum {
#define KERNEL_SET(name, target)                                                                   \
    SET_##name##_LANES = TARGET_##target##_LANES,                                                  \
    SET_##name##_REGISTERS = TARGET_##target##_REGISTERS,                                          \
    SET_##name##_ACCUMULATORS = TARGET_##target##_ACCUMULATORS,                                    \
    SET_##name##_LINE = TARGET_##target##_LINE,
#include "runtime/kernels/sets.def"
#undef KERNEL_SET
};

/* OF_SET(tiles_, ) is tiles_avx2 in the file of that set; OF_SET(SET_, _LANES) the target's lanes.
 */
#define OF_SET(before, after) OF_SET_AS(before, SET, after)
#define OF_SET_AS(before, set, after) OF_SET_JOINED(before, set, after)
#define OF_SET_JOINED(before, set, after) before##set##after

/* What the code of a set takes for granted must be what the row of its target says. */
#define ASSERT_OF_SET(value, what)                                                                 \
    _Static_assert((int)(value) == (int)OF_SET(SET_, _##what), "target.def: " #what)

#endif
