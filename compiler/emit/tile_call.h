/* What the files that emit tiles share. */
#ifndef EIGENTENSOR_EMIT_TILE_CALL_H
#define EIGENTENSOR_EMIT_TILE_CALL_H

#include "compiler/emit/emit.h"

/* What is emitted at the moment: one shape of block, and how the text calls things. */
struct tiling {
    struct emitter *emitter;
    const struct statement *statement;
    const struct tile *tile;
    const struct tile_block *block;
    const char *walk;
    const struct axis *gathered; /* rows whose sums wait for each other; NULL: those of a block */
};

/* Where a sum's loop adds to the pointers, and to the condition that sums resume. */
struct tile_call {
    const char *sums, *stream, *panel, *resume;
};

const char *tile_walk_name(const struct tile *tile, const struct tile_block *block);
void tile_emit_walk(const struct tiling *tiling);
/* The call of the tile; sums beyond those a tile loops over are loops around it. */
void tile_emit_call(const struct tiling *tiling);
/* All tiles along the row axis, with those of `remainder` behind the whole ones, if all that tells
 * one from the next is where its stream begins. False: something else does. */
bool tile_find_line(const struct tiling *tiling, const struct tile_block *remainder,
                    struct tile_line *line);

/* name + index, as text. */
const char *tile_plus_index(struct emitter *emitter, const char *name, const struct index *index);
/* On by so many steps of a sum as the counter says. */
void tile_move_along_sum(const struct tiling *tiling, struct tile_call *call, int axis,
                         const char *counter);

#endif
