#include "compiler/target/target.h"

#include "compiler/base/text.h"

#include <string.h>

#if defined __x86_64__
#define BASELINE_OPTION "-march=x86-64"
#elif defined __i386__ /* whose x87 rounds otherwise */
#define BASELINE_OPTION "-msse2 -mfpmath=sse"
#else
#define BASELINE_OPTION ""
#endif

const struct target targets[TARGET_COUNT] = {
#define TARGET(id, called, gcc_option, lane_count, register_count, sums, fmas, vectors, cycles,    \
               first, second, line_bytes, page_bytes, way_count, cross)                            \
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
     .ways = way_count,                                                                            \
     .compiler = cross},
#include "compiler/target/target.def"
#undef TARGET
};

static const struct gpu gpus[GPU_COUNT] = {
#define GPU(id, called, capability, processors, held, kilobytes, megabytes, rate)                  \
    {.compute = capability,                                                                        \
     .multiprocessors = processors,                                                                \
     .threads = held,                                                                              \
     .shared = (kilobytes)*1024,                                                                   \
     .l2 = (megabytes)*1024 * 1024,                                                                \
     .bandwidth = rate},
#include "compiler/target/gpus.def"
#undef GPU
};

/* Of a thread, which has no vectors. */
const struct target gpu_targets[GPU_COUNT] = {
#define GPU(id, called, ...)                                                                       \
    {.name = #called,                                                                              \
     .option = "",                                                                                 \
     .lanes = 1,                                                                                   \
     .registers = 128,                                                                             \
     .accumulators = 64,                                                                           \
     .multiplies = 1,                                                                              \
     .loads = 1,                                                                                   \
     .latency = 4,                                                                                 \
     .l1 = 48 * 1024,                                                                              \
     .l2 = 40 * 1024 * 1024,                                                                       \
     .line = 128,                                                                                  \
     .page = 4096,                                                                                 \
     .ways = 4,                                                                                    \
     .gpu = &gpus[GPU_##id]},
#include "compiler/target/gpus.def"
#undef GPU
};

const struct target *gpu_target_find(const char *name) {
    for (int i = 0; i < GPU_COUNT; i++)
        if (strcmp(gpu_targets[i].name, name) == 0)
            return &gpu_targets[i];
    return NULL;
}

void gpu_target_names(struct text *text) {
    for (int i = 0; i < GPU_COUNT; i++)
        text_add(text, "%s%s", i ? ", " : "", gpu_targets[i].name);
}

/* What others call a row of target.def. */
static const struct alias {
    const char *name;
    enum target_id target;
} aliases[] = {
    {"x86-64", TARGET_BASELINE},  {"x86-64-v2", TARGET_BASELINE}, {"x86-64-v3", TARGET_AVX2},
    {"x86-64-v4", TARGET_AVX512}, {"aarch64", TARGET_NEON},
};

const struct target *target_find(const char *name) {
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(aliases[i].name, name) == 0)
            return &targets[aliases[i].target];
    for (int i = 0; i < TARGET_COUNT; i++)
        if (strcmp(targets[i].name, name) == 0)
            return &targets[i];
    return NULL;
}

void target_names(struct text *text) {
    for (int i = 0; i < TARGET_COUNT; i++)
        text_add(text, "%s%s", i ? ", " : "", targets[i].name);
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        text_add(text, ", %s", aliases[i].name);
}
