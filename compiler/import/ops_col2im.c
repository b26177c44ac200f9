/* Col2Im: blocks of an image summed where they lie over each other. */
#include "compiler/import/importer.h"
#include "compiler/import/movement.h"

#include <inttypes.h>

enum { MOST_ADDED = 8 }; /* rows of a block that are added one by one */

/* One axis of the image, and how blocks lie along it. */
struct block_axis {
    int64_t extent, size, stride, dilation, before, after; /* before, after: pads of the image */
    int64_t blocks, length; /* blocks along the axis; of the image with its pads */
};

static bool describe_axis(struct block_axis *axis) {
    int64_t reach;
    const int64_t most = INT32_MAX;
    if (axis->extent < 1 || axis->size < 1 || axis->stride < 1 || axis->dilation < 1 ||
        axis->before < 0 || axis->after < 0 || axis->extent > most || axis->size > most ||
        axis->stride > most || axis->dilation > most || axis->before > most || axis->after > most)
        return false;
    axis->length = axis->extent + axis->before + axis->after;
    reach = (axis->size - 1) * axis->dilation + 1;
    if (reach > axis->length || axis->length + axis->dilation > MAX_ELEMENTS / axis->size)
        return false;
    axis->blocks = (axis->length - reach) / axis->stride + 1;
    return true;
}

/* Row k of axis `at`, which vanishes, with k * dilation zeros before its elements. */
static struct tensor moved_row(struct tensor x, int at, const struct block_axis *axis, int64_t k) {
    struct range pads[MAX_RANK] = {0};
    x = pick_axis(x, at, k);
    pads[at].begin = k * axis->dilation;
    return reach_of_axis(tensor_pad(x, tensor_rank(x), pads, 0), at, 0, axis->length);
}

static struct tensor add_rows(struct tensor x, int at, const struct block_axis *axis) {
    struct tensor sum = moved_row(x, at, axis, 0);
    for (int64_t k = 1; k < axis->size; k++)
        sum = tensor_add(sum, moved_row(x, at, axis, k));
    return sum;
}

/* The same for many rows: each is moved by a row that is longer than the one which it is read as.
 */
static struct tensor add_many_rows(struct tensor x, int at, const struct block_axis *axis) {
    const int64_t longer = axis->length + axis->dilation, all = axis->size * longer;
    const int64_t apart[] = {axis->size, axis->length};
    x = reshape_axes(reach_of_axis(x, at + 1, 0, longer), at, 2, 1, &all);
    x = reshape_axes(reach_of_axis(x, at, 0, axis->size * axis->length), at, 1, 2, apart);
    return tensor_reduce_sum(x, 1, &at);
}

/* Axis `at` goes through a block, the next through the blocks: they become the image's one, without
 * its pads. */
static struct tensor fold_axis(struct tensor x, int at, const struct block_axis *axis) {
    x = spread_axis(x, at + 1, axis->stride);
    x = (axis->size <= MOST_ADDED ? add_rows : add_many_rows)(x, at, axis);
    return cut_axis(x, at, axis->before, axis->before + axis->extent);
}

static bool read_blocks(struct call *call, struct block_axis axes[MAX_RANK], int *count) {
    struct integers image = call_known_shape(call, call_input(call, 1), 1);
    struct integers block = call_known_shape(call, call_input(call, 2), 1);
    struct integers strides = call_ints(call, "strides"), dilations = call_ints(call, "dilations");
    struct integers pads = call_ints(call, "pads");
    *count = image.count;
    if (image.count < 1 || block.count != image.count || 2 * image.count + 2 > MAX_RANK)
        return false;
    for (int i = 0; i < image.count; i++) {
        axes[i] = (struct block_axis){image.values[i],
                                      block.values[i],
                                      integer_or(strides, i, 1),
                                      integer_or(dilations, i, 1),
                                      integer_or(pads, i, 0),
                                      integer_or(pads, i + image.count, 0),
                                      0,
                                      0};
        if (!describe_axis(&axes[i]))
            return false;
    }
    return true;
}

/* x (batch, channels * block, blocks) as (batch, channels, block.., blocks..), and so on. */
struct tensor import_col2im(struct call *call) {
    struct tensor x = call_input(call, 0);
    struct block_axis axes[MAX_RANK];
    int count;
    int64_t block = 1, blocks = 1;
    if (!read_blocks(call, axes, &count))
        return call_refuse(call, "blocks that do not lie within the image");
    for (int i = 0; i < count; i++) {
        if (!checked_multiply(block, axes[i].size, &block) ||
            !checked_multiply(blocks, axes[i].blocks, &blocks))
            return call_refuse(call, "blocks that are too large");
    }
    if (tensor_rank(x) != 3 || tensor_extent(x, 1) % block || tensor_extent(x, 2) != blocks)
        return call_refuse(call, "%s as %" PRId64 " blocks of %" PRId64 " elements",
                           tensor_text(x).text, blocks, block);
    int64_t split[MAX_RANK] = {tensor_extent(x, 0), tensor_extent(x, 1) / block};
    int order[MAX_RANK] = {0, 1};
    for (int i = 0; i < count; i++) {
        split[2 + i] = axes[i].size;
        split[2 + count + i] = axes[i].blocks;
        order[2 + 2 * i] = 2 + i;
        order[3 + 2 * i] = 2 + count + i;
    }
    x = tensor_permute(tensor_reshape(x, 2 + 2 * count, split), 2 + 2 * count, order);
    for (int i = 0; i < count; i++)
        x = fold_axis(x, 2 + i, &axes[i]);
    return x;
}
