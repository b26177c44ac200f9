#include "compiler/target/target.h"

#include <string.h>

const struct target targets[TARGET_COUNT] = {
#define TARGET(id, name, lanes, registers, accumulators, multiplies, loads, latency, first,        \
               second)                                                                             \
    {#name, lanes,   registers,    accumulators, multiplies,                                       \
     loads, latency, (first)*1024, (second)*1024},
#include "compiler/target/target.def"
#undef TARGET
};

const struct target *target_find(const char *name) {
    for (int i = 0; i < TARGET_COUNT; i++)
        if (strcmp(targets[i].name, name) == 0)
            return &targets[i];
    return NULL;
}
