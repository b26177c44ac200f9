#include "runtime/kernels/kernels.h"

#include <string.h>

#include "runtime/kernels/rows.h"
#include "runtime/kernels/tiles.h"

static const void *find_tile(const char *name, enum cpu_level level) {
    int found = tile_find(name);
    return found < 0 ? NULL : (const void *)tiles_of_level(level)[found];
}

static const void *find_row(const char *name, enum cpu_level level) {
    int found = row_find(name);
    return found < 0 ? NULL : (const void *)rows_of_level(level)[found];
}

static const struct family {
    const char *prefix;
    const void *(*find)(const char *name, enum cpu_level level);
} families[] = {{"tile_", find_tile}, {"row_", find_row}};

enum { FAMILIES = sizeof families / sizeof *families, MAX_KERNEL_NAME = 63 };

void kernels_named_in(const char *text, enum cpu_level level, kernel_listener *listener,
                      void *context) {
    for (int i = 0; i < FAMILIES; i++) {
        const char *at = text;
        while ((at = strstr(at, families[i].prefix))) {
            char name[MAX_KERNEL_NAME + 1];
            size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
            if (length <= MAX_KERNEL_NAME) {
                memcpy(name, at, length);
                name[length] = 0;
                const void *function = families[i].find(name, level);
                if (function)
                    listener(context, name, function);
            }
            at += length;
        }
    }
}
