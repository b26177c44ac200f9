#include "compiler/import/resample.h"

#include "compiler/import/movement.h"

#include <inttypes.h>
#include <math.h>

enum {
    MOST_WEIGHTS = 1 << 20,
    MOST_PHASES = 16,
    MOST_COPIES = 512,
    MOST_ADDED = 4, /* taps that are added one by one */
};

struct resampling resampling_new(struct call *call, int64_t count, int64_t taps) {
    int64_t weights;
    if (!checked_multiply(count, taps, &weights) || weights > MOST_WEIGHTS) {
        call_refuse(call, "%" PRId64 " weights along one axis, expected at most %d",
                    count > MOST_WEIGHTS ? count : count * taps, MOST_WEIGHTS);
        return (struct resampling){0};
    }
    struct arena *arena = &call->importer->arena;
    return (struct resampling){count, taps, arena_array(arena, int64_t, (size_t)count + 1),
                               arena_array(arena, double, (size_t)weights + 1)};
}

static struct tensor weights_like(struct call *call, struct tensor x, int rank,
                                  const int64_t *shape, int64_t count, const double *weights) {
    enum dtype dtype = tensor_dtype(x);
    void *elements = computed_elements(call->importer, dtype, 1, &count);
    for (int64_t i = 0; elements && i < count; i++)
        set_computed(elements, dtype, i, weights[i]);
    return tensor_const(x.context, dtype, rank, shape, count, elements);
}

/* ---- Weights that repeat: windows ---- */

/* The sums of `taps` neighbours repeat after `count` of them, `step` elements further. */
struct phases {
    int64_t count, step;
};

/* What is no more apart than `far` is the same. */
static bool repeats_after(const struct resampling *r, int64_t period, double far) {
    int64_t step = r->first[period] - r->first[0];
    if (step < 1)
        return false;
    for (int64_t i = period; i < r->count; i++) {
        if (r->first[i] - r->first[i - period] != step)
            return false;
        for (int64_t k = 0; k < r->taps; k++)
            if (fabs(r->weights[i * r->taps + k] - r->weights[i % period * r->taps + k]) > far)
                return false;
    }
    return true;
}

/* The first and last position that any phase of a window reads, from its first position on. */
static struct range reach(const struct resampling *r, struct phases phases) {
    struct range reach = {INT64_MAX, INT64_MIN};
    for (int64_t i = 0; i < phases.count; i++) {
        reach.begin = r->first[i] < reach.begin ? r->first[i] : reach.begin;
        reach.end = r->first[i] + r->taps > reach.end ? r->first[i] + r->taps : reach.end;
    }
    return reach;
}

/* After how many elements they may repeat: a few, or as many as become of one old one. */
static bool is_period(const struct resampling *r, int64_t period, int64_t extent) {
    return period <= MOST_PHASES || (period <= MOST_COPIES && period * extent == r->count);
}

/* A count of 0: they do not repeat soon, or a window for all phases would be mostly zeros. */
static struct phases find_phases(const struct resampling *r, int64_t extent, enum dtype dtype) {
    for (int64_t period = 1; period <= MOST_COPIES && period < r->count; period++) {
        if (!is_period(r, period, extent) ||
            !repeats_after(r, period, dtype == DTYPE_FLOAT64 ? 1e-15 : 1e-7))
            continue;
        struct phases phases = {period, r->first[period] - r->first[0]};
        struct range window = reach(r, phases);
        return window.end - window.begin <= 2 * r->taps + 2 ? phases : (struct phases){0};
    }
    return (struct phases){0};
}

/* Positions [begin, end) of the axis, the elements at its ends repeated where they are outside. */
static struct tensor extend(struct tensor x, int axis, struct range range) {
    int64_t extent = tensor_extent(x, axis), last = extent - 1;
    int64_t before = range.begin < 0 ? -range.begin : 0;
    int64_t after = range.end > extent ? range.end - extent : 0;
    struct tensor parts[] = {slice_axis(x, axis, 0, before, 0), x,
                             slice_axis(x, axis, last, after, 0)};
    int first = before == 0;
    x = tensor_concat(2 - first + (after > 0), parts + first, axis);
    return cut_axis(x, axis, range.begin + before, range.end + before);
}

/* Windows (.., i, .., taps), each of which gives one element of every phase. */
static struct tensor resample_phases(struct call *call, struct tensor x, int axis,
                                     const struct resampling *r, struct phases phases) {
    struct range range = reach(r, phases);
    int64_t size = range.end - range.begin, windows = divide_up(r->count, phases.count);
    double *weights =
        arena_array(&call->importer->arena, double, (size_t)(phases.count * size) + 1);
    for (int64_t i = 0; i < phases.count; i++)
        for (int64_t k = 0; k < r->taps; k++)
            weights[i * size + r->first[i] - range.begin + k] = r->weights[i * r->taps + k];
    range.end = range.begin + (windows - 1) * phases.step + size;
    x = tensor_window(extend(x, axis, range), axis, size, phases.step, 1);
    x = unsqueeze(x, axis + 1);
    int rank = tensor_rank(x);
    int64_t shape[MAX_RANK] = {0};
    for (int i = 0; i < rank; i++)
        shape[i] = i == axis + 1 ? phases.count : i == rank - 1 ? size : 1;
    struct tensor factors = weights_like(call, x, rank, shape, phases.count * size, weights);
    const int64_t merged = windows * phases.count;
    x = tensor_contract(x, factors, AXES(-1));
    return cut_axis(reshape_axes(x, axis, 2, 1, &merged), axis, 0, r->count);
}

/* ---- Other weights: gathered neighbours ---- */

/* Positions and weights of taps [begin, end) of every element. */
struct taps {
    struct tensor positions; /* (count) or (count, taps) */
    struct tensor weights;   /* the same, with axes of extent 1 for those of x */
};

static struct taps read_taps(struct call *call, struct tensor x, int axis,
                             const struct resampling *r, int64_t begin, int64_t end) {
    int64_t taps = end - begin, count = r->count * taps, last = tensor_extent(x, axis) - 1;
    int64_t *positions = arena_array(&call->importer->arena, int64_t, (size_t)count + 1);
    double *weights = arena_array(&call->importer->arena, double, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++) {
        int64_t tap = begin + i % taps, at = r->first[i / taps] + tap;
        positions[i] = at < 0 ? 0 : at > last ? last : at;
        weights[i] = r->weights[i / taps * r->taps + tap];
    }
    int64_t shape[MAX_RANK + 1];
    int own = taps > 1 ? 2 : 1, rank = tensor_rank(x) - 1 + own;
    call_table_agrees(call, DTYPE_INT64, 1, &count, positions);
    for (int i = 0; i < rank; i++)
        shape[i] = i == axis ? r->count : own == 2 && i == axis + 1 ? taps : 1;
    return (struct taps){
        tensor_const(call->context, DTYPE_INT64, own, shape + axis, count, positions),
        weights_like(call, x, rank, shape, count, weights)};
}

/* A few are added up one by one, which needs no gathered tensor in memory. */
static struct tensor add_taps(struct call *call, struct tensor x, int axis,
                              const struct resampling *r) {
    struct tensor sum = NO_TENSOR;
    for (int64_t i = 0; i < r->taps; i++) {
        struct taps one = read_taps(call, x, axis, r, i, i + 1);
        struct tensor term = tensor_mul(tensor_gather(x, axis, one.positions), one.weights);
        sum = is_given(sum) ? tensor_add(sum, term) : term;
    }
    return sum;
}

static struct tensor contract_taps(struct call *call, struct tensor x, int axis,
                                   const struct resampling *r) {
    const int taps = axis + 1;
    struct taps all = read_taps(call, x, axis, r, 0, r->taps);
    return tensor_contract(tensor_gather(x, axis, all.positions), all.weights, 1, &taps);
}

static struct tensor resample_gathered(struct call *call, struct tensor x, int axis,
                                       const struct resampling *r) {
    int64_t count = r->count * r->taps;
    if (count > MAX_CONSTANT)
        return call_refuse(call, "%" PRId64 " weights that do not repeat, expected at most %d",
                           count, MAX_CONSTANT);
    return (r->taps <= MOST_ADDED ? add_taps : contract_taps)(call, x, axis, r);
}

struct tensor resample(struct call *call, struct tensor x, int axis,
                       const struct resampling *resampling) {
    if (!resampling->first || tensor_extent(x, axis) == 0)
        return call_refuse(call, "axis %d of %s cannot be resampled", axis, tensor_text(x).text);
    if (resampling->count == 0)
        return cut_axis(x, axis, 0, 0);
    struct phases phases = find_phases(resampling, tensor_extent(x, axis), tensor_dtype(x));
    bool agree = call_number_agrees(call, phases.count);
    if (!agree || !call_number_agrees(call, phases.step))
        return call_refuse(call, DEPENDS_ON_SIZE);
    return phases.count ? resample_phases(call, x, axis, resampling, phases)
                        : resample_gathered(call, x, axis, resampling);
}
