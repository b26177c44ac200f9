/* Transposed convolutions. Each element of the input adds its product with the kernel to the
 * results from `stride` times its place on. So the results at one place within a stride are a
 * convolution without a stride, over those taps of the kernel that reach the place, and no zeros
 * need to be put between the elements. Neighbouring places with as many taps become one
 * convolution, with a channel for each place. */
#include "compiler/builder/layers.h"

#include <inttypes.h>

enum {
    MOST_PLACES = 64,        /* kinds of places of an axis */
    MOST_CONVOLUTIONS = 4096 /* one for each combination of kinds of all axes */
};

/* Places within a stride from `first` on. The taps of the first of them are `tap` and those every
 * `period` after it; those of the next place come one later. */
struct places {
    int64_t first, count;
    int64_t tap, taps;
    int64_t shift; /* how much farther the first tap's input is than the result's block */
};

/* One spatial axis; all places in order, those without taps, too. */
struct transposed_axis {
    int64_t kernel, stride;
    int64_t before, result; /* sums left out before the result; its extent */
    int64_t period;         /* from one tap of a place to the next: to an input .. */
    int64_t dilation;       /* .. so much farther away */
    int count;
    struct places list[MOST_PLACES];
};

struct transposed {
    struct tensor x, weight; /* weight: (groups, c, outputs, k1, .., kn) */
    int axes;
    struct transposed_axis axis[MAX_SPATIAL];
    const struct places *chosen[MAX_SPATIAL]; /* the places of one convolution */
};

/* ---- Places ---- */

static bool continues(const struct places *last, const struct places *next) {
    return next->first == last->first + last->count && next->tap == last->tap + last->count &&
           next->taps == last->taps && next->shift == last->shift;
}

/* False: there is no room for them. */
static bool insert_places(struct transposed_axis *axis, int at, struct places places) {
    if (axis->count == MOST_PLACES)
        return false;
    for (int i = axis->count++; i > at; i--)
        axis->list[i] = axis->list[i - 1];
    axis->list[at] = places;
    return true;
}

/* The place whose first tap this is. */
static struct places place_of_tap(const struct transposed_axis *axis, int64_t dilation,
                                  int64_t tap) {
    int64_t sum = tap * dilation, stride = axis->stride;
    int64_t place = ((sum - axis->before) % stride + stride) % stride;
    return (struct places){.first = place,
                           .count = 1,
                           .tap = tap,
                           .taps = divide_up(axis->kernel - tap, axis->period),
                           .shift = (place + axis->before - sum) / stride};
}

static bool add_place(struct transposed_axis *axis, struct places place) {
    int at = 0;
    while (at < axis->count && axis->list[at].first < place.first)
        at++;
    if (at > 0 && continues(&axis->list[at - 1], &place)) {
        axis->list[at - 1].count++;
        return true;
    }
    return insert_places(axis, at, place);
}

/* Those that no tap reaches, between the others and behind them. */
static bool add_empty_places(struct transposed_axis *axis) {
    int64_t next = 0;
    for (int i = 0; i <= axis->count; i++) {
        int64_t end = i < axis->count ? axis->list[i].first : axis->stride;
        struct places empty = {.first = next, .count = end - next};
        if (empty.count > 0 && !insert_places(axis, i, empty))
            return false;
        next = axis->list[i].first + axis->list[i].count;
        if (next == axis->stride)
            return true;
    }
    return true;
}

static bool list_places(struct transposed_axis *axis, int64_t dilation) {
    int64_t common = greatest_common_divisor(axis->stride, dilation);
    axis->period = axis->stride / common;
    axis->dilation = dilation / common;
    for (int64_t tap = 0; tap < axis->kernel && tap < axis->period; tap++)
        if (!add_place(axis, place_of_tap(axis, dilation, tap)))
            return false;
    return add_empty_places(axis);
}

/* ---- Convolutions ---- */

/* The chosen places' taps, the last tap first: (groups * outputs * places.., c, taps..) */
static struct tensor chosen_weight(const struct transposed *t) {
    struct tensor weight = t->weight;
    int axes = t->axes, order[MAX_RANK] = {0, 2};
    int64_t shape[MAX_RANK] = {-1, tensor_extent(weight, 1)};
    order[2 + axes] = 1;
    for (int i = 0; i < axes; i++) {
        const struct places *places = t->chosen[i];
        int64_t period = t->axis[i].period;
        int64_t end = places->tap + (places->taps - 1) * period + places->count;
        weight = cut_axis(weight, 3 + i, places->tap, end);
        weight = tensor_window(weight, 3 + i, places->taps, 1, period);
        weight = tensor_flip(weight, AXES(-1));
        order[2 + i] = 3 + i;
        order[3 + axes + i] = 3 + axes + i;
        shape[2 + i] = places->taps;
    }
    weight = tensor_permute(weight, 3 + 2 * axes, order);
    return tensor_reshape(weight, 2 + axes, shape);
}

/* The results at the chosen places: (batch, outputs, places.., blocks..) */
static struct tensor results_at(const struct transposed *t) {
    struct conv_options options = {.groups = tensor_extent(t->weight, 0)};
    struct tensor x = t->x;
    int rank = 2 + 2 * t->axes;
    int64_t shape[MAX_RANK] = {tensor_extent(x, 0), options.groups * tensor_extent(t->weight, 2)};
    bool nothing = false;
    for (int i = 0; i < t->axes; i++) {
        const struct places *places = t->chosen[i];
        int64_t blocks = divide_up(t->axis[i].result, t->axis[i].stride);
        int64_t reach = (places->taps - 1) * t->axis[i].dilation;
        shape[2 + i] = places->count;
        shape[2 + t->axes + i] = blocks;
        nothing |= places->taps == 0 || blocks == 0;
        if (!nothing)
            x = reach_of_axis(x, 2 + i, places->shift - reach, places->shift + blocks);
        options.stride[i] = 1;
        options.dilation[i] = t->axis[i].dilation;
    }
    if (nothing)
        return tensor_expand(scalar_like(x, 0), rank, shape);
    return tensor_reshape(conv(x, chosen_weight(t), NO_TENSOR, options), rank, shape);
}

/* The results at all places of the axes from `axis` on, at the chosen ones of those before. */
static struct tensor results_from(struct transposed *t, int axis) {
    struct tensor parts[MOST_PLACES];
    if (axis == t->axes)
        return results_at(t);
    for (int i = 0; i < t->axis[axis].count; i++) {
        t->chosen[axis] = &t->axis[axis].list[i];
        parts[i] = results_from(t, axis + 1);
    }
    return tensor_concat(t->axis[axis].count, parts, 2 + axis);
}

/* (batch, outputs, places.., blocks..) as (batch, outputs, results..) */
static struct tensor interleave(struct tensor x, const struct transposed *t) {
    int64_t merged[MAX_RANK] = {tensor_extent(x, 0), tensor_extent(x, 1)};
    int order[MAX_RANK] = {0, 1}, axes = t->axes;
    for (int i = 0; i < axes; i++) {
        if (!checked_multiply(t->axis[i].stride, tensor_extent(x, 2 + axes + i), &merged[2 + i]))
            return tensor_fail(x.context, "axis %d overflows", 2 + i);
        order[2 + 2 * i] = 2 + axes + i;
        order[3 + 2 * i] = 2 + i;
    }
    x = tensor_reshape(tensor_permute(x, 2 + 2 * axes, order), 2 + axes, merged);
    for (int i = 0; i < axes; i++)
        x = cut_axis(x, 2 + i, 0, t->axis[i].result);
    return x;
}

/* ---- The layer ---- */

bool transposed_extent(int64_t extent, int64_t kernel, int64_t stride, int64_t dilation,
                       int64_t *sums) {
    int64_t span;
    return checked_multiply(extent - 1, stride, sums) &&
           checked_multiply(kernel - 1, dilation, &span) && checked_add(span, 1, &span) &&
           checked_add(*sums, span, sums);
}

static bool check_operands(struct tensor x, struct tensor weight, int64_t groups) {
    int rank = tensor_rank(x);
    bool fits = rank >= 3 && rank <= 2 + MAX_SPATIAL && tensor_rank(weight) == rank &&
                groups >= 1 && tensor_extent(x, 1) % groups == 0 &&
                tensor_extent(weight, 0) == tensor_extent(x, 1);
    if (!fits)
        tensor_fail(x.context, "weight %s for %s in %" PRId64 " groups", tensor_text(weight).text,
                    tensor_text(x).text, groups);
    return fits;
}

/* Axis i of the options. False: it was refused. */
static bool describe_axis(struct transposed *t, int i,
                          const struct conv_transpose_options *options) {
    struct transposed_axis *axis = &t->axis[i];
    struct range padding = options->padding[i];
    int64_t extent = tensor_extent(t->x, 2 + i), dilation = options->dilation[i], sums;
    axis->kernel = tensor_extent(t->weight, 3 + i);
    axis->stride = options->stride[i];
    axis->before = padding.begin;
    if (axis->stride < 1 || axis->stride > INT32_MAX || dilation < 1 || dilation > INT32_MAX ||
        padding.begin < 0 || padding.begin > INT64_MAX / 4 || padding.end < -INT64_MAX / 4 ||
        padding.end > INT64_MAX / 4 ||
        !transposed_extent(extent, axis->kernel, axis->stride, dilation, &sums) ||
        sums > INT64_MAX / 4) {
        tensor_fail(t->x.context,
                    "axis %d: stride %" PRId64 ", dilation %" PRId64 ", padding %" PRId64
                    " and %" PRId64 " of %s",
                    i, axis->stride, dilation, padding.begin, padding.end, tensor_text(t->x).text);
        return false;
    }
    axis->result = sums - padding.begin - padding.end;
    if (axis->result < 0)
        tensor_fail(t->x.context, "padding leaves nothing of axis %d", i);
    else if (!list_places(axis, dilation))
        tensor_fail(t->x.context,
                    "axis %d: stride %" PRId64 " and dilation %" PRId64
                    " need over %d convolutions",
                    i, axis->stride, dilation, MOST_PLACES);
    else
        return true;
    return false;
}

static bool describe_axes(struct transposed *t, const struct conv_transpose_options *options) {
    int64_t convolutions = 1;
    for (int i = 0; i < t->axes; i++) {
        if (!describe_axis(t, i, options))
            return false;
        convolutions *= t->axis[i].count; /* at most MOST_PLACES times MOST_CONVOLUTIONS */
        if (convolutions > MOST_CONVOLUTIONS) {
            tensor_fail(t->x.context, "strides and dilations need over %d convolutions",
                        MOST_CONVOLUTIONS);
            return false;
        }
    }
    return true;
}

struct tensor conv_transpose(struct tensor x, struct tensor weight, struct tensor bias,
                             struct conv_transpose_options options) {
    LAYER(x, weight);
    int64_t groups = options.groups == 0 ? 1 : options.groups;
    int rank = tensor_rank(x);
    struct transposed t = {.x = x, .axes = rank - 2};
    if (!check_operands(x, weight, groups))
        return (struct tensor){x.context, NULL};
    t.weight = reshape_axes(weight, 0, 1, 2, (int64_t[]){groups, tensor_extent(x, 1) / groups});
    if (!describe_axes(&t, &options))
        return (struct tensor){x.context, NULL};
    x = interleave(results_from(&t, 0), &t);
    int64_t along[MAX_RANK] = {1, -1, 1, 1, 1, 1, 1};
    return is_given(bias) ? tensor_add(x, tensor_reshape(bias, rank, along)) : x;
}
