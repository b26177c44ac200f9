/* The precompiled kernels, tiles and row operations, by the names that emitted C calls them. */
#ifndef EIGENTENSOR_KERNELS_H
#define EIGENTENSOR_KERNELS_H

#include "runtime/kernels/cpu.h"
#include "runtime/kernels/dots.h"
#include "runtime/kernels/rows.h"
#include "runtime/kernels/tiles.h"

/* All kernels, compiled for one target. */
struct kernel_set {
    const struct target *target;
    tile_function *const *tiles; /* by TILE_OF_name */
    tile_16_function *const *f16_tiles, *const *bf16_tiles;
    tile_codes_function *const *coded_tiles;
    row_function *const *rows; /* by ROW_name */
    dot_function *const *dots; /* by DOT_OF_name */
};

/* The set for a target; for one that has none of its own, that which every CPU runs. */
const struct kernel_set *kernels_for(const struct target *target);

/* The set's kernel of that name, to be cast to the signature that the name says; NULL: there is
 * none. Of tiles of 8-bit integers it is that of faster_dots.def where the CPU at hand runs it. */
const void *kernel_find(const struct kernel_set *set, const char *name);

#endif
