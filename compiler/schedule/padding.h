/* Padding: what of a temporary is zero by construction, and which steps of a sum multiply only
 * that.
 *
 * Leaving such a step out keeps the bits of a sum. With a finite factor the product is +0 or -0,
 * and adding that changes one sum only: -0, to +0. Sums begin at +0, so -0 comes about only where a
 * product is so small that it rounds to -0; templates/tile.h looks for that and then takes all
 * steps. Integers have no such thing. */
#ifndef EIGENTENSOR_PADDING_H
#define EIGENTENSOR_PADDING_H

#include "compiler/schedule/tiling.h"

/* Of temporaries that these statements, all there are, store into: sets buffer->inner where some
 * store zeros. */
void find_padding(struct arena *arena, int count, struct statement *const *statements);

/* Fills in tile->cuts: of sums whose axes the tile loops over by itself, of operands that have
 * padding while the other is integers or a finite constant. */
void find_cuts(struct tile *tile, const struct contraction *contraction,
               const struct loop_tiling *tiling);

#endif
