#include "runtime/kernels/kernels.h"

static const struct kernel_set sets[] = {
#define KERNEL_SET(name, target) {&targets[TARGET_##target], tiles_##name, rows_##name},
#include "runtime/kernels/sets.def"
#undef KERNEL_SET
};
enum { SETS = sizeof sets / sizeof *sets };

const struct kernel_set *kernels_for(const struct target *target) {
    for (int i = 0; i < SETS; i++)
        if (sets[i].target == target)
            return &sets[i];
    return &sets[0];
}

const void *kernel_find(const struct kernel_set *set, const char *name) {
    int tile = tile_find(name), row = tile < 0 ? row_find(name) : -1;
    return tile >= 0  ? (const void *)set->tiles[tile]
           : row >= 0 ? (const void *)set->rows[row]
                      : NULL;
}
