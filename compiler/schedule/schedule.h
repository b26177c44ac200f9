/* From loops to tiles, for a target: the passes. */
#ifndef EIGENTENSOR_SCHEDULE_H
#define EIGENTENSOR_SCHEDULE_H

#include "compiler/ir/ir.h"

/* layout.c
 * provides the strides of every temporary */
void layout(struct ir *ir);

/* fuse_outer_loops.c
 * provides kernels of statements inside the same outer loops, and between them buffers that are as
 * large as one iteration of these */
void fuse_outer_loops(struct ir *ir);

/* schedule.c
 * provides tiles for contractions, packed constants, loops in the order in which they run; loads
 * and stores by one linear index. ir->visitor sees what there is to choose from */
void schedule(struct ir *ir);

#endif
