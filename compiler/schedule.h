/* What schedule.c and its helpers share. */
#ifndef EIGENTENSOR_SCHEDULE_H
#define EIGENTENSOR_SCHEDULE_H

#include "ir.h"

/* schedule.c */

/* Schedules one kernel and appends it to the new list of kernels. */
void schedule_kernel(struct ir *ir, struct kernel *kernel);
const struct index *linear_address(struct ir *ir, const struct buffer *buffer,
                                   const struct index *const *indices);

/* tile.c */

/* Sets kernel->tile if its contraction can run as tiles; a kernel that packs the panel is scheduled
 * first where one is needed. */
bool tile_contraction(struct ir *ir, struct kernel *kernel);

/* What a row axis runs along within a block. */
const struct axis *local_axis(const struct tile *tile, const struct tile_block *block,
                              int row_axis);

/* A value and an address that belong to a block: tiled loops become block begin plus local axis. */
const struct expression *within_block(struct ir *ir, const struct tile *tile,
                                      const struct tile_block *block,
                                      const struct expression *value, const struct index **address);

#endif
