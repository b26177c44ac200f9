/* Statements: one store over loops each; and kernels, which are statements in a row. */
#ifndef EIGENTENSOR_IR_STATEMENT_H
#define EIGENTENSOR_IR_STATEMENT_H

#include "compiler/ir/buffer.h"
#include "compiler/ir/expression.h"
#include "compiler/ir/index.h"
#include "compiler/ir/tile.h"

enum { MAX_SHARED = 8 }; /* loops around several statements */

struct kernel_buffer {
    struct buffer *buffer;
    bool read, written; /* neither: only prefetched */
};

/* Statements in a row that become one C function. verify_stage.c says from which stage on a field
 * is set, here and in statements. */
struct kernel {
    int id;
    const char *name; /* "k02_contract_relu_pool" */
    int statement_count;
    struct statement **statements;
    int buffer_count, buffer_capacity;
    struct kernel_buffer *buffers; /* each once; the written ones last; no local ones */
    bool parallel;                 /* threads share it; else the first does it alone */
    bool in_turn; /* one block of a GPU's threads runs its nests, one after another */
    int step;     /* there is a barrier between one step and the next */
};

struct statement {
    int id;
    struct kernel *kernel;
    struct buffer *output;
    bool partial;   /* others store into the same buffer: each its own elements */
    bool joins;     /* it runs in the innermost loop of the statement before; same loops */
    int64_t points; /* elements that it stores */
    int axis_count;
    const struct axis *axes[MAX_RANK]; /* up to fuse: one for each axis of the output */
    int loop_count;                    /* what the statement loops over */
    const struct axis *loops[MAX_LOOPS];
    int shared_count; /* loops around all statements of the kernel, outermost first */
    const struct axis *shared[MAX_SHARED];
    const struct index *store[MAX_RANK]; /* where in the output an iteration stores */
    const struct index *address;         /* the same, linear, in elements */
    const struct expression *value;
    int node_count; /* of the graph's nodes computed here */
    const struct node **nodes;
    struct tile *tile; /* NULL: plain loops */
    /* The loop that threads share, in units of so many iterations; NULL: none */
    const struct axis *parallel_loop;
    int64_t parallel_step;
};

/* Whether the statement is a scan, a sort or a scatter: it runs in a kernel of its own and touches
 * whole buffers. */
static inline bool runs_alone(const struct statement *statement) {
    return stands_alone(statement->value);
}
/* Whether the statement is a scan, which runs in a kernel of its own and touches whole buffers. */
static inline bool runs_scan(const struct statement *statement) {
    return statement->value->kind == EXPRESSION_SCAN;
}
/* Whether the statement is a sort, which works in room of its own. */
static inline bool runs_sort(const struct statement *statement) {
    return statement->value->kind == EXPRESSION_WHOLE && statement->value->op == OP_ARGSORT;
}
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
/* Whether a statement could store into a buffer that it reads, since it reads an element only where
 * it stores it. */
bool stores_over(struct ir *ir, const struct statement *statement, const struct buffer *buffer);

#endif
