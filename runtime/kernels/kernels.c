#include "runtime/kernels/kernels.h"

#include <string.h>

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

static const void *find_tile(const struct kernel_set *set, const char *name) {
    int found = tile_find(name);
    return found < 0 ? NULL : (const void *)set->tiles[found];
}

static const void *find_row(const struct kernel_set *set, const char *name) {
    int found = row_find(name);
    return found < 0 ? NULL : (const void *)set->rows[found];
}

static const struct family {
    const char *prefix;
    const void *(*find)(const struct kernel_set *set, const char *name);
} families[] = {{"tile_", find_tile}, {"row_", find_row}};

enum { FAMILIES = sizeof families / sizeof *families, MAX_KERNEL_NAME = 63 };

void kernels_named_in(const char *text, const struct kernel_set *set, kernel_listener *listener,
                      void *context) {
    for (int i = 0; i < FAMILIES; i++) {
        const char *at = text;
        while ((at = strstr(at, families[i].prefix))) {
            char name[MAX_KERNEL_NAME + 1];
            size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
            if (length <= MAX_KERNEL_NAME) {
                memcpy(name, at, length);
                name[length] = 0;
                const void *function = families[i].find(set, name);
                if (function)
                    listener(context, name, function);
            }
            at += length;
        }
    }
}
