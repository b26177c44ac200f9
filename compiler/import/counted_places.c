/* What becomes of counts: parts, joining, and elements at positions. */
#include "compiler/import/counted_rules.h"
#include "compiler/import/movement.h"
#include "compiler/import/positions.h"

#include <string.h>

/* ---- What is found ---- */

struct tensor count_found(struct call *call) {
    return build_plain(call);
}

/* A tensor that is counted needs conditions that are counted alike. */
struct tensor count_compress(struct call *call) {
    struct counted x = call_counted(call, 0), condition = call_counted(call, 1);
    int axis = 0;
    if (call_has(call, "axis"))
        axis = call_axis(call, call_int(call, "axis", 0), tensor_rank(call_input(call, 0)));
    else if (is_counted(x) && tensor_rank(call_input(call, 0)) != 1)
        return refuse_counted(call, "in a row");
    if (is_counted(x) && (x.axis != axis || x.count.node != condition.count.node))
        return refuse_counted(call, "by conditions for another extent");
    return build_plain(call);
}

/* ---- Parts ---- */

/* What is left of a count of at most `most` when a slice is taken, from the front: of the elements
 * from `start` to `end` (negative: from the count on backwards) every step-th. */
static struct tensor count_of_slice(struct tensor count, int64_t most, int64_t start, int64_t end,
                                    int64_t step) {
    struct tensor_context *context = count.context;
    struct tensor length = count;
    if (end < 0)
        length = tensor_add(length, number64(context, end));
    else if (end < most)
        length = tensor_min(length, number64(context, end));
    if (start)
        length = tensor_sub(length, number64(context, start));
    if (start || end < 0)
        length = tensor_max(length, number64(context, 0));
    if (step > 1)
        length =
            tensor_div(tensor_add(length, number64(context, step - 1)), number64(context, step));
    return length;
}

/* Whether it is from the front, so that the elements stand where they do whatever the count is. */
static bool is_from_front(struct slice slice) {
    return slice.start >= 0 && slice.step > 0 && slice.start <= MAX_ELEMENTS &&
           slice.step <= MAX_ELEMENTS && slice.end >= -MAX_ELEMENTS;
}

/* Where a slice begins or ends, from the count on where that is negative: from `least` on, 0 or -1,
 * up to the count, or `back`wards up to the last element, which of none is -1. */
static struct tensor cut_position(struct tensor count, int64_t at, int64_t least, bool back) {
    struct tensor_context *context = count.context;
    at = at > MAX_ELEMENTS ? MAX_ELEMENTS : at < -MAX_ELEMENTS ? -MAX_ELEMENTS : at;
    struct tensor most = back ? tensor_sub(count, number64(context, 1)) : count;
    struct tensor from = number64(context, at);
    if (at < 0)
        from = tensor_max(tensor_add(count, from), number64(context, least));
    return at < 0 && !(back && least == 0) ? from : tensor_min(most, from);
}

/* How many elements of an axis a slice may take at most: all of them, but for what is certain. */
static int64_t most_of_slice(int64_t extent, struct slice slice, int64_t step) {
    int64_t most = extent, between = extent;
    if (slice.start < 0 && slice.step > 0 && slice.start > -extent)
        most = -slice.start;
    if (slice.start < 0 && slice.end < 0 && slice.start > -extent && slice.end > -extent)
        between = slice.step > 0 ? slice.end - slice.start : slice.start - slice.end;
    most = between < most ? between : most;
    return divide_up(most < 1 ? 1 : most, step);
}

/* Any other slice: elements at positions that depend on the count, of which it leaves another. */
static struct tensor slice_by_count(struct tensor x, struct slice slice, struct tensor *count) {
    struct tensor_context *context = x.context;
    bool back = slice.step < 0;
    int64_t step = back ? -(slice.step + 1) : slice.step - 1;
    step = (step < MAX_ELEMENTS ? step : MAX_ELEMENTS) + 1;
    struct tensor start = cut_position(*count, slice.start, 0, back);
    struct tensor end = back && slice_is_to_the_end(slice.end)
                            ? number64(context, -1)
                            : cut_position(*count, slice.end, back ? -1 : 0, back);
    struct tensor length = back ? tensor_sub(start, end) : tensor_sub(end, start);
    length = tensor_max(length, number64(context, 0));
    *count = tensor_div(tensor_add(length, number64(context, step - 1)), number64(context, step));
    int64_t most = most_of_slice(tensor_extent(x, slice.axis), slice, step);
    struct tensor steps =
        tensor_mul(tensor_iota(context, DTYPE_INT64, most), number64(context, back ? -step : step));
    return tensor_gather(x, slice.axis, tensor_add(start, steps));
}

struct tensor slice_counted(struct tensor x, struct slice slice, struct counted *c) {
    if (!is_counted(*c))
        return take_slice(x, slice);
    if (!is_from_front(slice))
        return slice_by_count(x, slice, &c->count);
    c->count =
        count_of_slice(c->count, tensor_extent(x, slice.axis), slice.start, slice.end, slice.step);
    return take_slice(x, slice);
}

/* A bound, which counts from the true end on where it is negative, between `least` and `most`. */
static struct tensor bound_between(struct tensor bound, struct tensor count, struct tensor least,
                                   struct tensor most) {
    struct tensor from_end = tensor_lt(bound, number64(bound.context, 0));
    bound = tensor_where(from_end, tensor_add(bound, count), bound);
    return tensor_min(tensor_max(bound, least), most);
}

struct tensor slice_between(struct tensor x, struct tensor from, struct tensor to, int64_t step,
                            int64_t most, struct counted *c, struct tensor count) {
    struct tensor_context *context = x.context;
    struct tensor none = number64(context, 0), before = number64(context, -1);
    struct tensor last = tensor_sub(count, number64(context, 1));
    int64_t width = step < 0 ? -step : step;
    if (step > 0) {
        from = bound_between(from, count, none, count);
        to = bound_between(to, count, none, count);
    } else {
        struct tensor whole = tensor_or(tensor_eq(to, number64(context, INT64_MAX)),
                                        tensor_eq(to, number64(context, INT32_MAX)));
        from = bound_between(from, count, none, last);
        to = tensor_where(whole, before, bound_between(to, count, before, last));
    }
    struct tensor length = step > 0 ? tensor_sub(to, from) : tensor_sub(from, to);
    length = tensor_min(tensor_max(length, none), number64(context, most * width));
    c->count =
        tensor_div(tensor_add(length, number64(context, width - 1)), number64(context, width));
    struct tensor steps =
        tensor_mul(tensor_iota(context, DTYPE_INT64, most), number64(context, step));
    return tensor_gather(x, c->axis, tensor_add(from, steps));
}

struct tensor count_slice(struct call *call) {
    struct axis_counts counts = call_counts(call, 0);
    struct tensor x = call_input(call, 0);
    struct slice slices[MAX_RANK];
    int slice_count = only_counted_below(call, 1) ? call_slices(call, tensor_rank(x), slices) : -1;
    for (int i = 0; i < slice_count; i++) {
        struct counted c = counted_along(&counts, slices[i].axis);
        if (tensor_extent(x, slices[i].axis) == 0)
            continue;
        x = slice_counted(x, slices[i], &c);
        if (is_counted(c))
            count_along(&counts, c);
    }
    for (int i = 0; i < counts.count; i++)
        call_counts_output(call, 0, counts.list[i].axis, counts.list[i].count);
    return slice_count < 0 ? NO_TENSOR : x;
}

/* ---- Joining ---- */

/* What all inputs have along an axis across which they are joined. Their true extents are the same:
 * that of one which is not counted, or else a count that all have. Refuses the node where counts
 * differ. */
static bool match_across(struct call *call, int axis) {
    int64_t least = INT64_MAX, extent = -1;
    struct tensor count = NO_TENSOR;
    bool same = true;
    for (int i = 0; i < call->input_count; i++) {
        struct axis_counts counts = call_counts(call, i);
        struct counted c = counted_along(&counts, axis);
        int64_t own = tensor_extent(call_input(call, i), axis);
        if (!is_counted(c))
            extent = own;
        same = same && (!is_given(count) || !is_counted(c) || count.node == c.count.node);
        count = is_counted(c) ? c.count : count;
        least = own < least ? own : least;
    }
    if (extent < 0 && !same) {
        refuse_counted(call, "joined with others across its axis");
        return false;
    }
    for (int i = 0; i < call->input_count && is_given(count); i++)
        call->inputs[i] = reach_of_axis(call_input(call, i), axis, 0, extent < 0 ? least : extent);
    call_counts_output(call, 0, axis, extent < 0 ? count : NO_TENSOR);
    return true;
}

/* What is true of each input, one after another along the axis: which of the joined elements stands
 * at each place. Behind the last there may be any. */
static struct tensor places_of_parts(struct call *call, int axis, struct tensor *count) {
    struct tensor_context *context = call->context;
    int64_t most = 0, extent = 0;
    for (int i = 0; i < call->input_count; i++)
        most += tensor_extent(call_input(call, i), axis);
    struct tensor place = tensor_iota(context, DTYPE_INT64, most), source = place;
    *count = NO_TENSOR;
    for (int i = 0; i < call->input_count; i++) {
        struct axis_counts counts = call_counts(call, i);
        struct counted c = counted_along(&counts, axis);
        int64_t own = tensor_extent(call_input(call, i), axis);
        if (is_given(*count)) {
            struct tensor moved = tensor_sub(number64(context, extent), *count);
            source = tensor_where(tensor_lt(place, *count), source, tensor_add(place, moved));
        }
        struct tensor length = is_counted(c) ? c.count : number64(context, own);
        *count = is_given(*count) ? tensor_add(*count, length) : length;
        extent += own;
    }
    return source;
}

/* Whether no input but the last is counted along the axis: what is true stands together already. */
static bool is_last_only(const struct call *call, int axis) {
    for (int i = 0; i + 1 < call->input_count; i++) {
        struct axis_counts counts = call_counts(call, i);
        if (is_counted(counted_along(&counts, axis)))
            return false;
    }
    return true;
}

static bool any_counted(const struct call *call, int axis) {
    bool any = false;
    for (int i = 0; i < call->input_count; i++) {
        struct axis_counts counts = call_counts(call, i);
        any |= is_counted(counted_along(&counts, axis));
    }
    return any;
}

struct tensor count_concat(struct call *call) {
    int rank = tensor_rank(call_input(call, 0));
    int axis = call_axis(call, call_int(call, "axis", 1), rank);
    struct tensor count;
    for (int i = 0; i < call->input_count; i++)
        if (tensor_rank(call_input(call, i)) != rank)
            return build_plain(call); /* which refuses it */
    for (int i = 0; i < rank; i++)
        if (i != axis && !match_across(call, i))
            return NO_TENSOR;
    struct tensor y = build_plain(call);
    if (!any_counted(call, axis))
        return y;
    struct tensor places = places_of_parts(call, axis, &count);
    call_counts_output(call, 0, axis, count);
    return is_last_only(call, axis) ? y : tensor_gather(y, axis, places);
}

/* ---- Elements at positions ---- */

/* Positions along a counted axis: those that are negative count from the count on. */
static struct tensor from_count(struct tensor positions, struct tensor count) {
    struct tensor wide = tensor_cast(positions, DTYPE_INT64);
    return tensor_where(tensor_lt(wide, number64(wide.context, 0)), tensor_add(wide, count), wide);
}

struct tensor count_gather(struct call *call) {
    struct axis_counts x = call_counts(call, 0), positions = call_counts(call, 1);
    int rank = tensor_rank(call_input(call, 0)), more = tensor_rank(call_input(call, 1)) - 1;
    int axis = call_axis(call, call_int(call, "axis", 0), rank);
    for (int i = 0; i < x.count; i++) {
        struct counted c = x.list[i];
        if (c.axis != axis) {
            call_counts_output(call, 0, c.axis < axis ? c.axis : c.axis + more, c.count);
            continue;
        }
        call->inputs[0] = filled_behind(call->inputs[0], c, FILL_ZERO);
        call->inputs[1] = from_count(call->inputs[1], c.count);
    }
    for (int i = 0; i < positions.count; i++)
        call_counts_output(call, 0, axis + positions.list[i].axis, positions.list[i].count);
    return build_plain(call);
}

struct tensor count_gather_elements(struct call *call) {
    struct counted x = call_counted(call, 0), positions = call_counted(call, 1);
    int rank = tensor_rank(call_input(call, 0));
    int axis = call_axis(call, call_int(call, "axis", 0), rank);
    if (is_counted(x) && x.axis == axis) {
        call->inputs[0] = filled_behind(call->inputs[0], x, FILL_ZERO);
        call->inputs[1] = from_count(call->inputs[1], x.count);
    } else if (is_counted(x) && !same_counted(x, positions)) {
        return refuse_counted(call, "by positions for another extent");
    }
    if (!is_counted(positions))
        return build_plain(call);
    return build_along(call, positions.axis, positions.count);
}

/* Tuples of positions, of which the element for an axis counts from the count of that axis on where
 * it is negative. */
static struct tensor tuples_from_count(struct tensor tuples, int element, int64_t extent,
                                       struct tensor count) {
    struct tensor_context *context = tuples.context;
    struct tensor wide = tensor_cast(tuples, DTYPE_INT64);
    int rank = tensor_rank(tuples);
    struct tensor along =
        positions_along(context, DTYPE_INT64, tensor_extent(tuples, rank - 1), rank - 1, rank);
    struct tensor own = tensor_and(tensor_lt(wide, number64(context, 0)),
                                   tensor_eq(along, number64(context, element)));
    struct tensor less = tensor_sub(count, number64(context, extent));
    return tensor_where(own, tensor_add(wide, less), wide);
}

/* The last axis of the positions is a place. */
struct tensor count_gather_nd(struct call *call) {
    struct counted x = call_counted(call, 0), positions = call_counted(call, 1);
    struct tensor data = call_input(call, 0), tuples = call_input(call, 1);
    int64_t batch = call_int(call, "batch_dims", 0);
    int last = tensor_rank(tuples) - 1, places = (int)tensor_extent(tuples, last);
    if (last < 0 || batch < 0 || batch > last || (is_counted(positions) && positions.axis == last))
        return refuse_counted(call, "by such positions");
    if (is_counted(x) && x.axis < batch && !same_counted(x, positions))
        return refuse_counted(call, "by positions for another extent");
    if (is_counted(x) && x.axis >= batch && x.axis < batch + places) {
        int64_t extent = tensor_extent(data, x.axis);
        call->inputs[0] = filled_behind(data, x, FILL_ZERO);
        call->inputs[1] = tuples_from_count(tuples, x.axis - (int)batch, extent, x.count);
    } else if (is_counted(x) && x.axis >= batch) {
        if (is_counted(positions))
            return refuse_counted(call, "by positions that are counted, along another axis");
        return build_along(call, last + x.axis - (int)batch - places, x.count);
    }
    if (is_counted(positions))
        return build_along(call, positions.axis, positions.count);
    return build_plain(call);
}

/* One result for each region; each has the number of its picture beside it. */
struct tensor count_regions(struct call *call) {
    struct counted regions = call_counted(call, 1);
    if (is_counted(call_counted(call, 0)))
        return refuse_counted(call, "regions of pictures");
    if (!same_counted(regions, call_counted(call, 2)) || regions.axis != 0)
        return refuse_counted(call, "without regions and pictures that are counted alike");
    return build_along(call, 0, regions.count);
}

/* ---- Updates at positions ---- */

/* Whether positions and updates are counted alike; refuses the node otherwise. */
static bool are_updates(struct call *call) {
    struct counted positions = call_counted(call, 1);
    bool good = is_counted(positions) && same_counted(positions, call_counted(call, 2));
    if (!good)
        refuse_counted(call, "without updates and positions that are counted alike");
    return good;
}

/* Positions behind the count are out of the tensor, where nothing is put anywhere. */
static void drop_updates(struct call *call, struct tensor outside) {
    struct tensor positions = tensor_cast(call_input(call, 1), DTYPE_INT64);
    call->inputs[1] =
        tensor_where(before_count(positions, call_counted(call, 1)), positions, outside);
}

struct tensor count_scatter_elements(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct counted c = call_counted(call, 0);
    int64_t shape[MAX_RANK], strides[MAX_RANK];
    int rank = shape_of(x, shape), axis = call_axis(call, call_int(call, "axis", 0), rank);
    if (!are_updates(call))
        return NO_TENSOR;
    row_major_strides(rank, shape, strides);
    int64_t stride = rank && strides[axis] ? strides[axis] : 1;
    int64_t outside = -divide_up(elements_of(x), stride) - (rank ? shape[axis] : 0) - 1;
    if (is_counted(c) && c.axis == axis)
        call->inputs[1] = from_count(call_input(call, 1), c.count);
    drop_updates(call, number64(call->context, outside));
    return is_counted(c) ? build_along(call, c.axis, c.count) : build_plain(call);
}

struct tensor count_scatter_nd(struct call *call) {
    struct tensor x = call_input(call, 0), positions = call_input(call, 1);
    int last = tensor_rank(positions) - 1;
    if (!are_updates(call))
        return NO_TENSOR;
    if (is_counted(call_counted(call, 0)))
        return refuse_counted(call, "put into at tuples of positions");
    if (call_counted(call, 1).axis == last || tensor_extent(positions, last) > MAX_RANK)
        return refuse_counted(call, "by such positions");
    int64_t outside[MAX_RANK] = {-2 * tensor_extent(x, 0)};
    drop_updates(call, int64_list(call->context, (int)tensor_extent(positions, last), outside));
    return build_plain(call);
}

/* ---- More of the same ---- */

/* An axis stays for which the shape says 1, or nothing. */
struct tensor count_expand(struct call *call) {
    struct counted c = call_counted(call, 0);
    int rank = tensor_rank(call_input(call, 0));
    if (!only_counted_below(call, 1))
        return NO_TENSOR;
    struct integers asked = call_known_shape(call, call_input(call, 1), 0);
    int more = asked.count > rank ? asked.count - rank : 0, at = c.axis + asked.count - rank;
    if (at >= 0 && asked.values && asked.values[at] != 1)
        return refuse_counted(call, "expanded along its axis");
    return build_along(call, c.axis + more, c.count);
}

/* All that is true, so many times, one after another. */
static struct tensor repeat_true(struct tensor x, struct counted c, int64_t times) {
    int64_t extent = tensor_extent(x, c.axis) * times;
    return tensor_gather(x, c.axis,
                         tensor_mod(tensor_iota(x.context, DTYPE_INT64, extent), c.count));
}

struct tensor count_tile(struct call *call) {
    struct counted c = call_counted(call, 0);
    struct tensor x = call_input(call, 0);
    int rank = tensor_rank(x);
    if (!only_counted_below(call, 1))
        return NO_TENSOR;
    struct integers times = call_known(call, call_input(call, 1), "the repeats");
    int64_t own = integer_or(times, c.axis, 1), others[MAX_RANK];
    if (call->opset >= 6 && own == 0) /* nothing, whatever there is */
        return build_plain(call);
    if (call->opset < 6 || own < 1 || own > INT32_MAX || (own > 1 && times.count != rank))
        return refuse_counted(call, "repeated along its axis");
    if (own == 1)
        return build_along(call, c.axis, c.count);
    for (int i = 0; i < rank; i++)
        others[i] = i == c.axis ? 1 : times.values[i];
    call->inputs[0] = repeat_true(x, c, own);
    call->inputs[1] = int64_list(call->context, rank, others);
    return build_along(call, c.axis, tensor_mul(c.count, number64(call->context, own)));
}

/* x without what negative borders take from its counted axis; NO_TENSOR: more than there can be. */
static struct tensor crop_counted(struct tensor x, struct counted *c, struct range *border) {
    int64_t extent = tensor_extent(x, c->axis);
    int64_t begin = border->begin < 0 ? border->begin : 0;
    int64_t end = border->end < 0 ? border->end : 0;
    if (begin < -extent || end < -extent - begin)
        return NO_TENSOR;
    c->count = count_of_slice(c->count, extent, -begin, end ? end : extent, 1);
    border->begin -= begin;
    border->end -= end;
    return cut_axis(x, c->axis, -begin, extent + end);
}

/* What becomes of the count: where there is nothing that a border is made of, there is none. */
static struct tensor count_of_bordered(struct tensor count, struct range border, bool of_own) {
    struct tensor more = tensor_add(count, number64(count.context, border.begin + border.end));
    struct tensor none = number64(count.context, 0);
    return of_own ? tensor_where(tensor_eq(count, none), none, more) : more;
}

/* Lays the border around a counted axis of x as far as the Pad's own could not: which that is then.
 * A constant behind the count begins a border of the same constant. */
static struct tensor pad_counted(struct call *call, struct tensor x, struct counted c,
                                 struct range *own) {
    x = crop_counted(x, &c, own);
    if (!is_given(x))
        return refuse_counted(call, "pads that take more than there can be");
    if (own->begin || own->end) {
        struct tensor bordered = border_by_count(call, x, c, *own);
        bool of_own = is_given(bordered);
        x = of_own ? bordered : tensor_where(before_count(x, c), x, call_pad_value(call, x));
        c.count = count_of_bordered(c.count, *own, of_own);
        *own = of_own ? (struct range){0, 0} : *own;
    }
    call_counts_output(call, 0, c.axis, c.count);
    return x;
}

struct tensor count_pad(struct call *call) {
    struct axis_counts counts = call_counts(call, 0);
    struct range pads[MAX_RANK];
    struct tensor x = call_input(call, 0);
    if (!only_counted_below(call, 1) || !call_borders(call, x, pads))
        return NO_TENSOR;
    for (int i = 0; i < counts.count && is_given(x); i++)
        x = pad_counted(call, x, counts.list[i], &pads[counts.list[i].axis]);
    return is_given(x) ? put_border(call, x, pads) : NO_TENSOR;
}

struct tensor count_one_hot(struct call *call) {
    struct counted c = call_counted(call, 0);
    int rank = tensor_rank(call_input(call, 0)) + 1;
    int axis = call_axis(call, call_int(call, "axis", -1), rank);
    if (!only_counted_below(call, 1))
        return NO_TENSOR;
    return build_along(call, c.axis < axis ? c.axis : c.axis + 1, c.count);
}
