/* What schedule.c and its helpers share. */
#ifndef EIGENTENSOR_SCHEDULE_H
#define EIGENTENSOR_SCHEDULE_H

#include "compiler/compile.h"
#include "compiler/ir/ir.h"

struct question;

/* schedule.c */

/* Schedules one statement and appends it to the new list of statements. */
void schedule_statement(struct ir *ir, struct statement *statement);
const struct index *linear_address(struct ir *ir, const struct buffer *buffer,
                                   const struct index *const *indices);

/* layout.c: the same order of axes, after some of them became sliced */
void lay_out_again(struct buffer *buffer);

/* contraction.c: contractions that tiles can run */

struct contraction {
    struct ir *ir;
    struct statement *statement;
    const struct expression *sum;  /* the contraction */
    const struct expression *pool; /* a small reduction around it, or NULL */
    int64_t depth;                 /* elements that a sum has */
};

/* Whether the statement has one float32 contraction of plain loads, and at most a small pool around
 * it. */
bool find_contraction(struct ir *ir, struct statement *statement, struct contraction *contraction);
bool load_uses(const struct expression *load, const struct axis *axis);
/* By how many elements a load moves where the axis goes one on, and what the statement stores. */
int64_t stride_of(struct ir *ir, const struct expression *load, const struct axis *axis);
int64_t output_stride(const struct statement *statement, const struct axis *axis);

/* tiling.c: how a contraction is cut into tiles */

struct row_choice {
    const struct axis *loop;
    int64_t block;
};

struct choice {
    bool lanes;
    const struct expression *stream, *panel;
    const struct axis *column;
    int columns, last_columns; /* 0: the columns divide */
    int rows;                  /* of a whole block, pooled ones included */
    int row_count;
    struct row_choice row_axes[MAX_RANK]; /* the first may leave a shorter last block */
    bool pack_panel;
    double cycles;
};

/* How many columns of the last panel are computed and not used. */
int64_t columns_beyond(const struct choice *choice);
/* The cheapest of all ways, or what the question tells; false where tiles cannot run it. */
bool choose_tiles(const struct contraction *contraction, struct question *question,
                  struct choice *choice);

/* cost.c: estimated cycles */

/* One tile. */
double tile_cycles(const struct target *target, bool lanes, int rows, int columns, int64_t depth);
/* What a whole choice takes, without the caches beyond the first. */
double choice_cycles(const struct contraction *contraction, const struct choice *choice);

/* The same where a larger block of the batch has the panel, a constant, packed otherwise, so that
 * it would be there twice: that must be worth it, and no way is faster than the panel comes. */
double sharing_cycles(const struct contraction *contraction, const struct choice *choice);

/* How the loops around tiles are blocked for the caches. */
struct blocking {
    int64_t sum_step; /* of the outermost sum */
    int64_t row_step; /* of the outermost row loop: its rows pass all panels before the next */
    double bytes;     /* that come from beyond the first cache, weighted; for comparison only */
};
/* Sizes in elements; `sums` is the extent of the outermost sum, `outer_rows` that of the outermost
 * row loop, which goes in steps of `outer_block`. */
struct blocking_sizes {
    int64_t depth, sums;
    int64_t rows, outer_rows, outer_block;
    int64_t tile_rows, columns, panels;
    int64_t stream_elements; /* distinct ones that all rows read */
    bool may_split_sums;
};
struct blocking choose_blocking(const struct target *target, const struct blocking_sizes *sizes,
                                struct question *question);

/* tuning.c: what there is to choose from, and choices that somebody else made */

/* Candidates in words, in the order in which they were thought of. */
struct answers {
    int count, capacity; /* items, where lists are wanted */
    struct candidate *items;
    const char *taken;
};

/* About one contraction: which candidates there are, which one a tuning tells to take. */
struct question {
    const struct contraction *contraction;
    const char *name;
    int first_kernel;                /* of its own: the first that packs an operand, or itself */
    const struct tuned_choice *told; /* NULL: the cost model chooses */
    bool tile_found, blocking_found; /* what was told is among the candidates */
    struct choice tile;
    struct blocking blocking;
    struct answers tiles, blockings;
};

/* NULL: nobody asks. */
struct question *ask(const struct contraction *contraction);
/* Every candidate is noted; then the one that was told takes the place of the cheapest. */
void note_tile(struct question *question, const struct choice *choice);
void note_blocking(struct question *question, const struct blocking *blocking);
void take_tile(struct question *question, struct choice *choice);
void take_blocking(struct question *question, struct blocking *blocking);
void answer(struct question *question);

/* pack.c: points the tile at its panel, packed if the choice says so: at once if it is constant,
 * else by statements that are scheduled now. */
void provide_panel(struct tile *tile, const struct contraction *contraction,
                   const struct choice *choice);

/* tile.c */

/* Sets statement->tile if its contraction can run as tiles; statements that pack its operands are
 * scheduled first where they are needed. */
bool tile_contraction(struct ir *ir, struct statement *statement);

/* What a row axis runs along within a block. */
const struct axis *local_axis(const struct tile *tile, const struct tile_block *block,
                              int row_axis);

/* A value and an address that belong to a block: tiled loops become block begin plus local axis. */
const struct expression *within_block(struct ir *ir, const struct tile *tile,
                                      const struct tile_block *block,
                                      const struct expression *value, const struct index **address);

/* An index where some axes are 0. */
const struct index *without_axes(struct ir *ir, const struct index *index, int count,
                                 const struct axis *const *axes);

#endif
