/* Tiles: a contraction that runs in blocks of accumulators kept in registers. */
#ifndef EIGENTENSOR_IR_TILE_H
#define EIGENTENSOR_IR_TILE_H

#include "compiler/ir/buffer.h"
#include "compiler/ir/expression.h"
#include "compiler/ir/index.h"

struct tile_kind; /* schedule/tile_kind.h */

enum { WALK_LEVELS = 3 }; /* sums that a tile itself loops over; one of float32 over one more */

/* Whether an axis of that extent fills what lies in the output between one column and the next,
 * `step` apart, as the phases of a transposed convolution do: C compilers store all of it as whole
 * vectors, which gcc and clang do of so many, not of more. */
enum { MOST_INTERLEAVED = 4 };
static inline bool is_interleaved(int64_t step, int64_t extent, int64_t stride) {
    return stride == 1 && extent == step && step > 1 && step <= MOST_INTERLEAVED;
}

/* A contraction that runs as register tiles: blocks of rows x columns accumulators. The columns are
 * its vectors: they lie along one axis of the panel operand, and either the stream operand has not
 * that axis, so that its elements are shared by all columns, or it has it too, and goes lane by
 * lane. The rows lie along axes that only the stream operand has. tile.c makes it. */
struct tile_row_axis {
    const struct axis *loop;  /* of the statement, in steps of `block`; NULL: an axis of the pool */
    const struct axis *local; /* within the block; for row_axes[0] each block has its own */
    int64_t block;
    int64_t stride; /* of the stream operand, elements */
};

struct tile_sum_axis {
    int64_t extent, stream_stride;
    int64_t panel_stride;    /* of a packed panel: panel rows */
    const struct axis *axis; /* NULL: several in one */
};

/* Steps of a sum that only multiply padding in some tiles: all but those steps k of sum_axes[sum]
 * for which first <= place + step * k < end. */
struct tile_cut {
    int sum;
    const struct index *place; /* of loops that stand still within a tile */
    int64_t step, first, end;
};

/* One shape of block. Where the first row axis does not divide, a last shorter one follows; where
 * the columns do not, a last narrower one. */
struct tile_block {
    int64_t block;            /* of row_axes[0] */
    const struct axis *local; /* runs within it; NULL: row_axes[0] is no loop */
    int rows, columns;
    const struct axis *column;   /* runs within the columns that there are */
    struct buffer *accumulators; /* rows x columns, local */
    /* What is done to every accumulator in place before pooling, if anything: NULL, or a value over
     * these axes, outermost first, and then the column. */
    const struct expression *stage;
    const struct index *stage_address;
    int stage_axis_count;
    const struct axis *stage_axes[MAX_RANK];
    /* What is stored and where, in terms of loops and local axes. */
    const struct expression *value;
    const struct index *address;
    /* Where sums are added up in parts: an accumulator, and what waits for it in the output. */
    const struct expression *sum, *waiting;
    /* The value in terms of sums that lie where the output will be, rows of them so far apart;
     * NULL: they are local. */
    const struct expression *in_place;
    int64_t sums_row;
    /* The value and its place in terms of the sums of all blocks along the first row axis, for
     * which its loop stands; NULL: they are too many, or worth nothing together. */
    const struct expression *gathered;
    const struct index *gathered_address;
};

/* A loop around blocks. One over rows may stand twice: the outer in steps of several blocks. */
struct tile_loop {
    const struct axis *axis; /* NULL: the loop over parts of the sums */
    int64_t step;
};

/* What tiles prefetch while they compute: of the next panel, or what a later kernel reads. */
struct tile_prefetch {
    struct buffer *buffer; /* from the beginning; NULL: the next panel */
    int loop;              /* where panels change: its place among the loops */
    int64_t next;          /* elements from a panel to the next */
    int64_t count; /* elements that all tiles, of a panel or at all, prefetch; 0: there are none */
    int64_t
        iteration; /* steps of one iteration, where a sum that is alone is cut for this; else 1 */
    int64_t lines; /* of memory, after each iteration of the outermost sum */
};

/* What a panel of codes is like, as struct coded_walk of templates/tile_codes.h tells a tile. */
enum code_listing { LISTS_NOTHING, LISTS_ZEROS, LISTS_OFFSETS };
struct tile_codes {
    int bits; /* of a code */
    enum code_listing listed;
    bool half;      /* its scales and zeros are float16 */
    bool by_blocks; /* scales multiply sums over blocks */
    float zero;     /* where it does not, that of all codes */
};

struct tile {
    const struct tile_kind *kind;
    struct tile_codes codes;        /* of a kind that has them */
    bool lanes;                     /* the stream goes lane by lane */
    const struct axis *column_loop; /* in steps of `columns` */
    int columns;
    int row_axis_count, loop_row_count; /* rows of loops, the innermost first; then pooled axes */
    struct tile_row_axis row_axes[MAX_RANK];
    int sum_axis_count; /* outermost first */
    struct tile_sum_axis sum_axes[MAX_LOOPS];
    int64_t sum_step; /* of sum_axes[0], added up at a time; partial sums wait in the output */
    int cut_count;
    struct tile_cut cuts[WALK_LEVELS]; /* in the order of their sums */
    struct buffer *stream, *panel;
    bool packed;                                  /* the panel */
    const struct index *stream_base, *panel_base; /* of a block's first element */
    int loop_count;
    struct tile_loop loops[MAX_LOOPS]; /* outermost first */
    struct tile_prefetch prefetch;
    int block_count;
    struct tile_block blocks[4];
    double cycles; /* cost.c's estimate of the whole */
};

/* What a row axis runs along within a block. */
const struct axis *local_axis(const struct tile *tile, const struct tile_block *block,
                              int row_axis);

/* A value and an address that belong to a block: tiled loops become block begin plus local axis. */
const struct expression *within_block(struct ir *ir, const struct tile *tile,
                                      const struct tile_block *block,
                                      const struct expression *value, const struct index **address);

#endif
