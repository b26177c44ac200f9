/* The loop IR: what a graph becomes between lowering and C text.
 *
 * A statement computes one buffer: for every point of its axes it evaluates one scalar expression
 * and stores it. Expressions read buffers through index expressions, in which all movement
 * operations have vanished; a reduction inside an expression binds axes of its own. */
#ifndef EIGENTENSOR_IR_H
#define EIGENTENSOR_IR_H

#include "compiler/graph/graph.h"
#include "compiler/target/target.h"

struct expression;
struct ir;

enum {
    MAX_LOOPS = 64, /* of one statement, after axes were split */
    MAX_SHARED = 8, /* loops around several statements */
};

/* ---- Index expressions (index.c): integers, as a canonical sum of coefficient * atom ---- */

struct axis {
    int id;
    int64_t extent; /* runs from 0 to extent - 1 */
};

enum atom_kind {
    ATOM_AXIS,
    ATOM_DIV,   /* operand / divisor, rounded down */
    ATOM_MOD,   /* operand modulo divisor, in 0 .. divisor - 1 */
    ATOM_VALUE, /* an integer computed at run time (gather) */
};

struct atom {
    enum atom_kind kind;
    int64_t minimum, maximum;
    const struct axis *axis;
    const struct index *operand;
    int64_t divisor;
    const struct expression *value;
};

struct index_term {
    int64_t coefficient; /* never 0 */
    const struct atom *atom;
};

/* constant + sum of terms, terms in the order of atom_compare; minimum and maximum bound it. */
struct index {
    int64_t constant, minimum, maximum;
    int count;
    struct index_term terms[];
};

const struct index *index_constant(struct ir *ir, int64_t value);
const struct index *index_axis(struct ir *ir, const struct axis *axis);
const struct index *index_value(struct ir *ir, const struct expression *value, int64_t minimum,
                                int64_t maximum);
const struct index *index_add(struct ir *ir, const struct index *a, const struct index *b);
const struct index *index_scale(struct ir *ir, const struct index *a, int64_t factor);
const struct index *index_divide(struct ir *ir, const struct index *a, int64_t divisor);
const struct index *index_modulo(struct ir *ir, const struct index *a, int64_t divisor);
int index_compare(const struct index *a, const struct index *b);
bool index_is_constant(const struct index *index, int64_t value);
/* The coefficient of an axis that occurs only as a plain term; *plain is cleared where the axis
 * occurs inside a division, a remainder or a run-time value. */
int64_t index_coefficient(const struct index *index, const struct axis *axis, bool *plain);
bool index_uses(const struct index *index, const struct axis *axis);
/* The axis that the index is, and nothing else; or NULL. */
const struct axis *index_only_axis(const struct index *index);

/* Axes to be replaced by index expressions. Where a reduction binds a replaced axis, it binds the
 * axes of the replacement instead, the largest coefficient outermost. */
struct substitution {
    int count;
    const struct axis *const *axes;
    const struct index *const *values;
};
const struct index *index_substitute(struct ir *ir, const struct index *index,
                                     const struct substitution *substitution);

/* ---- Buffers ---- */

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

enum buffer_kind {
    BUFFER_INPUT,     /* of the graph: position among its inputs */
    BUFFER_OUTPUT,    /* of the graph: position among its outputs */
    BUFFER_CONSTANT,  /* known now: its elements go into the weights block */
    BUFFER_TEMPORARY, /* lives in the arena */
    BUFFER_LOCAL,     /* a tile's accumulators: an array in its own kernel's function */
};

struct buffer {
    int id;
    enum buffer_kind kind;
    enum dtype dtype;
    int rank;
    int64_t shape[MAX_RANK];
    int64_t stride[MAX_RANK]; /* elements; the scheduler chooses them (0 for extent 1) */
    bool laid_out;            /* it has chosen */
    bool sliced[MAX_RANK]; /* fuse_outer_loops.c: along this axis only one element exists at a time
                            */
    int64_t elements;      /* allocated, at least the product of the shape */
    int position;          /* inputs and outputs */
    const char *name;      /* for people, and for the emitted C: an identifier */
    const struct node *node;       /* constants: the node whose value it holds */
    const void *value;             /* constants: elements in the buffer's layout, unless packed */
    const struct packing *packing; /* constants that are packed */
    bool splat;                    /* constants: one element stands for all */
    bool apart;                    /* parallelize.c: each thread has one of its own */
    size_t offset;                 /* memory.c: bytes into the arena or the weights block */
    int first_kernel, last_kernel; /* memory.c: temporaries live from the one to the other */
};

/* ---- Expressions (expression.c): immutable, shared, equal ones are the same pointer ---- */

enum expression_kind {
    EXPRESSION_CONSTANT,
    EXPRESSION_INDEX,  /* the value of an index expression, as dtype */
    EXPRESSION_LOAD,   /* buffer[index...] */
    EXPRESSION_OP,     /* unary, convert, binary, ternary over sources */
    EXPRESSION_GUARD,  /* all predicates hold ? sources[0] : sources[1] */
    EXPRESSION_REDUCE, /* a reduction or contraction of sources over axes */
};

struct predicate {
    const struct index *index;
    int64_t lower, upper; /* lower <= index < upper */
};

struct expression {
    enum expression_kind kind;
    enum op op; /* OP, REDUCE */
    enum dtype dtype;
    int id;                    /* order of creation: sources come first */
    uint64_t bits;             /* CONSTANT: the element's bytes, little-endian */
    const struct index *index; /* INDEX; LOAD: one linear address, in elements, once scheduled */
    struct buffer *buffer;     /* LOAD */
    int index_count;
    const struct index *const *indices;
    int source_count;
    const struct expression *sources[3];
    int predicate_count; /* GUARD */
    const struct predicate *predicates;
    int axis_count; /* REDUCE: bound here, outermost first */
    const struct axis *const *axes;
};

const struct expression *expression_constant(struct ir *ir, enum dtype dtype, uint64_t bits);
const struct expression *expression_zero(struct ir *ir, enum dtype dtype);
const struct expression *expression_index(struct ir *ir, enum dtype dtype,
                                          const struct index *index);
const struct expression *expression_load(struct ir *ir, struct buffer *buffer,
                                         const struct index *const *indices);
const struct expression *expression_op(struct ir *ir, enum op op, enum dtype dtype, int count,
                                       const struct expression *const *sources);
/* Predicates that always hold are dropped; one that never holds selects `otherwise`. */
const struct expression *expression_guard(struct ir *ir, int count,
                                          const struct predicate *predicates,
                                          const struct expression *inside,
                                          const struct expression *otherwise);
const struct expression *expression_reduce(struct ir *ir, enum op op, enum dtype dtype,
                                           int axis_count, const struct axis *const *axes,
                                           int count, const struct expression *const *sources);

const struct expression *expression_load_linear(struct ir *ir, struct buffer *buffer,
                                                const struct index *address);

/* Rebuilds an expression bottom-up. `replace` is asked about every rebuilt expression and gives
 * what stands in its place, itself for most; NULL replaces none. */
struct rewrite {
    const struct substitution *substitution; /* NULL: axes stay */
    const struct expression *(*replace)(struct ir *ir, void *context,
                                        const struct expression *expression);
    void *context;
};
const struct index *index_rewrite(struct ir *ir, const struct index *index,
                                  const struct rewrite *rewrite);
const struct expression *expression_rewrite(struct ir *ir, const struct expression *expression,
                                            const struct rewrite *rewrite);
/* Calls `visit` once for every distinct expression below, sources before users. */
void expression_walk(struct ir *ir, const struct expression *expression,
                     void (*visit)(void *context, const struct expression *expression),
                     void *context);
/* Whether there is a reduction or contraction in it. */
bool expression_reduces(struct ir *ir, const struct expression *expression);
/* The same over several expressions, whose common parts are visited once. */
void expression_walk_all(struct ir *ir, int count, const struct expression *const *expressions,
                         void (*visit)(void *context, const struct expression *expression),
                         void *context);

/* ---- Kernels ---- */

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
    int64_t panel_stride; /* of a packed panel: panel rows */
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
};

enum { WALK_LEVELS = 3 }; /* sums that a tile itself loops over */

/* A loop around blocks. One over rows may stand twice: the outer in steps of several blocks. */
struct tile_loop {
    const struct axis *axis; /* NULL: the loop over parts of the sums */
    int64_t step;
};

/* prefetch.c: what tiles fetch of the next panel while they compute with this one. */
struct tile_fetch {
    int loop;      /* where panels change: its place among the loops */
    int64_t next;  /* elements from a panel to the next; 0: nothing is fetched */
    int64_t count; /* elements that all tiles of a panel fetch together */
    int64_t turn;  /* steps into which a sum that is alone is cut for this; else 1 */
    int64_t lines; /* of memory, after each turn of the outermost sum */
};

struct tile {
    bool lanes;                     /* the stream goes lane by lane */
    const struct axis *column_loop; /* in steps of `columns` */
    int columns;
    int row_axis_count, loop_row_count; /* rows of loops, the innermost first; then pooled axes */
    struct tile_row_axis row_axes[MAX_RANK];
    int sum_axis_count; /* outermost first */
    struct tile_sum_axis sum_axes[MAX_LOOPS];
    int64_t sum_step; /* of sum_axes[0], added up at a time; partial sums wait in the output */
    struct buffer *stream, *panel;
    bool packed;                                  /* the panel */
    const struct index *stream_base, *panel_base; /* of a block's first element */
    int loop_count;
    struct tile_loop loops[MAX_LOOPS]; /* outermost first */
    struct tile_fetch fetch;
    int block_count;
    struct tile_block blocks[4];
    double cycles; /* cost.c's estimate of the whole */
};

struct kernel_buffer {
    struct buffer *buffer;
    bool read, written;
};

/* Kernels in a row that become one C function; what people see as a kernel too. */
struct kernel {
    int id;
    const char *name; /* "k02_contract_relu_pool" */
    /* form_kernels.c and later: */
    int statement_count;
    struct statement **statements;
    int buffer_count, buffer_capacity;
    struct kernel_buffer *buffers; /* each once; the written ones last; no local ones */
    bool parallel; /* parallelize.c: threads share it; else the first does it alone */
    int step;      /* barriers.c: all threads meet before the next */
};

struct statement {
    int id;
    struct kernel *kernel;
    struct buffer *output;
    bool partial; /* others store into the same buffer: each its own elements */
    bool
        joins; /* fuse_loops.c: it runs in the innermost loop of the statement before; same loops */
    int64_t points; /* elements that it stores */
    int axis_count;
    const struct axis *axes[MAX_RANK]; /* fuse and before: one for each axis of the output */
    int loop_count;                    /* split_axes.c and later: what the statement loops over */
    const struct axis *loops[MAX_LOOPS];
    int shared_count; /* fuse_outer_loops.c: loops around all statements of the kernel, outermost
                       * first
                       */
    const struct axis *shared[MAX_SHARED];
    const struct index *store[MAX_RANK]; /* where in the output an iteration stores */
    const struct index *address;         /* schedule.c and later: the same, linear, in elements */
    const struct expression *value;
    int node_count; /* of the graph's nodes computed here */
    const struct node **nodes;
    struct tile *tile; /* schedule.c; NULL: plain loops */
    /* parallelize.c: the loop that threads share, in units of so many turns; NULL: none */
    const struct axis *parted;
    int64_t part_step;
};

struct ir {
    struct arena *arena;
    const struct graph *graph;
    const struct target *target;
    size_t overread;      /* bytes behind a temporary that tiles load and do not use */
    int64_t threads;      /* that share a run, at most; 0: one */
    int64_t least_cycles; /* parallelize.c: of a statement that they share; 0: what a barrier is
                             worth */
    int axis_count;
    int expression_count;
    int bucket_count;
    struct interned **buckets; /* expression.c's table */
    struct memo *memos;        /* expression.c's, to be used again */
    int buffer_count, buffer_capacity;
    struct buffer **buffers;
    int statement_count, statement_capacity; /* in the order of execution */
    struct statement **statements;
    int first_number;         /* of its statements, in the file; from 0 */
    const struct ir *largest; /* block of the same batched graph, scheduled before; or NULL */
    int kernel_count;         /* form_kernels.c and later */
    struct kernel **kernels;
    struct inquiry *inquiry; /* tuning.c: who else chooses tiles, or wants to know; NULL: nobody */
};

const struct axis *ir_axis(struct ir *ir, int64_t extent);
void ir_add_statement(struct ir *ir, struct statement *statement);
/* How many statements, from the first of `count` on, run in one nest of loops. */
int nest_size(struct statement *const *statements, int count);
/* The buffers that a statement reads, each once, in the order of first use; local ones are left
 * out.
 */
int statement_reads(struct ir *ir, const struct statement *statement, struct buffer ***buffers);
/* By buffer id: the place of the last statement that reads it; -1: none does. */
int *last_readers(struct ir *ir);
/* A statement with an axis for each axis of `output`, in a kernel of its own; the caller gives it a
 * value and adds it. */
struct statement *ir_statement(struct ir *ir, struct buffer *output);
void ir_drop_unit_loops(struct statement *statement);
/* In a statement's value and in where it stores, but not in its loops. */
void statement_substitute(struct ir *ir, struct statement *statement,
                          const struct substitution *substitution);
/* The statement computes what another computed, which goes: its nodes, all by ascending id. */
void statement_take_nodes(struct ir *ir, struct statement *statement,
                          const struct statement *other);
/* A row-major buffer. */
struct buffer *ir_buffer(struct ir *ir, enum buffer_kind kind, enum dtype dtype, int rank,
                         const int64_t *shape, const char *name);

/* ---- Scopes (uses.c) ---- */

/* Where an expression stands: what is around it. */
struct scope {
    double points; /* how often it is evaluated */
    bool guarded, in_contraction;
    int64_t pool; /* elements of the reductions around it */
};

/* All expressions of a statement by ascending id, so that sources come before users. */
struct listing {
    struct ir *ir;
    int count, capacity;
    const struct expression **expressions;
    struct scope *scopes;
};
/* The scope of an expression that stands in several is the widest of them. */
struct listing list_scopes(struct ir *ir, const struct statement *statement);

bool is_contraction(const struct expression *e);

/* ---- The passes, each in its own file ---- */

/* simplify.c
 * requires a verified graph with weights bound
 * provides an equal graph: constants folded, equal nodes merged, identities gone, dead nodes gone.
 * Both it and *folded, which owns the folded constants, are the caller's to free, on failure too.
 */
struct graph *simplify(const struct graph *graph, struct graph **folded, struct et_error *error);

/* lower.c
 * requires a simplified graph
 * provides a statement for every node that computes, and for every output; no movement is left */
void lower(struct ir *ir);

/* A place in a tensor: one index for each axis. */
struct place {
    int rank;
    const struct index *at[MAX_RANK];
};
/* Where a place of a movement node lies in the node's source; outside of it for padding. */
struct place through_movement(struct ir *ir, const struct node *node, struct place place);

/* fuse.c
 * requires lower
 * provides fewer statements: producers inlined into their consumers where no work is done twice */
void fuse(struct ir *ir);

/* split_axes.c
 * requires fuse
 * provides loops and stores; axes split until divisions and remainders are gone wherever extents
 * allow; no axis of extent 1; reductions of at most 16 elements unrolled into their lanes */
void split_axes(struct ir *ir);
/* The same for one statement that has loops already, if asked for also for loops that guards test.
 * Whether anything was split. */
bool split_statement_axes(struct ir *ir, struct statement *statement, bool tested_too);
/* How much of a loop is whole turns of the longest division or remainder that cuts it: what is left
 * keeps the loop from being split. */
int64_t whole_periods(struct ir *ir, const struct statement *statement, const struct axis *axis);

/* unroll.c */

/* What each lane of a reduction starts from, and the binary operation that it repeats. */
uint64_t identity_bits(enum op op, enum dtype dtype);
enum op combining_op(enum op op);
/* Whether a reduction has no more elements than there are lanes. */
bool unrolls(const struct expression *e);
/* What a lane holds after its first and only element; and the tree over such lanes, where `lane` is
 * given in terms of the reduction's axes. */
const struct expression *begin_lane(struct ir *ir, const struct expression *reduce,
                                    const struct expression *element);
const struct expression *combine_lanes(struct ir *ir, const struct expression *reduce,
                                       const struct expression *lane);
const struct expression *unroll_small_reductions(struct ir *ir, const struct expression *value);

/* partition_loops.c
 * requires split_axes
 * provides statements for parts of buffers, in most of which nothing is guarded any more */
void partition_loops(struct ir *ir);

/* eliminate_copies.c
 * requires partition_loops
 * provides buffers that take in those that were only copied into them; statements that store
 * constants around them come right after, in the same kernel */
void eliminate_copies(struct ir *ir);

/* fuse_loops.c
 * requires eliminate_copies
 * provides nests: plain statements over the same loops that run in one innermost loop; no load of
 * what another statement of the nest stores at the same point */
void fuse_loops(struct ir *ir);

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
struct tuning;
struct compiled;
/* From now on choices are those of the tuning (NULL: the cost model's); `lists`: all candidates are
 * noted. */
void inquire(struct ir *ir, const struct tuning *tuning, bool lists);
/* After schedule: false and an error when the tuning does not fit the graph. */
bool check_tuning(const struct ir *ir, struct et_error *error);
/* After form_kernels: compiled->contractions. */
void tell_contractions(const struct ir *ir, struct compiled *compiled);

/* reuse_buffers.c
 * requires schedule
 * provides fewer temporaries: elementwise statements store over an operand that dies there
 * breaks that a buffer is written by one statement, or in parts */
void reuse_buffers(struct ir *ir);
/* Whether a statement could store into a buffer that it reads, since it reads an element only where
 * it stores it. */
bool stores_over(struct ir *ir, const struct statement *statement, const struct buffer *buffer);

/* form_kernels.c
 * requires reuse_buffers
 * provides the list of kernels, and what each reads and writes */
void form_kernels(struct ir *ir);

/* parallelize.c
 * requires form_kernels
 * provides the loop of each statement that threads share, and what each thread has for itself */
void parallelize(struct ir *ir);

/* prefetch.c
 * requires parallelize
 * provides what tiles fetch before it is needed */
void prefetch_panels(struct ir *ir);

/* memory.c
 * requires parallelize
 * provides the offset of every temporary in the arena */
struct plan {
    size_t arena_bytes, lower_bound;
    const char *table; /* for people: a line a temporary */
};
struct plan plan(struct ir *ir);
/* What the plan sets aside for a buffer; for one of the threads' own ones. */
size_t planned_bytes(const struct ir *ir, const struct buffer *buffer);
size_t aligned_bytes(const struct buffer *buffer);

/* weights.c
 * requires form_kernels
 * provides the offset of every constant in the weights block that all the irs share, and the block:
 * *weights, which the caller releases; equal ones are there once. Values may lie in `file` */
bool place_constants(struct ir *const *irs, int count, const struct mapped_file *file,
                     void **weights, size_t *bytes, struct et_error *error);

/* barriers.c
 * requires plan
 * provides the steps between which all threads meet */
void place_barriers(struct ir *ir);

/* verify_ir.c
 * Checks what every pass must keep; false and what is wrong. */
bool verify_ir(struct ir *ir, struct et_error *error);

/* print.c */
void print_ir(const struct ir *ir, struct text *text);
/* The simplified graph, for dumps: a line a node. */
void print_graph(const struct graph *graph, struct text *text);
void print_expression(const struct expression *expression, struct text *text);
void print_index(const struct index *index, struct text *text);

/* parse.c
 * Reads what print_ir writes, except tiles and threads, into an empty `ir` with an arena. False and
 * an error that names line and column, what was expected and what was found; the ir is unusable
 * then. */
bool parse_ir(struct ir *ir, const char *text, struct et_error *error);

#endif
