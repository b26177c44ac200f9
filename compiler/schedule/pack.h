/* Packing: panels in the order in which tiles read them. */
#ifndef EIGENTENSOR_PACK_H
#define EIGENTENSOR_PACK_H

#include "compiler/schedule/tiling.h"

/* How the elements of a packed constant lie in the one that it is made from: [outer axes][panel]
 * [further axes][columns], panels of `block` columns, the last of `last` (0: also of `block`), each
 * axis with its extent and its step in the source. Of a group, so many neighbours along the
 * innermost sum lie side by side in each column. */
struct packing {
    const void *elements;
    size_t element_bytes; /* of one, in the source */
    enum dtype widened;   /* float16 or bfloat16, of which float32 is made; else float32 */
    size_t source_bytes;  /* of all elements that it packs from */
    int64_t base, columns, column_step, block, last;
    int64_t group, group_step; /* 1: there are no groups */
    int group_axis;            /* the axis of groups, -1: there is only one .. */
    int64_t group_extent;      /* .. and how many elements they have before zeros */
    int count, outer_count;
    int64_t extents[MAX_LOOPS], steps[MAX_LOOPS];
    const struct coded_packing *coded; /* pack_codes.h; NULL: elements are copied */
};

/* Fills the block that a packed constant takes; what it reads of the file may be forgotten.
 * Elements have the machine's order of bytes, and so have scales and zeros of codes, unless they
 * are to be turned round. */
void pack_constant(const struct packing *packing, const struct mapped_file *file, bool reversed,
                   void *packed);

/* A panel that is packed: a copy of what a load reads, with columns along one loop side by side. */
struct packing_plan {
    const struct contraction *contraction;
    const struct expression *load;
    const struct axis *column;
    int64_t block, last; /* columns of a panel, and of the last; 0: of that too */
    int group;           /* of the tiles' kind */
    const struct axis *groups;
    int64_t grouped_extent;
    enum dtype dtype;               /* of the panel; a constant's may be wider than its source's */
    const struct tile_codes *codes; /* where the contraction is of such */
    int64_t depth;                  /* elements of the panel that a column takes */
    struct buffer *packed;
};

/* What packs a panel when the program runs: a statement for whole blocks of columns, and one for
 * what is left of them. */
struct packers {
    struct packing_plan plan; /* packed is NULL: nothing does */
    struct statement *copies; /* the panel; NULL: nothing does */
    struct kernel *kernel;
    bool whole_made, rest_made;
};

/* Where what packs or copies for a contraction runs: in its own kernel where loops are around that,
 * else in a new one. */
struct kernel *packing_kernel(const struct contraction *contraction);

/* Points the tile at its panel, packed if the tiling says so. Constants are packed when the weights
 * block is filled; for others, the packers have to run before the tile. */
struct packers provide_panel(struct tile *tile, const struct contraction *contraction,
                             const struct loop_tiling *tiling);

/* The next of the statements, to be scheduled; NULL: there are no more. */
struct statement *next_packer(struct packers *packers);

#endif
