/* The machines that programs are compiled for. */
#ifndef EIGENTENSOR_TARGET_H
#define EIGENTENSOR_TARGET_H

#include <stdbool.h>
#include <stdint.h>

struct text;

/* gpus.def says what the fields mean. */
struct gpu {
    int compute, multiprocessors, threads;
    int64_t shared, l2; /* bytes */
    int bandwidth;
};

/* target.def says what the fields mean. */
struct target {
    const char *name;
    const char *option;
    int lanes, registers, accumulators;
    int multiplies, loads, latency;
    int64_t l1, l2; /* bytes */
    int line, page, ways;
    const char *compiler;
    const struct gpu *gpu; /* NULL: it is a CPU */
};

enum target_id {
#define TARGET(id, ...) TARGET_##id,
#include "compiler/target/target.def"
#undef TARGET
    TARGET_COUNT
};
extern const struct target targets[TARGET_COUNT];

enum gpu_id {
#define GPU(id, ...) GPU_##id,
#include "compiler/target/gpus.def"
#undef GPU
    GPU_COUNT
};
extern const struct target gpu_targets[GPU_COUNT];

/* What code that is compiled for a target can be held against: TARGET_AVX2_LANES, ... */
enum {
#define TARGET(id, name, option, lanes, registers, accumulators, multiplies, loads, latency, l1,   \
               l2, line, page, ways, compiler)                                                     \
    TARGET_##id##_LANES = (lanes), TARGET_##id##_REGISTERS = (registers),                          \
    TARGET_##id##_ACCUMULATORS = (accumulators), TARGET_##id##_LINE = (line),
#include "compiler/target/target.def"
#undef TARGET
};

/* The target of that name, or one that it stands for ("x86-64-v3"); NULL: there is none. */
const struct target *target_find(const char *name);
/* All such names, with commas. */
void target_names(struct text *text);
/* The same of GPUs: "sm_90". */
const struct target *gpu_target_find(const char *name);
void gpu_target_names(struct text *text);

/* Whether it has no vectors, so that every sum is a variable of its own. */
static inline bool target_is_small(const struct target *target) {
    return target->lanes == 1 && !target->gpu;
}

/* int8 that an instruction multiplies by as many others and adds up, of targets that have vectors
 * of integers and none of floats that keep every bit; 0: there is none. */
static inline int target_vector_bytes(const struct target *target) {
    return target == &targets[TARGET_CORTEX_M55] ? 16 : 0;
}

/* float32 of a line of memory. */
static inline int line_elements(const struct target *target) {
    return target->line / (int)sizeof(float);
}

#endif
