/* How often each expression of a statement is evaluated, and what stands around it. */
#ifndef EIGENTENSOR_IR_USES_H
#define EIGENTENSOR_IR_USES_H

#include "compiler/ir/ir.h"

/* Where an expression stands: what is around it. */
struct use {
    double points; /* how often it is evaluated */
    bool guarded, in_contraction;
    int64_t pool; /* elements of the reductions around it */
};

/* All expressions of a statement by ascending id, so that sources come before users. */
struct uses {
    struct ir *ir;
    int count, capacity;
    const struct expression **expressions;
    struct use *items;
};
/* The use of an expression that stands in several is the widest of them. */
struct uses list_uses(struct ir *ir, const struct statement *statement);

#endif
