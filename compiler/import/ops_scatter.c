/* Operators that put updates into a tensor at positions.
 *
 * Primitives can only take elements from positions. So of every place it is found which update goes
 * there: now, when the positions are known; else by a comparison of each place with each position,
 * which is done where that is not too many. Several updates of one place count in their order. */
#include "compiler/import/meaning.h"
#include "compiler/import/positions.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <string.h>

enum {
    MOST_ROUNDS = 64,           /* updates of one place that are combined */
    MOST_PLACES = 1 << 20,      /* for known positions */
    MOST_COMPARISONS = 1 << 26, /* for others */
};

/* ---- Reductions ---- */

typedef struct tensor combine(const struct call *call, struct tensor old, struct tensor update);

static struct tensor combine_add(const struct call *call, struct tensor old, struct tensor update) {
    (void)call;
    return tensor_dtype(old) == DTYPE_BOOL ? tensor_or(old, update) : tensor_add(old, update);
}

static struct tensor combine_mul(const struct call *call, struct tensor old, struct tensor update) {
    (void)call;
    return tensor_dtype(old) == DTYPE_BOOL ? tensor_and(old, update) : tensor_mul(old, update);
}

static const struct scatter_reduction {
    const char *name;
    int since;
    combine *combine; /* NULL: the last update stays */
} reductions[] = {
    {"none", 1, NULL},    {"add", 16, combine_add}, {"mul", 16, combine_mul},
    {"max", 18, maximum}, {"min", 18, minimum},
};

static const struct scatter_reduction *reduction_of(struct call *call) {
    const char *name = call_text(call, "reduction", "none");
    for (size_t i = 0; i < sizeof reductions / sizeof reductions[0]; i++)
        if (strcmp(reductions[i].name, name) == 0 && reductions[i].since <= call->opset)
            return &reductions[i];
    call_refuse(call, "reduction \"%s\", which opset %" PRId64 " does not have", quoted(name).text,
                call->opset);
    return NULL;
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

/* Of each place the update of the round at hand, or -1. */
static struct tensor apply_round(const struct scatter *s, struct tensor old, const int64_t *from) {
    struct arena *arena = &s->call->importer->arena;
    uint8_t *changed = arena_array(arena, uint8_t, (size_t)s->places + 1);
    int64_t *positions = arena_array(arena, int64_t, (size_t)s->places + 1);
    for (int64_t i = 0; i < s->places; i++) {
        changed[i] = from[i] >= 0;
        positions[i] = changed[i] ? from[i] : 0;
    }
    struct tensor update = take_positions(s->updates, 0, s->places, positions);
    if (s->places > MAX_CONSTANT)
        return call_refuse(s->call, "%" PRId64 " places, expected at most %d", s->places,
                           MAX_CONSTANT);
    struct tensor mask =
        tensor_const(s->call->context, DTYPE_BOOL, SHAPE(s->places, 1), s->places, changed);
    if (s->reduction->combine)
        update = s->reduction->combine(s->call, old, update);
    return tensor_where(mask, update, old);
}

/* The last update of each place, or what was there. */
static struct tensor replace_known(const struct scatter *s, const int64_t *positions) {
    struct arena *arena = &s->call->importer->arena;
    int64_t *from = arena_array(arena, int64_t, (size_t)s->places + 1);
    int64_t *joined = arena_array(arena, int64_t, (size_t)s->places + 1);
    for (int64_t i = 0; i < s->places; i++) {
        from[i] = -1;
        joined[i] = i;
    }
    for (int64_t i = 0; i < s->count; i++) {
        from[positions[i]] = i;
        joined[positions[i]] = s->places + i;
    }
    if (!are_few_runs(s->places, joined))
        return apply_round(s, s->data, from);
    return take_positions(tensor_concat(TENSORS(s->data, s->updates), 0), 0, s->places, joined);
}

/* Combines in rounds, each with at most one update of a place. */
static struct tensor combine_known(const struct scatter *s, const int64_t *positions) {
    struct arena *arena = &s->call->importer->arena;
    int64_t *from = arena_array(arena, int64_t, (size_t)s->places + 1);
    int64_t *left = arena_array(arena, int64_t, (size_t)s->count + 1), many = s->count;
    struct tensor result = s->data;
    for (int64_t i = 0; i < many; i++)
        left[i] = i;
    for (int round = 0; many > 0; round++) {
        int64_t later = 0;
        if (round == MOST_ROUNDS)
            return call_refuse(s->call, "more than %d updates of one place", MOST_ROUNDS);
        memset(from, -1, (size_t)s->places * sizeof *from);
        for (int64_t i = 0; i < many; i++) {
            if (from[positions[left[i]]] < 0)
                from[positions[left[i]]] = left[i];
            else
                left[later++] = left[i];
        }
        many = later;
        result = apply_round(s, result, from);
    }
    return result;
}

/* Updates (box.., width) in the place of a part of x (shape.., width), from that axis on. */
static struct tensor fill_box(const struct scatter *s, const struct scatter_box *box,
                              struct tensor x, struct tensor updates, int axis) {
    if (axis == s->rank)
        return s->reduction->combine ? s->reduction->combine(s->call, x, updates) : updates;
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

static struct tensor scatter_known(const struct scatter *s, struct tensor positions) {
    struct tensor wide = tensor_cast(positions, DTYPE_INT64);
    const struct view *view = call_known_elements(s->call, wide, "the positions");
    struct scatter_box box;
    if (!view || s->places > MOST_PLACES)
        return call_refuse(s->call, "%" PRId64 " places, expected at most %d", s->places,
                           MOST_PLACES);
    const int64_t *list = view->data;
    for (int64_t i = 0; i < s->count; i++)
        if (list[i] < 0 || list[i] >= s->places)
            return call_refuse(s->call, "position %" PRId64 " of %" PRId64, list[i], s->places);
    if (find_box(s, list, &box))
        return scatter_box(s, &box);
    return s->reduction->combine ? combine_known(s, list) : replace_known(s, list);
}

/* ---- Positions of the run ---- */

/* Row `index` of the updates. */
static struct tensor row(struct tensor x, int64_t index) {
    return cut_axis(x, 0, index, index + 1);
}

/* positions (count, width or 1): the place in its column at which each update goes. */
static struct tensor combine_found(const struct scatter *s, struct tensor positions) {
    struct tensor result = s->data;
    struct tensor place =
        positions_along(s->call->context, tensor_dtype(positions), s->places, 0, 2);
    if (s->count > MOST_ROUNDS)
        return call_refuse(s->call,
                           "%" PRId64 " updates are combined at positions that depend on the "
                           "model's inputs, expected at most %d",
                           s->count, MOST_ROUNDS);
    for (int64_t i = 0; i < s->count; i++)
        result = tensor_where(tensor_eq(row(positions, i), place),
                              s->reduction->combine(s->call, result, row(s->updates, i)), result);
    return result;
}

/* Finds the last update of each place by comparing with all. */
static struct tensor replace_found(const struct scatter *s, struct tensor positions) {
    struct tensor_context *context = s->call->context;
    int64_t columns = tensor_extent(positions, 1), width = tensor_extent(s->updates, 1);
    if (s->count == 0)
        return s->data;
    struct tensor place = positions_along(context, tensor_dtype(positions), s->places, 0, 3);
    struct tensor number = positions_along(context, DTYPE_INT32, s->count, 1, 3);
    struct tensor none = position(context, DTYPE_INT32, -1);
    struct tensor here = tensor_eq(place, tensor_reshape(positions, SHAPE(1, s->count, columns)));
    struct tensor last = tensor_reduce_max(tensor_where(here, number, none), AXES(1));
    struct tensor found = tensor_le(zero_like(last), last);
    struct tensor update;
    if (columns == 1) {
        update = tensor_gather(s->updates, 0, tensor_reshape(last, SHAPE(s->places)));
    } else {
        struct tensor flat = tensor_add(
            tensor_mul(tensor_cast(last, DTYPE_INT64), position(context, DTYPE_INT64, width)),
            positions_along(context, DTYPE_INT64, width, 1, 2));
        update = tensor_gather(tensor_reshape(s->updates, SHAPE(s->count * width)), 0, flat);
    }
    return tensor_where(found, update, s->data);
}

static struct tensor scatter_found(const struct scatter *s, struct tensor positions) {
    int64_t comparisons, columns = tensor_extent(positions, 1);
    if (!checked_multiply(s->places, s->count, &comparisons) ||
        !checked_multiply(comparisons, columns, &comparisons) || comparisons > MOST_COMPARISONS)
        return call_refuse(s->call,
                           "positions that depend on the model's inputs: %" PRId64
                           " places with %" PRId64 " updates each are too many",
                           s->places * columns, s->count);
    return s->reduction->combine ? combine_found(s, positions) : replace_found(s, positions);
}

/* ---- Operators ---- */

struct tensor import_scatter_nd(struct call *call) {
    struct tensor x = call_input(call, 0), indices = call_input(call, 1);
    struct tensor updates = call_input(call, 2);
    int64_t shape[MAX_RANK], places = 1, count = 1, width = 1;
    int rank = shape_of(x, shape), tuples = tensor_rank(indices) - 1;
    int64_t indexed = tensor_extent(indices, tuples);
    const struct scatter_reduction *reduction = reduction_of(call);
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
    struct tensor positions = flat_of_tuples(indices, 0, shape);
    struct tensor result = call_is_known(call, positions)
                               ? scatter_known(&s, positions)
                               : scatter_found(&s, tensor_reshape(positions, SHAPE(count, 1)));
    return tensor_reshape(result, rank, shape);
}

/* The axis in front, and all others as one. */
static struct tensor in_columns(struct tensor x, int axis) {
    int64_t shape[MAX_RANK];
    x = move_axis(x, axis, 0);
    int rank = shape_of(x, shape);
    int64_t width = 1;
    for (int i = 1; i < rank; i++)
        width *= shape[i];
    return reshape_axes(x, 1, rank - 1, 1, &width);
}

/* Updates and their positions have fewer columns than x: none goes to the others. */
static struct tensor pad_columns(struct tensor x, struct tensor like, int axis, double value) {
    struct range pads[MAX_RANK] = {0};
    int rank = tensor_rank(x);
    for (int i = 0; i < rank; i++)
        if (i != axis)
            pads[i].end = tensor_extent(like, i) - tensor_extent(x, i);
    return tensor_pad(x, rank, pads, value);
}

static struct tensor scatter_columns(struct call *call, const struct scatter_reduction *reduction,
                                     struct tensor x, int axis) {
    int64_t shape[MAX_RANK];
    struct tensor positions = from_front(call_input(call, 1), tensor_extent(x, axis));
    positions = in_columns(pad_columns(positions, x, axis, -1), axis);
    struct tensor updates = in_columns(pad_columns(call_input(call, 2), x, axis, 0), axis);
    struct tensor moved = move_axis(x, axis, 0);
    int rank = shape_of(moved, shape);
    struct scatter s = {call,    reduction, in_columns(x, axis),
                        updates, shape[0],  tensor_extent(updates, 0),
                        1,       shape};
    return move_axis(tensor_reshape(scatter_found(&s, positions), rank, shape), 0, axis);
}

struct tensor import_scatter_elements(struct call *call) {
    struct tensor x = call_input(call, 0), indices = call_input(call, 1);
    struct tensor updates = call_input(call, 2);
    int64_t shape[MAX_RANK], places = elements_of(x), count = elements_of(indices);
    int rank = shape_of(x, shape), axis = call_axis(call, call_int(call, "axis", 0), rank);
    const struct scatter_reduction *reduction = reduction_of(call);
    bool fits =
        reduction && rank > 0 && tensor_rank(indices) == rank && tensor_rank(updates) == rank;
    for (int i = 0; i < rank && fits; i++)
        fits = tensor_extent(indices, i) == tensor_extent(updates, i) &&
               (i == axis || tensor_extent(indices, i) <= shape[i]);
    if (!fits)
        return call_refuse(call, "indices %s and updates %s for %s", tensor_text(indices).text,
                           tensor_text(updates).text, tensor_text(x).text);
    if (!call_is_known(call, indices))
        return scatter_columns(call, reduction, x, axis);
    struct scatter s = {call,
                        reduction,
                        tensor_reshape(x, SHAPE(places, 1)),
                        tensor_reshape(updates, SHAPE(count, 1)),
                        places,
                        count,
                        rank,
                        shape};
    return tensor_reshape(
        scatter_known(&s, flat_along(tensor_cast(indices, DTYPE_INT64), axis, shape)), rank, shape);
}

/* ---- TensorScatter ---- */

/* Of each batch and place along the axis: which update goes there, or none (below 0 or too great).
 */
static struct tensor update_of_place(struct call *call, int64_t batches, int64_t places,
                                     bool circular) {
    struct tensor_context *context = call->context;
    struct tensor place = positions_along(context, DTYPE_INT64, places, 1, 2);
    struct tensor first = position(context, DTYPE_INT64, 0);
    if (call_has_input(call, 2))
        first = along_axis(tensor_cast(call_input(call, 2), DTYPE_INT64), 0, 2);
    struct tensor from =
        tensor_expand(tensor_sub(place, first), 2, (const int64_t[]){batches, places});
    if (!circular)
        return from;
    struct tensor around = position(context, DTYPE_INT64, places);
    return tensor_mod(tensor_add(tensor_mod(from, around), around), around);
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
    int64_t batches = tensor_extent(cache, 0), places = tensor_extent(cache, axis),
            count = tensor_extent(update, axis), rows = batches * count;
    struct tensor from = update_of_place(call, batches, places, circular);
    struct tensor inside = tensor_and(tensor_le(zero_like(from), from),
                                      tensor_lt(from, position(call->context, DTYPE_INT64, count)));
    struct tensor batch = positions_along(call->context, DTYPE_INT64, batches, 0, 2);
    struct tensor first_row = tensor_mul(batch, position(call->context, DTYPE_INT64, count));
    from = tensor_where(inside, tensor_add(first_row, from), zero_like(from));
    update = reshape_axes(move_axis(update, axis, 1), 0, 2, 1, &rows);
    update = tensor_gather(update, 0, from);
    inside =
        reshape_axes(inside, 2, 0, rank - 2,
                     (const int64_t[MAX_RANK]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    return move_axis(tensor_where(inside, update, move_axis(cache, axis, 1)), 1, axis);
}
