/* The precompiled kernels, tiles and row operations, by the names that emitted C calls them. */
#ifndef EIGENTENSOR_KERNELS_H
#define EIGENTENSOR_KERNELS_H

#include "runtime/kernels/cpu.h"
#include "runtime/kernels/rows.h"
#include "runtime/kernels/tiles.h"

/* All kernels, compiled for one target. */
struct kernel_set {
    const struct target *target;
    tile_function *const *tiles; /* by TILE_OF_name */
    row_function *const *rows;   /* by ROW_name */
};

/* The set for a target; for one that has none of its own, that which every CPU runs. */
const struct kernel_set *kernels_for(const struct target *target);

/* Hears of one kernel. */
typedef void kernel_listener(void *context, const char *name, const void *function);

/* Tells the listener of every kernel that the C text names, some more than once: "tile_8x32",
 * "row_f32_add", ... There are too many to bind them all for every text. */
void kernels_named_in(const char *text, const struct kernel_set *set, kernel_listener *listener,
                      void *context);

#endif
