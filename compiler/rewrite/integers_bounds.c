/* Scales, and how large integers and their sums can be. */
#include "compiler/rewrite/integers.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Elements of weights may begin at any byte. */
static float float_at(const void *data, int64_t at) {
    float number;
    memcpy(&number, (const char *)data + at * (int64_t)sizeof number, sizeof number);
    return number;
}

static int64_t largest(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t size_of(const struct scaled *scaled) {
    return largest(-scaled->low, scaled->high);
}

/* ---- Scales ---- */

bool scale_is_uniform(const struct view *scale) {
    for (int i = 0; i < scale->rank; i++)
        if (scale->stride[i] != 0)
            return false;
    return !view_is_empty(scale);
}

/* The axes that either depends on, and how many elements those are; 0: too many, or none. */
static int64_t common_shape(const struct view *a, const struct view *b, int64_t *shape) {
    struct view both = *a;
    for (int i = 0; i < a->rank; i++)
        both.stride[i] = a->stride[i] != 0 || b->stride[i] != 0;
    return dependent_shape(&both, shape);
}

static bool is_power_of_two(float number) {
    int exponent;
    return frexpf(number, &exponent) == 0.5F;
}

bool scale_by(struct rewriting *rewriting, struct scaled *scaled, const struct view *by,
              enum scale_form form) {
    int64_t shape[MAX_RANK], count = common_shape(&scaled->scale, by, shape);
    if (!count || count > rewriting->analysis->work_left)
        return false;
    rewriting->analysis->work_left -= count;
    float *scales = arena_array(&rewriting->analysis->arena, float, (size_t)count);
    struct view result = row_major(by->rank, shape, DTYPE_FLOAT32, scales);
    struct view old = with_shape(&scaled->scale, shape), factor = with_shape(by, shape);
    struct rows rows = rows_of(3, (const struct view *const[]){&result, &old, &factor});
    bool good = true, powers = true;
    do
        for (int64_t i = 0; i < rows.length; i++) {
            float x = float_at(rows.data[1], i * rows.stride[1]);
            float y = float_at(rows.data[2], i * rows.stride[2]);
            float scale = form == SCALE_TIMES ? x * y : x / y;
            ((float *)rows.data[0])[i * rows.stride[0]] = scale;
            good &= y > 0 && isnormal(y) && isnormal(scale) &&
                    (double)scale * (double)size_of(scaled) <= (double)FLT_MAX;
            powers &= is_power_of_two(scale);
        }
    while (rows_next(&rows));
    for (int i = 0; i < result.rank; i++)
        if (shape[i] == 1)
            result.stride[i] = 0;
    scaled->scale = with_shape(&result, by->shape);
    scaled->powers = powers;
    return good;
}

bool scales_agree(const struct view *a, const struct view *b, bool exactly) {
    int64_t shape[MAX_RANK];
    if (!common_shape(a, b, shape))
        return false;
    struct view one = with_shape(a, shape), other = with_shape(b, shape);
    struct rows rows = rows_of(2, (const struct view *const[]){&one, &other});
    const float tolerance = exactly ? 0 : 2 * FLT_EPSILON;
    do
        for (int64_t i = 0; i < rows.length; i++) {
            float x = float_at(rows.data[0], i * rows.stride[0]);
            float y = float_at(rows.data[1], i * rows.stride[1]);
            if (!(fabsf(x - y) <= tolerance * x))
                return false;
        }
    while (rows_next(&rows));
    return true;
}

/* ---- Integers ---- */

static int64_t integer_at(enum dtype dtype, const void *data, int64_t at) {
    int64_t bytes = dtype_bytes(dtype);
    uint64_t bits = 0;
    memcpy(&bits, (const char *)data + at * bytes, (size_t)bytes);
    if (dtype_facts[dtype].least < 0 && bytes < 8 && bits >> (8 * bytes - 1))
        bits -= (uint64_t)1 << (8 * bytes);
    return (int64_t)bits;
}

static void bounds_of_constant(const struct view *view, int64_t *low, int64_t *high) {
    int64_t shape[MAX_RANK];
    if (!dependent_shape(view, shape))
        return;
    struct view part = with_shape(view, shape);
    struct rows rows = rows_of(1, (const struct view *const[]){&part});
    *low = INT64_MAX;
    *high = INT64_MIN;
    do
        for (int64_t i = 0; i < rows.length; i++) {
            int64_t number = integer_at(view->dtype, rows.data[0], i * rows.stride[0]);
            *low = number < *low ? number : *low;
            *high = largest(*high, number);
        }
    while (rows_next(&rows));
}

enum { MOST_STEPS_BACK = 8 };

/* Casts that keep the number, and differences that do not wrap around. */
static void bounds_within(struct rewriting *rewriting, const struct node *node, int steps,
                          int64_t *low, int64_t *high) {
    const struct dtype_facts *facts = &dtype_facts[node->dtype];
    struct view view;
    int64_t least, greatest, taken_least, taken_greatest;
    *low = facts->least;
    *high = facts->greatest < INT64_MAX ? (int64_t)facts->greatest : INT64_MAX;
    if (facts->bytes > sizeof(int32_t) || steps == 0)
        return;
    if (analysis_constant(rewriting, node, &view)) {
        bounds_of_constant(&view, low, high);
        return;
    }
    if ((node->op != OP_CAST && node->op != OP_SUB) || !dtype_is_integer(node->sources[0]->dtype))
        return;
    bounds_within(rewriting, node->sources[0], steps - 1, &least, &greatest);
    if (node->op == OP_SUB) {
        bounds_within(rewriting, node->sources[1], steps - 1, &taken_least, &taken_greatest);
        least -= taken_greatest;
        greatest -= taken_least;
    }
    if (least >= *low && greatest <= *high) {
        *low = least;
        *high = greatest;
    }
}

void integer_bounds(struct rewriting *rewriting, const struct node *node, int64_t *low,
                    int64_t *high) {
    bounds_within(rewriting, node, MOST_STEPS_BACK, low, high);
}

/* ---- Sums ---- */

static bool is_summed(const struct node *contract, int axis) {
    for (int i = 0; i < contract->axis_count; i++)
        if (contract->axes[i] == axis)
            return true;
    return false;
}

/* The greatest sum of sizes of constants along the axes that they have of the sums; the others they
 * are repeated along. 0: not known. */
static double constant_sum(struct rewriting *rewriting, const struct node *contract,
                           const struct view *weight, const struct view *scale) {
    int64_t shape[MAX_RANK], sums_shape[MAX_RANK], count = common_shape(weight, scale, shape);
    double greatest = 0, repeats = 1, *sums;
    if (!count || count > rewriting->analysis->work_left)
        return 0;
    rewriting->analysis->work_left -= count;
    count = 1;
    for (int i = 0; i < weight->rank; i++) {
        bool summed = is_summed(contract, i);
        if (summed && shape[i] == 1)
            repeats *= (double)weight->shape[i];
        sums_shape[i] = summed ? 1 : shape[i];
        count *= sums_shape[i];
    }
    sums = arena_array(&rewriting->analysis->arena, double, (size_t)count);
    struct view result = row_major(weight->rank, sums_shape, DTYPE_FLOAT64, sums);
    for (int i = 0; i < result.rank; i++)
        if (sums_shape[i] == 1)
            result.stride[i] = 0;
    struct view to = with_shape(&result, shape), from = with_shape(weight, shape);
    struct view step = with_shape(scale, shape);
    struct rows rows = rows_of(3, (const struct view *const[]){&to, &from, &step});
    do
        for (int64_t i = 0; i < rows.length; i++) {
            double *sum = (double *)rows.data[0] + i * rows.stride[0];
            *sum += nearbyint(fabs((double)float_at(rows.data[1], i * rows.stride[1])) /
                              (double)float_at(rows.data[2], i * rows.stride[2]));
            greatest = fmax(greatest, *sum);
        }
    while (rows_next(&rows));
    return greatest * repeats;
}

int64_t sum_bound(struct rewriting *rewriting, const struct node *contract,
                  const struct scaled *sources) {
    double count = 1;
    for (int i = 0; i < contract->axis_count; i++)
        count *= (double)contract->sources[0]->shape[contract->axes[i]];
    double bound = count * (double)size_of(&sources[0]) * (double)size_of(&sources[1]);
    int operand = analysis_constant_operand(rewriting->analysis, contract);
    struct view weight;
    bool is_enough =
        sources[0].powers && sources[1].powers ? bound <= MOST_FLOAT_INTEGER : bound <= INT32_MAX;
    /* Of an integer below 2^18 times a scale, rounded a few times, the quotient is nearest to it.
     */
    if (!is_enough && operand >= 0 && size_of(&sources[operand]) < MOST_FLOAT_INTEGER / 64 &&
        analysis_constant(rewriting, contract->sources[operand], &weight)) {
        double known = constant_sum(rewriting, contract, &weight, &sources[operand].scale);
        if (known > 0)
            bound = fmin(bound, known * (double)size_of(&sources[1 - operand]));
    }
    return bound > INT32_MAX ? (int64_t)INT32_MAX + 1 : (int64_t)bound;
}
