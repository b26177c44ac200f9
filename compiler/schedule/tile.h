/* Makes tiles of contractions. */
#ifndef EIGENTENSOR_SCHEDULE_TILE_H
#define EIGENTENSOR_SCHEDULE_TILE_H

#include "compiler/schedule/pack.h"

/* A statement whose contraction runs as tiles, and what packs its panel before that. */
struct tiled {
    struct contraction contraction;
    struct loop_tiling tiling;
    struct packers packers;
};

/* Sets statement->tile if its contraction can run as tiles: operands and loops, but no blocks yet.
 * ir->visitor sees the candidates. */
bool begin_tile(struct ir *ir, struct statement *statement, struct tiled *tiled);

/* After the packers are scheduled: the blocks, with the statement's value in terms of their
 * accumulators. */
void finish_tile(const struct tiled *tiled);

#endif
