/* From loops to tiles, for a target: the passes, and what their files share. */
#ifndef EIGENTENSOR_SCHEDULE_H
#define EIGENTENSOR_SCHEDULE_H

#include "compiler/ir/ir.h"
#include "compiler/schedule/tuning.h"

struct question;

/* ---- The passes ---- */

/* layout.c
 * requires fuse_loops
 * provides the strides of every temporary */
void lay_out_buffers(struct ir *ir);

/* fuse_outer_loops.c
 * requires lay_out_buffers
 * provides kernels of statements inside the same outer loops, and between them buffers that are as
 * large as one turn of these */
void fuse_outer_loops(struct ir *ir);

/* schedule.c
 * requires fuse_outer_loops
 * provides tiles for contractions, packed constants, loops
 * in the order in which they run; loads and stores by one linear index */
void schedule(struct ir *ir);

/* tuning.c: schedule asks it about every contraction */

/* From now on choices are those of the tuning (NULL: the cost model's); `lists`: all candidates are
 * noted. */
void inquire(struct ir *ir, const struct tuning *tuning, bool lists);
/* After schedule: false and an error when the tuning does not fit the graph. */
bool check_tuning(const struct ir *ir, struct et_error *error);
/* After form_kernels: what there was to choose from, in the arena; returns how many contractions.
 */
int tell_contractions(const struct ir *ir, struct arena *arena,
                      const struct contraction_facts **contractions);

/* How the elements of a packed constant lie in the one that it is made from: [outer axes][panel]
 * [further axes][columns], panels of `block` columns, the last of `last` (0: also of `block`), each
 * axis with its extent and its step in the source. pack.c */
struct packing {
    const float *elements;
    size_t source_bytes; /* of all elements that it packs from */
    int64_t base, columns, column_step, block, last;
    int count, outer_count;
    int64_t extents[MAX_LOOPS], steps[MAX_LOOPS];
};
/* Fills the block that a packed constant takes; what it reads of the file may be forgotten. */
void pack_constant(const struct packing *packing, const struct mapped_file *file, void *packed);

/* ---- What the files share ---- */

/* schedule.c */

/* Schedules one statement and appends it to the new list of statements. */
void schedule_statement(struct ir *ir, struct statement *statement);

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

#endif
