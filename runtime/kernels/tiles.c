#include "runtime/kernels/tiles.h"

#include <string.h>

static const char *const names[TILE_COUNT] = {
#define TILE(name, lanes, rows, columns) #name,
#include "templates/tiles.def"
#undef TILE
};

int tile_find(const char *name) {
    for (int i = 0; i < TILE_COUNT; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}
