/* What a step of a chain does: the operation of an expression, or several at once. */
#ifndef EIGENTENSOR_CALLS_CHAIN_OPERATION_H
#define EIGENTENSOR_CALLS_CHAIN_OPERATION_H

#include "compiler/emit/calls/rows.h"

struct step_name {
    const char *name, *reversed; /* NULL: order does not matter, or there is one source */
};

enum { MOST_OPERANDS = 4 };

/* What one step does to one value or two. */
struct operation {
    struct step_name step;
    const char *form; /* of a step of several operations that reads operands; else NULL */
    int work;         /* operations of the graph */
    int count;
    const struct expression *sources[2];
    int operand_count; /* of a step of several operations: read where they lie */
    const struct expression *operands[MOST_OPERANDS];
};

/* Whether a step does what is outermost in an expression of the block; then says it. */
bool chain_operation(const struct row_block *block, const struct expression *e,
                     struct operation *operation);

#endif
