/* The loop IR: what a graph becomes between lowering and C text.
 *
 * A statement computes one buffer: for every point of its axes it evaluates one scalar expression
 * and stores it. Expressions read buffers through index expressions, in which all movement
 * operations have vanished; a reduction inside an expression binds axes of its own. */
#ifndef EIGENTENSOR_IR_H
#define EIGENTENSOR_IR_H

#include "compiler/base/budget.h"
#include "compiler/graph/graph.h"
#include "compiler/ir/buffer.h"
#include "compiler/ir/expression.h"
#include "compiler/ir/index.h"
#include "compiler/ir/statement.h"
#include "compiler/ir/tile.h"
#include "compiler/target/target.h"

struct candidate_visitor;

/* What passes have made of the graph so far. */
enum ir_stage {
#define IR_STAGE(id, name, what) IR_##id,
#include "compiler/ir/stages.def"
#undef IR_STAGE
    IR_STAGE_COUNT
};

/* Where temporaries lie. */
struct memory_plan {
    size_t arena_bytes, lower_bound;
    size_t room_offset;  /* where bodies of scans and sorts work, one at a time */
    size_t state_offset; /* of a body: where every other state is, if the last alone is wanted */
    const char *table;   /* for people: a line a temporary */
};

struct ir {
    enum ir_stage stage;
    struct arena *arena;
    struct budget *budget; /* that nodes are counted in; NULL: none */
    const struct graph *graph;
    const struct target *target;
    size_t overread;      /* bytes behind a temporary that tiles load and do not use */
    int64_t threads;      /* that share a run, at most; 0: one */
    int64_t least_cycles; /* of a kernel that they share; 0: what a barrier is
                             worth */
    int axis_count;
    int expression_count;
    int bucket_count;
    struct interned **buckets; /* expression.c's table */
    struct memo *memos;        /* expression.c's, to be used again */
    int counted_nests, counted_capacity;
    int *counted; /* describe.c's, by expression id: the last nest that it was counted in */
    int buffer_count, buffer_capacity;
    struct buffer **buffers;
    int statement_count, statement_capacity; /* in the order of execution */
    struct statement **statements;
    int first_number;         /* of its kernels, in the file; from 0 */
    const struct ir *largest; /* block of the same batched graph, scheduled before; or NULL */
    int kernel_count;
    struct kernel **kernels;
    struct memory_plan memory;
    const struct node *scan;      /* whose body this is; NULL: of none */
    const struct node *outermost; /* of the scans around it, that one included */
    int64_t steps;                /* of that scan and those around it, multiplied; 0: of none */
    bool may_end;                 /* one of them may take fewer */
    int body_count; /* of the graph's scans, by their nodes; planned before this is lowered */
    struct ir **bodies;
    const struct candidate_visitor *visitor; /* schedule/candidates.h; NULL: there is none */
};

const struct axis *ir_axis(struct ir *ir, int64_t extent);

#endif
