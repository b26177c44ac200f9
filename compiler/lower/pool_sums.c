/* Pools sums before anything is done to them: the maximum of what a function that never decreases
 * makes of some numbers is what it makes of their maximum.
 *
 * Quantised layers add a bias, multiply by a scale, round and limit each of their sums in int32,
 * and of these results pooling takes the greatest. Where the scale is a constant that is not
 * negative and the addition cannot wrap around, all of that is done once for what is pooled. The
 * result is an integer, so that the sign of zeros is lost in any case; there are no NaN. Machines
 * with vectors gain nothing: they do it to whole vectors of sums. */
#include "compiler/lower/lower.h"

#include <math.h>
#include <string.h>

enum { MOST_STEPS = 12, MOST_FACTORS = 3 };

/* So many factors, none greater, keep what was an int32 finite. */
static const float greatest_factor = 0x1p+28f;

/* ---- Constants ---- */

/* From the least to the greatest element of a constant that does not move with the reduced axes;
 * false where that is not known. */
struct constant_range {
    double least, most;
};

static bool stands_still(const struct expression *load, const struct expression *reduce) {
    for (int i = 0; i < load->index_count; i++)
        for (int k = 0; k < reduce->axis_count; k++)
            if (index_uses(load->indices[i], reduce->axes[k]))
                return false;
    return true;
}

static bool read_element(enum dtype dtype, const void *from, int64_t at, double *element) {
    const char *bytes = (const char *)from + at * (int64_t)dtype_bytes(dtype);
    int32_t integer;
    float number;
    if (dtype == DTYPE_INT32) {
        memcpy(&integer, bytes, sizeof integer);
        *element = integer;
        return true;
    }
    memcpy(&number, bytes, sizeof number);
    *element = (double)number;
    return dtype == DTYPE_FLOAT32 && isfinite(number);
}

static bool find_range(const struct expression *e, const struct expression *reduce,
                       struct constant_range *range) {
    const struct buffer *buffer = e->kind == EXPRESSION_LOAD ? e->buffer : NULL;
    const bool is_constant = e->kind == EXPRESSION_CONSTANT;
    if (!is_constant && (!buffer || buffer->kind != BUFFER_CONSTANT || !buffer->value ||
                         buffer->packing || !stands_still(e, reduce)))
        return false;
    if (e->dtype != DTYPE_INT32 && e->dtype != DTYPE_FLOAT32)
        return false;
    const void *elements = is_constant ? (const void *)&e->bits : buffer->value;
    const int64_t count = is_constant || buffer->splat ? 1 : buffer->elements;
    *range = (struct constant_range){INFINITY, -INFINITY};
    for (int64_t i = 0; i < count; i++) {
        double element;
        if (!read_element(e->dtype, elements, i, &element))
            return false;
        range->least = fmin(range->least, element);
        range->most = fmax(range->most, element);
    }
    return count > 0;
}

/* ---- What never decreases ---- */

/* Down from what is reduced to the sum: the operations, each with the source that leads on. */
struct path {
    int count, factors;
    bool clips; /* what is done to a factor's product leaves nothing of it below 0 .. */
    bool signs; /* .. and where factors may be negative, they are of numbers that are not */
    const struct expression *steps[MOST_STEPS];
    int sources[MOST_STEPS];
    double bound; /* of the magnitude of sums, and of what is added to them in int32 */
    const struct expression *sum;
};

static bool is_byte(const struct expression *e) {
    return is_widening(e) && dtype_bytes(e->sources[0]->dtype) == 1;
}

static bool end_path(struct path *path, const struct expression *e) {
    if (!is_contraction(e) || e->dtype != DTYPE_INT32 || !is_byte(e->sources[0]) ||
        !is_byte(e->sources[1]))
        return false;
    double products = 1;
    for (int i = 0; i < e->axis_count; i++)
        products *= (double)e->axes[i]->extent;
    path->bound += products * UINT8_MAX * UINT8_MAX;
    path->sum = e;
    return path->bound <= INT32_MAX && !path->signs;
}

/* A negative factor of what is not negative gives 0 everywhere if all below 0 becomes that, which
 * does not decrease either. */
static bool rises_by(struct path *path, const struct constant_range *range) {
    const double most = (double)greatest_factor;
    path->factors++;
    if (range->least < -most || range->most > most || path->factors > MOST_FACTORS)
        return false;
    if (range->least >= 0)
        return true;
    const bool can = path->clips && !path->signs;
    path->signs = true;
    return can;
}

/* Whether an operation by that constant never decreases in its other source. */
static bool rises_beside(struct path *path, const struct expression *e,
                         const struct constant_range *range) {
    switch (e->op) {
    case OP_ADD:
    case OP_SUB:
        path->bound += fmax(fabs(range->least), fabs(range->most));
        return e->dtype == DTYPE_INT32 && !path->signs;
    case OP_MUL:
        return e->dtype == DTYPE_FLOAT32 && rises_by(path, range);
    case OP_GREATER_OF:
        path->signs &= range->least < 0;
        path->clips = false;
        return e->dtype == DTYPE_FLOAT32 && !path->signs;
    default:
        return false;
    }
}

static bool rises_alone(struct path *path, const struct expression *e) {
    const enum dtype from = e->sources[0]->dtype;
    switch (e->op) {
    case OP_ROUND:
        return !path->signs;
    case OP_CAST:
        path->clips = path->count == 0 && e->dtype == DTYPE_UINT8;
        return from == DTYPE_INT32
                   ? e->dtype == DTYPE_FLOAT32
                   : from == DTYPE_FLOAT32 && (e->dtype == DTYPE_UINT8 || e->dtype == DTYPE_INT8);
    default:
        return false;
    }
}

static bool find_path(const struct expression *reduce, struct path *path) {
    const struct expression *e = reduce->sources[0];
    for (; e->kind == EXPRESSION_OP; e = e->sources[path->sources[path->count++]]) {
        struct constant_range range;
        if (path->count == MOST_STEPS)
            return false;
        path->steps[path->count] = e;
        path->sources[path->count] = 0;
        if (e->source_count == 1 && rises_alone(path, e))
            continue;
        if (e->source_count != 2)
            return false;
        const int constant = find_range(e->sources[0], reduce, &range)   ? 0
                             : find_range(e->sources[1], reduce, &range) ? 1
                                                                         : -1;
        if (constant < 0 || (e->op == OP_SUB && constant == 0) || !rises_beside(path, e, &range))
            return false;
        path->sources[path->count] = 1 - constant;
    }
    return end_path(path, e);
}

/* ---- The pass's part ---- */

static const struct expression *pool_first(struct ir *ir, void *context,
                                           const struct expression *e) {
    struct path path = {0};
    (void)context;
    if (e->kind != EXPRESSION_REDUCE || e->op != OP_REDUCE_MAX ||
        (e->dtype != DTYPE_UINT8 && e->dtype != DTYPE_INT8) || !find_path(e, &path))
        return e;
    const struct expression *value =
        expression_reduce(ir, OP_REDUCE_MAX, DTYPE_INT32, e->axis_count, e->axes, 1, &path.sum);
    for (int i = path.count - 1; i >= 0; i--) {
        const struct expression *step = path.steps[i], *sources[2];
        for (int k = 0; k < step->source_count; k++)
            sources[k] = k == path.sources[i] ? value : step->sources[k];
        value = expression_op(ir, step->op, step->dtype, step->source_count, sources);
    }
    return value;
}

void pool_sums(struct ir *ir, struct statement *statement) {
    struct rewrite rewrite = {.replace = pool_first};
    if (target_is_small(ir->target))
        statement->value = expression_rewrite(ir, statement->value, &rewrite);
}
