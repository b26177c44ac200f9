/* Scalar expressions: immutable and shared; equal ones are the same pointer. */
#ifndef EIGENTENSOR_IR_EXPRESSION_H
#define EIGENTENSOR_IR_EXPRESSION_H

#include "compiler/graph/graph.h"
#include "compiler/ir/buffer.h"
#include "compiler/ir/index.h"

struct memo;

enum expression_kind {
    EXPRESSION_CONSTANT,
    EXPRESSION_INDEX,  /* the value of an index expression, as dtype */
    EXPRESSION_LOAD,   /* buffer[index...] */
    EXPRESSION_OP,     /* unary, convert, binary, ternary over sources */
    EXPRESSION_GUARD,  /* all predicates hold ? sources[0] : sources[1] */
    EXPRESSION_REDUCE, /* a reduction or contraction of sources over axes */
    EXPRESSION_SCAN,   /* all states of a scan, of which a statement stores each where it is; its
                          sources are loads that stand for the whole of their buffers */
    EXPRESSION_WHOLE,  /* the same of a sort or a scatter */
};

struct predicate {
    const struct index *index;
    int64_t lower, upper; /* lower <= index < upper */
};

struct expression {
    enum expression_kind kind;
    enum op op; /* OP, REDUCE, WHOLE */
    enum dtype dtype;
    int id;                    /* order of creation: sources come first */
    uint64_t bits;             /* CONSTANT: the element's bytes, little-endian; SCAN: which of the
                                  ir's bodies */
    const struct index *index; /* INDEX; LOAD: one linear address, in elements, once scheduled */
    struct buffer *buffer;     /* LOAD */
    int index_count;
    const struct index *const *indices;
    int source_count;
    const struct expression *const *sources;
    int predicate_count; /* GUARD */
    const struct predicate *predicates;
    int axis_count; /* REDUCE: bound here, outermost first */
    const struct axis *const *axes;
    int size_count; /* WHOLE: what the row-major order of its buffers means; enum whole_size */
    const int64_t *sizes;
};

/* A sort goes along the last axis of [OUTER, EXTENT]. A scatter puts updates [OUTER, COUNT, INNER]
 * into [OUTER, EXTENT, INNER] by positions whose first and last axis are these or 1. */
enum whole_size {
    WHOLE_OUTER,
    WHOLE_EXTENT,
    SORT_SIZES,
    WHOLE_COUNT = SORT_SIZES,
    WHOLE_INNER,
    WHOLE_POSITIONS_OUTER,
    WHOLE_POSITIONS_INNER,
    SCATTER_SIZES
};

const struct expression *expression_constant(struct ir *ir, enum dtype dtype, uint64_t bits);
/* Of a float32 or float64. */
double constant_value(const struct expression *e);
const struct expression *expression_zero(struct ir *ir, enum dtype dtype);
const struct expression *expression_index(struct ir *ir, enum dtype dtype,
                                          const struct index *index);
const struct expression *expression_load(struct ir *ir, struct buffer *buffer,
                                         const struct index *const *indices);
/* max, min and where become greater_of or lesser_of wherever these give the same bits. */
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

/* A scan with that one of the ir's bodies; of each buffer that a step reads a source is a load, in
 * the order of the body's inputs. */
const struct expression *expression_scan(struct ir *ir, enum dtype dtype, int body, int count,
                                         const struct expression *const *sources);

/* A sort or a scatter, whose sources are loads. */
const struct expression *expression_whole(struct ir *ir, enum op op, enum dtype dtype,
                                          const int64_t *sizes, int count,
                                          const struct expression *const *sources);
/* How many sizes an operation of these classes has; 0: it is of another. */
int whole_size_count(enum op op);

/* A load at one linear address, in elements. */
const struct expression *expression_load_linear(struct ir *ir, struct buffer *buffer,
                                                const struct index *address);

/* Rebuilds an expression bottom-up. `replace` is asked about every rebuilt expression and gives
 * what stands in its place, itself for most; NULL replaces none. */
struct rewrite {
    const struct substitution *substitution; /* NULL: axes stay */
    const struct expression *(*replace)(struct ir *ir, void *context,
                                        const struct expression *expression);
    void *context;
    struct memo *memo; /* of what it rewrote so far, within indices too; set while it runs */
};
const struct index *index_rewrite(struct ir *ir, const struct index *index,
                                  const struct rewrite *rewrite);
const struct expression *expression_rewrite(struct ir *ir, const struct expression *expression,
                                            const struct rewrite *rewrite);
/* Calls `visit` once for every distinct expression below, sources before users. */
void expression_walk(struct ir *ir, const struct expression *expression,
                     void (*visit)(void *context, const struct expression *expression),
                     void *context);
/* The same over several expressions, whose common parts are visited once. */
void expression_walk_all(struct ir *ir, int count, const struct expression *const *expressions,
                         void (*visit)(void *context, const struct expression *expression),
                         void *context);
/* What it takes to write an expression down, where what stands under a guard is written under it:
 * again, where it is needed outside too, or under another. */
struct extent {
    int size;          /* expressions and terms of indices; ends at `most`, or soon after */
    int depth;         /* of guards in guards */
    int loads;         /* of the buffer, or of all when it is NULL */
    int largest_index; /* of those loads, in terms */
};
struct extent expression_extent(struct ir *ir, const struct expression *expression,
                                const struct buffer *buffer, int most);
/* Whether it is all that its statement does: a scan, a sort or a scatter. */
bool stands_alone(const struct expression *expression);
/* Whether there is a reduction or a contraction in it, or it stands alone. */
bool expression_reduces(struct ir *ir, const struct expression *expression);
/* The first load of the buffer in it; NULL: there is none. */
const struct expression *expression_find_load(struct ir *ir, const struct expression *expression,
                                              const struct buffer *buffer);

bool is_contraction(const struct expression *e);
/* Whether it is a cast as dtype_widens() says. */
bool is_widening(const struct expression *e);

/* choice.c */

/* Whether it is certain that a float32 or float64 is never NaN, whatever the inputs hold. */
bool expression_is_number(const struct expression *e);
/* A greater_of or lesser_of of two sources that has the bits of an operation, if there is one. */
struct float_choice {
    enum op op;
    const struct expression *sources[2];
};
bool find_choice(enum op op, enum dtype dtype, const struct expression *const *sources,
                 struct float_choice *choice);

#endif
