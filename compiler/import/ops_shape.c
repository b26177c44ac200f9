/* Operators that give the same elements another shape or order, and those that join and divide. */
#include "compiler/import/importer.h"
#include "compiler/import/movement.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <string.h>

/* ---- Reshape ---- */

/* What the extents 0 and -1 of a requested shape stand for. */
static struct tensor reshape_as(struct call *call, struct tensor x, struct integers asked,
                                bool zero_is_zero) {
    int64_t shape[MAX_RANK];
    for (int i = 0; i < asked.count; i++) {
        shape[i] = asked.values[i];
        if (shape[i] == 0 && !zero_is_zero && i >= tensor_rank(x))
            return call_refuse(call, "extent %d is to be that of %s, which has none", i,
                               tensor_text(x).text);
        if (shape[i] == 0 && !zero_is_zero)
            shape[i] = tensor_extent(x, i);
    }
    return tensor_reshape(x, asked.count, shape);
}

struct tensor import_reshape(struct call *call) {
    struct tensor x = call_input(call, 0);
    bool zero_is_zero = call_int(call, "allowzero", 0) != 0;
    call_ignore(call, "consumed_inputs");
    struct integers shape = call_ints(call, "shape");
    if (!shape.values)
        return reshape_as(call, x, call_known_shape(call, call_input(call, 1), -1), zero_is_zero);
    shape = call_known_shape(call, int64_list(call->context, shape.count, shape.values), -1);
    return reshape_as(call, x, shape, zero_is_zero);
}

struct tensor import_flatten(struct call *call) {
    struct tensor x = call_input(call, 0);
    int rank = tensor_rank(x);
    int64_t axis = call_int(call, "axis", 1), shape[] = {1, 1};
    int first = axis == rank ? rank : call_axis(call, axis, rank);
    for (int i = 0; i < rank; i++)
        if (!checked_multiply(shape[i >= first], tensor_extent(x, i), &shape[i >= first]))
            return call_refuse(call, "%s is too large", tensor_text(x).text);
    return tensor_reshape(x, 2, shape);
}

/* ---- Axes of extent 1 ---- */

/* Marks the axes of the list, as ONNX counts them; false: refused. */
static bool mark_axes(struct call *call, struct integers axes, int rank, bool marked[MAX_RANK]) {
    for (int i = 0; i < axes.count; i++) {
        if (axes.values[i] < -rank || axes.values[i] >= rank) {
            call_refuse(call, "axis %" PRId64 " of a tensor of rank %d", axes.values[i], rank);
            return false;
        }
        int axis = call_axis(call, axes.values[i], rank);
        if (marked[axis]) {
            call_refuse(call, "axis %d is named twice", axis);
            return false;
        }
        marked[axis] = true;
    }
    return true;
}

struct tensor import_squeeze(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct integers axes = call_ints_or_input(call, "axes", 1);
    bool gone[MAX_RANK] = {false};
    int64_t shape[MAX_RANK];
    int rank = tensor_rank(x), kept = 0;
    if (!mark_axes(call, axes, rank, gone))
        return NO_TENSOR;
    for (int i = 0; i < rank; i++) {
        int64_t extent = tensor_extent(x, i);
        if (gone[i] && extent != 1)
            return call_refuse(call, "axis %d of %s is not of extent 1", i, tensor_text(x).text);
        if (axes.values ? !gone[i] : extent != 1)
            shape[kept++] = extent;
    }
    return tensor_reshape(x, kept, shape);
}

struct tensor import_unsqueeze(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct integers axes = call_ints_or_input(call, "axes", 1);
    bool added[MAX_RANK] = {false};
    int64_t shape[MAX_RANK];
    int rank = tensor_rank(x) + axes.count, from = 0;
    if (axes.count > MAX_RANK || rank > MAX_RANK)
        return call_refuse(call, "rank %d, expected at most %d", rank, MAX_RANK);
    if (!mark_axes(call, axes, rank, added))
        return NO_TENSOR;
    for (int i = 0; i < rank; i++)
        shape[i] = added[i] ? 1 : tensor_extent(x, from++);
    return tensor_reshape(x, rank, shape);
}

/* ---- Order ---- */

struct tensor import_transpose(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct integers order = call_ints(call, "perm");
    int axes[MAX_RANK], rank = tensor_rank(x);
    if (order.values && order.count != rank)
        return call_refuse(call, "%d axes for %s", order.count, tensor_text(x).text);
    for (int i = 0; i < rank; i++)
        axes[i] = order.values ? call_axis(call, order.values[i], rank) : rank - 1 - i;
    return tensor_permute(x, rank, axes);
}

/* x (batch, channels, height, width) reshaped, permuted and reshaped back. */
static struct tensor through(struct tensor x, const int64_t apart[6], const int order[6],
                             const int64_t shape[4]) {
    return tensor_reshape(tensor_permute(tensor_reshape(x, 6, apart), 6, order), 4, shape);
}

/* The block's size, where it is one and divides what it must; else 0. */
static int64_t block_size(struct call *call, struct tensor x, bool divides_channels) {
    int64_t size = call_int(call, "blocksize", 0), square;
    if (tensor_rank(x) == 4 && size > 0 && checked_multiply(size, size, &square) &&
        (divides_channels ? tensor_extent(x, 1) % square == 0
                          : tensor_extent(x, 2) % size == 0 && tensor_extent(x, 3) % size == 0))
        return size;
    call_refuse(call, "blocks of %" PRId64 " do not divide %s", size, tensor_text(x).text);
    return 0;
}

/* Whether the depth counts channels first ("CRD"), not blocks ("DCR"). */
static bool channels_first(struct call *call) {
    const char *mode = call_text(call, "mode", "DCR");
    if (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0)
        call_refuse(call, "mode \"%s\", expected DCR or CRD", quoted(mode).text);
    return strcmp(mode, "CRD") == 0;
}

struct tensor import_depth_to_space(struct call *call) {
    struct tensor x = call_input(call, 0);
    bool first = channels_first(call);
    int64_t b = block_size(call, x, true);
    if (!b)
        return NO_TENSOR;
    int64_t n = tensor_extent(x, 0), c = tensor_extent(x, 1) / (b * b), h = tensor_extent(x, 2),
            w = tensor_extent(x, 3);
    const int64_t blocks_first[] = {n, b, b, c, h, w}, depth_first[] = {n, c, b, b, h, w};
    const int from_blocks[] = {0, 3, 4, 1, 5, 2}, from_depth[] = {0, 1, 4, 2, 5, 3};
    const int64_t shape[] = {n, c, h * b, w * b};
    return first ? through(x, depth_first, from_depth, shape)
                 : through(x, blocks_first, from_blocks, shape);
}

struct tensor import_space_to_depth(struct call *call) {
    struct tensor x = call_input(call, 0);
    bool first = channels_first(call);
    int64_t b = block_size(call, x, false);
    if (!b)
        return NO_TENSOR;
    int64_t n = tensor_extent(x, 0), c = tensor_extent(x, 1), h = tensor_extent(x, 2) / b,
            w = tensor_extent(x, 3) / b;
    const int64_t apart[] = {n, c, h, b, w, b}, shape[] = {n, c * b * b, h, w};
    const int to_blocks[] = {0, 3, 5, 1, 2, 4}, to_depth[] = {0, 1, 3, 5, 2, 4};
    return through(x, apart, first ? to_depth : to_blocks, shape);
}

/* ---- More of the same ---- */

struct tensor import_expand(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct integers asked = call_known_shape(call, call_input(call, 1), 0);
    int own = tensor_rank(x), rank = asked.count > own ? asked.count : own;
    int64_t shape[MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int64_t extent = i < rank - own ? 1 : tensor_extent(x, i - (rank - own));
        int at = i - (rank - asked.count);
        shape[i] = at < 0 || asked.values[at] == 1 ? extent : asked.values[at];
    }
    return tensor_expand(x, rank, shape);
}

/* Opset 1 repeats one axis. */
struct tensor import_tile(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct integers times = call_known(call, call_input(call, 1), "the repeats");
    int rank = tensor_rank(x);
    if (call->opset >= 6)
        return repeat(x, times.count, times.values);
    struct integers axis = call_known(call, call_input(call, 2), "the axis");
    if (times.count != 1 || axis.count != 1)
        return call_refuse(call, "expected one count for one axis");
    int64_t each[MAX_RANK];
    for (int i = 0; i < rank; i++)
        each[i] = 1;
    each[call_axis(call, axis.values[0], rank)] = times.values[0];
    return repeat(x, rank, each);
}

/* ---- Joining and dividing ---- */

/* A node has at most MAX_SOURCES sources: more are joined by parts. */
static struct tensor concat_all(struct call *call, int count, const struct tensor *tensors,
                                int axis) {
    if (count <= MAX_SOURCES)
        return tensor_concat(count, tensors, axis);
    int parts = (count + MAX_SOURCES - 1) / MAX_SOURCES;
    struct tensor *joined = arena_array(&call->importer->arena, struct tensor, (size_t)parts);
    for (int i = 0; i < parts; i++) {
        int left = count - i * MAX_SOURCES;
        joined[i] = tensor_concat(left < MAX_SOURCES ? left : MAX_SOURCES,
                                  tensors + (ptrdiff_t)i * MAX_SOURCES, axis);
    }
    return concat_all(call, parts, joined, axis);
}

struct tensor import_concat(struct call *call) {
    int rank = tensor_rank(call_input(call, 0));
    int axis = call_axis(call, call_int(call, "axis", 1), rank);
    if (call->input_count < 1)
        return call_refuse(call, "no inputs");
    return concat_all(call, call->input_count, call_inputs(call, 0), axis);
}

/* Equal parts; since opset 18 the last may be smaller. */
static bool equal_parts(struct call *call, int64_t extent, int count, int64_t *sizes) {
    int64_t size = divide_up(extent, count), left = extent;
    if (call->opset < 18 && extent % count) {
        call_refuse(call, "%" PRId64 " elements in %d equal parts", extent, count);
        return false;
    }
    for (int i = 0; i < count; i++) {
        sizes[i] = left < size ? left : size;
        left -= sizes[i];
    }
    return true;
}

/* Whether the parts are the axis, together; refuses others. */
static bool check_parts(struct call *call, int64_t extent, int count, const int64_t *sizes) {
    int64_t sum = 0;
    for (int i = 0; i < count; i++)
        if (sizes[i] < 0 || !checked_add(sum, sizes[i], &sum)) {
            call_refuse(call, "part %d of %" PRId64 " elements", i, sizes[i]);
            return false;
        }
    if (sum != extent)
        call_refuse(call, "parts of %" PRId64 " elements, of an axis of %" PRId64, sum, extent);
    return sum == extent;
}

struct tensor import_split(struct call *call) {
    struct tensor x = call_input(call, 0);
    int axis = call_axis(call, call_int(call, "axis", 0), tensor_rank(x));
    struct integers given = call_ints_or_input(call, "split", 1);
    int count = call->output_count;
    int64_t parts = call_int(call, "num_outputs", count), begin = 0;
    if (count < 1 || parts != count || (given.values && given.count != count))
        return call_refuse(call, "%" PRId64 " parts for %d outputs",
                           given.values ? given.count : parts, count);
    int64_t *sizes = arena_array(&call->importer->arena, int64_t, (size_t)count + 1);
    if (given.values)
        memcpy(sizes, given.values, (size_t)count * sizeof *sizes);
    else if (!equal_parts(call, tensor_extent(x, axis), count, sizes))
        return NO_TENSOR;
    if (!check_parts(call, tensor_extent(x, axis), count, sizes))
        return NO_TENSOR;
    for (int i = 0; i < count; begin += sizes[i++])
        call_output(call, i, cut_axis(x, axis, begin, begin + sizes[i]));
    return call->outputs[0];
}
