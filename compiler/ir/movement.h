/* Movement operations as what they do to the indices of an element. */
#ifndef EIGENTENSOR_IR_MOVEMENT_H
#define EIGENTENSOR_IR_MOVEMENT_H

#include "compiler/ir/ir.h"

/* A place in a tensor: one index for each axis. */
struct place {
    int rank;
    const struct index *at[MAX_RANK];
};
/* Where a place of a movement node lies in the node's source; outside of it for padding. */
struct place through_movement(struct ir *ir, const struct node *node, struct place place);

#endif
