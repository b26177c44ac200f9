/* What the emitter's files share. */
#ifndef EIGENTENSOR_EMIT_H
#define EIGENTENSOR_EMIT_H

#include "compiler/emit/backend.h"
#include "compiler/emit/compiled.h"
#include "compiler/emit/templates.h"
#include "compiler/ir/describe.h"
#include "compiler/ir/ir.h"

enum { MAX_TILES = 256 };

struct wanted_tile {
    bool lanes;
    int rows, columns;
};

/* Which expressions have a name in the C text, and from which statement nesting on. */
struct named {
    const struct expression *expression;
    const char *text;
    int depth;
};

/* A function of the runtime that row operations call. */
struct row_function {
    const char *name, *declaration;
};
enum { MAX_ROW_FUNCTIONS = 512 };

/* One value, and where it goes. */
struct store {
    const struct buffer *output;
    const struct index *address;
    const struct expression *value;
    bool unfinished; /* the output gets its value later */
};

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

struct emitter {
    struct ir *ir;
    const struct graph *graph; /* as it was given: its inputs may have a batch axis */
    const struct compiled *compiled;
    const char **fields[2]; /* of inputs and outputs by position, the same in all blocks */
    const struct emit_backend *backend;
    const char *prefix;
    struct text *text; /* where statements go */
    struct sections sections;
    bool scalar_wanted[OP_COUNT][DTYPE_COUNT]; /* functions made from ops.def's forms */
    int tile_count;
    struct wanted_tile tiles[MAX_TILES]; /* in order, each once */
    bool *offset_wanted;                 /* by buffer id */
    bool threads;                        /* a run can be shared */
    int pool;                            /* threads that the text has for it; 0: none */
    int row_function_count;
    struct row_function row_functions[MAX_ROW_FUNCTIONS];

    /* of the statement at hand */
    int indent, depth;
    int value_count; /* locals v0, v1, ... */
    int named_count, named_capacity;
    struct named *named;
    int axis_capacity;
    const char **axis_names;   /* by axis id */
    int *uses;                 /* by expression id, within the statement */
    int *marks, mark;          /* by expression id: the last set that has it; the newest set */
    const struct axis *parted; /* its loop goes from `begin` to `end` */
    /* The statement that comes next in the same block of C, or NULL; and a reduction of it whose
     * lanes have taken their elements while those were stored. */
    const struct statement *following;
    const struct expression *taken;
    const char *taken_lanes;
};

/* expression.c: expressions as C */

/* Begins values that one innermost block computes: counts how often each expression is used,
 * forgets names. */
void emit_begin_values(struct emitter *emitter, int count, const struct expression *const *values);
void emit_begin_value(struct emitter *emitter, const struct expression *value);
/* C text of an expression; statements that must come before it are added to emitter->text. */
const char *emit_expression(struct emitter *emitter, const struct expression *expression);
/* The same in at most `width` columns with the indentation, if a local makes it so. */
const char *emit_expression_within(struct emitter *emitter, const struct expression *expression,
                                   size_t width);
const char *emit_index(struct emitter *emitter, const struct index *index);
const char *emit_constant(struct emitter *emitter, enum dtype dtype, uint64_t bits);
void emit_name_axis(struct emitter *emitter, const struct axis *axis, const char *name);
const char *axis_text(const struct emitter *emitter, const struct axis *axis);

const char *emit_canonical(struct emitter *emitter, enum dtype dtype, const char *text);

/* One line of C at the current indentation. */
void emit_line(struct emitter *emitter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Declares a local array that begins a cache line. */
void emit_array(struct emitter *emitter, const char *type, const char *name, const char *count);
/* A line that ends in "{"; and the brace that closes it, which also ends the scope of names. */
void emit_open(struct emitter *emitter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void emit_close(struct emitter *emitter);

/* Text by which an expression is known until the block at hand closes; and that text, or NULL. */
void emit_name_expression(struct emitter *emitter, const struct expression *expression,
                          const char *text);
const char *emit_named(const struct emitter *emitter, const struct expression *expression);

/* Puts an expression into the newest set; false where it was there before. */
bool emit_mark(struct emitter *emitter, const struct expression *expression);

/* strip.c: the innermost loop in strips, for functions that are best computed for many
 * neighbours at once */
struct strip {
    const struct axis *axis;
    const char *lane;  /* C text: the position within the strip */
    int64_t length;    /* at most */
    const char *first; /* C text: where in the axis the strip begins; NULL: it is all of it */
    const char *count; /* C text: how many elements this one has */
};
/* Whether a value contains such functions; only text for gcc and clang has them. */
bool emit_wants_strips(struct emitter *emitter, const struct axis *axis,
                       const struct expression *value);
bool emit_is_strip_function(const struct expression *e);
/* Opens the loop over strips. */
struct strip emit_open_strip(struct emitter *emitter, const struct axis *axis, const char *lane);
/* The loop over the elements of one. */
void emit_open_lanes(struct emitter *emitter, const struct strip *strip);
/* Computes the functions into arrays, which the value then reads lane by lane. If the value is a
 * function itself and `to`, the C text of an address, is not NULL, it goes there. */
void emit_strip_functions(struct emitter *emitter, const struct strip *strip,
                          const struct expression *value, const char *to);
/* The address of a strip's first element in a buffer, where the others are its neighbours; else
 * NULL. */
const char *emit_strip_address(struct emitter *emitter, const struct strip *strip,
                               const struct buffer *buffer, const struct index *index);
/* Asks for what the next round of the axis reads where this one reads strips. */
void emit_strip_fetches(struct emitter *emitter, const struct strip *strip,
                        const struct axis *around, const struct expression *value);

/* reduce.c: reductions that remain as loops. Gives the name of the result. */
const char *emit_reduction(struct emitter *emitter, const struct expression *reduction);
/* The reduction by which the following statement begins, if it goes over just what the statement
 * stores along its only loop, and vectors can do it; or NULL. */
const struct expression *emit_following_reduction(struct emitter *emitter,
                                                  const struct statement *statement);
/* Its lanes, and strip after strip what they take. */
void emit_begin_taking(struct emitter *emitter, const struct expression *reduction);
void emit_take(struct emitter *emitter, const struct strip *strip, const char *from);

/* rows.c: elementwise work as calls, in text that libtcc compiles */
bool emit_rows_possible(struct emitter *emitter, const struct store *store,
                        const struct row_block *block);
/* Several stores compute what they have in common once. */
void emit_rows(struct emitter *emitter, int count, const struct store *stores,
               const struct row_block *block);

/* tile.c: a tiled statement */
void emit_tiled(struct emitter *emitter, const struct statement *statement);

/* function.c: a kernel of statements as a C function */
void emit_store(struct emitter *emitter, const struct store *store);
void emit_open_loop(struct emitter *emitter, const struct axis *axis, const char *name, int64_t end,
                    int64_t step);
void emit_close_loops(struct emitter *emitter, int count);
/* A loop in steps of `step`, with a count of what is left for the last; gives the count's text. */
const char *emit_open_steps(struct emitter *emitter, const char *name, const char *count,
                            const struct axis *axis, int64_t step);
/* The thread's part of the statement's parted loop, which ends at `limit`, as two locals. */
void emit_part(struct emitter *emitter, const struct statement *statement, int64_t limit);
void emit_kernel(struct emitter *emitter, const struct kernel *kernel);

/* emit.c: a tile that the text calls */
void emit_want_tile(struct emitter *emitter, bool lanes, int rows, int columns);
/* The calls of all kernels of an ir, and before them where constants and temporaries lie. */
struct run_text {
    struct text offsets, calls;
    bool constants, scratch; /* what the calls use */
};
struct run_text emit_run_text(struct emitter *emitter, const char *indent);
/* What comes behind "{" in such a function, to its end; frees the texts. */
void emit_run_body(struct emitter *emitter, struct text *text, struct run_text *run);
/* "x float32[N,784]": an input or output as the whole graph has it. */
const char *tensor_description(struct emitter *emitter, const struct buffer *buffer);
/* Whether it has the batch axis. */
bool is_batched(const struct emitter *emitter, const struct buffer *buffer);
/* The whole file: of one ir, or of one for each block of a batched graph. Fills source, header and
 * kernels of `compiled`; adds to the arena what blocks need to run too few images. */
void emit(struct ir *const *irs, int count, const struct graph *graph,
          const struct compile_options *options, struct compiled *compiled);

/* batch.c: what runs a batch in blocks */

/* Names the fields of inputs and outputs after the buffers of the ir at hand. */
void name_fields(struct emitter *emitter);
/* Bytes that the arena needs behind `arena_bytes` for copies of inputs and outputs. */
size_t staging_bytes(const struct graph *graph, const struct compiled *compiled);
/* The function of one block, whose kernels the emitter has at hand. */
void emit_run_block(struct emitter *emitter, struct text *text, const struct block *block);
/* PREFIX_run. */
void emit_run_batch(struct emitter *emitter, struct text *text);

/* threads.c: what a text has whose runs can be shared by threads; `upper` is the prefix */
void emit_step_interface(struct emitter *emitter, struct text *text, const char *upper);
/* PREFIX_run, where only PREFIX_run_step is there. */
void emit_run_alone(struct emitter *emitter, struct text *text);
/* The threads of its own. */
void emit_pool_interface(struct emitter *emitter, struct text *text, const char *upper);
void emit_pool(struct emitter *emitter, struct text *text, const char *upper);

/* scalar.c: functions made from the forms of ops.def */
const char *emit_scalar_call(struct emitter *emitter, enum op op, enum dtype dtype);
void emit_scalar_functions(struct emitter *emitter, struct text *text);

#endif
