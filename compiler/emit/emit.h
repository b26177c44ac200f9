/* What the emitter's files share, file by file. */
#ifndef EIGENTENSOR_EMIT_H
#define EIGENTENSOR_EMIT_H

#include "compiler/emit/backend.h"
#include "compiler/emit/compiled.h"
#include "compiler/emit/templates.h"
#include "compiler/ir/describe.h"
#include "compiler/ir/ir.h"

enum { MAX_TILES = 256 };

/* A tile that the text calls (templates/tile.h). */
struct wanted_tile {
    const struct tile_kind *kind;
    bool lanes;
    int rows, columns;
};
/* The parameters of tile_inside, and of dot_inside. */
#define TILE_INSIDE_PARAMETERS                                                                     \
    "tile_function *tile, int rows, int columns, float *restrict sums,\n"                          \
    "        const float *stream, const float *panel, const struct tile_walk *walk,\n"             \
    "        const struct tile_steps *steps, int resume, const float *ahead"
#define DOT_INSIDE_PARAMETERS                                                                      \
    "dot_function *dot, int32_t *restrict sums, const uint8_t *stream,\n"                          \
    "        const int8_t *panel, const struct tile_walk *walk, const struct tile_steps *steps,\n" \
    "        int resume, const int8_t *ahead"

/* A function of the runtime that the text calls. */
struct runtime_function {
    const char *name, *declaration;
};

/* Which expressions have a name in the C text, and from which block of C on. */
struct named {
    const struct expression *expression;
    const char *text;
    int depth;
};

/* One value, and where it goes. */
struct store {
    const struct buffer *output;
    const struct index *address;
    const struct expression *value;
    bool unfinished; /* the output gets its value later */
};

/* Loops over what a tile has summed up, of which a value is made and stored. */
struct epilogue {
    int axis_count;
    const struct axis *const *axes; /* outermost first, around the columns */
    const char *stem;               /* their loops are called stem0, stem1, ... */
    const struct axis *column;
    const char *columns; /* C text: how many, at most the axis's extent */
    const struct tile_kind *kind;
    const char *before; /* a line before each of the loops; NULL: none */
};

/* Tiles one behind another along a line, first those of whole blocks, and where they begin to read,
 * as C text. */
struct tile_line {
    const char *stream, *panel;
    const char *columns; /* declares how many columns there are; NULL: their number is known */
    int kind_count;
    struct tiles_of_line {
        const char *tile, *walk;
        int64_t count, rows;
        int64_t step; /* in the stream, from one to the next */
    } kinds[2];
};

struct emitter {
    const struct emit_backend *backend;
    struct ir *ir;
    const struct graph *graph; /* as it was given: its inputs may have a batch axis */
    const struct compiled *compiled;
    const struct sized_variant *variant; /* whose graph that is */
    struct kernel_texts *texts; /* of kernels so far; NULL: the same text may stand twice */
    bool block_declared;        /* the type of blocks of images */
    const char **fields[2];     /* of inputs and outputs by position, the same in all blocks */
    const char *prefix;
    struct text *text; /* where statements go */
    struct sections sections;
    bool scalar_wanted[OP_COUNT][DTYPE_COUNT]; /* functions made from ops.def's forms */
    int tile_count;
    bool calls_inside, calls_dot_inside; /* tile_inside(), dot_inside() */
    struct wanted_tile tiles[MAX_TILES]; /* in order, each once */
    int function_count, function_capacity;
    struct runtime_function *functions; /* by their first call, each once */
    bool *offset_wanted;                /* by buffer id */
    bool profile;                       /* laps between kernels */
    double stop_every;                  /* work between two looks; 0: there are none */
    bool threads;                       /* a run can be shared */
    int pool;                           /* threads that the text has for it; 0: none */
    bool big_endian;                    /* machines that the text is for */
    bool portable;                      /* asks for what its user's options may lack */
    bool versions;                      /* the text has several of its kernels (versions.c) */
    enum weights_form weights_form;
    bool static_arena;
    const char *section;   /* of weights that the text has; NULL: any */
    struct text own_names; /* macros for functions that each of these has */

    /* of the kernel at hand */
    bool changes_operands; /* what it reads changes while it runs: of a scan, or nests in turn */
    bool is_entry;         /* it is called from outside of kernels */
    int block_threads;     /* of a GPU, if there are not as many as usual; 0: there are */
    bool few_blocks;       /* of it run: the next may begin beside them */
    bool waits_later;      /* for the kernels before it: when it has begun to read */
    int least_blocks;      /* of threads, that a multiprocessor of it has at once; 0: one */
    int group; /* of a GPU's threads that run an iteration of shared loops; 0: none do */
    struct staged_lines *staged; /* in shared memory, that they read; NULL: none are */

    /* of the statement at hand */
    int indent, depth;
    int value_count; /* locals v0, v1, ... */
    int named_count, named_capacity;
    struct named *named;
    int axis_capacity;
    const char **axis_names;       /* by axis id */
    int *uses;                     /* by expression id, within the statement */
    int *marks, mark;              /* by expression id: the last set that has it; the newest set */
    const char *lane, *lanes_mask; /* C text: which of the threads that reduce for one element
                                      this is, and all of them; NULL: one does it alone */
    const struct axis *parallel_loop; /* its loop goes from `begin` to `end` */
    bool turns;                       /* the kernel at hand is given `step`: emit_turns() */
    double work;                      /* of what comes next in the block of C; 0: no looks */
    int works_capacity;
    double *works; /* by indent: what it was before */
    /* The statement that comes next in the same block of C, or NULL; and a reduction of it whose
     * lanes have taken their elements while those were stored. */
    const struct statement *following;
    const struct expression *taken;
    const char *taken_lanes;
};

/* ---- emit.c: the whole file ---- */

/* Of one ir for each variant of `compiled`, or, where its graph is batched, for each block. Fills
 * source, header, kernels and runtime_functions of `compiled`; adds to the arenas what blocks need
 * to run too few images. */
void emit(struct ir *const *irs, const struct compile_options *options, struct compiled *compiled);
/* Takes an ir to hand, the first or that of another block. */
void emit_begin_ir(struct emitter *emitter, struct ir *ir);
/* What stands before all that kernels need; sections of it are wanted, but for some not printed. */
void emit_prelude(struct emitter *emitter, struct text *text);
/* The section that asks for machines with the text's order of bytes. */
static inline const char *emit_byte_order(const struct emitter *emitter) {
    return emitter->big_endian ? "big_endian" : "little_endian";
}
/* Takes a variant to hand: what belongs to its graph. */
void emit_begin_variant(struct emitter *emitter, const struct sized_variant *variant);

/* ---- versions.c: a text whose kernels are compiled for several kinds of vectors ---- */

/* A function that each version has, apart from what sections declare; and how entries call it. */
void emit_own_name(struct emitter *emitter, const char *name);
const char *emit_for_this_cpu(struct emitter *emitter, const char *name);
/* The file up to its entries, behind which "#endif" must stand; `each` is what each version has, to
 * which all sections belong that are printed by now. */
void emit_versions(struct emitter *emitter, struct text *file, const char *each);

/* ---- embed.c: weights and arena that the text has itself ---- */

/* Whether a text can have what the options ask for; `sized`: it is one for several sizes. */
bool check_embedding(const struct compile_options *options, bool sized, struct et_error *error);
bool emit_embeds(const struct emitter *emitter);
/* What stands behind `outputs` where an entry is declared and where it is called: a comma, and
 * what the text has not itself of "weights, arena"; and both where an entry calls the kernels. */
const char *emit_memory_parameters(const struct emitter *emitter);
const char *emit_memory_arguments(const struct emitter *emitter);
const char *emit_own_memory(const struct emitter *emitter);
/* Their definitions, for the constants of so many irs and their bodies. */
void emit_memory(struct emitter *emitter, struct text *text, struct ir *const *irs, int count);
/* The .S file; NULL: none is needed. */
const char *emit_assembly(struct emitter *emitter);

/* ---- needs.c: what a run takes of a machine without vectors; elsewhere nothing ---- */

/* Fills stack_bytes and multiply_adds, from so many irs and their bodies. */
void emit_needs(struct ir *const *irs, int count, struct compiled *compiled);
/* As a comment and a macro. */
void emit_needs_table(struct emitter *emitter, struct text *text, const struct compiled *compiled);

/* ---- names.c: identifiers of C ---- */

/* A name as an identifier, cut (cut_name) if it is long. */
char *emit_identifier(struct ir *ir, const char *name);
/* That by which a graph's files and exported names begin; no header of the system has it. */
const char *emit_prefix_of(struct ir *ir, const char *name);
const char *emit_upper_case(struct ir *ir, const char *name);
/* A name for a parameter of the functions that take sizes: nothing else in them has it. */
const char *emit_parameter_name(struct emitter *emitter, const char *name);
/* Gives every buffer of the ir at hand a name of its own. */
void emit_name_buffers(struct emitter *emitter);
/* Names the fields of inputs and outputs after the buffers of the ir at hand. */
void emit_name_fields(struct emitter *emitter);

/* ---- entry.c: what callers see ---- */

/* The structs, macros and prototypes; and the whole .h file. */
void emit_interface(struct emitter *emitter, struct text *text, const struct compiled *compiled);
void emit_header(struct emitter *emitter, struct text *text, const struct compiled *compiled);
/* The functions that call kernels, and then all that stand behind them. */
void emit_runs(struct emitter *emitter, struct text *text, struct ir *const *irs);
void emit_entries(struct emitter *emitter, struct text *text);

/* The calls of all kernels of an ir, and before them where constants and temporaries lie. */
struct run_text {
    struct text offsets, calls;
    bool constants, scratch; /* what the calls use */
};
struct run_text emit_run_text(struct emitter *emitter, const char *indent);
/* What comes behind "{" in such a function, to its end; frees the texts. */
void emit_run_body(struct emitter *emitter, struct text *text, struct run_text *run);
/* The arguments of a call that begins at `indent` with a name of `length`, and what ends it. */
void emit_arguments(struct text *text, int indent, size_t length, int count,
                    const char *const *arguments);

/* ---- batch.c: what runs a batch in blocks ---- */

/* Whether an input or output has the batch axis. */
bool is_batched(const struct emitter *emitter, const struct buffer *buffer);
/* "x float32[N,784]": an input or output as the whole graph has it. */
const char *tensor_description(struct emitter *emitter, const struct buffer *buffer);
/* Bytes that the arena needs behind `arena_bytes` for copies of inputs and outputs. */
size_t staging_bytes(const struct graph *graph, const struct sized_variant *variant);
/* What every run has as parameters: "const struct M_inputs *inputs, ..". */
const char *emit_run_parameters(struct emitter *emitter);
/* Those of PREFIX_run: what the text has itself is not among them. */
const char *emit_entry_parameters(struct emitter *emitter);
/* The function of one block, whose kernels the emitter has at hand. */
void emit_run_block(struct emitter *emitter, struct text *text, const struct block *block);
/* run_images, which runs some of a batch; then PREFIX_run, or that of the size at hand. */
void emit_run_images(struct emitter *emitter, struct text *text);
void emit_run_batch(struct emitter *emitter, struct text *text);

/* ---- sizes.c: a text for several sizes, whose functions have a parameter for each axis ---- */

/* "seq_len=16". */
const char *emit_size_text(const struct compiled *compiled, const struct sized_variant *variant,
                           struct arena *arena);
/* Names the parameters, and what belongs to each variant. */
void emit_name_sizes(struct emitter *emitter, struct compiled *compiled);
/* "[N,seq_len,768]" of an input or output at all sizes; "?" where an extent is no axis. */
const char *emit_extents(struct emitter *emitter, const struct buffer *buffer);
/* ", long seq_len" and ", seq_len"; "" where there are no axes. */
const char *emit_size_parameters(struct emitter *emitter);
const char *emit_size_arguments(struct emitter *emitter);
void emit_size_interface(struct emitter *emitter, struct text *text, const char *upper);
/* The run of the variant at hand, which has no batch axis. */
void emit_run_size(struct emitter *emitter, struct text *text);
/* PREFIX_run, once there is one of each variant, and the functions that tell sizes. */
void emit_run_sizes(struct emitter *emitter, struct text *text);

/* ---- same.c: kernels whose text is the same ---- */

struct kernel_texts *emit_texts_new(struct emitter *emitter, int capacity);
/* If a kernel before has the same text, but for its name: takes that, and has no text then. Else
 * false. `entry`: the same, which is called with its operands in their order, whose names do not
 * matter; NULL: they do. */
bool emit_same_text(struct kernel_texts *texts, struct kernel_facts *kernel,
                    const struct kernel *entry);

/* ---- threads.c: what a text has whose runs threads can share; `upper` is the prefix ---- */

/* What a step of a run has behind the parameters of every run. */
#define STEP_PARAMETERS ", long step, long part, long parts"

void emit_step_interface(struct emitter *emitter, struct text *text, const char *upper);
/* PREFIX_run, where only PREFIX_run_step is there. */
void emit_run_alone(struct emitter *emitter, struct text *text);
/* The threads of its own. */
void emit_pool_interface(struct emitter *emitter, struct text *text, const char *upper);
void emit_pool(struct emitter *emitter, struct text *text, const char *upper);

/* ---- stop.c: where a run that has to end is ended; nothing of it unless emitter->stop_every ----
 */

double emit_kernel_work(struct emitter *emitter, const struct kernel *kernel);
/* Whether the kernel looks by itself, first of all as it begins: then it has a parameter `stop`. */
bool emit_takes_long(struct emitter *emitter, const struct kernel *kernel);
/* The type of what `stop` points to. */
const char *emit_stop_type(struct emitter *emitter);
void emit_look(struct emitter *emitter);
/* Whether there is a look before the call of a kernel; `since` is the work since the last one, 0 at
 * the beginning. */
bool emit_looks_before(struct emitter *emitter, const struct kernel *kernel, double *since);
/* Sets the work of the kernel at hand, or of one of its nests. */
void emit_begin_work(struct emitter *emitter, const struct kernel *kernel);
void emit_begin_nest_work(struct emitter *emitter, struct statement *const *statements, int count);
/* Whether what comes next must be looked into. */
bool emit_is_long(const struct emitter *emitter);
/* Over how many of `extent` iterations, in all of which it is done, a look is due; at least 1. */
int64_t emit_steps_between_looks(const struct emitter *emitter, int64_t extent);
/* "for (long NAME = FIRST; NAME < LIMIT; NAME += STEP) {", with looks: all loops are opened by it
 * that may have many iterations, `extent` / `step` at most. */
void emit_open_for(struct emitter *emitter, const char *name, const char *first, const char *limit,
                   int64_t extent, int64_t step);

/* ---- tiles.c: what the text calls beside its own kernels ---- */

void emit_want_tile(struct emitter *emitter, struct wanted_tile wanted);
/* "tile_8x32". */
const char *emit_tile_name(struct emitter *emitter, const struct wanted_tile *tile);
/* Its parameters, in C. */
const char *emit_tile_parameters(struct emitter *emitter, const struct wanted_tile *tile);
/* Remembers a function of the runtime; gives its declaration. */
const char *emit_runtime_function(struct emitter *emitter, const char *name,
                                  const char *parameters);

/* ---- function.c: a kernel as a C function ---- */

void emit_kernel(struct emitter *emitter, const struct kernel *kernel);
/* The outermost loops around all statements of a kernel. */
void emit_open_shared(struct emitter *emitter, const struct statement *first, int count);
/* Opens a function: what stands before its parameters, those, and what stands behind, up to "{". */
void emit_open_function(struct emitter *emitter, const char *before, int count,
                        const char *const *parameters, const char *more);
/* Opens a function over buffers; `how` is "" or what stands before the type and a space, `more`
 * what stands behind the buffers, up to "{". */
void emit_signature(struct emitter *emitter, const char *how, const char *name, int count,
                    const struct kernel_buffer *buffers, const char *more);

/* ---- scan.c: kernels that are scans, whose bodies' kernels stand before them ---- */

/* The function for one step, and the kernel that calls it. */
void emit_scan_step(struct emitter *emitter, const struct kernel *kernel);
void emit_scan(struct emitter *emitter, const struct kernel *kernel);
/* Whether a kernel of a step goes through the columns of a tile forth and, at the next step, back,
 * for which it is given the number of the step: of weights that no cache holds, a part is still
 * there then. */
bool emit_turns(const struct emitter *emitter, const struct kernel *kernel);
/* scan_number.c: those whose state is one number. Whether a body is of such; then the body's only
 * kernel, and the loop of all steps. */
bool emit_is_of_number(const struct emitter *emitter, struct ir *body);
void emit_number_step(struct emitter *emitter, const struct kernel *kernel);
void emit_number_scan(struct emitter *emitter, const struct kernel *kernel, struct ir *body);
/* The same of a kernel that is launched. */
void emit_scan_launch(struct emitter *emitter, const struct kernel *kernel, struct launch *launch);
/* What the kernel is given behind its buffers where it is called: at most 2, how many. */
int emit_scan_arguments(struct emitter *emitter, const struct kernel *kernel,
                        const char **arguments);

/* ---- whole.c: kernels that are sorts or scatters ---- */

void emit_whole(struct emitter *emitter, const struct kernel *kernel);
/* As of scans: at most 1. */
int emit_whole_arguments(struct emitter *emitter, const struct kernel *kernel,
                         const char **arguments);
/* All elements of a buffer into another. */
void emit_copy_loop(struct emitter *emitter, const struct buffer *from, const struct buffer *to);
/* What the whole costs, in elements gone through. */
double emit_whole_work(const struct expression *whole);

/* ---- tile.c: a tiled statement ---- */

void emit_tiled(struct emitter *emitter, const struct statement *statement);

/* ---- loop.c: loops around what is stored ---- */

void emit_open_loop(struct emitter *emitter, const struct axis *axis, const char *name, int64_t end,
                    int64_t step);
/* The same forth in every other step of a scan, and back in the others: emit_turns(). */
void emit_open_turning(struct emitter *emitter, const struct axis *axis, const char *name,
                       int64_t end, int64_t step);
/* A loop in steps of `step`, with a count of what is left for the last; gives the count's text. */
const char *emit_open_steps(struct emitter *emitter, const char *name, const char *count,
                            const struct axis *axis, int64_t step);
/* The outermost loops of a statement. */
void emit_open_loops(struct emitter *emitter, const struct statement *statement, int count);
void emit_close_loops(struct emitter *emitter, int count);
/* The thread's part of the statement's parallel loop, which ends at `limit`, as two locals. */
void emit_part(struct emitter *emitter, const struct statement *statement, int64_t limit);
void emit_store(struct emitter *emitter, const struct store *store);
/* Whether NaN that is stored has to be the one that may leave a graph. */
bool emit_is_canonical(const struct store *store);
/* One of a row of float32 that becomes canonical when all of it is stored: `most` is a local that
 * tells by then whether any is NaN (templates/convert.h, f32_canonical_row). */
void emit_store_of_row(struct emitter *emitter, const struct store *store, const char *most);
/* The stores of a nest's statements. */
struct store *emit_stores_of(struct emitter *emitter, struct statement *const *statements,
                             int count);
/* Begins the values of a nest's statements; required by the backend's `statements`. */
void emit_begin_statements(struct emitter *emitter, struct statement *const *statements, int count);
/* A nest of statements, element by element. */
void emit_statement_loops(struct emitter *emitter, struct statement *const *statements, int count);
/* The same for an epilogue; and the name of one of its loops. */
void emit_epilogue_loops(struct emitter *emitter, const struct store *store,
                         const struct epilogue *epilogue);
/* Whether an axis around the columns fills what lies between them. */
bool emit_interleaves(const struct store *store, const struct epilogue *epilogue);
/* A block of its own around the columns, in the loops over all other axes. */
void emit_open_epilogue(struct emitter *emitter, const struct epilogue *epilogue);
void emit_close_epilogue(struct emitter *emitter, const struct epilogue *epilogue);
const char *emit_epilogue_axis(struct emitter *emitter, const struct epilogue *epilogue, int i);

/* ---- reduce.c: reductions as loops ---- */

/* Gives the name of the result. */
const char *emit_reduction(struct emitter *emitter, const struct expression *reduction);
/* The outermost loops over what is reduced. */
void emit_open_axes(struct emitter *emitter, const struct expression *e, int count);
/* Whether elements are dealt to lanes in order along the innermost axis. */
bool emit_deals_in_order(const struct expression *e);
/* lane = lane (op) element, in C. */
void emit_accumulate(struct emitter *emitter, const struct expression *e, const char *lane,
                     const char *element);
/* Whether neighbours in memory belong to neighbouring results, and not to one: as most loads have
 * it, of those that differ between results. */
bool emit_reduces_down(struct ir *ir, const struct expression *e, const struct axis *results);

/* ---- expression.c: expressions as C ---- */

/* Begins values that one innermost block computes: counts how often each expression is used,
 * forgets names. */
void emit_begin_values(struct emitter *emitter, int count, const struct expression *const *values);
void emit_begin_value(struct emitter *emitter, const struct expression *value);
/* C text of an expression; statements that must come before it are added to emitter->text. */
const char *emit_expression(struct emitter *emitter, const struct expression *expression);
/* The same in at most `width` columns with the indentation, if a local makes it so. */
const char *emit_expression_within(struct emitter *emitter, const struct expression *expression,
                                   size_t width);
/* The name of an expression, which gets one if it has none. */
const char *emit_local(struct emitter *emitter, const struct expression *e);
/* What a guard asks. */
const char *emit_predicates(struct emitter *emitter, const struct expression *guard);
const char *emit_index(struct emitter *emitter, const struct index *index);
/* Where in the buffer's array the element at an address is; of a slice that sixteen threads deal
 * out, in that of the thread's own ones. */
const char *emit_element(struct emitter *emitter, const struct buffer *buffer,
                         const struct index *address);
const char *emit_constant(struct emitter *emitter, enum dtype dtype, uint64_t bits);
/* A zero of float32 or float64, of which compilers must know nothing, as templates/zero.h says;
 * NULL: these bits are none. The same for what a greater or lesser of two is made of; NULL: it is
 * no such constant, or the backend's compilers may know it. */
const char *emit_hidden_zero(struct emitter *emitter, enum dtype dtype, uint64_t bits);
const char *emit_compared_zero(struct emitter *emitter, const struct expression *e);
/* A value with the one NaN that may leave a graph in place of every other. */
const char *emit_canonical(struct emitter *emitter, enum dtype dtype, const char *text);

/* ---- scalar.c: functions made from the forms of ops.def ---- */

const char *emit_scalar_call(struct emitter *emitter, enum op op, enum dtype dtype);
/* What adds a product: of floats, rounded once. */
const char *emit_multiply_add(struct emitter *emitter, enum dtype dtype);
void emit_scalar_functions(struct emitter *emitter, struct text *text);

/* ---- lines.c: lines of C, and what names stand for ---- */

/* One line at the current indentation. */
void emit_line(struct emitter *emitter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line that ends in "{"; and the brace that closes it, which also ends the scope of names. */
void emit_open(struct emitter *emitter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void emit_close(struct emitter *emitter);
void emit_else(struct emitter *emitter);
/* The same without lines. */
void emit_begin_scope(struct emitter *emitter);
void emit_end_scope(struct emitter *emitter);

/* Text by which an expression is known until the block at hand closes; and that text, or NULL. */
void emit_name_expression(struct emitter *emitter, const struct expression *expression,
                          const char *text);
const char *emit_named(const struct emitter *emitter, const struct expression *expression);
void emit_name_axis(struct emitter *emitter, const struct axis *axis, const char *name);
const char *axis_text(const struct emitter *emitter, const struct axis *axis);
/* A name for a local: the stem, and a number that no other has. */
const char *emit_local_name(struct emitter *emitter, const char *stem);
/* Puts an expression into the newest set; false where it was there before. */
bool emit_mark(struct emitter *emitter, const struct expression *expression);

#endif
