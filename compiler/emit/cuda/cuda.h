/* What the files of this backend share. */
#ifndef EIGENTENSOR_EMIT_CUDA_H
#define EIGENTENSOR_EMIT_CUDA_H

#include "compiler/emit/emit.h"

enum {
    BLOCK_THREADS = 256, /* that run together, share memory and can wait for each other */
    LINE_THREADS = 128,  /* of a block that contracts few rows: they bring operands */
    WARP_THREADS = 32,   /* of these, that do so at little cost */
};

struct thread_tile;

/* ---- kernel.c ---- */

/* A kernel whose threads share the elements of its statements. */
void emit_thread_kernel(struct emitter *emitter, const struct kernel *kernel);
/* How many blocks of threads run it; and how many threads each of these has, if it does not begin
 * with a tile. */
int64_t emit_kernel_blocks(struct emitter *emitter, const struct kernel *kernel);
int emit_kernel_threads(const struct emitter *emitter, const struct kernel *kernel);
/* Whether a tile is the first of what it does; if there is nothing else, blocks have its threads.
 */
bool emit_begins_with_tile(struct emitter *emitter, const struct kernel *kernel,
                           struct thread_tile *tile);

/* Opens what each thread does for one of `count` things, or `threads` of them do together; names
 * the number of the thing. Of a kernel the threads of block `first` and of those behind it do it,
 * one thing each; in the body of a scan they are the threads of one block, which take turns. */
void emit_open_things(struct emitter *emitter, const char *name, int64_t count, int threads,
                      const char *block);
/* Ends that. In the body of a scan the threads wait for each other then. */
void emit_close_things(struct emitter *emitter);

/* ---- reduce.c ---- */

/* How many threads reduce for an element that a statement stores: 16 or one. */
int emit_reducing_threads(struct emitter *emitter, const struct statement *statement);
/* A reduction, by as many; gives the name of the result, which each of them has then. */
const char *emit_thread_reduction(struct emitter *emitter, const struct expression *reduction);

/* ---- rows.c ---- */

/* Whether sixteen threads can run an iteration of a kernel's shared loops, each with elements of
 * its own; and if so, whether slices keep some from one statement to the next. */
bool emit_rows_fit(const struct emitter *emitter, const struct kernel *kernel, bool *keeps);
/* What each of these threads does for one nest. */
void emit_row_nest(struct emitter *emitter, struct statement *const *nest, int size);
/* Opens the loop over the ones of so many elements that belong to a lane, so many at once if not
 * all, as registers ask for; names the element's number. Where that does not divide evenly, the
 * last may be beyond the end. */
void emit_open_dealt(struct emitter *emitter, const char *name, int64_t count, const char *lane,
                     int at_once);

/* ---- staged.c ---- */

enum { MOST_STAGED = 8 };

/* Neighbours in memory that statements of rows load. */
struct staged_line {
    const struct buffer *buffer;
    const struct index *base; /* where they begin */
    int64_t extent;
    bool own;         /* each row has others */
    int statements;   /* that load them */
    const char *name; /* where they lie in shared memory */
};
struct staged_lines {
    int threads; /* of a block */
    int count;
    struct staged_line lines[MOST_STAGED];
};
/* What a block best brings into shared memory for rows that nothing is kept of. False: rows are not
 * read again, or do not fit. */
bool emit_find_staged(const struct emitter *emitter, const struct kernel *kernel,
                      struct staged_lines *staged);
void emit_declare_staged(struct emitter *emitter, struct staged_lines *staged);
/* Begins to copy a row's own lines, by its threads, or by all of a block those of all rows. */
void emit_copy_staged(struct emitter *emitter, const struct staged_lines *staged, bool own);
void emit_wait_for_staged(struct emitter *emitter);
/* Names what a value loads of these along an axis that is at that place. */
void emit_name_staged(struct emitter *emitter, const struct expression *value,
                      const struct axis *axis, const char *place);

/* ---- steps.c ---- */

/* How many elements a step along an axis is, of what is loaded; whether such steps are multiples.
 */
int64_t emit_step_of(const struct expression *load, const struct axis *axis);
bool emit_steps_are(const struct expression *load, int count, const struct axis *const *axes,
                    int64_t of);

/* ---- contract.c ---- */

/* Whether the buffer begins at a multiple of 16 bytes. */
bool emit_begins_aligned(const struct emitter *emitter, const struct buffer *buffer);

/* Loops whose extents together are that. */
struct tile_axes {
    int count;
    const struct axis *axes[MAX_LOOPS]; /* outermost first */
    int64_t extent;
};
/* How an operand lies in memory, and in shared memory (templates/cuda/contract.h). */
struct operand_side {
    bool along, by_steps;  /* neighbouring steps of the sum are neighbours, there and here */
    int width, most_width; /* elements that are copied together, and that could be */
};
/* A contraction as tiles of blocks of threads. */
struct thread_tile {
    const struct expression *sum, *stream, *panel; /* the contraction, and its operands as loads */
    struct tile_axes rows, columns, apart;         /* of the stream, of the panel, of both */
    int64_t depth;                                 /* steps of a sum */
    struct operand_side stream_side, panel_side;
    int threads;                              /* of a block */
    int thread_rows, thread_columns;          /* of these */
    int row_sums, column_sums;                /* of a thread */
    bool line;                                /* of few rows: */
    bool before;                              /* the panel is there before other kernels ran */
    bool bytes;                               /* both operands are of 8 bits: instead of these */
    int tile_rows, tile_columns;              /* sums of a block, */
    int row_warps, column_warps, depth_warps; /* which warps share, or steps of them */
    int steps, stages; /* of the sum, for which a stage of shared memory has room */
    int taps, stride;  /* of a window that stays in registers; taps 0: it does not */
    int64_t fours;     /* columns by fours, which a line may end within, */
    int tile_fours;    /* and those of a block */
    double time;       /* that it takes, by the model */
    int64_t blocks;    /* of threads, for one position of the loops that both operands have */
    int least_blocks;  /* that a multiprocessor is to hold at once */
};
/* Whether the statement is best said so, in a kernel of that many nests. */
bool emit_find_tile(struct emitter *emitter, const struct statement *statement, int nests,
                    struct thread_tile *tile);
void emit_thread_tile(struct emitter *emitter, const struct statement *statement,
                      const struct thread_tile *tile, const char *block);

/* ---- tile.c ---- */

/* Chooses the shape of a tile whose operands are known. False where none fits. */
bool emit_choose_tile(const struct emitter *emitter, int nests, struct thread_tile *tile);

/* What a step of the sums takes of a thread, and besides of each as they wait for it (`alone`) and
 * share the multiprocessor (`busy`), in cycles. */
struct step_work {
    int threads; /* of a block */
    double sums, loads, copies, alone, busy;
};
/* Cycles that a multiprocessor takes for so many steps of its part of all blocks, of which it holds
 * so many at once. */
double emit_steps_time(const struct emitter *emitter, const struct step_work *work, double steps,
                       int64_t blocks, double at_once);

/* ---- line.c ---- */

/* Takes a tile of few rows instead of one that was chosen, where it is one. */
bool emit_choose_line(const struct emitter *emitter, struct thread_tile *tile);

/* ---- window.c ---- */

/* Takes a window instead of a tile that was chosen, where that takes less time. `aligned`: the
 * panel's buffer begins at a multiple of 16 bytes. */
bool emit_choose_window(const struct emitter *emitter, bool aligned, struct thread_tile *tile);

/* ---- bytes.c ---- */

/* The same for operands of 8 bits. */
bool emit_choose_byte_tile(const struct emitter *emitter, int nests, struct thread_tile *tile);

/* ---- whole.c ---- */

void emit_thread_whole(struct emitter *emitter, const struct kernel *kernel);
int64_t emit_whole_blocks(const struct kernel *kernel);

#endif
