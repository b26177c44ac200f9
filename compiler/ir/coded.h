/* Weights of 4 bits: what a graph computes of bytes that hold two codes each. */
#ifndef EIGENTENSOR_IR_CODED_H
#define EIGENTENSOR_IR_CODED_H

#include "compiler/ir/expression.h"

/* Codes: float32(bytes >> shift & 15). Both are loads of constants; the shifts are 0 and 4. */
struct nibbles {
    const struct expression *bytes, *shift;
};

/* scale * (code - zero), or in the other order. */
struct coded_weight {
    struct nibbles codes;
    const struct expression *scale; /* a load of a float32 constant */
    const struct expression *zero;  /* float32, a number or a load of a constant; NULL: codes */
    struct nibbles zero_codes;
};

/* Tiles decode so many codes at a time, which share a scale and a zero. */
enum { SHORTEST_CODED_BLOCK = 32 };

/* Whether an expression is such a weight, and nothing but that. */
bool find_coded_weight(const struct expression *e, struct coded_weight *weight);

/* What a weight loads: the bytes of its codes, and then whatever else; at most so many. */
enum { CODED_LOADS = 5 };
int list_coded_loads(const struct coded_weight *weight, const struct expression *loads[]);

#endif
