/* Parts of tensors, and tensors with a border. */
#include "compiler/import/counted.h"
#include "compiler/import/importer.h"
#include "compiler/import/movement.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <string.h>

/* ---- Slice ---- */

static int64_t clamp(int64_t x, int64_t least, int64_t greatest) {
    return x < least ? least : x > greatest ? greatest : x;
}

/* The greatest integers stand for the end of an axis: backwards for its first element, as ONNX
 * Runtime has it; the specification would have nothing there. */
bool slice_is_to_the_end(int64_t end) {
    return end == INT64_MAX || end == INT32_MAX;
}

/* Positions of a slice count from the end where they are negative, and are cut to the axis. */
struct tensor take_slice(struct tensor x, struct slice slice) {
    int64_t extent = tensor_extent(x, slice.axis), step = slice.step;
    if (extent == 0)
        return x;
    bool whole = slice_is_to_the_end(slice.end);
    int64_t start = slice.start < 0 ? slice.start + extent : slice.start;
    int64_t end = slice.end < 0 ? slice.end + extent : slice.end;
    if (step > 0) {
        start = clamp(start, 0, extent);
        end = clamp(end, start, extent);
        step = clamp(step, 1, extent + 1);
        return slice_axis(x, slice.axis, start, divide_up(end - start, step), step);
    }
    start = clamp(start, 0, extent - 1);
    end = whole ? -1 : clamp(end, -1, start);
    step = clamp(step, -extent - 1, -1);
    return slice_axis(x, slice.axis, start, divide_up(start - end, -step), step);
}

int call_slices(struct call *call, int rank, struct slice slices[MAX_RANK]) {
    struct integers starts = call_ints_or_input(call, "starts", 1);
    struct integers ends = call_ints_or_input(call, "ends", 2);
    struct integers axes = call_ints_or_input(call, "axes", 3);
    struct integers steps = call_ints_or_input(call, "steps", 4);
    const int count = starts.count;
    bool seen[MAX_RANK] = {false};
    if (!starts.values || !ends.values || ends.count != count ||
        (axes.values && axes.count != count) || (steps.values && steps.count != count)) {
        call_refuse(call, "lists of starts, ends, axes and steps of different lengths");
        return -1;
    }
    for (int i = 0; i < count; i++) {
        int axis = call_axis(call, axes.values ? axes.values[i] : i, rank);
        int64_t step = steps.values ? steps.values[i] : 1;
        if (step == 0 || rank == 0 || seen[axis]) {
            call_refuse(call, step ? "an axis is named twice" : "a step of 0");
            return -1;
        }
        seen[axis] = true;
        slices[i] = (struct slice){axis, starts.values[i], ends.values[i], step};
    }
    return count;
}

struct tensor import_slice(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct slice slices[MAX_RANK];
    int count = call_slices(call, tensor_rank(x), slices);
    for (int i = 0; i < count; i++)
        x = take_slice(x, slices[i]);
    return count < 0 ? NO_TENSOR : x;
}

/* ---- Pad ---- */

/* What stands around an axis. */
typedef struct tensor border(struct tensor x, int axis, int64_t before, int64_t after);

static struct tensor join(struct tensor before, struct tensor x, struct tensor after, int axis) {
    struct tensor parts[3];
    int count = 0;
    if (before.node && tensor_extent(before, axis) > 0)
        parts[count++] = before;
    parts[count++] = x;
    if (after.node && tensor_extent(after, axis) > 0)
        parts[count++] = after;
    return tensor_concat(count, parts, axis);
}

static struct tensor edge_border(struct tensor x, int axis, int64_t before, int64_t after) {
    int64_t extent = tensor_extent(x, axis);
    return join(slice_axis(x, axis, 0, before, 0), x, slice_axis(x, axis, extent - 1, after, 0),
                axis);
}

/* At most so many elements of a border are there to be taken, `period` apart. */
static int64_t part_of_border(int64_t wanted, int64_t extent, int64_t period) {
    int64_t most = extent / period * period;
    return wanted < most ? wanted : most;
}

/* The axis seen in a mirror at either end, whose element is there once. */
static struct tensor reflect_border(struct tensor x, int axis, int64_t before, int64_t after) {
    int64_t period = tensor_extent(x, axis) - 1;
    if (period == 0)
        return edge_border(x, axis, before, after);
    while (x.node && (before > 0 || after > 0)) {
        int64_t extent = tensor_extent(x, axis);
        int64_t left = part_of_border(before, extent - 1, period);
        int64_t right = part_of_border(after, extent - 1, period);
        x = join(slice_axis(x, axis, left, left, -1), x, slice_axis(x, axis, extent - 2, right, -1),
                 axis);
        before -= left;
        after -= right;
    }
    return x;
}

/* The axis again and again. */
static struct tensor wrap_border(struct tensor x, int axis, int64_t before, int64_t after) {
    int64_t period = tensor_extent(x, axis);
    while (x.node && (before > 0 || after > 0)) {
        int64_t extent = tensor_extent(x, axis);
        int64_t left = part_of_border(before, extent, period);
        int64_t right = part_of_border(after, extent, period);
        x = join(slice_axis(x, axis, extent - left, left, 1), x, slice_axis(x, axis, 0, right, 1),
                 axis);
        before -= left;
        after -= right;
    }
    return x;
}

/* ---- The same of an axis whose count is known at run time only ---- */

/* Which element of the axis stands at a position, counted from where the axis begins: int64. */
typedef struct tensor bordering(struct tensor position, struct tensor count);

/* What is left of a division, from 0 on; by 0 or less it is of no account. */
static struct tensor wrapped(struct tensor position, struct tensor period) {
    return tensor_mod(tensor_add(tensor_mod(position, period), period), period);
}

static struct tensor at_edge(struct tensor position, struct tensor count) {
    struct tensor last = tensor_sub(count, number64(count.context, 1));
    return tensor_max(tensor_min(position, last), number64(count.context, 0));
}

static struct tensor at_mirror(struct tensor position, struct tensor count) {
    struct tensor last = tensor_sub(count, number64(count.context, 1));
    struct tensor period = tensor_add(last, last);
    struct tensor there = wrapped(position, period); /* and back */
    return tensor_where(tensor_eq(last, number64(count.context, 0)), last,
                        tensor_min(there, tensor_sub(period, there)));
}

static const struct pad_mode {
    const char *name;
    int since;
    border *build; /* NULL: a constant */
    bordering *at;
} pad_modes[] = {
    {"constant", 1, NULL, NULL},
    {"reflect", 1, reflect_border, at_mirror},
    {"edge", 1, edge_border, at_edge},
    {"wrap", 19, wrap_border, wrapped},
};

static const struct pad_mode *pad_mode(struct call *call) {
    const char *name = call_text(call, "mode", "constant");
    for (size_t i = 0; i < sizeof pad_modes / sizeof pad_modes[0]; i++)
        if (strcmp(pad_modes[i].name, name) == 0 && pad_modes[i].since <= call->opset)
            return &pad_modes[i];
    call_refuse(call, "mode \"%s\", which opset %" PRId64 " does not have", quoted(name).text,
                call->opset);
    return NULL;
}

/* From those of some axes: all that stand before, then all after. */
bool call_borders(struct call *call, struct tensor x, struct range pads[MAX_RANK]) {
    struct integers list =
        call->opset < 2 ? call_ints(call, "paddings") : call_ints_or_input(call, "pads", 1);
    struct integers axes = {0};
    if (call_has_input(call, 3))
        axes = call_known(call, call_input(call, 3), "the axes");
    int rank = tensor_rank(x), count = axes.values ? axes.count : rank;
    memset(pads, 0, MAX_RANK * sizeof *pads);
    if (list.count != 2 * count || count > rank) {
        call_refuse(call, "%d pads for %d axes of %s", list.count, count, tensor_text(x).text);
        return false;
    }
    for (int i = 0; i < count; i++) {
        int axis = axes.values ? call_axis(call, axes.values[i], rank) : i;
        pads[axis] = (struct range){list.values[i], list.values[count + i]};
        if (pads[axis].begin > MAX_ELEMENTS || pads[axis].end > MAX_ELEMENTS) {
            call_refuse(call, "a pad of more than %" PRId64 " elements", MAX_ELEMENTS);
            return false;
        }
    }
    return true;
}

/* Takes the negative pads off x, and leaves those that add elements. */
static struct tensor crop(struct call *call, struct tensor x, struct range pads[MAX_RANK]) {
    for (int i = 0; i < tensor_rank(x); i++) {
        int64_t extent = tensor_extent(x, i);
        int64_t begin = pads[i].begin < 0 ? pads[i].begin : 0;
        int64_t end = pads[i].end < 0 ? pads[i].end : 0;
        if (begin < -extent || end < -extent - begin)
            return call_refuse(call, "pads that take more than there is along axis %d of %s", i,
                               tensor_text(x).text);
        x = cut_axis(x, i, -begin, extent + end);
        pads[i].begin -= begin;
        pads[i].end -= end;
    }
    return x;
}

/* The value around: of the dtype of x, of one element. */
struct tensor call_pad_value(struct call *call, struct tensor x) {
    if (call_has_input(call, 2))
        return tensor_reshape(call_input(call, 2), SCALAR_SHAPE);
    return call_has(call, "value")
               ? tensor_cast(scalar(call->context, (float)call_float(call, "value", 0)),
                             tensor_dtype(x))
               : zero_like(x);
}

/* A value that the run brings is laid around by a mask. */
static struct tensor pad_with(struct tensor x, const struct range *pads, struct tensor value) {
    static const uint8_t one = 1;
    int64_t shape[MAX_RANK];
    int rank = shape_of(x, shape);
    struct tensor inside = tensor_const(x.context, DTYPE_BOOL, rank, shape, 1, &one);
    return tensor_where(tensor_pad(inside, rank, pads, 0), tensor_pad(x, rank, pads, 0), value);
}

static struct tensor constant_border(struct call *call, struct tensor x, const struct range *pads) {
    struct tensor value = call_pad_value(call, x);
    const struct view *known = known_elements(call->importer, value);
    struct node node = {.op = OP_PAD};
    bool any = false;
    if (!known || known->dtype != tensor_dtype(x))
        return pad_with(x, pads, value);
    for (int i = 0; i < tensor_rank(x); i++) {
        node.before[i] = pads[i].begin;
        node.after[i] = pads[i].end;
        any |= pads[i].begin || pads[i].end;
    }
    static const char zeros[8];
    if (memcmp(known->data, zeros, dtype_facts[known->dtype].bytes) != 0) {
        node.value = known->data;
        node.value_count = 1;
    }
    return any ? tensor_of_node(call->context, &node, 1, &x) : x;
}

struct tensor put_border(struct call *call, struct tensor x, struct range pads[MAX_RANK]) {
    const struct pad_mode *mode = pad_mode(call);
    if (!mode)
        return NO_TENSOR;
    x = crop(call, x, pads);
    if (!mode->build)
        return constant_border(call, x, pads);
    call_ignore(call, "value");
    call_ignore_input(call, 2);
    for (int i = 0; i < tensor_rank(x); i++) {
        if (pads[i].begin == 0 && pads[i].end == 0)
            continue;
        if (tensor_extent(x, i) == 0)
            return call_refuse(call, "axis %d of %s has nothing to make a border of", i,
                               tensor_text(x).text);
        x = mode->build(x, i, pads[i].begin, pads[i].end);
    }
    return x;
}

struct tensor import_pad(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct range pads[MAX_RANK];
    return call_borders(call, x, pads) ? put_border(call, x, pads) : NO_TENSOR;
}

struct tensor border_by_count(struct call *call, struct tensor x, struct counted c,
                              struct range border) {
    const struct pad_mode *mode = pad_mode(call);
    if (!mode || !mode->at || !x.node)
        return NO_TENSOR;
    int64_t extent = tensor_extent(x, c.axis) + border.begin + border.end;
    struct tensor along = tensor_iota(call->context, DTYPE_INT64, extent);
    struct tensor from = tensor_sub(along, number64(call->context, border.begin));
    return tensor_gather(x, c.axis, mode->at(from, c.count));
}

/* ---- CenterCropPad ---- */

/* The middle of an axis, or the axis in the middle of zeros. */
static struct tensor center_axis(struct tensor x, int axis, int64_t size) {
    int64_t extent = tensor_extent(x, axis), begin = (extent - size) / 2;
    struct range pads[MAX_RANK] = {0};
    if (size <= extent)
        return cut_axis(x, axis, begin, begin + size);
    pads[axis].begin = (size - extent) / 2;
    pads[axis].end = size - extent - pads[axis].begin;
    return tensor_pad(x, tensor_rank(x), pads, 0);
}

struct tensor import_center_crop_pad(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct integers shape = call_known_shape(call, call_input(call, 1), 0);
    struct integers axes = call_ints(call, "axes");
    int rank = tensor_rank(x);
    if (shape.count != (axes.values ? axes.count : rank))
        return call_refuse(call, "%d extents for %d axes", shape.count,
                           axes.values ? axes.count : rank);
    for (int i = 0; i < shape.count; i++)
        x = center_axis(x, call_axis(call, axes.values ? axes.values[i] : i, rank),
                        shape.values[i]);
    return x;
}
