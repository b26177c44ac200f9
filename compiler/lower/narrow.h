/* Contractions of 8-bit integers, said as such while a graph is simplified. */
#ifndef EIGENTENSOR_NARROW_H
#define EIGENTENSOR_NARROW_H

#include "compiler/lower/simplifying.h"

/* Gives a contraction in int32 whose operands are 8-bit integers less their zero points as one of
 * casts of 8-bit integers, uint8 or int8 by int8, which tiles of the target multiply as they are,
 * and what the zero points add to it. *made stays NULL where it is not such a contraction, or would
 * not run as tiles. False and an error when memory is exhausted. */
bool narrow_contraction(struct simplifying *simplifying, const struct node *contraction,
                        struct node **made);
/* Gives (x - a) + b of int32 constants a and b as x + (b - a), for targets whose zero points always
 * add something; as above. */
bool narrow_addition(struct simplifying *simplifying, const struct node *addition,
                     struct node **made);

#endif
