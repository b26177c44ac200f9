/* What the files of this backend share: blocks of row operations. */
#ifndef EIGENTENSOR_EMIT_ROWS_H
#define EIGENTENSOR_EMIT_ROWS_H

#include "compiler/emit/emit.h"

enum { MAX_ROW_VALUES = 512 };

/* A block of elements, for row operations: a loop over `row` (NULL: one row) around one over
 * `column`. */
struct row_block {
    const struct axis *row, *column;
    const char *row_count, *column_count; /* C text */
    int64_t column_limit;                 /* the greatest that column_count can be */
    int64_t elements;                     /* the greatest that rows x columns can be */
    /* C text of what is added to the column, and to the row; NULL: nothing */
    const char *strip, *row_strip;
};

/* One operand of a row operation: text of a pointer, and its strides in elements. */
struct row_operand {
    const char *pointer;
    int64_t row, step;
};

struct row_value {
    const struct expression *expression;
    struct row_operand operand;
    int temporary; /* -1: none */
    int uses_left;
};

/* A local array that holds one value of the block after the other. */
struct row_temporary {
    enum dtype dtype;
    bool free;
};

struct row_emitter {
    struct emitter *emitter;
    const struct row_block *block;
    int count, capacity;
    struct row_value *values; /* in order: sources first */
    int temporary_count, temporary_capacity;
    int first_temporary; /* so many names are taken in the same block of C */
    struct row_temporary *temporaries;
    const struct expression *filled; /* the constant that filled_place has; NULL: none */
    struct row_operand filled_place;
    int reduced_count; /* reductions whose results are in memory already */
    const struct reduced_value *reduced;
};

/* A reduction, and where its results are, one a row. */
struct reduced_value {
    const struct expression *reduction;
    struct row_operand place;
};

/* ---- calls.c ---- */

/* A local array that begins a cache line. */
void emit_aligned_array(struct emitter *emitter, const char *type, const char *name,
                        const char *count);

/* ---- blocks.c: nests and epilogues, as calls where that is possible ---- */

/* Requires emit_begin_statements(). */
void emit_statement_blocks(struct emitter *emitter, struct statement *const *statements, int count);
void emit_epilogue_blocks(struct emitter *emitter, const struct store *store,
                          const struct epilogue *epilogue);
bool emit_line_blocks(struct emitter *emitter, const struct store *store,
                      const struct epilogue *epilogue, const struct tile_line *line);

/* ---- rows.c: elementwise work ---- */

/* Whether row operations can compute a store's value over a block. */
bool emit_rows_possible(struct emitter *emitter, const struct store *store,
                        const struct row_block *block);
/* Several stores compute what they have in common once. */
void emit_rows(struct emitter *emitter, int count, const struct store *stores,
               const struct row_block *block);

/* A look-up as lower.c makes it: an element at a position known at run time, 0 if there is none. */
struct row_lookup {
    const struct expression *load, *position;
    int64_t extent, stride;   /* of the position in the load's address */
    int64_t wrap;             /* is added to positions below 0 */
    const struct index *rest; /* of the address */
};
/* Whether a guard is one, and which. Others are possible where they hold for whole rows. */
bool rows_lookup(struct ir *ir, const struct expression *guard, struct row_lookup *lookup);

/* Whether row operations can compute a value over a block. */
bool rows_can(struct ir *ir, const struct expression *e, const struct row_block *block);
/* Whether an address steps evenly along the block's rows and columns. */
bool rows_are_even(const struct index *index, const struct row_block *block);
/* Prints what computes a value over the block; gives where it is. */
struct row_operand rows_evaluate(struct row_emitter *rows, const struct expression *e);
/* A fresh place for a value of the block. */
struct row_operand rows_place(struct row_emitter *rows, enum dtype dtype);
struct row_operand rows_memory(struct row_emitter *rows, const char *name,
                               const struct index *address);
/* name(first, operands...); `first` is text, the declaration's parameters are those of rows.h. */
void rows_call(struct row_emitter *rows, const char *name, const char *parameters,
               const char *arguments);
const char *rows_operand_text(struct row_emitter *rows, struct row_operand operand);

/* Where a value of the block lies, with steps of 0 or 1: as it is, or computed or copied now. Names
 * of other values are forgotten. */
struct row_operand rows_operand(struct row_emitter *rows, const struct expression *e);

/* Whether a store's floats leave the graph, so that they lose odd NaNs. */
bool rows_are_canonical(const struct store *store);
/* Where a store writes. */
struct row_operand rows_target(struct row_emitter *rows, const struct store *store);
/* What a reduction gave that is in memory already; NULL: it is not. */
const struct row_operand *rows_reduced(const struct row_emitter *rows, const struct expression *e);

/* ---- chain.c ---- */

/* A value, where it goes, and whether it leaves the graph. */
struct chain_result {
    const struct expression *value;
    struct row_operand place;
    bool canonical;
    const struct expression *reduction; /* of the values of each row; NULL: none */
    struct row_operand reduced;         /* where that goes: one element a row */
    bool only_reduced;                  /* the value itself goes nowhere */
};
/* Computes values in one call, if they are more than one operation and steps can do it.
 * False: nothing is printed. */
bool emit_chain(struct row_emitter *rows, int count, const struct chain_result *results);
/* Whether it can do that with one value that goes to a place of its own. */
bool is_chain(struct row_emitter *rows, const struct expression *e);

/* A chain before it is printed, with results whose places are known once that happens. NULL where
 * steps cannot compute them, or would read what is not in memory. */
struct row_chain;
struct row_chain *chain_plan(struct row_emitter *rows, int count,
                             const struct chain_result *results);
/* A reduction that a chain's step can do. */
bool chain_can_reduce(const struct expression *e);
int chain_step_count(const struct row_chain *chain);
/* Asks the caches for the next row of what it reads one element after another. */
void chain_fetch(struct row_chain *chain);
/* The arrays that say what to compute; gives the number behind their names. */
int chain_arrays(struct row_chain *chain);
/* All of it, in a call. */
void chain_print(struct row_chain *chain);
/* The same of sums that tiles give along a line, if all it takes of them is the block that it
 * begins with. False: nothing is printed. */
bool chain_print_tiled(struct row_chain *chain, const struct tile_line *line);

/* ---- phases.c: kernels whose rows go through several chains ---- */

/* The whole kernel in one call, in its outer loops. False: nothing is printed. */
bool emit_kernel_in_phases(struct emitter *emitter, const struct kernel *kernel);

/* ---- reduce.c ---- */

bool rows_can_reduce(struct ir *ir, const struct expression *e, const struct row_block *block);
/* The result of a reduction or contraction for each element of the block. */
void rows_reduce(struct row_emitter *rows, const struct expression *e, struct row_operand result);

#endif
