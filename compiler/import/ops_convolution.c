/* Convolutions. */
#include "compiler/import/convolution.h"
#include "compiler/import/movement.h"
#include "compiler/import/sampling.h"

#include <inttypes.h>
#include <math.h>
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

/* Elements of the kernel at either end of axis i that see nothing but padding, wherever the kernel
 * lies. */
static struct range blind_ends(struct tensor x, struct tensor weight,
                               const struct conv_options *options, int i) {
    int64_t extent = tensor_extent(x, 2 + i), size = tensor_extent(weight, 2 + i);
    int64_t dilation = options->dilation[i], span = (size - 1) * dilation + 1;
    struct range padding = options->padding[i], blind = {0, 0};
    int64_t room = padding.begin + extent + padding.end - span;
    if (extent < 1 || room < 0)
        return blind;
    int64_t last = room - room % options->stride[i]; /* where the last kernel begins */
    while (blind.begin < size - 1 && last + blind.begin * dilation < padding.begin &&
           padding.begin >= (blind.begin + 1) * dilation)
        blind.begin++;
    while (blind.begin + blind.end < size - 1 &&
           (size - 1 - blind.end) * dilation >= padding.begin + extent &&
           padding.end >= (blind.end + 1) * dilation)
        blind.end++;
    return blind;
}

/* Of a tensor of the file, which may be large and not be aligned; or of what is computed from such.
 */
static bool is_finite(struct importer *importer, struct tensor weight) {
    bool of_file = weight.node->op == OP_WEIGHT && tensor_dtype(weight) == DTYPE_FLOAT32;
    const struct view *elements = of_file ? NULL : known_elements(importer, weight);
    if (!of_file && !elements)
        return false;
    for (int64_t i = 0; i < elements_of(weight); i++) {
        float element;
        if (of_file)
            memcpy(&element, (const char *)weight.node->value + i * (int64_t)sizeof element,
                   sizeof element);
        else
            element = (float)number_at(elements, i);
        if (!isfinite(element))
            return false;
    }
    return true;
}

/* The kernel without such ends, which are most of it where a wide dilation meets a small image:
 * their products are all 0, unless a weight is not finite. */
static struct tensor cut_blind_ends(struct call *call, struct tensor x, struct tensor weight,
                                    struct conv_options *options) {
    struct range blind[MAX_SPATIAL];
    int axes = tensor_rank(x) - 2;
    bool any = false, agree = true;
    if (!x.node || !weight.node)
        return weight;
    for (int i = 0; i < axes; i++) {
        blind[i] = blind_ends(x, weight, options, i);
        any |= blind[i].begin || blind[i].end;
        agree &= call_number_agrees(call, blind[i].begin);
        agree &= call_number_agrees(call, blind[i].end);
    }
    if (!any || !agree || !is_finite(call->importer, weight))
        return weight;
    for (int i = 0; i < axes; i++) {
        weight =
            cut_axis(weight, 2 + i, blind[i].begin, tensor_extent(weight, 2 + i) - blind[i].end);
        options->padding[i].begin -= blind[i].begin * options->dilation[i];
        options->padding[i].end -= blind[i].end * options->dilation[i];
    }
    return weight;
}

struct tensor import_conv(struct call *call) {
    struct conv_options options;
    struct tensor x = call_input(call, 0), weight = call_input(call, 1);
    if (!call_convolution(call, x, weight, &options))
        return NO_TENSOR;
    return conv(x, cut_blind_ends(call, x, weight, &options), call_optional(call, 2), options);
}

/* ---- ConvTranspose ---- */

/* How many of the sums are left out before the result, for it to have the wanted extent. */
static int64_t left_out_before(int64_t sums, int64_t wanted, bool more_after) {
    int64_t cut = sums > wanted ? sums - wanted : 0;
    return more_after ? cut / 2 : cut - cut / 2;
}

/* Reads output_padding, output_shape, pads and auto_pad: which sums are left out along each axis.
 */
static bool read_left_out(struct call *call, struct tensor x, const struct spatial *spatial,
                          struct range *left_out) {
    int64_t added[MAX_SPATIAL], wanted[2 + MAX_SPATIAL];
    struct range padding[MAX_SPATIAL];
    const char *kind = call_text(call, "auto_pad", "NOTSET");
    bool same = strncmp(kind, "SAME_", 5) == 0, upper = strcmp(kind, "SAME_UPPER") == 0;
    bool valid = strcmp(kind, "VALID") == 0;
    struct integers shape = call_ints(call, "output_shape");
    int axes = spatial->axes;
    int skipped = shape.count == axes + 2 ? 2 : 0; /* some files have batch and channels, too */
    if (!call_per_axis(call, "output_padding", axes, 0, 0, added) ||
        !call_pads(call, axes, padding) ||
        (shape.values && !call_per_axis(call, "output_shape", axes + skipped, 0, 0, wanted)))
        return false;
    for (int i = 0; i < axes; i++) {
        int64_t extent = tensor_extent(x, 2 + i), sums, result;
        if (!transposed_extent(extent, spatial->kernel[i], spatial->stride[i], spatial->dilation[i],
                               &sums) ||
            sums > INT64_MAX - added[i]) {
            call_refuse(call, "axis %d overflows", 2 + i);
            return false;
        }
        left_out[i] = valid ? (struct range){0, 0} : padding[i];
        left_out[i].end -= added[i];
        if (shape.values || same) {
            result = shape.values ? wanted[i + skipped] : extent * spatial->stride[i];
            left_out[i].begin = left_out_before(sums + added[i], result, upper);
            left_out[i].end = sums - result - left_out[i].begin;
        }
        if (sums < left_out[i].begin + left_out[i].end) {
            call_refuse(call, "pads leave nothing of axis %d", 2 + i);
            return false;
        }
    }
    return true;
}

struct tensor import_conv_transpose(struct call *call) {
    struct tensor x = call_input(call, 0), weight = call_input(call, 1);
    struct spatial spatial;
    struct conv_transpose_options options = {.groups = call_int(call, "group", 1)};
    int64_t groups = options.groups, kernel[MAX_RANK];
    for (int i = 2; i < tensor_rank(weight); i++)
        kernel[i - 2] = tensor_extent(weight, i);
    if (tensor_rank(weight) != tensor_rank(x) || groups < 1 || tensor_extent(x, 1) % groups != 0 ||
        tensor_extent(weight, 0) != tensor_extent(x, 1))
        return call_refuse(call, "weight %s for %" PRId64 " groups of %s", tensor_text(weight).text,
                           groups, tensor_text(x).text);
    if (!call_spatial(call, x, kernel, &spatial) ||
        !read_left_out(call, x, &spatial, options.padding))
        return NO_TENSOR;
    memcpy(options.stride, spatial.stride, sizeof options.stride);
    memcpy(options.dilation, spatial.dilation, sizeof options.dilation);
    return conv_transpose(x, weight, call_optional(call, 2), options);
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
    place = tensor_add(tensor_cast(place, tensor_dtype(offset)), offset);
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
    struct tensor offsets = call_input(call, 2), mask = call_optional(call, 4);
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
                           call_optional(call, 3), options.groups);
}
