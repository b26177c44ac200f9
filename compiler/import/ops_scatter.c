/* Operators that put updates into a tensor at positions: scatters. Updates that fill slices in
 * their order, as an assignment to slices is written, become movement when their positions are
 * known. */
#include "compiler/import/meaning.h"
#include "compiler/import/positions.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_PLACES = 1 << 20 }; /* among which known positions are looked at */

/* ---- Reductions ---- */

typedef struct tensor scatter_function(struct tensor data, int axis, struct tensor positions,
                                       struct tensor updates);
typedef struct tensor combine_function(struct tensor old, struct tensor update);

static struct tensor combine_none(struct tensor old, struct tensor update) {
    (void)old;
    return update;
}

static const struct scatter_reduction {
    const char *name;
    int since;
    scatter_function *scatter;
    combine_function *combine; /* the same where each element has one update */
    const char *of_bools;      /* what adds and multiplies these */
} reductions[] = {
    {"none", 1, tensor_scatter, combine_none, NULL},
    {"add", 16, tensor_scatter_add, tensor_add, "max"},
    {"mul", 16, tensor_scatter_mul, tensor_mul, "min"},
    {"max", 18, tensor_scatter_max, tensor_max, NULL},
    {"min", 18, tensor_scatter_min, tensor_min, NULL},
};

static const struct scatter_reduction *named_reduction(const char *name) {
    for (size_t i = 0; i < sizeof reductions / sizeof reductions[0]; i++)
        if (strcmp(reductions[i].name, name) == 0)
            return &reductions[i];
    return NULL;
}

static const struct scatter_reduction *reduction_of(struct call *call, struct tensor x) {
    const char *name = call_text(call, "reduction", "none");
    const struct scatter_reduction *found = named_reduction(name);
    if (!found || found->since > call->opset) {
        call_refuse(call, "reduction \"%s\", which opset %" PRId64 " does not have",
                    quoted(name).text, call->opset);
        return NULL;
    }
    return found->of_bools && tensor_dtype(x) == DTYPE_BOOL ? named_reduction(found->of_bools)
                                                            : found;
}

/* ---- Known positions ---- */

/* Updates (count, width) for places (places, width). */
struct scatter {
    struct call *call;
    const struct scatter_reduction *reduction;
    struct tensor data, updates;
    int64_t places, count;
    int rank; /* of what the places are, in row-major order */
    const int64_t *shape;
};

/* A part of that: slices of its axes. */
struct scatter_box {
    int64_t begin[MAX_RANK], extent[MAX_RANK];
};

static bool is_box_in_order(const struct scatter *s, const struct scatter_box *box,
                            const int64_t *positions) {
    int64_t strides[MAX_RANK];
    row_major_strides(s->rank, s->shape, strides);
    for (int64_t i = 0; i < s->count; i++) {
        int64_t position = 0, rest = i;
        for (int axis = s->rank; axis-- > 0; rest /= box->extent[axis])
            position += (box->begin[axis] + rest % box->extent[axis]) * strides[axis];
        if (position != positions[i])
            return false;
    }
    return true;
}

/* Whether the updates fill a box, each place once: an assignment to slices is written so. */
static bool find_box(const struct scatter *s, const int64_t *positions, struct scatter_box *box) {
    int64_t size = 1, strides[MAX_RANK];
    if (s->count == 0 || s->rank >= MAX_RANK)
        return false;
    row_major_strides(s->rank, s->shape, strides);
    for (int axis = 0; axis < s->rank; axis++) {
        int64_t least = INT64_MAX, most = 0;
        for (int64_t i = 0; i < s->count; i++) {
            int64_t at = positions[i] / strides[axis] % s->shape[axis];
            least = at < least ? at : least;
            most = at > most ? at : most;
        }
        box->begin[axis] = least;
        box->extent[axis] = most - least + 1;
        if (!checked_multiply(size, box->extent[axis], &size))
            return false;
    }
    return size == s->count && is_box_in_order(s, box, positions);
}

/* Updates (box.., width) in the place of a part of x (shape.., width), from that axis on. */
static struct tensor fill_box(const struct scatter *s, const struct scatter_box *box,
                              struct tensor x, struct tensor updates, int axis) {
    if (axis == s->rank)
        return s->reduction->combine(x, updates);
    int64_t begin = box->begin[axis], end = begin + box->extent[axis];
    struct tensor parts[3];
    int count = 0;
    if (begin > 0)
        parts[count++] = cut_axis(x, axis, 0, begin);
    parts[count++] = fill_box(s, box, cut_axis(x, axis, begin, end), updates, axis + 1);
    if (end < s->shape[axis])
        parts[count++] = cut_axis(x, axis, end, s->shape[axis]);
    return tensor_concat(count, parts, axis);
}

static struct tensor scatter_box(const struct scatter *s, const struct scatter_box *box) {
    struct tensor x = reshape_axes(s->data, 0, 1, s->rank, s->shape);
    struct tensor updates = reshape_axes(s->updates, 0, 1, s->rank, box->extent);
    return reshape_axes(fill_box(s, box, x, updates, 0), 0, s->rank, 1, &s->places);
}

/* Known positions are checked. */
static bool find_known_box(const struct scatter *s, struct tensor positions,
                           struct scatter_box *box) {
    struct tensor wide = tensor_cast(positions, DTYPE_INT64);
    const struct view *view = call_known_elements(s->call, wide, "the positions");
    if (!view)
        return false;
    const int64_t *list = view->data;
    for (int64_t i = 0; i < s->count; i++)
        if (list[i] < 0 || list[i] >= s->places) {
            call_refuse(s->call, "position %" PRId64 " of %" PRId64, list[i], s->places);
            return false;
        }
    return s->places <= MOST_PLACES && find_box(s, list, box);
}

/* Positions of rank 1. */
static struct tensor scatter_rows(const struct scatter *s, struct tensor positions) {
    struct scatter_box box;
    if (call_is_known(s->call, positions) && find_known_box(s, positions, &box))
        return scatter_box(s, &box);
    return s->reduction->scatter(s->data, 0, unsqueeze(positions, 1), s->updates);
}

/* ---- Operators ---- */

struct tensor import_scatter_nd(struct call *call) {
    struct tensor x = call_input(call, 0), indices = call_input(call, 1);
    struct tensor updates = call_input(call, 2);
    int64_t shape[MAX_RANK], places = 1, count = 1, width = 1;
    int rank = shape_of(x, shape), tuples = tensor_rank(indices) - 1;
    int64_t indexed = tensor_extent(indices, tuples);
    const struct scatter_reduction *reduction = reduction_of(call, x);
    if (!reduction || tuples < 0 || indexed < 1 || indexed > rank)
        return call_refuse(call, "indices %s for %s", tensor_text(indices).text,
                           tensor_text(x).text);
    for (int i = 0; i < tuples; i++)
        count *= tensor_extent(indices, i);
    for (int i = 0; i < rank; i++)
        *(i < indexed ? &places : &width) *= shape[i];
    if (elements_of(updates) != count * width)
        return call_refuse(call, "updates %s for indices %s", tensor_text(updates).text,
                           tensor_text(indices).text);
    struct scatter s = {call,
                        reduction,
                        tensor_reshape(x, SHAPE(places, width)),
                        tensor_reshape(updates, SHAPE(count, width)),
                        places,
                        count,
                        (int)indexed,
                        shape};
    struct tensor positions = flat_of_tuples(wide_enough(indices, x), 0, shape);
    return tensor_reshape(scatter_rows(&s, tensor_reshape(positions, SHAPE(count))), rank, shape);
}

struct tensor import_scatter_elements(struct call *call) {
    struct tensor x = call_input(call, 0), indices = call_input(call, 1);
    struct tensor updates = call_input(call, 2);
    int64_t shape[MAX_RANK], places = elements_of(x), count = elements_of(indices);
    int rank = shape_of(x, shape), axis = call_axis(call, call_int(call, "axis", 0), rank);
    const struct scatter_reduction *reduction = reduction_of(call, x);
    bool whole = true, fits = reduction && rank > 0 && tensor_rank(indices) == rank &&
                              tensor_rank(updates) == rank;
    for (int i = 0; i < rank && fits; i++) {
        whole &= i == axis || tensor_extent(indices, i) == shape[i];
        fits = tensor_extent(indices, i) == tensor_extent(updates, i) &&
               (i == axis || tensor_extent(indices, i) <= shape[i]);
    }
    if (!fits)
        return call_refuse(call, "indices %s and updates %s for %s", tensor_text(indices).text,
                           tensor_text(updates).text, tensor_text(x).text);
    if (whole && !call_is_known(call, indices))
        return reduction->scatter(x, axis, from_front(indices, shape[axis]), updates);
    struct scatter s = {call,
                        reduction,
                        tensor_reshape(x, SHAPE(places, 1)),
                        tensor_reshape(updates, SHAPE(count, 1)),
                        places,
                        count,
                        rank,
                        shape};
    struct tensor positions = flat_along(wide_enough(indices, x), axis, shape);
    return tensor_reshape(scatter_rows(&s, tensor_reshape(positions, SHAPE(count))), rank, shape);
}

/* ---- TensorScatter ---- */

/* Where each update goes along the axis: of the batches, which are the first axis, each has a first
 * position of its own. */
static struct tensor places_of_updates(struct call *call, struct tensor cache, int axis,
                                       int64_t count, bool circular) {
    struct tensor_context *context = call->context;
    int rank = tensor_rank(cache);
    struct tensor place = positions_along(context, DTYPE_INT64, count, axis, rank);
    if (call_has_input(call, 2)) {
        struct tensor first = tensor_cast(call_input(call, 2), DTYPE_INT64);
        place = tensor_add(along_axis(first, 0, rank), place);
    }
    if (!circular)
        return place;
    struct tensor around = position(context, DTYPE_INT64, tensor_extent(cache, axis));
    return tensor_mod(tensor_add(tensor_mod(place, around), around), around);
}

struct tensor import_tensor_scatter(struct call *call) {
    struct tensor cache = call_input(call, 0), update = call_input(call, 1);
    const char *mode = call_text(call, "mode", "linear");
    int rank = tensor_rank(cache), axis = call_axis(call, call_int(call, "axis", -2), rank);
    bool circular = strcmp(mode, "circular") == 0;
    if (!circular && strcmp(mode, "linear") != 0)
        return call_refuse(call, "mode \"%s\"", quoted(mode).text);
    bool fits = axis > 0 && tensor_rank(update) == rank &&
                tensor_extent(update, axis) <= tensor_extent(cache, axis);
    for (int i = 0; i < rank && fits; i++)
        fits = i == axis || tensor_extent(update, i) == tensor_extent(cache, i);
    if (!fits)
        return call_refuse(call, "update %s for %s", tensor_text(update).text,
                           tensor_text(cache).text);
    struct tensor places =
        places_of_updates(call, cache, axis, tensor_extent(update, axis), circular);
    return tensor_scatter(cache, axis, places, update);
}
