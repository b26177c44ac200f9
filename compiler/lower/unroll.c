/* Small reductions, unrolled: of no more elements than ops.def has lanes, so that each element has
 * a lane of its own, and only the combining tree remains; and windows of a few more. What is left
 * is elementwise. */
#include "compiler/lower/lower.h"

#include <math.h>
#include <string.h>

static int64_t reduced_elements(const struct expression *e) {
    int64_t elements = 1;
    for (int i = 0; i < e->axis_count; i++)
        elements *= e->axes[i]->extent;
    return elements;
}

/* Of a number that both floats have. */
static uint64_t float_bits(float value, enum dtype dtype) {
    double wide = (double)value;
    uint32_t narrow_bits;
    uint64_t wide_bits;
    memcpy(&narrow_bits, &value, sizeof narrow_bits);
    memcpy(&wide_bits, &wide, sizeof wide_bits);
    return dtype == DTYPE_FLOAT64 ? wide_bits : narrow_bits;
}

uint64_t identity_bits(enum op op, enum dtype dtype) {
    size_t width = dtype_facts[dtype].bytes * 8;
    uint64_t all = UINT64_MAX >> (64 - width);
    bool real = dtype_is_real(dtype);
    switch (op) {
    case OP_REDUCE_SUM:
        return 0;
    case OP_REDUCE_PROD:
        return real ? float_bits(1.0f, dtype) : 1;
    case OP_REDUCE_MAX:
        return real ? float_bits(-INFINITY, dtype) : (uint64_t)dtype_facts[dtype].least & all;
    case OP_REDUCE_MIN:
        return real ? float_bits(INFINITY, dtype) : dtype_facts[dtype].greatest;
    default:
        unreachable();
    }
}

enum op combining_op(enum op op) {
    switch (op) {
    case OP_REDUCE_SUM:
        return OP_ADD;
    case OP_REDUCE_PROD:
        return OP_MUL;
    case OP_REDUCE_MAX:
        return OP_MAX;
    case OP_REDUCE_MIN:
        return OP_MIN;
    default:
        unreachable();
    }
}

static bool has_lanes(const struct expression *e) {
    return e->kind == EXPRESSION_REDUCE && e->op != OP_CONTRACT && e->op != OP_ARGMAX &&
           e->op != OP_ARGMIN;
}

bool unrolls(const struct expression *e) {
    return has_lanes(e) && reduced_elements(e) <= REDUCTION_LANES;
}

/* No axis of it deals its elements to the lanes in order: a loop would look for the lane of each,
 * one after the other. */
static bool is_small_window(const struct expression *e) {
    return has_lanes(e) && e->axis_count > 1 &&
           e->axes[e->axis_count - 1]->extent % REDUCTION_LANES != 0 &&
           reduced_elements(e) <= 2 * REDUCTION_LANES;
}

/* An expression over a reduction's axes, at the element of a given row-major position. */
static const struct expression *at_position(struct ir *ir, const struct expression *reduce,
                                            const struct expression *e, int64_t position) {
    const struct index *values[MAX_LOOPS];
    for (int i = reduce->axis_count - 1; i >= 0; i--) {
        values[i] = index_constant(ir, position % reduce->axes[i]->extent);
        position /= reduce->axes[i]->extent;
    }
    struct substitution substitution = {
        .count = reduce->axis_count, .axes = reduce->axes, .values = values};
    struct rewrite rewrite = {.substitution = &substitution};
    return expression_rewrite(ir, e, &rewrite);
}

static const struct expression *combine(struct ir *ir, const struct expression *reduce,
                                        const struct expression *a, const struct expression *b) {
    const struct expression *pair[] = {a, b};
    return expression_op(ir, combining_op(reduce->op), reduce->dtype, 2, pair);
}

const struct expression *begin_lane(struct ir *ir, const struct expression *reduce,
                                    const struct expression *element) {
    if (reduce->op == OP_REDUCE_MAX || reduce->op == OP_REDUCE_MIN)
        return element; /* its identity gives way to everything, and has the bits of its equals */
    uint64_t identity = identity_bits(reduce->op, reduce->dtype);
    return combine(ir, reduce, expression_constant(ir, reduce->dtype, identity), element);
}

const struct expression *combine_lanes(struct ir *ir, const struct expression *reduce,
                                       const struct expression *lane) {
    const struct expression *lanes[REDUCTION_LANES];
    int elements = (int)reduced_elements(reduce), count = 0;
    for (; count < elements && count < REDUCTION_LANES; count++)
        lanes[count] = at_position(ir, reduce, lane, count);
    for (int i = count; i < elements; i++) {
        const struct expression *next = at_position(ir, reduce, reduce->sources[0], i);
        lanes[i % REDUCTION_LANES] = combine(ir, reduce, lanes[i % REDUCTION_LANES], next);
    }
    for (int step = REDUCTION_LANES / 2; step > 0; step /= 2)
        for (int i = 0; i < step && i + step < count; i++)
            lanes[i] = combine(ir, reduce, lanes[i], lanes[i + step]);
    return lanes[0];
}

static const struct expression *unroll_if_small(struct ir *ir, void *context,
                                                const struct expression *e) {
    (void)context;
    bool small = unrolls(e) || is_small_window(e);
    return small ? combine_lanes(ir, e, begin_lane(ir, e, e->sources[0])) : e;
}

const struct expression *unroll_small_reductions(struct ir *ir, const struct expression *value) {
    struct rewrite rewrite = {.replace = unroll_if_small};
    return expression_rewrite(ir, value, &rewrite);
}
