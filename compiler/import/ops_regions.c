/* Pools of regions that are given as boxes, and of what was pooled. */
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"
#include "compiler/import/sampling.h"
#include "compiler/import/spatial.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Column k of (regions, columns), as (regions, 1, 1). */
static struct tensor column(struct tensor boxes, int64_t k) {
    return unsqueeze(cut_axis(boxes, 1, k, k + 1), 2);
}

/* 0, 1, .. as floats like x's along an axis of three. */
static struct tensor numbers(struct tensor x, int64_t count, int axis) {
    return tensor_cast(positions_along(x.context, DTYPE_INT32, count, axis, 3), tensor_dtype(x));
}

/* Image `index` (regions) of each region: (regions, channels, height, width). */
static struct tensor images_of(struct tensor x, struct tensor index) {
    if (tensor_extent(x, 0) == 1) /* without a copy for each region */
        return x;
    return tensor_gather(x, 0, index);
}

/* ---- MaxRoiPool ---- */

/* The parts of an axis for each region, in whole elements: floats, (regions, parts, 1). */
struct region_parts {
    struct tensor begin, end;
};

static struct region_parts parts_of_axis(struct tensor low, struct tensor high, double scale,
                                         int64_t count, int64_t extent) {
    struct tensor half = scalar_like(low, 0.5), none = scalar_like(low, 0);
    struct tensor first = tensor_floor(tensor_add(multiply_by(low, scale), half));
    struct tensor last = tensor_floor(tensor_add(multiply_by(high, scale), half));
    struct tensor length = tensor_max(add_number(tensor_sub(last, first), 1), scalar_like(low, 1));
    struct tensor size = divide_exactly(length, (double)count);
    struct tensor part = numbers(low, count, 1), limit = scalar_like(low, (double)extent);
    struct tensor begin = tensor_add(tensor_floor(tensor_mul(part, size)), first);
    struct tensor end = tensor_add(tensor_ceil(tensor_mul(add_number(part, 1), size)), first);
    return (struct region_parts){tensor_min(tensor_max(begin, none), limit),
                                 tensor_min(tensor_max(end, none), limit)};
}

/* (regions, channels, rows, columns) as the greatest of each part of the rows. */
static struct tensor greatest_of_parts(struct tensor x, struct region_parts parts) {
    struct tensor row = numbers(x, tensor_extent(x, 2), 2);
    struct tensor inside = tensor_and(tensor_le(parts.begin, row), tensor_lt(row, parts.end));
    inside = unsqueeze(unsqueeze(inside, 1), 4);
    struct tensor each = tensor_where(inside, unsqueeze(x, 2), scalar_like(x, -INFINITY));
    return tensor_reduce_max(each, AXES(3));
}

/* Which parts have elements: (regions, 1, parts, 1). */
static struct tensor have_elements(struct region_parts parts) {
    return unsqueeze(tensor_lt(parts.begin, parts.end), 1);
}

struct tensor import_max_roi_pool(struct call *call) {
    struct tensor x = call_input(call, 0), boxes = call_input(call, 1);
    double scale = call_float(call, "spatial_scale", 1);
    int64_t counts[2];
    if (!call_per_axis(call, "pooled_shape", 2, 1, 1, counts))
        return NO_TENSOR;
    if (tensor_rank(x) != 4 || tensor_rank(boxes) != 2 || tensor_extent(boxes, 1) != 5)
        return call_refuse(call, "regions %s of %s", tensor_text(boxes).text, tensor_text(x).text);
    struct tensor image = squeeze(cut_axis(boxes, 1, 0, 1), 1);
    struct region_parts rows =
        parts_of_axis(column(boxes, 2), column(boxes, 4), scale, counts[0], tensor_extent(x, 2));
    struct region_parts columns =
        parts_of_axis(column(boxes, 1), column(boxes, 3), scale, counts[1], tensor_extent(x, 3));
    struct tensor y = greatest_of_parts(images_of(x, tensor_cast(image, DTYPE_INT32)), rows);
    y = transpose(greatest_of_parts(transpose(y, 2, 3), columns), 2, 3);
    struct tensor filled = tensor_and(have_elements(rows), transpose(have_elements(columns), 2, 3));
    return tensor_where(filled, y, scalar_like(y, 0));
}

/* ---- RoiAlign ---- */

/* Samples along an axis, (regions, bins * samples): those from -1 to the extent count, at the
 * nearest place within. */
static struct sample_axis sample_bins(struct call *call, struct tensor low, struct tensor high,
                                      int64_t bins, int64_t samples, int64_t extent) {
    bool half_pixel =
        call->opset >= 16 &&
        strcmp(call_text(call, "coordinate_transformation_mode", "half_pixel"), "half_pixel") == 0;
    double scale = call_float(call, "spatial_scale", 1), shift = half_pixel ? -0.5 : 0;
    struct tensor begin = add_number(multiply_by(low, scale), shift);
    struct tensor length = tensor_sub(add_number(multiply_by(high, scale), shift), begin);
    if (!half_pixel)
        length = tensor_max(length, scalar_like(length, 1));
    struct tensor size = divide_exactly(length, (double)bins);
    struct tensor bin = numbers(low, bins, 1);
    struct tensor sample = add_number(numbers(low, samples, 2), 0.5);
    struct tensor within = divide_exactly(tensor_mul(sample, size), (double)samples);
    struct tensor place = tensor_add(tensor_add(begin, tensor_mul(bin, size)), within);
    struct tensor counts = tensor_and(tensor_le(scalar_like(place, -1), place),
                                      tensor_le(place, scalar_like(place, (double)extent)));
    place = tensor_min(tensor_max(place, scalar_like(place, 0)),
                       scalar_like(place, (double)extent - 1));
    struct sample_axis axis = sample_along(place, extent);
    int64_t merged = bins * samples;
    axis.weight[0] = tensor_where(counts, axis.weight[0], scalar_like(place, 0));
    axis.weight[1] = tensor_where(counts, axis.weight[1], scalar_like(place, 0));
    for (int i = 0; i < 2; i++) {
        axis.place[i] = reshape_axes(axis.place[i], 1, 2, 1, &merged);
        axis.weight[i] = reshape_axes(axis.weight[i], 1, 2, 1, &merged);
    }
    return axis;
}

/* Samples (regions, rows * samples, columns * samples, channels) as bins. */
static struct tensor pool_samples(struct tensor x, int64_t rows, int64_t columns, int64_t samples,
                                  bool average) {
    x = reshape_axes(x, 2, 1, 2, (int64_t[]){columns, samples});
    x = reshape_axes(x, 1, 1, 2, (int64_t[]){rows, samples});
    if (average)
        x = divide_exactly(tensor_reduce_sum(x, AXES(2, 4)), (double)(samples * samples));
    else
        x = tensor_reduce_max(x, AXES(2, 4));
    return tensor_permute(x, AXES(0, 3, 1, 2));
}

struct tensor import_roi_align(struct call *call) {
    struct tensor x = call_input(call, 0), boxes = call_input(call, 1), image = call_input(call, 2);
    int64_t rows = call_int(call, "output_height", 1), columns = call_int(call, "output_width", 1);
    int64_t samples = call_int(call, "sampling_ratio", 0);
    const char *mode = call_text(call, "mode", "avg");
    bool average = strcmp(mode, "avg") == 0;
    if (tensor_rank(x) != 4 || tensor_rank(boxes) != 2 || tensor_extent(boxes, 1) != 4 ||
        tensor_rank(image) != 1 || elements_of(x) == 0)
        return call_refuse(call, "regions %s of %s", tensor_text(boxes).text, tensor_text(x).text);
    if (samples == 0)
        return call_refuse(call,
                           "sampling_ratio 0: how many samples there are depends on the data");
    if (rows < 1 || columns < 1 || samples < 1 || rows > INT16_MAX || columns > INT16_MAX ||
        samples > INT16_MAX || (!average && strcmp(mode, "max") != 0))
        return call_refuse(call, "mode \"%s\" with %" PRId64 " samples", mode, samples);
    struct sample_axis down =
        sample_bins(call, column(boxes, 1), column(boxes, 3), rows, samples, tensor_extent(x, 2));
    struct sample_axis across = sample_bins(call, column(boxes, 0), column(boxes, 2), columns,
                                            samples, tensor_extent(x, 3));
    for (int i = 0; i < 2; i++) {
        down.place[i] = unsqueeze(down.place[i], 2),
        across.place[i] = unsqueeze(across.place[i], 1);
        down.weight[i] = unsqueeze(down.weight[i], 2);
        across.weight[i] = unsqueeze(across.weight[i], 1);
    }
    struct tensor first = tensor_reshape(tensor_cast(image, DTYPE_INT64), SHAPE(-1, 1, 1));
    struct tensor sampled =
        sample_between(x, first, &down, &across, average ? tensor_add : tensor_max);
    return pool_samples(sampled, rows, columns, samples, average);
}

/* ---- MaxUnpool ---- */

/* The extents that the pool had before it, as far as its attributes tell. */
static bool unpooled_shape(struct call *call, struct tensor x, int64_t *shape) {
    int axes = tensor_rank(x) - 2;
    int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL];
    struct range padding[MAX_SPATIAL];
    if (axes < 1 || axes > MAX_SPATIAL || !call_has(call, "kernel_shape")) {
        call_refuse(call, "no kernel_shape for the spatial axes of %s", tensor_text(x).text);
        return false;
    }
    if (!call_per_axis(call, "kernel_shape", axes, 1, 1, kernel) ||
        !call_per_axis(call, "strides", axes, 1, 1, stride) || !call_pads(call, axes, padding))
        return false;
    shape_of(x, shape);
    for (int i = 0; i < axes; i++) {
        int64_t *extent = &shape[2 + i];
        if (!checked_multiply(*extent - 1, stride[i], extent) ||
            !checked_add(*extent, kernel[i] - padding[i].begin - padding[i].end, extent) ||
            *extent < 1) {
            call_refuse(call, "an extent of %" PRId64, *extent);
            return false;
        }
    }
    return true;
}

struct tensor import_max_unpool(struct call *call) {
    struct tensor x = call_input(call, 0), at = call_input(call, 1);
    int64_t shape[MAX_RANK], places = 1;
    int rank = tensor_rank(x);
    if (!unpooled_shape(call, x, shape))
        return NO_TENSOR;
    for (int i = 2; i < rank; i++)
        if (!checked_multiply(places, shape[i], &places))
            return call_refuse(call, "axis %d overflows", i);
    int64_t planes = shape[0] * shape[1];
    struct tensor plane =
        tensor_reshape(tensor_iota(call->context, DTYPE_INT64, planes), SHAPE(planes, 1));
    at = tensor_reshape(tensor_cast(at, DTYPE_INT64), SHAPE(planes, -1));
    at = tensor_sub(at, tensor_mul(plane, scalar_like(at, (double)places)));
    struct tensor y = zeros(call->context, tensor_dtype(x), SHAPE(planes, places));
    y = tensor_scatter(y, 1, at, tensor_reshape(x, SHAPE(planes, -1)));
    y = tensor_reshape(y, rank, shape);
    if (!call_has_input(call, 2))
        return y;
    struct integers wanted = call_known(call, call_input(call, 2), "output_shape");
    struct range padding[MAX_RANK] = {0};
    if (wanted.count != rank)
        return call_refuse(call, "output_shape has %d numbers, expected %d", wanted.count, rank);
    for (int i = 0; i < rank; i++) {
        if (wanted.values[i] < shape[i] || wanted.values[i] > MAX_ELEMENTS)
            return call_refuse(call,
                               "output_shape is %" PRId64 " along axis %d, expected at least "
                               "%" PRId64,
                               wanted.values[i], i, shape[i]);
        padding[i].end = wanted.values[i] - shape[i];
    }
    return tensor_pad(y, rank, padding, 0);
}
