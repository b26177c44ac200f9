#include "runtime/kernels/kernels.h"

#include <string.h>

static const struct kernel_set sets[] = {
#define KERNEL_SET(name, target)                                                                   \
    {&targets[TARGET_##target], tiles_##name, f16_tiles_##name, bf16_tiles_##name,                 \
     coded_tiles_##name,        rows_##name,  dots_##name},
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

/* Where a name goes on behind a prefix; NULL: it has another. */
static const char *behind(const char *name, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 ? name + length : NULL;
}

static const void *tile_of(const struct kernel_set *set, const char *name) {
    const char *f16 = behind(name, "f16_"), *bf16 = behind(name, "bf16_");
    const char *coded = behind(name, "coded_");
    int tile = tile_find(f16 ? f16 : bf16 ? bf16 : coded ? coded : name);
    if (tile < 0)
        return NULL;
    return f16     ? (const void *)set->f16_tiles[tile]
           : bf16  ? (const void *)set->bf16_tiles[tile]
           : coded ? (const void *)set->coded_tiles[tile]
                   : (const void *)set->tiles[tile];
}

const void *kernel_find(const struct kernel_set *set, const char *name) {
    if (strcmp(name, "tile_inside") == 0)
        return (const void *)tile_inside;
    if (strcmp(name, "dot_inside") == 0)
        return (const void *)dot_inside;
    int dot = dot_find(name), row = row_find(name);
    return dot >= 0   ? find_dot(set, dot)
           : row >= 0 ? (const void *)set->rows[row]
                      : tile_of(set, name);
}
