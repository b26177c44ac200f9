/* Weights of codes: what a graph computes of bytes, each a number of 8 bits or two of 4. */
#ifndef EIGENTENSOR_IR_CODED_H
#define EIGENTENSOR_IR_CODED_H

#include "compiler/ir/expression.h"

/* Codes as float32: of 4 bits, of bytes >> shift & 15, where the shifts are 0 and 4. */
struct codes {
    const struct expression *bytes; /* a load of a constant of uint8; NULL: there are no codes */
    const struct expression *shift; /* a load of a constant; NULL: a code has all 8 bits */
};

/* scale * (code - zero), or in the other order; or scale * code and an offset. */
struct coded_weight {
    struct codes codes;
    const struct expression *scale; /* a load of a constant of float32, float16 or bfloat16; NULL:
                                     * find_code_differences has found the rest */
    const struct expression *zero;  /* a load of one of float32; NULL: codes, or a number */
    struct codes zero_codes;
    float zero_number;               /* where there is neither; finite */
    const struct expression *offset; /* a load as that of scales; NULL: there is none */
    bool subtracted;                 /* the offset; else added */
    bool by_blocks; /* the scale multiplies the sum over each block, not each element of it */
};

/* Tiles decode so many codes at a time, which share a scale and a zero; a multiple of so many where
 * sums are scaled by blocks. */
enum { SHORTEST_CODED_BLOCK = 16, CODED_BLOCK_STEP = 8 };

/* Whether an expression is such a weight, and nothing but that. */
bool find_coded_weight(const struct expression *e, struct coded_weight *weight);

/* Whether it is code - zero, or code, and nothing but that. */
bool find_code_differences(const struct expression *e, struct coded_weight *weight);
/* Whether it is a scale, and which load that is. */
bool find_scale(const struct expression *e, const struct expression **scale);

/* A contraction over blocks of scales times sums that are contractions over the elements of a block
 * themselves, of the numbers of a stream times differences. */
struct block_sums {
    const struct expression *sum; /* the inner one */
    int side;                     /* of its sources, which the weight is */
    struct coded_weight weight;
};
bool find_block_sums(const struct expression *e, struct block_sums *found);

/* What a weight loads beside its codes and their shifts, the same for a block; at most so many. */
enum { BLOCK_LOADS = 3 };
int list_block_loads(const struct coded_weight *weight, const struct expression *loads[]);
/* The same behind its codes, and their shifts if they have any. */
enum { CODED_LOADS = 2 + BLOCK_LOADS };
int list_coded_loads(const struct coded_weight *weight, const struct expression *loads[]);

#endif
