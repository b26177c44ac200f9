#include "compiler/target/target.h"

#include <string.h>

#if defined __x86_64__
#define BASELINE_OPTION "-march=x86-64"
#else
#define BASELINE_OPTION ""
#endif

const struct target targets[TARGET_COUNT] = {
#define TARGET(id, called, gcc_option, lane_count, register_count, sums, fmas, vectors, cycles,    \
               first, second, line_bytes, page_bytes, way_count)                                   \
    {.name = #called,                                                                              \
     .option = gcc_option,                                                                         \
     .lanes = lane_count,                                                                          \
     .registers = register_count,                                                                  \
     .accumulators = sums,                                                                         \
     .multiplies = fmas,                                                                           \
     .loads = vectors,                                                                             \
     .latency = cycles,                                                                            \
     .l1 = (first)*1024,                                                                           \
     .l2 = (second)*1024,                                                                          \
     .line = line_bytes,                                                                           \
     .page = page_bytes,                                                                           \
     .ways = way_count},
#include "compiler/target/target.def"
#undef TARGET
};

const struct target *target_find(const char *name) {
    for (int i = 0; i < TARGET_COUNT; i++)
        if (strcmp(targets[i].name, name) == 0)
            return &targets[i];
    return NULL;
}
