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
    int64_t before; /* what is cut off the sums */
    int64_t result; /* the extent of the result; behind the sums it is 0 */
};

/* The padding that gives a result the wanted extent; what is missing of it is added behind. */
static int64_t cut_before(int64_t full, int64_t wanted, bool more_after) {
    int64_t cut = full > wanted ? full - wanted : 0;
    return more_after ? cut / 2 : cut - cut / 2;
}

/* Reads output_padding, output_shape, pads and auto_pad. */
static bool read_cuts(struct call *call, int axes, struct spread_axis *list) {
    int64_t added[MAX_SPATIAL], wanted[2 + MAX_SPATIAL];
    struct range padding[MAX_SPATIAL];
    const char *kind = call_text(call, "auto_pad", "NOTSET");
    bool same = strncmp(kind, "SAME_", 5) == 0, upper = strcmp(kind, "SAME_UPPER") == 0;
    bool valid = strcmp(kind, "VALID") == 0;
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
        if (shape.values || same) {
            axis->result = shape.values ? wanted[i + skipped] : axis->extent * axis->stride;
            axis->before = cut_before(full, axis->result, upper);
        } else {
            axis->before = valid ? 0 : padding[i].begin;
            axis->result = full - (valid ? 0 : padding[i].begin + padding[i].end);
        }
        if (axis->result < 0) {
            call_refuse(call, "pads leave nothing of axis %d", 2 + i);
            return false;
        }
    }
    return true;
}

/* Zeros between the elements of an axis, so that they are `step` apart. */
static struct tensor spread_elements(struct tensor x, int axis, int64_t step) {
    if (step == 1 || tensor_extent(x, axis) < 2)
        return x;
    x = spread_axis(x, axis, step);
    return cut_axis(x, axis, 0, tensor_extent(x, axis) - step + 1);
}

/* Each input adds its product with the kernel to the results around `stride` times its place. So
 * the results at one place within a stride are a convolution without a stride, over those taps of
 * the kernel that reach them. Neighbouring places with as many taps are one convolution, a place a
 * channel. */
struct places {
    int64_t first, count; /* within a stride */
    int64_t tap, taps;    /* of the first place: where they begin, and how many there are */
    int64_t shift;        /* how much farther the first tap's input is than the result's block */
};

static int64_t lesser(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* As many places from `first` on as have as many taps, and the same shift. */
static struct places places_from(const struct spread_axis *axis, int64_t first) {
    int64_t at = first + axis->before, stride = axis->stride;
    struct places places = {.first = first, .tap = at % stride, .shift = at / stride};
    int64_t left = axis->kernel - places.tap; /* of the kernel, from that tap on */
    places.taps = left > 0 ? divide_up(left, stride) : 0;
    places.count = lesser(stride - first, stride - places.tap);
    if (left > 0)
        places.count = lesser(places.count, (left - 1) % stride + 1);
    return places;
}

/* What all axes of one transposed convolution are, and the places chosen for each. */
struct transposed {
    struct tensor x, weight; /* weight: (groups, c, outputs, k1, .., kn) */
    int axes;
    const struct spread_axis *list;
    struct places places[MAX_SPATIAL];
};

/* The taps of an axis of the weight as (taps, places), the last tap first. */
static struct tensor chosen_taps(struct tensor weight, int axis, const struct places *places,
                                 int64_t stride) {
    int64_t shape[] = {places->taps, stride};
    weight = reach_of_axis(weight, axis, places->tap, places->tap + places->taps * stride);
    weight = cut_axis(reshape_axes(weight, axis, 1, 2, shape), axis + 1, 0, places->count);
    return tensor_flip(weight, AXES(axis));
}

/* (groups * outputs * places.., c, taps..) */
static struct tensor chosen_weight(const struct transposed *t) {
    struct tensor weight = t->weight;
    int64_t shape[MAX_RANK] = {-1, tensor_extent(weight, 1)};
    int order[MAX_RANK] = {0, 2}, axes = t->axes;
    for (int i = 0; i < axes; i++)
        weight = chosen_taps(weight, 3 + 2 * i, &t->places[i], t->list[i].stride);
    order[2 + axes] = 1;
    for (int i = 0; i < axes; i++) {
        order[2 + i] = 4 + 2 * i;
        order[3 + axes + i] = 3 + 2 * i;
        shape[2 + i] = t->places[i].taps;
    }
    weight = tensor_permute(weight, 3 + 2 * axes, order);
    return tensor_reshape(weight, 2 + axes, shape);
}

/* The results at the chosen places: (batch, outputs, places.., blocks..). */
static struct tensor results_at(const struct transposed *t) {
    struct conv_options options = {.groups = tensor_extent(t->weight, 0)};
    struct tensor x = t->x, y;
    int64_t outputs = options.groups * tensor_extent(t->weight, 2);
    int64_t shape[MAX_RANK] = {tensor_extent(x, 0), outputs};
    bool nothing = false;
    for (int i = 0; i < t->axes; i++) {
        const struct places *places = &t->places[i];
        int64_t blocks = divide_up(t->list[i].result, t->list[i].stride);
        int64_t reach = (places->taps - 1) * t->list[i].dilation;
        shape[2 + i] = places->count;
        shape[2 + t->axes + i] = blocks;
        nothing |= places->taps == 0 || blocks == 0;
        if (!nothing)
            x = reach_of_axis(x, 2 + i, places->shift - reach, places->shift + blocks);
        options.stride[i] = 1;
        options.dilation[i] = t->list[i].dilation;
    }
    if (nothing)
        return tensor_expand(zero_like(x), 2 + 2 * t->axes, shape);
    y = conv(x, chosen_weight(t), NO_TENSOR, options);
    return tensor_reshape(y, 2 + 2 * t->axes, shape);
}

/* The results at all places of the axes from `axis` on, at those chosen of the axes before. */
static struct tensor results_from(struct transposed *t, int axis) {
    struct tensor parts[3]; /* the shift changes once, and the number of taps does */
    int count = 0;
    if (axis == t->axes)
        return results_at(t);
    for (int64_t next = 0; next < t->list[axis].stride && count < 3;
         next += t->places[axis].count) {
        t->places[axis] = places_from(&t->list[axis], next);
        parts[count++] = results_from(t, axis + 1);
    }
    return tensor_concat(count, parts, 2 + axis);
}

/* (batch, outputs, places.., blocks..) as (batch, outputs, results..) */
static struct tensor interleave(struct tensor x, int axes, const struct spread_axis *list) {
    int64_t merged[MAX_RANK] = {tensor_extent(x, 0), tensor_extent(x, 1)};
    int order[MAX_RANK] = {0, 1};
    for (int i = 0; i < axes; i++) {
        if (!checked_multiply(list[i].stride, tensor_extent(x, 2 + axes + i), &merged[2 + i]))
            return tensor_fail(x.context, "axis %d overflows", 2 + i);
        order[2 + 2 * i] = 2 + axes + i;
        order[3 + 2 * i] = 2 + i;
    }
    x = tensor_reshape(tensor_permute(x, 2 + 2 * axes, order), 2 + axes, merged);
    for (int i = 0; i < axes; i++)
        x = cut_axis(x, 2 + i, 0, list[i].result);
    return x;
}

static struct tensor transposed_convolution(struct tensor x, struct tensor weight, int64_t groups,
                                            int axes, struct spread_axis *list) {
    struct transposed t = {.x = x, .axes = axes, .list = list};
    for (int i = 0; i < axes; i++) {
        if (list[i].stride == 1 || list[i].dilation == 1)
            continue;
        weight = spread_elements(weight, 2 + i, list[i].dilation);
        list[i].kernel = tensor_extent(weight, 2 + i);
        list[i].dilation = 1;
    }
    t.weight = reshape_axes(weight, 0, 1, 2, (int64_t[]){groups, tensor_extent(x, 1) / groups});
    return interleave(results_from(&t, 0), axes, list);
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
