/* Kernels, strides, padding: read and checked in one place. */
#include "compiler/import/spatial.h"

#include <inttypes.h>
#include <string.h>

bool call_per_axis(struct call *call, const char *name, int axes, int64_t least, int64_t otherwise,
                   int64_t *values) {
    struct integers given = call_ints(call, name);
    if (given.values && given.count != axes) {
        call_refuse(call, "attribute \"%s\" has %d numbers, expected %d", name, given.count, axes);
        return false;
    }
    for (int i = 0; i < axes; i++) {
        values[i] = given.values ? given.values[i] : otherwise;
        if (values[i] < least || values[i] > INT32_MAX) {
            call_refuse(call, "attribute \"%s\" holds %" PRId64 ", expected %" PRId64 " to %d",
                        name, values[i], least, INT32_MAX);
            return false;
        }
    }
    return true;
}

bool call_pads(struct call *call, int axes, struct range *padding) {
    int64_t pads[2 * MAX_SPATIAL];
    if (!call_per_axis(call, "pads", 2 * axes, 0, 0, pads))
        return false;
    for (int i = 0; i < axes; i++)
        padding[i] = (struct range){pads[i], pads[axes + i]};
    return true;
}

int64_t window_span(const struct spatial *spatial, int axis) {
    return (spatial->kernel[axis] - 1) * spatial->dilation[axis] + 1;
}

struct range same_padding(int64_t extent, int64_t span, int64_t stride, bool more_before) {
    int64_t windows = divide_up(extent, stride);
    int64_t padding = windows > 0 ? (windows - 1) * stride + span - extent : 0;
    padding = padding > 0 ? padding : 0;
    int64_t half = padding / 2;
    return more_before ? (struct range){padding - half, half}
                       : (struct range){half, padding - half};
}

static bool read_padding(struct call *call, struct tensor x, struct spatial *spatial) {
    const char *kind = call_text(call, "auto_pad", "NOTSET");
    if (!call_pads(call, spatial->axes, spatial->padding))
        return false;
    if (strcmp(kind, "NOTSET") == 0 || kind[0] == 0)
        return true;
    bool lower = strcmp(kind, "SAME_LOWER") == 0, valid = strcmp(kind, "VALID") == 0;
    if (!lower && !valid && strcmp(kind, "SAME_UPPER") != 0) {
        call_refuse(call, "auto_pad is \"%s\"", kind);
        return false;
    }
    for (int i = 0; i < spatial->axes; i++)
        spatial->padding[i] = valid ? (struct range){0, 0}
                                    : same_padding(tensor_extent(x, 2 + i), window_span(spatial, i),
                                                   spatial->stride[i], lower);
    return true;
}

/* ceil_mode: also a window that reaches over the end, unless it begins behind x and what is padded
 * before it. */
static int64_t missing_beyond(int64_t extent, struct range padding, int64_t span, int64_t stride) {
    int64_t padded = padding.begin + extent + padding.end;
    if (padded < span)
        return 0;                                             /* for `window` to reject */
    int64_t last = divide_up(padded - span, stride) * stride; /* where the last window begins */
    if (last >= padding.begin + extent)
        last -= stride;
    return last + span > padded ? last + span - padded : 0;
}

static bool read_kernel(struct call *call, const int64_t *kernel, struct spatial *spatial) {
    if (!kernel && !call_has(call, "kernel_shape")) {
        call_refuse(call, "attribute \"kernel_shape\" is missing");
        return false;
    }
    if (!call_per_axis(call, "kernel_shape", spatial->axes, 1, 1, spatial->kernel))
        return false;
    for (int i = 0; kernel && i < spatial->axes; i++) {
        if (call_has(call, "kernel_shape") && spatial->kernel[i] != kernel[i]) {
            call_refuse(call, "kernel_shape says %" PRId64 ", but the weight has %" PRId64,
                        spatial->kernel[i], kernel[i]);
            return false;
        }
        spatial->kernel[i] = kernel[i];
    }
    return true;
}

bool call_spatial(struct call *call, struct tensor x, const int64_t *kernel,
                  struct spatial *spatial) {
    *spatial = (struct spatial){.axes = tensor_rank(x) - 2};
    if (spatial->axes < 1 || spatial->axes > MAX_SPATIAL) {
        call_refuse(call, "expected (batch, channels, d1, ..) with 1 to %d spatial axes, found %s",
                    MAX_SPATIAL, tensor_text(x).text);
        return false;
    }
    if (!read_kernel(call, kernel, spatial) ||
        !call_per_axis(call, "strides", spatial->axes, 1, 1, spatial->stride) ||
        !call_per_axis(call, "dilations", spatial->axes, 1, 1, spatial->dilation) ||
        !read_padding(call, x, spatial))
        return false;
    bool ceil_mode = call_int(call, "ceil_mode", 0) != 0;
    for (int i = 0; ceil_mode && i < spatial->axes; i++)
        spatial->beyond[i] = missing_beyond(tensor_extent(x, 2 + i), spatial->padding[i],
                                            window_span(spatial, i), spatial->stride[i]);
    return true;
}

struct tensor pooled_windows(struct tensor x, const struct spatial *spatial, double value) {
    struct range padding[MAX_RANK] = {0};
    for (int i = 0; i < spatial->axes; i++)
        padding[2 + i] =
            (struct range){spatial->padding[i].begin, spatial->padding[i].end + spatial->beyond[i]};
    x = tensor_pad(x, tensor_rank(x), padding, value);
    for (int i = 0; i < spatial->axes; i++)
        x = tensor_window(x, 2 + i, spatial->kernel[i], spatial->stride[i], spatial->dilation[i]);
    return x;
}

struct axes last_axes(struct tensor x, int count) {
    struct axes axes = {0};
    for (int i = tensor_rank(x) - count; i < tensor_rank(x); i++)
        if (i >= 0)
            axes.list[axes.count++] = i;
    return axes;
}
