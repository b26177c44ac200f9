/* Convolution and pooling. */
#include "compiler/builder/layers.h"

#include <inttypes.h>
#include <math.h>

/* Kernels, strides and the like stay below this, so that sums and products of a few fit. */
#define MAX_OPTION ((int64_t)1 << 20)

static bool check_pair(struct tensor x, const char *name, const int64_t pair[2], int64_t least) {
    for (int i = 0; i < 2; i++) {
        if (pair[i] < least || pair[i] > MAX_OPTION) {
            tensor_fail(x.context,
                        "%s {%" PRId64 ", %" PRId64 "}, expected %" PRId64 " to %" PRId64, name,
                        pair[0], pair[1], least, MAX_OPTION);
            return false;
        }
    }
    return true;
}

static void default_pair(int64_t pair[2], const int64_t value[2]) {
    if (pair[0] == 0 && pair[1] == 0) {
        pair[0] = value[0];
        pair[1] = value[1];
    }
}

/* Pads the last two axes. */
static struct tensor pad_image(struct tensor x, const struct range padding[2], double value) {
    struct range ranges[MAX_RANK] = {0};
    int rank = tensor_rank(x);
    if (rank >= 2) {
        ranges[rank - 2] = padding[0];
        ranges[rank - 1] = padding[1];
    }
    return tensor_pad(x, rank, ranges, value);
}

struct tensor windows(struct tensor x, const int64_t kernel[2], const int64_t stride[2],
                      const int64_t dilation[2]) {
    LAYER(x);
    int height = tensor_rank(x) - 2, width = tensor_rank(x) - 1;
    if (height < 0)
        return tensor_fail(x.context, "expected (.., height, width), found %s",
                           tensor_text(x).text);
    x = tensor_window(x, height, kernel[0], stride[0], dilation[0]);
    return tensor_window(x, width, kernel[1], stride[1], dilation[1]);
}

/* Convolution */

/* Are there as many axes as the options can say, and channels as the weight takes? */
static bool check_convolution(struct tensor x, struct tensor weight, int64_t groups) {
    int rank = tensor_rank(x);
    if (rank < 3 || rank > 2 + MAX_SPATIAL || tensor_rank(weight) != rank)
        tensor_fail(x.context,
                    "expected input and weight of one rank from 3 to %d, found %s and %s",
                    2 + MAX_SPATIAL, tensor_text(x).text, tensor_text(weight).text);
    else if (groups < 1 || tensor_extent(weight, 0) % groups != 0)
        tensor_fail(x.context, "weight %s does not divide into %" PRId64 " groups",
                    tensor_text(weight).text, groups);
    else if (tensor_extent(x, 1) % groups != 0 ||
             tensor_extent(x, 1) / groups != tensor_extent(weight, 1))
        tensor_fail(x.context,
                    "weight %s takes %" PRId64 " channels in each of %" PRId64
                    " groups, but the input is %s",
                    tensor_text(weight).text, tensor_extent(weight, 1), groups,
                    tensor_text(x).text);
    else
        return true;
    return false;
}

/* Windows over all axes but the first two, as large as the weight, of the padded input. */
static struct tensor convolved_windows(struct tensor x, struct tensor weight,
                                       const struct conv_options *options) {
    struct range padding[MAX_RANK] = {0};
    int rank = tensor_rank(x);
    for (int i = 2; i < rank; i++)
        padding[i] = options->padding[i - 2];
    x = tensor_pad(x, rank, padding, 0);
    for (int i = 2; i < rank; i++)
        x = tensor_window(x, i, tensor_extent(weight, i), options->stride[i - 2],
                          options->dilation[i - 2]);
    return x;
}

/* (batch, groups * c, out.., kernel..) as (batch, groups, outputs_each, out.., c, kernel..) */
static struct tensor spread_windows(struct tensor x, int64_t groups, int64_t outputs_each) {
    int spatial = (tensor_rank(x) - 2) / 2, rank = 4 + 2 * spatial, axes[MAX_RANK];
    int64_t shape[MAX_RANK] = {tensor_extent(x, 0), groups, tensor_extent(x, 1) / groups, 1};
    for (int i = 0; i < 2 * spatial; i++)
        shape[4 + i] = tensor_extent(x, 2 + i);
    x = tensor_reshape(x, rank, shape);
    shape[3] = outputs_each;
    x = tensor_expand(x, rank, shape);
    axes[0] = 0, axes[1] = 1, axes[2] = 3, axes[3 + spatial] = 2;
    for (int i = 0; i < spatial; i++) {
        axes[3 + i] = 4 + i;
        axes[4 + spatial + i] = 4 + spatial + i;
    }
    return tensor_permute(x, rank, axes);
}

/* (batch, groups, outputs, out.., c, kernel..) times weight, summed over the last axes; plus bias
 */
static struct tensor contract_windows(struct tensor x, struct tensor weight, struct tensor bias,
                                      int64_t groups) {
    int rank = tensor_rank(weight), spatial = rank - 2, summed[MAX_RANK];
    int64_t outputs = tensor_extent(weight, 0);
    int64_t result[MAX_RANK] = {tensor_extent(x, 0), outputs};
    int64_t spread[MAX_RANK] = {1, groups, outputs / groups};
    int64_t added[MAX_RANK] = {1, -1};
    for (int i = 0; i <= spatial; i++) {
        spread[3 + spatial + i] = tensor_extent(weight, 1 + i);
        summed[i] = 3 + spatial + i;
    }
    for (int i = 0; i < spatial; i++) {
        result[2 + i] = tensor_extent(x, 2 + i);
        spread[3 + i] = added[2 + i] = 1;
    }
    x = spread_windows(x, groups, outputs / groups);
    weight = tensor_reshape(weight, 4 + 2 * spatial, spread);
    x = tensor_contract(x, weight, spatial + 1, summed);
    x = tensor_reshape(x, rank, result);
    return is_given(bias) ? tensor_add(x, tensor_reshape(bias, rank, added)) : x;
}

static struct tensor convolve(struct tensor x, struct tensor weight, struct tensor bias,
                              const struct conv_options *options) {
    int64_t groups = options->groups == 0 ? 1 : options->groups;
    if (!check_convolution(x, weight, groups))
        return (struct tensor){x.context, NULL};
    return contract_windows(convolved_windows(x, weight, options), weight, bias, groups);
}

struct tensor conv(struct tensor x, struct tensor weight, struct tensor bias,
                   struct conv_options options) {
    LAYER(x, weight);
    return convolve(x, weight, bias, &options);
}

struct tensor conv_of_windows(struct tensor x, struct tensor weight, struct tensor bias,
                              int64_t groups) {
    LAYER(x, weight);
    int rank = tensor_rank(weight);
    bool fits = rank >= 3 && rank <= 2 + MAX_SPATIAL && tensor_rank(x) == 2 * rank - 2 &&
                groups >= 1 && tensor_extent(weight, 0) % groups == 0 &&
                tensor_extent(x, 1) == groups * tensor_extent(weight, 1);
    if (!fits)
        return tensor_fail(x.context, "windows %s for weight %s in %" PRId64 " groups",
                           tensor_text(x).text, tensor_text(weight).text, groups);
    return contract_windows(x, weight, bias, groups);
}

struct tensor conv2d(struct tensor x, struct tensor weight, struct tensor bias,
                     struct conv2d_options options) {
    LAYER(x, weight);
    default_pair(options.stride, (const int64_t[]){1, 1});
    default_pair(options.dilation, (const int64_t[]){1, 1});
    if (!check_pair(x, "stride", options.stride, 1) ||
        !check_pair(x, "dilation", options.dilation, 1) ||
        !check_pair(x, "padding", options.padding, 0))
        return (struct tensor){x.context, NULL};
    if (tensor_rank(x) != 4 || tensor_rank(weight) != 4)
        return tensor_fail(x.context, "expected input and weight of rank 4, found %s and %s",
                           tensor_text(x).text, tensor_text(weight).text);
    struct conv_options general = {.groups = options.groups};
    for (int i = 0; i < 2; i++) {
        general.stride[i] = options.stride[i];
        general.dilation[i] = options.dilation[i];
        general.padding[i] = (struct range){options.padding[i], options.padding[i]};
    }
    return convolve(x, weight, bias, &general);
}

/* Pooling */

/* The padding of one axis in ceil mode (_apply_ceil_mode): as much more after the end as the last
 * window needs, but no window that starts there. */
static int64_t padding_after(int64_t extent, int64_t size, int64_t stride, int64_t dilation,
                             int64_t padding) {
    int64_t span = dilation * (size - 1) + 1;
    int64_t padded = extent + 2 * padding;
    if (padded < span)
        return padding;                                       /* for `window` to reject */
    int64_t last = stride * divide_up(padded - span, stride); /* where the last window starts */
    int64_t beyond = last - (padding + extent - 1);
    return padding + last + span - padded - (beyond > 0 ? beyond : 0);
}

/* Defaults and checks; sets the padding before and after either axis. */
static bool prepare_pool(struct tensor x, struct pool2d_options *options, struct range padding[2]) {
    default_pair(options->kernel, (const int64_t[]){2, 2});
    default_pair(options->stride, options->kernel);
    default_pair(options->dilation, (const int64_t[]){1, 1});
    if (!check_pair(x, "kernel", options->kernel, 1) ||
        !check_pair(x, "stride", options->stride, 1) ||
        !check_pair(x, "dilation", options->dilation, 1) ||
        !check_pair(x, "padding", options->padding, 0))
        return false;
    if (tensor_rank(x) < 2) {
        tensor_fail(x.context, "expected (.., height, width), found %s", tensor_text(x).text);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        padding[i] = (struct range){options->padding[i], options->padding[i]};
        if (options->ceil_mode)
            padding[i].end =
                padding_after(tensor_extent(x, i - 2), options->kernel[i], options->stride[i],
                              options->dilation[i], options->padding[i]);
    }
    return true;
}

static struct tensor pool(struct tensor x, const struct pool2d_options *options,
                          const struct range padding[2], double value) {
    return windows(pad_image(x, padding, value), options->kernel, options->stride,
                   options->dilation);
}

/* max_pool2d: padded with the least value */
struct tensor max_pool2d(struct tensor x, struct pool2d_options options) {
    LAYER(x);
    struct range padding[2];
    if (!prepare_pool(x, &options, padding))
        return (struct tensor){x.context, NULL};
    double least =
        dtype_is_integer(tensor_dtype(x)) ? (double)dtype_facts[tensor_dtype(x)].least : -INFINITY;
    return tensor_reduce_max(pool(x, &options, padding, least), AXES(-2, -1));
}

/* The number of elements that each window counts: those of x, with its padding in ceil mode, where
 * only what ceil mode added is left out. */
static struct tensor count_elements(struct tensor x, const struct pool2d_options *options,
                                    const struct range padding[2]) {
    struct range counted[2] = {padding[0], padding[1]};
    struct tensor ones = scalar_like(x, 1);
    if (!options->exclude_padding) {
        for (int i = 0; i < 2; i++)
            counted[i] = (struct range){0, padding[i].end - options->padding[i]};
        struct range own[] = {{options->padding[0], options->padding[0]},
                              {options->padding[1], options->padding[1]}};
        x = pad_image(x, own, 0);
    }
    if (x.node)
        ones = tensor_expand(ones, x.node->rank, x.node->shape);
    return tensor_reduce_sum(pool(ones, options, counted, 0), AXES(-2, -1));
}

/* avg_pool2d: the mean, or the sum divided by how many were counted */
struct tensor avg_pool2d(struct tensor x, struct pool2d_options options) {
    LAYER(x);
    struct range padding[2];
    if (!prepare_pool(x, &options, padding))
        return (struct tensor){x.context, NULL};
    struct tensor pooled = pool(x, &options, padding, 0);
    if (!options.exclude_padding && !options.ceil_mode)
        return mean(pooled, AXES(-2, -1), false);
    return divide(tensor_reduce_sum(pooled, AXES(-2, -1)), count_elements(x, &options, padding));
}

/* Windows without the window operation, for tests */

/* One axis of `_pool`. */
struct pooled_axis {
    int64_t extent, kernel, stride, dilation;
    int64_t positions;
    int64_t row; /* from the start of one repetition's row to the next: extent * scale + dilation */
};

static bool measure_axes(struct tensor x, const int64_t kernel[2], const int64_t stride[2],
                         const int64_t dilation[2], struct pooled_axis axes[2]) {
    if (!check_pair(x, "kernel", kernel, 1) || !check_pair(x, "stride", stride, 1) ||
        !check_pair(x, "dilation", dilation, 1))
        return false;
    for (int i = 0; i < 2; i++) {
        struct pooled_axis a = {tensor_extent(x, i - 2), kernel[i], stride[i], dilation[i], 0, 0};
        int64_t span = a.dilation * (a.kernel - 1);
        if (tensor_rank(x) < 2 || tensor_rank(x) + 4 > MAX_RANK || span >= a.extent) {
            tensor_fail(x.context, "kernel {%" PRId64 ", %" PRId64 "} on %s", kernel[0], kernel[1],
                        tensor_text(x).text);
            return false;
        }
        a.positions = divide_up(a.extent - span, a.stride);
        int64_t reach = a.positions * a.stride - a.dilation;
        a.row = a.extent * (reach > a.extent ? divide_up(reach, a.extent) : 1) + a.dilation;
        axes[i] = a;
    }
    return true;
}

/* x with its first `kept` axes as they are and the given extents after them. */
static struct tensor reshape_tail(struct tensor x, int kept, int count, const int64_t *extents) {
    int64_t shape[MAX_RANK];
    for (int i = 0; i < kept; i++)
        shape[i] = tensor_extent(x, i);
    for (int i = 0; i < count; i++)
        shape[kept + i] = extents[i];
    return tensor_reshape(x, kept + count, shape);
}

static struct tensor shrink_tail(struct tensor x, int kept, int count, const int64_t *extents) {
    struct range ranges[MAX_RANK];
    for (int i = 0; i < kept; i++)
        ranges[i] = (struct range){0, tensor_extent(x, i)};
    for (int i = 0; i < count; i++)
        ranges[kept + i] = (struct range){0, extents[i]};
    return tensor_shrink(x, kept + count, ranges);
}

static struct tensor permute_tail(struct tensor x, int kept, int count, const int *order) {
    int axes[MAX_RANK];
    for (int i = 0; i < kept; i++)
        axes[i] = i;
    for (int i = 0; i < count; i++)
        axes[kept + i] = kept + order[i];
    return tensor_permute(x, kept + count, axes);
}

/* _pool: the axis is repeated until a reshape to rows one `dilation` longer than it shifts each row
 * against the last; the strides are then cut out of the rows. */
struct tensor windows_by_movement(struct tensor x, const int64_t kernel[2], const int64_t stride[2],
                                  const int64_t dilation[2]) {
    LAYER(x);
    struct pooled_axis axes[2];
    if (!measure_axes(x, kernel, stride, dilation, axes))
        return (struct tensor){x.context, NULL};
    struct pooled_axis h = axes[0], w = axes[1];
    int kept = tensor_rank(x) - 2;
    int64_t times[MAX_RANK];
    for (int i = 0; i < kept; i++)
        times[i] = 1;
    times[kept] = divide_up(h.kernel * h.row, h.extent);
    times[kept + 1] = divide_up(w.kernel * w.row, w.extent);
    x = repeat(x, kept + 2, times);
    x = shrink_tail(x, kept, SHAPE(h.kernel * h.row, w.kernel * w.row));
    x = reshape_tail(x, kept, SHAPE(h.kernel, h.row, w.kernel, w.row));
    int64_t hs = h.positions * h.stride, ws = w.positions * w.stride;
    x = shrink_tail(x, kept, SHAPE(h.kernel, hs, w.kernel, ws));
    x = reshape_tail(x, kept,
                     SHAPE(h.kernel, h.positions, h.stride, w.kernel, w.positions, w.stride));
    x = shrink_tail(x, kept, SHAPE(h.kernel, h.positions, 1, w.kernel, w.positions, 1));
    x = reshape_tail(x, kept, SHAPE(h.kernel, h.positions, w.kernel, w.positions));
    return permute_tail(x, kept, AXES(1, 3, 0, 2));
}

/* Blocks of one stride each, of which the kernel is the beginning. */
struct tensor windows_by_blocks(struct tensor x, const int64_t kernel[2], const int64_t stride[2]) {
    LAYER(x);
    struct pooled_axis axes[2];
    if (!measure_axes(x, kernel, stride, (const int64_t[]){1, 1}, axes))
        return (struct tensor){x.context, NULL};
    struct pooled_axis h = axes[0], w = axes[1];
    if (h.kernel > h.stride || w.kernel > w.stride)
        return tensor_fail(x.context, "the kernel is larger than the stride");
    int kept = tensor_rank(x) - 2;
    int64_t hs = h.positions * h.stride, ws = w.positions * w.stride;
    struct range padding[] = {{0, hs > h.extent ? hs - h.extent : 0},
                              {0, ws > w.extent ? ws - w.extent : 0}};
    x = shrink_tail(pad_image(x, padding, 0), kept, SHAPE(hs, ws));
    x = reshape_tail(x, kept, SHAPE(h.positions, h.stride, w.positions, w.stride));
    x = shrink_tail(x, kept, SHAPE(h.positions, h.kernel, w.positions, w.kernel));
    return permute_tail(x, kept, AXES(0, 2, 1, 3));
}
