#include "runtime/kernels/kernels.h"

#include <string.h>

static const struct kernel_set sets[] = {
#define KERNEL_SET(name, target)                                                                   \
    {&targets[TARGET_##target], tiles_##name, f16_tiles_##name,                                    \
     bf16_tiles_##name,         rows_##name,  dots_##name},
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

static const void *find_dot(const struct kernel_set *set, int dot) {
    for (int i = 0; i < FASTER_DOTS_COUNT && !cpu_is_asked_for(); i++)
        if (faster_dots[i].target == set->target && faster_dots[i].runs())
            return (const void *)faster_dots[i].dots[dot];
    return (const void *)set->dots[dot];
}

const void *kernel_find(const struct kernel_set *set, const char *name) {
    if (strcmp(name, "tile_inside") == 0)
        return (const void *)tile_inside;
    bool f16 = strncmp(name, "f16_tile_", 9) == 0, bf16 = strncmp(name, "bf16_tile_", 10) == 0;
    int tile = tile_find(f16 ? name + 4 : bf16 ? name + 5 : name);
    if (tile >= 0)
        return f16    ? (const void *)set->f16_tiles[tile]
               : bf16 ? (const void *)set->bf16_tiles[tile]
                      : (const void *)set->tiles[tile];
    int dot = dot_find(name);
    if (dot >= 0)
        return find_dot(set, dot);
    int row = row_find(name);
    return row >= 0 ? (const void *)set->rows[row] : NULL;
}
