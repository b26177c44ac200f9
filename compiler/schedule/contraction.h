/* Contractions that tiles can run. */
#ifndef EIGENTENSOR_CONTRACTION_H
#define EIGENTENSOR_CONTRACTION_H

#include "compiler/ir/coded.h"
#include "compiler/ir/ir.h"

struct contraction {
    struct ir *ir;
    struct statement *statement;
    const struct expression *sum;  /* the contraction, of loads: casts that tiles do are left out */
    const struct expression *pool; /* a small reduction around it, or NULL */
    int64_t depth;                 /* elements that a sum has */
    /* Where an operand is a weight of codes: that. The sum then is of their bytes, and the axes
     * from `within` on run within blocks of so many codes that share scale and zero. NULL: none is.
     */
    const struct coded_weight *coded;
    int within;
    int64_t block;
};

/* Whether the statement has one contraction, of plain loads and of a kind that tiles have, and at
 * most a small pool around it. */
bool find_contraction(struct ir *ir, struct statement *statement, struct contraction *contraction);
bool load_uses(const struct expression *load, const struct axis *axis);
/* By how many elements a load moves where the axis goes one on, and what the statement stores. */
int64_t stride_of(struct ir *ir, const struct expression *load, const struct axis *axis);
int64_t output_stride(const struct statement *statement, const struct axis *axis);

#endif
