/* Convolutions. */
#include "compiler/import/convolution.h"
#include "compiler/import/movement.h"
#include "compiler/import/sampling.h"

#include <inttypes.h>
#include <string.h>

/* ---- Conv ---- */

bool call_convolution(struct call *call, struct tensor x, struct tensor weight,
                      struct conv_options *options) {
    struct spatial spatial;
    int64_t kernel[MAX_RANK];
    if (tensor_rank(weight) != tensor_rank(x)) {
        call_refuse(call, "weight %s for %s, expected one rank", tensor_text(weight).text,
                    tensor_text(x).text);
        return false;
    }
    for (int i = 2; i < tensor_rank(weight); i++)
        kernel[i - 2] = tensor_extent(weight, i);
    if (!call_spatial(call, x, kernel, &spatial))
        return false;
    *options = (struct conv_options){.groups = call_int(call, "group", 1)};
    memcpy(options->stride, spatial.stride, sizeof options->stride);
    memcpy(options->dilation, spatial.dilation, sizeof options->dilation);
    memcpy(options->padding, spatial.padding, sizeof options->padding);
    if (options->groups >= 1)
        return true;
    call_refuse(call, "group %" PRId64, options->groups);
    return false;
}

struct tensor import_conv(struct call *call) {
    struct conv_options options;
    struct tensor x = call_input(call, 0), weight = call_input(call, 1);
    if (!call_convolution(call, x, weight, &options))
        return NO_TENSOR;
    return conv(x, weight, call_input(call, 2), options);
}

/* ---- ConvTranspose ---- */

/* What one spatial axis of a transposed convolution is. */
struct spread_axis {
    int64_t extent, kernel, stride, dilation;
    int64_t before, after; /* what is cut off the sums; negative: what is added */
};

/* The padding that gives an output the wanted extent; what is missing of it is added behind. */
static void cut_to(struct spread_axis *axis, int64_t full, int64_t wanted, bool more_after) {
    int64_t total = full - wanted, cut = total > 0 ? total : 0;
    axis->before = more_after ? cut / 2 : cut - cut / 2;
    axis->after = total - axis->before;
}

/* Reads output_padding, output_shape, pads and auto_pad. */
static bool read_cuts(struct call *call, int axes, struct spread_axis *list) {
    int64_t added[MAX_SPATIAL], wanted[2 + MAX_SPATIAL];
    struct range padding[MAX_SPATIAL];
    const char *kind = call_text(call, "auto_pad", "NOTSET");
    bool same = strncmp(kind, "SAME_", 5) == 0, upper = strcmp(kind, "SAME_UPPER") == 0;
    struct integers shape = call_ints(call, "output_shape");
    int skipped = shape.count == axes + 2 ? 2 : 0; /* some files have batch and channels, too */
    if (!call_per_axis(call, "output_padding", axes, 0, 0, added) ||
        !call_pads(call, axes, padding) ||
        (shape.values && !call_per_axis(call, "output_shape", axes + skipped, 0, 0, wanted)))
        return false;
    for (int i = 0; i < axes; i++) {
        struct spread_axis *axis = &list[i];
        int64_t span = (axis->kernel - 1) * axis->dilation + 1, full;
        if (!checked_multiply(axis->stride, axis->extent - 1, &full) ||
            !checked_add(full, span + added[i], &full)) {
            call_refuse(call, "axis %d overflows", 2 + i);
            return false;
        }
        axis->before = padding[i].begin;
        axis->after = padding[i].end;
        if (strcmp(kind, "VALID") == 0)
            axis->before = axis->after = 0;
        if (shape.values)
            cut_to(axis, full, wanted[i + skipped], upper);
        else if (same)
            cut_to(axis, full, axis->extent * axis->stride, upper);
        axis->after -= added[i];
    }
    return true;
}

/* Zeros between the elements of an axis, so that they are `step` apart. */
static struct tensor spread_elements(struct tensor x, int axis, int64_t step) {
    int64_t extent = tensor_extent(x, axis), merged;
    if (step == 1 || extent < 2)
        return x;
    if (!checked_multiply(extent, step, &merged))
        return tensor_fail(x.context, "axis %d overflows", axis);
    struct range padding[MAX_RANK] = {0};
    x = unsqueeze(x, axis + 1);
    padding[axis + 1].end = step - 1;
    x = tensor_pad(x, tensor_rank(x), padding, 0);
    x = reshape_axes(x, axis, 2, 1, &merged);
    return cut_axis(x, axis, 0, merged - step + 1);
}

/* A kernel axis as (blocks, stride): where an output's place within a stride is `p`, it sums the
 * taps p, stride + p, .. ; what is missing of the last block is zeros. */
static struct tensor split_kernel(struct tensor weight, int axis, int64_t stride) {
    int64_t blocks = divide_up(tensor_extent(weight, axis), stride);
    struct range padding[MAX_RANK] = {0};
    padding[axis].end = blocks * stride - tensor_extent(weight, axis);
    weight = tensor_pad(weight, tensor_rank(weight), padding, 0);
    return reshape_axes(weight, axis, 1, 2, (int64_t[]){blocks, stride});
}

/* weight (groups * c, outputs, k1, .., kn) for a plain convolution (conv) that gives the sums at
 * all places within a stride as channels: (groups * outputs * s1 .. sn, c, b1, .., bn). */
static struct tensor transposed_weight(struct tensor weight, int64_t groups, int axes,
                                       const struct spread_axis *list) {
    int64_t c = tensor_extent(weight, 0) / groups, shape[MAX_RANK];
    int order[MAX_RANK], flipped[MAX_SPATIAL];
    weight = reshape_axes(weight, 0, 1, 2, (int64_t[]){groups, c});
    for (int i = 0; i < axes; i++) {
        weight = split_kernel(weight, 3 + 2 * i, list[i].stride);
        flipped[i] = 3 + 2 * i;
    }
    weight = tensor_flip(weight, axes, flipped);
    order[0] = 0, order[1] = 2, order[2 + axes] = 1;
    for (int i = 0; i < axes; i++) {
        order[2 + i] = 4 + 2 * i;
        order[3 + axes + i] = 3 + 2 * i;
    }
    weight = tensor_permute(weight, 3 + 2 * axes, order);
    shape[0] = -1, shape[1] = c;
    for (int i = 0; i < axes; i++)
        shape[2 + i] = tensor_extent(weight, 3 + axes + i);
    return tensor_reshape(weight, 2 + axes, shape);
}

/* (batch, outputs * s1 .. sn, d1, .., dn) as (batch, outputs, d1 * s1, .., dn * sn) */
static struct tensor interleave(struct tensor x, int axes, const struct spread_axis *list) {
    int64_t shape[MAX_RANK] = {tensor_extent(x, 0), -1}, merged[MAX_RANK] = {shape[0], -1};
    int order[MAX_RANK] = {0, 1};
    for (int i = 0; i < axes; i++) {
        shape[2 + i] = list[i].stride;
        shape[2 + axes + i] = tensor_extent(x, 2 + i);
        if (!checked_multiply(list[i].stride, tensor_extent(x, 2 + i), &merged[2 + i]))
            return tensor_fail(x.context, "axis %d overflows", 2 + i);
        order[2 + 2 * i] = 2 + axes + i;
        order[3 + 2 * i] = 2 + i;
    }
    if (elements_of(x) == 0)
        return tensor_fail(x.context, "a convolution of nothing: %s", tensor_text(x).text);
    x = tensor_reshape(x, 2 + 2 * axes, shape);
    return tensor_reshape(tensor_permute(x, 2 + 2 * axes, order), 2 + axes, merged);
}

/* Cuts the sums, or adds zeros where nothing was summed. */
static struct tensor cut_sums(struct tensor x, int axes, const struct spread_axis *list) {
    struct range padding[MAX_RANK] = {0};
    for (int i = 0; i < axes; i++) {
        const struct spread_axis *axis = &list[i];
        int64_t summed = (axis->extent - 1) * axis->stride + axis->kernel;
        int64_t end = summed - (axis->after > 0 ? axis->after : 0);
        int64_t begin = axis->before > 0 ? axis->before : 0;
        if (begin > end)
            return tensor_fail(x.context, "pads leave nothing of axis %d", 2 + i);
        int64_t stored = tensor_extent(x, 2 + i);
        if (end > stored)
            return tensor_fail(x.context, "axis %d ends at %" PRId64, 2 + i, stored);
        x = cut_axis(x, 2 + i, begin, end);
        padding[2 + i].begin = axis->before < 0 ? -axis->before : 0;
        padding[2 + i].end = axis->after < 0 ? -axis->after : 0;
    }
    return tensor_pad(x, 2 + axes, padding, 0);
}

/* Each input adds its product with the kernel to the outputs around `stride` times its place. So
 * the outputs at one place within a stride are a convolution without a stride, and all of them are
 * one whose channels are then put side by side. */
static struct tensor transposed_convolution(struct tensor x, struct tensor weight, int64_t groups,
                                            int axes, struct spread_axis *list) {
    struct conv_options options = {.groups = groups};
    for (int i = 0; i < axes; i++) {
        if (list[i].stride > 1 && list[i].dilation > 1) {
            weight = spread_elements(weight, 2 + i, list[i].dilation);
            list[i].kernel = tensor_extent(weight, 2 + i);
            list[i].dilation = 1;
        }
        int64_t reach = (divide_up(list[i].kernel, list[i].stride) - 1) * list[i].dilation;
        options.stride[i] = 1;
        options.dilation[i] = list[i].dilation;
        options.padding[i] = (struct range){reach, reach};
    }
    weight = transposed_weight(weight, groups, axes, list);
    x = interleave(conv(x, weight, NO_TENSOR, options), axes, list);
    for (int i = 0; i < axes; i++)
        list[i].kernel = (list[i].kernel - 1) * list[i].dilation + 1;
    return cut_sums(x, axes, list);
}

struct tensor import_conv_transpose(struct call *call) {
    struct tensor x = call_input(call, 0), weight = call_input(call, 1), bias = call_input(call, 2);
    struct spatial spatial;
    struct spread_axis list[MAX_SPATIAL];
    int64_t groups = call_int(call, "group", 1), kernel[MAX_RANK];
    for (int i = 2; i < tensor_rank(weight); i++)
        kernel[i - 2] = tensor_extent(weight, i);
    if (tensor_rank(weight) != tensor_rank(x) || groups < 1 || tensor_extent(x, 1) % groups != 0 ||
        tensor_extent(weight, 0) != tensor_extent(x, 1))
        return call_refuse(call, "weight %s for %" PRId64 " groups of %s", tensor_text(weight).text,
                           groups, tensor_text(x).text);
    if (!call_spatial(call, x, kernel, &spatial))
        return NO_TENSOR;
    for (int i = 0; i < spatial.axes; i++)
        list[i] = (struct spread_axis){.extent = tensor_extent(x, 2 + i),
                                       .kernel = kernel[i],
                                       .stride = spatial.stride[i],
                                       .dilation = spatial.dilation[i]};
    if (!read_cuts(call, spatial.axes, list))
        return NO_TENSOR;
    x = transposed_convolution(x, weight, groups, spatial.axes, list);
    return is_given(bias) ? tensor_add(x, along_axis(bias, 1, tensor_rank(x))) : x;
}

/* ---- DeformConv ---- */

/* Where the windows' elements are along an axis (0: rows): (batch, offset groups, kh, kw, oh, ow).
 */
static struct sample_axis deformed_places(struct tensor x, struct tensor offsets, int axis,
                                          const struct conv_options *options) {
    int64_t out = tensor_extent(offsets, 5 + axis), kernel = tensor_extent(offsets, 2 + axis);
    struct tensor offset = squeeze(cut_axis(offsets, 4, axis, axis + 1), 4);
    struct tensor window = positions_along(x.context, DTYPE_INT32, out, 4 + axis, 6);
    struct tensor element = positions_along(x.context, DTYPE_INT32, kernel, 2 + axis, 6);
    window = multiply_by(window, (double)options->stride[axis]);
    element = multiply_by(element, (double)options->dilation[axis]);
    struct tensor place =
        tensor_add(add_number(window, -(double)options->padding[axis].begin), element);
    place = tensor_add(tensor_cast(place, DTYPE_FLOAT32), offset);
    return sample_along(place, tensor_extent(x, 2 + axis));
}

/* The windows of x, read where the offsets say: (batch, channels, oh, ow, kh, kw). */
static struct tensor deformed_windows(struct tensor x, struct tensor offsets, struct tensor mask,
                                      const struct conv_options *options) {
    int64_t batch = tensor_extent(x, 0), channels = tensor_extent(x, 1);
    int64_t groups = tensor_extent(offsets, 1);
    struct sample_axis rows = deformed_places(x, offsets, 0, options);
    struct sample_axis columns = deformed_places(x, offsets, 1, options);
    struct tensor images = tensor_reshape(
        x, SHAPE(batch * groups, channels / groups, tensor_extent(x, 2), tensor_extent(x, 3)));
    struct tensor image = tensor_reshape(tensor_iota(x.context, DTYPE_INT64, batch * groups),
                                         SHAPE(batch, groups, 1, 1, 1, 1));
    struct tensor sampled = sample_between(images, image, &rows, &columns, tensor_add);
    if (is_given(mask))
        sampled = tensor_mul(sampled, unsqueeze(mask, 6));
    sampled = tensor_permute(sampled, AXES(0, 1, 6, 4, 5, 2, 3));
    return reshape_axes(sampled, 1, 2, 1, &channels);
}

struct tensor import_deform_conv(struct call *call) {
    struct tensor x = call_input(call, 0), weight = call_input(call, 1);
    struct tensor offsets = call_input(call, 2), mask = call_input(call, 4);
    int64_t groups = call_int(call, "offset_group", 1), batch = tensor_extent(x, 0);
    int64_t kh = tensor_extent(weight, 2), kw = tensor_extent(weight, 3);
    int64_t oh = tensor_extent(offsets, 2), ow = tensor_extent(offsets, 3);
    struct conv_options options;
    if (!call_convolution(call, x, weight, &options))
        return NO_TENSOR;
    if (tensor_rank(x) != 4 || groups < 1 || tensor_extent(x, 1) % groups != 0 ||
        elements_of(x) == 0)
        return call_refuse(call, "expected images, of channels in %" PRId64 " groups, found %s",
                           groups, tensor_text(x).text);
    for (int i = 0; i < 2; i++) {
        int64_t padded =
            tensor_extent(x, 2 + i) + options.padding[i].begin + options.padding[i].end;
        int64_t span = (tensor_extent(weight, 2 + i) - 1) * options.dilation[i] + 1;
        if (padded < span || (padded - span) / options.stride[i] + 1 != (i ? ow : oh))
            return call_refuse(call, "offsets %s do not fit the windows",
                               tensor_text(offsets).text);
    }
    offsets = tensor_reshape(offsets, SHAPE(batch, groups, kh, kw, 2, oh, ow));
    if (is_given(mask))
        mask = tensor_reshape(mask, SHAPE(batch, groups, kh, kw, oh, ow));
    return conv_of_windows(deformed_windows(x, offsets, mask, &options), weight,
                           call_input(call, 3), options.groups);
}
