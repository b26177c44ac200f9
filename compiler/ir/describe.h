/* Kernels in words: names, formulas, counts. Texts are in the ir's arena. */
#ifndef EIGENTENSOR_IR_DESCRIBE_H
#define EIGENTENSOR_IR_DESCRIBE_H

#include "compiler/ir/ir.h"
#include "compiler/ir/launch.h"

/* One kernel, for people. */
struct kernel_facts {
    const char *name;                  /* "k02_contract_relu_pool": the C function's name */
    const char *formula;               /* "y[32,10,10] = max{..}(..)" */
    const char *nodes;                 /* ids of the graph's nodes in it: "12 13 14" */
    const char *source;                /* the emitted C of its function; "": that of another
                                          kernel of this name */
    const char *output;                /* what it stores, "t3 float32[32,10,10]" */
    int64_t images;                    /* of the block that it is part of; 0: there is no batch */
    int64_t steps;                     /* it is done so often in a run, as part of a scan; 0: it is
                                          part of none */
    bool may_end;                      /* it is done so often at most */
    int64_t flops;                     /* arithmetic operations, a multiply-add counted as two */
    int64_t bytes_read, bytes_written; /* each tensor counted once */
    struct launch launch;
};

/* The arithmetic operations of a kernel in one run of the graph, and of all those before it; ends
 * at a number that is too large to be counted. */
static inline int64_t add_flops_of_run(int64_t before, const struct kernel_facts *facts) {
    int64_t flops;
    bool fits = checked_multiply(facts->flops, facts->steps ? facts->steps : 1, &flops) &&
                checked_add(before, flops, &flops);
    return fits ? flops : INT64_MAX;
}

const char *kernel_name(struct ir *ir, const struct kernel *kernel);
const char *kernel_formula(struct ir *ir, const struct kernel *kernel);
const char *buffer_description(struct ir *ir, const struct buffer *buffer);
const char *kernels_dot(struct ir *ir);
double nest_flops(struct ir *ir, struct statement *const *statements, int count);
int64_t kernel_flops(struct ir *ir, const struct kernel *kernel);
/* All but its text. */
struct kernel_facts describe_kernel(struct ir *ir, const struct kernel *kernel);
/* Words in comment lines of at most 100 columns. */
void add_wrapped(struct text *text, const char *words);

#endif
