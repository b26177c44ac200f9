#include "runtime/kernels/tiles.h"

#include <string.h>

tile_function *const *tiles_of_level(enum cpu_level level) {
#if defined __x86_64__
    if (level == CPU_AVX512)
        return tiles_avx512;
    if (level == CPU_AVX2)
        return tiles_avx2;
#endif
    (void)level;
    return tiles_baseline;
}

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
