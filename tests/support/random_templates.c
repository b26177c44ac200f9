/* Shapes of computation that models have: contractions of every kind with what follows them,
 * pooling, normalisation, masks, look-ups, chains of movement. */
#include "tests/support/random_graph.h"

#include <string.h>

/* Around the boundaries of register tiles. */
static const int64_t columns[] = {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65};
static const int64_t depths[] = {1, 2, 3, 4, 5, 8, 13, 16, 17, 25, 33, 40, 70};

static struct node *relu(struct generator *generator, struct node *node) {
    struct node *zero = append_number(generator, 0.0f, node);
    return append_binary(generator, OP_MAX, node, zero);
}

/* A leaf along one axis, repeated along the others. */
static struct node *along_axis(struct generator *generator, const struct node *like, int axis) {
    int64_t shape[MAX_RANK];
    for (int i = 0; i < like->rank; i++)
        shape[i] = i == axis ? like->shape[i] : 1;
    struct node *node = append_leaf(generator, like->dtype, 1, &like->shape[axis]);
    return append_expand(generator, append_reshape(generator, node, like->rank, shape),
                         like->shape);
}

static struct node *scale_and_shift(struct generator *generator, struct node *node, int axis) {
    node = append_binary(generator, OP_MUL, node, along_axis(generator, node, axis));
    return append_binary(generator, OP_ADD, node, along_axis(generator, node, axis));
}

static struct node *gelu(struct generator *generator, struct node *node) {
    struct node *scaled =
        append_binary(generator, OP_MUL, node, append_number(generator, 0x1.6a09e6p-1f, node));
    struct node *one = append_number(generator, 1.0f, node);
    struct node *gate =
        append_binary(generator, OP_ADD, append_unary(generator, OP_ERF, scaled), one);
    return append_binary(generator, OP_MUL, node, gate);
}

/* Windows over the last two axes: [.., h, w] becomes [.., oh, ow, kh, kw]. */
struct windows {
    int64_t size[2], stride[2], dilation[2];
};

static int64_t positions_of(const struct windows *windows, int k, int64_t extent) {
    return (extent - 1 - (windows->size[k] - 1) * windows->dilation[k]) / windows->stride[k] + 1;
}

static struct windows pick_windows(struct generator *generator, const struct node *node,
                                   int64_t most_size) {
    struct windows windows;
    for (int k = 0; k < 2; k++) {
        int64_t extent = node->shape[node->rank - 2 + k];
        windows.size[k] = generator_between(generator, 1, extent < most_size ? extent : most_size);
        windows.stride[k] = generator_between(generator, 1, 3);
        windows.dilation[k] = 1;
        if ((windows.size[k] - 1) * 2 < extent && generator_chance(generator, 25))
            windows.dilation[k] = 2;
    }
    return windows;
}

static struct node *windows_directly(struct generator *generator, struct node *node,
                                     const struct windows *windows) {
    int first = node->rank - 2;
    for (int k = 0; k < 2; k++)
        node = append_window(generator, node, first + k, windows->size[k], windows->stride[k],
                             windows->dilation[k]);
    return node;
}

/* Appends the two axes' extents to a shape and cuts the node's last axes to it. */
static struct node *cut_last(struct generator *generator, struct node *node, int count,
                             const int64_t *extents) {
    int64_t begin[MAX_RANK] = {0}, end[MAX_RANK];
    memcpy(end, node->shape, sizeof end);
    for (int i = 0; i < count; i++)
        end[node->rank - count + i] = extents[i];
    return append_shrink(generator, node, begin, end);
}

static struct node *reshape_last(struct generator *generator, struct node *node, int kept,
                                 int count, const int64_t *extents) {
    int64_t shape[MAX_RANK];
    memcpy(shape, node->shape, sizeof shape);
    memcpy(shape + kept, extents, (size_t)count * sizeof *extents);
    return append_reshape(generator, node, kept + count, shape);
}

/* The same windows as reshapes of a repeated image: as TinyGrad has it. Row r of the repeated
 * image, seen as rows longer by the dilation, begins r * dilation later. */
static struct node *windows_by_repeating(struct generator *generator, struct node *node,
                                         const struct windows *windows) {
    int kept = node->rank - 2;
    int64_t extent[2], size[2], positions[2], stride[2], row[2], times[2];
    for (int k = 0; k < 2; k++) {
        extent[k] = node->shape[kept + k];
        size[k] = windows->size[k];
        stride[k] = windows->stride[k];
        positions[k] = positions_of(windows, k, extent[k]);
        int64_t images = 1; /* so that a row holds all positions' strides */
        while (extent[k] * images + windows->dilation[k] < positions[k] * stride[k])
            images++;
        row[k] = extent[k] * images + windows->dilation[k];
        times[k] = (size[k] * row[k] + extent[k] - 1) / extent[k];
    }
    node = reshape_last(generator, node, kept, 4, (int64_t[]){1, extent[0], 1, extent[1]});
    struct node repeated = *node;
    repeated.shape[kept] = times[0];
    repeated.shape[kept + 2] = times[1];
    node = append_expand(generator, node, repeated.shape);
    node = reshape_last(generator, node, kept, 2,
                        (int64_t[]){times[0] * extent[0], times[1] * extent[1]});
    node = cut_last(generator, node, 2, (int64_t[]){size[0] * row[0], size[1] * row[1]});
    node = reshape_last(generator, node, kept, 4, (int64_t[]){size[0], row[0], size[1], row[1]});
    node =
        cut_last(generator, node, 4,
                 (int64_t[]){size[0], positions[0] * stride[0], size[1], positions[1] * stride[1]});
    node = reshape_last(
        generator, node, kept, 6,
        (int64_t[]){size[0], positions[0], stride[0], size[1], positions[1], stride[1]});
    node = cut_last(generator, node, 6,
                    (int64_t[]){size[0], positions[0], 1, size[1], positions[1], 1});
    node = reshape_last(generator, node, kept, 4,
                        (int64_t[]){size[0], positions[0], size[1], positions[1]});
    int axes[MAX_RANK];
    for (int i = 0; i < kept; i++)
        axes[i] = i;
    memcpy(axes + kept, (int[]){kept + 1, kept + 3, kept, kept + 2}, 4 * sizeof *axes);
    return append_permute(generator, node, axes);
}

static struct node *windows_of(struct generator *generator, struct node *node,
                               const struct windows *windows) {
    int64_t repeated = node_elements(node) * (windows->size[0] + 2) * (windows->size[1] + 2);
    if (repeated < 100000 && generator_chance(generator, 40))
        return windows_by_repeating(generator, node, windows);
    return windows_directly(generator, node, windows);
}

/* Padding of the last two axes with `value`, or with 0. */
static struct node *border(struct generator *generator, struct node *node, const float *value) {
    int64_t before[MAX_RANK] = {0}, after[MAX_RANK] = {0};
    for (int i = node->rank - 2; i < node->rank; i++) {
        before[i] = generator_between(generator, 0, 2);
        after[i] = generator_chance(generator, 70) ? before[i] : generator_between(generator, 0, 2);
    }
    return append_pad(generator, node, before, after, value);
}

static struct node *pool(struct generator *generator, struct node *node) {
    static const enum op ops[] = {OP_REDUCE_MAX, OP_REDUCE_MAX, OP_REDUCE_SUM, OP_REDUCE_MIN};
    enum op op = generator_pick(generator, ops);
    const float lowest = -__builtin_inff();
    if (node->rank < 2 || node->rank > 6 || node->dtype != DTYPE_FLOAT32)
        return node;
    if (generator_chance(generator, 25))
        node = border(generator, node, op == OP_REDUCE_MAX ? &lowest : NULL);
    struct windows windows = pick_windows(generator, node, 3);
    if (generator_chance(generator, 60)) { /* windows side by side */
        memcpy(windows.stride, windows.size, sizeof windows.stride);
        memcpy(windows.dilation, (int64_t[]){1, 1}, sizeof windows.dilation);
    }
    node = windows_of(generator, node, &windows);
    return append_reduce(generator, op, node, 2, (int[]){node->rank - 2, node->rank - 1});
}

/* What follows a contraction. */
static struct node *epilogue(struct generator *generator, struct node *node, int channel) {
    int count = (int)generator_between(generator, 0, 4);
    for (int i = 0; i < count; i++) {
        int64_t choice = generator_between(generator, 0, 9);
        bool is_float = node->dtype == DTYPE_FLOAT32;
        if (choice < 3 && channel < node->rank)
            node = append_binary(generator, OP_ADD, node, along_axis(generator, node, channel));
        else if (choice < 5 && is_float)
            node = relu(generator, node);
        else if (choice < 6 && is_float && channel < node->rank)
            node = scale_and_shift(generator, node, channel);
        else if (choice < 7)
            node = append_binary(generator, OP_ADD, node, find_operand(generator, node));
        else if (choice < 8 && is_float)
            node = generator_chance(generator, 50) ? gelu(generator, node)
                                                   : append_unary(generator, OP_TANH, node);
        else if (channel + 2 < node->rank)
            node = pool(generator, node);
    }
    return node;
}

/* Contractions. An iteration space whose axes each belong to one operand, the other, or both, and
 * are summed or kept: matrix products, batched and not, outer products, scalar products. */
enum { IN_A = 1, IN_B = 2, SUMMED = 4 };
struct space {
    int rank;
    int roles[MAX_RANK];
    int64_t shape[MAX_RANK];
};

static void add_axis(struct space *space, int roles, int64_t extent) {
    space->roles[space->rank] = roles;
    space->shape[space->rank++] = extent;
}

static void shuffle_space(struct generator *generator, struct space *space) {
    for (int i = space->rank - 1; i > 0; i--) {
        int k = (int)generator_between(generator, 0, i), roles = space->roles[i];
        int64_t extent = space->shape[i];
        space->roles[i] = space->roles[k];
        space->shape[i] = space->shape[k];
        space->roles[k] = roles;
        space->shape[k] = extent;
    }
}

/* A zero point for `like`, in int32: a constant, a leaf, or one for each place of the first axis.
 */
static struct node *append_zero(struct generator *generator, enum dtype dtype,
                                const struct node *like) {
    int64_t ones[MAX_RANK];
    for (int i = 0; i < like->rank; i++)
        ones[i] = 1;
    int32_t value = (int32_t)generator_between(generator, -128, 255);
    struct node *zero;
    if (generator_chance(generator, 50)) {
        zero = append(generator,
                      &(struct node){
                          .op = OP_CONST, .dtype = DTYPE_INT32, .value = &value, .value_count = 1});
    } else {
        bool varies = like->rank > 0 && generator_chance(generator, 30);
        if (varies)
            ones[0] = like->shape[0];
        zero = append_leaf(generator, dtype, varies, ones);
        zero = append_cast(generator, zero, DTYPE_INT32);
    }
    zero = append_reshape(generator, zero, like->rank, ones);
    return append_expand(generator, zero, like->shape);
}

/* 8-bit integers less their zero point, in int32, as quantised models multiply them. */
static struct node *append_centred(struct generator *generator, int rank, const int64_t *shape) {
    enum dtype dtype = generator_chance(generator, 50) ? DTYPE_UINT8 : DTYPE_INT8;
    struct node *leaf = append_leaf(generator, dtype, rank, shape);
    struct node *node = append_cast(generator, leaf, DTYPE_INT32);
    if (generator_chance(generator, 30))
        return node;
    return append_binary(generator, OP_SUB, node, append_zero(generator, dtype, node));
}

/* A leaf, stored in any order of its axes, seen in the space's order and repeated over it. Of bool
 * there are 8-bit integers less a zero point. */
static struct node *operand_of(struct generator *generator, enum dtype dtype,
                               const struct space *space, int which) {
    int rank = 0, place[MAX_RANK], axes[MAX_RANK];
    int64_t stored[MAX_RANK], seen[MAX_RANK];
    bool shuffled = generator_chance(generator, 40);
    for (int i = 0; i < space->rank; i++) {
        seen[i] = space->roles[i] & which ? space->shape[i] : 1;
        if (!(space->roles[i] & which))
            continue;
        int at = shuffled ? (int)generator_between(generator, 0, rank) : rank;
        for (int k = 0; k < rank; k++)
            place[k] += place[k] >= at;
        place[rank++] = at; /* where the next axis of the space is stored */
    }
    for (int i = 0, next = 0; i < space->rank; i++)
        if (space->roles[i] & which)
            stored[place[next++]] = space->shape[i];
    memcpy(axes, place, sizeof axes);
    struct node *node = dtype == DTYPE_BOOL ? append_centred(generator, rank, stored)
                                            : append_leaf(generator, dtype, rank, stored);
    if (shuffled)
        node = append_permute(generator, node, axes);
    node = append_reshape(generator, node, space->rank, seen);
    return append_expand(generator, node, space->shape);
}

static void pick_space(struct generator *generator, struct space *space) {
    int64_t batch = generator_chance(generator, 30) ? generator_between(generator, 1, 4) : 0;
    if (batch)
        add_axis(space, IN_A | IN_B, batch);
    if (generator_chance(generator, 90))
        add_axis(space, IN_A, generator_between(generator, 1, 13));
    if (generator_chance(generator, 90))
        add_axis(space, IN_B, generator_pick(generator, columns));
    if (generator_chance(generator, 90))
        add_axis(space, IN_A | IN_B | SUMMED, generator_pick(generator, depths));
    if (generator_chance(generator, 20))
        add_axis(space, IN_A | IN_B | SUMMED, generator_between(generator, 1, 5));
    if (generator_chance(generator, 8))
        add_axis(space, IN_A | SUMMED, generator_between(generator, 1, 4));
    if (generator_chance(generator, 10)) {
        const int64_t extent = generator_between(generator, 1, 3);
        add_axis(space, generator_chance(generator, 50) ? IN_A : IN_B, extent);
    }
    if (generator_chance(generator, 50))
        shuffle_space(generator, space);
}

static void template_contract(struct generator *generator) {
    struct space space = {0};
    pick_space(generator, &space);
    enum dtype dtype = generator_chance(generator, 70)   ? DTYPE_FLOAT32
                       : generator_chance(generator, 50) ? pick_dtype(generator, "I")
                                                         : DTYPE_BOOL;
    int axes[MAX_RANK], count = 0;
    for (int i = 0; i < space.rank; i++) {
        if (!(space.roles[i] & SUMMED))
            continue;
        int at = generator_chance(generator, 20) ? 0 : count;
        memmove(axes + at + 1, axes + at, (size_t)(count - at) * sizeof *axes);
        axes[at] = i;
        count++;
    }
    struct node *a = operand_of(generator, dtype, &space, IN_A);
    struct node *b = operand_of(generator, dtype, &space, IN_B);
    struct node *node = generator_chance(generator, 50)
                            ? append_contract(generator, a, b, count, axes)
                            : append_contract(generator, b, a, count, axes);
    node = epilogue(generator, node, node->rank ? node->rank - 1 : 0);
    if (node->rank && generator_chance(generator, 20))
        append_reduce(generator, OP_ARGMAX, node, 1, (int[]){node->rank - 1});
}

/* Convolution of [n, groups * inner, h, w] with [groups * outer, inner, kh, kw]. */
struct convolution {
    int64_t batch, groups, inner, outer;
    struct windows windows;
};

static struct convolution pick_convolution(struct generator *generator, int64_t channels) {
    static const int64_t group_counts[] = {2, 3, 4, 5, 16, 17};
    struct convolution shape = {.batch = generator_between(generator, 1, 2), .groups = 1};
    shape.inner = generator_between(generator, 1, 5);
    shape.outer = generator_pick(generator, columns);
    if (channels && generator_chance(generator, 25)) {
        shape.groups = channels; /* each channel by itself */
        shape.inner = 1;
        shape.outer = generator_between(generator, 1, 2);
        return shape;
    }
    if (channels)
        shape.inner = channels;
    else if (generator_chance(generator, 30))
        shape.groups = generator_pick(generator, group_counts);
    if (shape.groups > 1) {
        shape.outer = generator_between(generator, 1, 3);
        shape.inner = generator_chance(generator, 50) ? 1 : generator_between(generator, 1, 3);
    }
    return shape;
}

/* Of int32 with a weight of 8-bit integers. */
static struct node *convolve(struct generator *generator, struct node *image,
                             const struct convolution *shape) {
    struct node *x = windows_of(generator, image, &shape->windows);
    const int64_t *seen = x->shape; /* [n, groups * inner, oh, ow, kh, kw] */
    const int64_t space[8] = {shape->batch, shape->groups, shape->outer, seen[2],
                              seen[3],      shape->inner,  seen[4],      seen[5]};
    x = append_reshape(generator, x, 8,
                       (int64_t[]){shape->batch, shape->groups, shape->inner, 1, seen[2], seen[3],
                                   seen[4], seen[5]});
    x = append_permute(generator, x, (int[]){0, 1, 3, 4, 5, 2, 6, 7});
    x = append_expand(generator, x, space);
    const int64_t weight[4] = {shape->groups * shape->outer, shape->inner, space[6], space[7]};
    struct node *w = image->dtype == DTYPE_INT32 ? append_centred(generator, 4, weight)
                                                 : append_leaf(generator, DTYPE_FLOAT32, 4, weight);
    w = append_reshape(
        generator, w, 8,
        (int64_t[]){1, shape->groups, shape->outer, 1, 1, shape->inner, space[6], space[7]});
    w = append_expand(generator, w, space);
    int axes[3] = {5, 6, 7};
    if (generator_chance(generator, 15))
        memcpy(axes, (int[]){6, 7, 5}, sizeof axes);
    struct node *y = generator_chance(generator, 70) ? append_contract(generator, x, w, 3, axes)
                                                     : append_contract(generator, w, x, 3, axes);
    return append_reshape(
        generator, y, 4,
        (int64_t[]){shape->batch, shape->groups * shape->outer, space[3], space[4]});
}

static struct node *append_image(struct generator *generator, struct convolution *shape) {
    bool narrow = generator_chance(generator, 25);
    if (narrow && shape->groups == 1 && generator_chance(generator, 70))
        shape->inner = 4 * generator_between(generator, 1, 3);
    const int64_t extents[4] = {shape->batch, shape->groups * shape->inner,
                                generator_between(generator, 1, 12),
                                generator_between(generator, 1, 12)};
    return narrow ? append_centred(generator, 4, extents)
                  : append_leaf(generator, DTYPE_FLOAT32, 4, extents);
}

/* The result of an integer convolution quantised again, less a zero point. */
static struct node *requantise(struct generator *generator, struct node *sums) {
    struct node *node = append_cast(generator, sums, DTYPE_FLOAT32);
    node = append_binary(generator, OP_MUL, node, along_axis(generator, node, 1));
    node = append_binary(generator, OP_MUL, node, append_number(generator, 0x1p-8f, node));
    enum dtype dtype = generator_chance(generator, 50) ? DTYPE_UINT8 : DTYPE_INT8;
    node = append_cast(generator, append_unary(generator, OP_ROUND, node), dtype);
    node = append_cast(generator, node, DTYPE_INT32);
    return append_binary(generator, OP_SUB, node, append_zero(generator, dtype, node));
}

static struct node *convolution(struct generator *generator, struct node *image) {
    struct convolution shape = pick_convolution(generator, image ? image->shape[1] : 0);
    if (image)
        shape.batch = image->shape[0];
    else
        image = append_image(generator, &shape);
    if (generator_chance(generator, 40))
        image = border(generator, image, NULL);
    shape.windows = pick_windows(generator, image, 5);
    int64_t positions = positions_of(&shape.windows, 0, image->shape[2]) *
                        positions_of(&shape.windows, 1, image->shape[3]);
    int64_t taps = shape.windows.size[0] * shape.windows.size[1];
    while (shape.outer > 1 && positions * taps * node_elements(image) /
                                      (image->shape[2] * image->shape[3]) * shape.outer >
                                  400000)
        shape.outer /= 2;
    struct node *sums = convolve(generator, image, &shape);
    return sums->dtype == DTYPE_INT32 && generator_chance(generator, 70)
               ? requantise(generator, sums)
               : epilogue(generator, sums, 1);
}

static void template_convolution(struct generator *generator) {
    struct node *node = convolution(generator, NULL);
    bool image = node->rank == 4 && node->shape[1] <= 33;
    if (image && generator_chance(generator, 35))
        node = convolution(generator, node);
    if (node->rank != 4 || node->dtype != DTYPE_FLOAT32 || !generator_chance(generator, 35))
        return;
    /* A classifier's end. */
    int64_t features = node->shape[1] * node->shape[2] * node->shape[3];
    int64_t space[3] = {node->shape[0], generator_pick(generator, columns), features};
    node = append_reshape(generator, node, 3, (int64_t[]){space[0], 1, features});
    node = append_expand(generator, node, space);
    struct node *w = append_leaf(generator, DTYPE_FLOAT32, 2, (int64_t[]){space[1], features});
    w = append_reshape(generator, w, 3, (int64_t[]){1, space[1], features});
    w = append_expand(generator, w, space);
    epilogue(generator, append_contract(generator, node, w, 1, (int[]){2}), 1);
}

/* Few channels out of a long row or a wide image, often by a stride: columns of tiles run along its
 * places. Taps and strides that divide one another and others, in every mix. */
static void template_few_channels(struct generator *generator) {
    struct convolution shape = {.batch = generator_between(generator, 1, 2), .groups = 1};
    shape.inner = generator_between(generator, 1, 8);
    shape.outer = generator_chance(generator, 70) ? 1 : generator_between(generator, 2, 3);
    const int64_t size[2] = {generator_between(generator, 1, 9),
                             generator_between(generator, 60, 250)};
    struct node *image = append_leaf(generator, DTYPE_FLOAT32, 4,
                                     (int64_t[]){shape.batch, size[0], size[1], shape.inner});
    if (generator_chance(generator, 60)) /* as another kernel stores it */
        image = relu(generator, image);
    image = append_permute(generator, image, (int[]){0, 3, 1, 2});
    for (int k = 0; k < 2; k++) {
        int64_t stride = generator_between(generator, 1, k == 0 ? 2 : 4);
        int64_t taps = generator_chance(generator, 60) ? stride * generator_between(generator, 1, 4)
                                                       : generator_between(generator, 1, 12);
        shape.windows.stride[k] = stride;
        shape.windows.size[k] = taps < size[k] ? taps : size[k];
        int64_t reach = 2 * (shape.windows.size[k] - 1);
        shape.windows.dilation[k] = reach < size[k] ? generator_between(generator, 1, 2) : 1;
    }
    epilogue(generator, convolve(generator, image, &shape), 1);
}

/* A product with a weight of 16-bit floats, one too large to be widened before the program is
 * made. */
static void template_narrow_weight(struct generator *generator) {
    static const int64_t widths[] = {8, 200, 257, 437, 512};
    enum { LEAST_ELEMENTS = 1 << 18 };
    enum dtype dtype = generator_chance(generator, 50) ? DTYPE_FLOAT16 : DTYPE_BFLOAT16;
    int64_t rows = generator_between(generator, 1, generator_chance(generator, 60) ? 3 : 13);
    int64_t width = generator_pick(generator, widths);
    int64_t depth = LEAST_ELEMENTS / width + generator_between(generator, 1, 40);
    int64_t space[3] = {rows, width, depth};
    struct node *x = append_leaf(generator, DTYPE_FLOAT32, 2, (int64_t[]){rows, depth});
    x = append_reshape(generator, x, 3, (int64_t[]){rows, 1, depth});
    x = append_expand(generator, x, space);
    bool turned = generator_chance(generator, 50), early = generator_chance(generator, 50);
    struct node *w = append_weight(generator, dtype, 2,
                                   turned ? (int64_t[]){depth, width} : (int64_t[]){width, depth});
    if (early)
        w = append_cast(generator, w, DTYPE_FLOAT32);
    if (turned)
        w = append_permute(generator, w, (int[]){1, 0});
    if (!early)
        w = append_cast(generator, w, DTYPE_FLOAT32);
    w = append_reshape(generator, w, 3, (int64_t[]){1, width, depth});
    w = append_expand(generator, w, space);
    struct node *y = generator_chance(generator, 50)
                         ? append_contract(generator, x, w, 1, (int[]){2})
                         : append_contract(generator, w, x, 1, (int[]){2});
    epilogue(generator, y, 1);
}

static void template_coded_weight(struct generator *generator) {
    epilogue(generator, append_coded_product(generator), 1);
}

/* Softmax, or mean and variance, over the last axis. */
static struct node *repeat_last(struct generator *generator, struct node *node,
                                const struct node *like) {
    int64_t shape[MAX_RANK];
    memcpy(shape, like->shape, sizeof shape);
    shape[like->rank - 1] = 1;
    return append_expand(generator, append_reshape(generator, node, like->rank, shape),
                         like->shape);
}

static void template_normalise(struct generator *generator) {
    int64_t shape[MAX_RANK];
    int rank = pick_shape(generator, 1, 4, generator->most_elements, shape);
    struct node *x = append_leaf(generator, DTYPE_FLOAT32, rank, shape);
    int last[] = {rank - 1};
    bool softmax = generator_chance(generator, 50);
    struct node *center =
        append_reduce(generator, softmax ? OP_REDUCE_MAX : OP_REDUCE_SUM, x, 1, last);
    if (!softmax)
        center = append_binary(generator, OP_MUL, center,
                               append_number(generator, 1.0f / (float)shape[rank - 1], center));
    x = append_binary(generator, OP_SUB, x, repeat_last(generator, center, x));
    struct node *y =
        softmax ? append_unary(generator, OP_EXP, x) : append_binary(generator, OP_MUL, x, x);
    struct node *sum = append_reduce(generator, OP_REDUCE_SUM, y, 1, last);
    if (!softmax)
        sum = append_unary(generator, OP_SQRT, sum);
    struct node *factor = append_unary(generator, OP_RECIP, sum);
    append_binary(generator, OP_MUL, softmax ? y : x, repeat_last(generator, factor, x));
}

/* Comparison of an iota with labels or with another: one-hot vectors and triangles; then a choice.
 */
static void template_mask(struct generator *generator) {
    static const enum op ops[] = {OP_EQ, OP_LT, OP_LE, OP_NE};
    int64_t shape[2] = {generator_between(generator, 1, 20), generator_between(generator, 1, 33)};
    struct node *across =
        append(generator,
               &(struct node){.op = OP_IOTA, .dtype = DTYPE_INT32, .rank = 1, .shape = {shape[1]}});
    struct node *down =
        append(generator,
               &(struct node){.op = OP_IOTA, .dtype = DTYPE_INT32, .rank = 1, .shape = {shape[0]}});
    if (generator_chance(generator, 50))
        down = append_cast(generator, append_leaf(generator, DTYPE_UINT8, 1, shape), DTYPE_INT32);
    across = append_reshape(generator, across, 2, (int64_t[]){1, shape[1]});
    down = append_reshape(generator, down, 2, (int64_t[]){shape[0], 1});
    across = append_expand(generator, across, shape);
    down = append_expand(generator, down, shape);
    struct node *mask = append_binary(generator, generator_pick(generator, ops), across, down);
    struct node *x = append_broadcast(generator, DTYPE_FLOAT32, 2, shape);
    struct node *lowest = append_number(generator, -__builtin_inff(), x);
    append(generator, &(struct node){.op = OP_WHERE,
                                     .source_count = 3,
                                     .sources = (struct node *[]){mask, x, lowest}});
}

/* Rows of a table of that many columns, at positions of that shape. */
static struct node *look_up(struct generator *generator, enum dtype dtype, int64_t width, int rank,
                            const int64_t *shape) {
    int64_t table[2] = {generator_between(generator, 1, 30), width};
    struct node *data = append_leaf(generator, dtype, 2, table);
    struct node *positions = append_positions(generator, table[0], rank, shape);
    return append(generator, &(struct node){.op = OP_GATHER,
                                            .axis = 0,
                                            .source_count = 2,
                                            .sources = (struct node *[]){data, positions}});
}

static void template_embedding(struct generator *generator) {
    int64_t width = generator_pick(generator, columns), shape[MAX_RANK];
    int rank = pick_shape(generator, 0, 2, generator->most_elements / width, shape);
    look_up(generator, pick_dtype(generator, "FIBS"), width, rank, shape);
}

/* Reductions over rows whose elements lie side by side: of the second axis, or the first two. */
static void template_columns(struct generator *generator) {
    static const enum op ops[] = {OP_REDUCE_SUM,  OP_REDUCE_SUM, OP_REDUCE_SUM,
                                  OP_REDUCE_PROD, OP_REDUCE_MAX, OP_REDUCE_MIN};
    int64_t shape[3] = {generator_between(generator, 1, 3), generator_between(generator, 17, 40),
                        generator_between(generator, 16, 70)};
    bool whole = generator_chance(generator, 30), floats = generator_chance(generator, 70);
    enum dtype dtype = floats ? DTYPE_FLOAT32 : pick_dtype(generator, "FI");
    if (shape[0] * shape[1] * shape[2] > generator->most_elements)
        return;
    struct node *x = generator_chance(generator, 40) ? look_up(generator, dtype, shape[2], 2, shape)
                                                     : append_leaf(generator, dtype, 3, shape);
    if (generator_chance(generator, 30))
        x = append_binary(generator, OP_ADD, x, along_axis(generator, x, 1));
    if (dtype == DTYPE_FLOAT32 && generator_chance(generator, 30))
        x = append_unary(generator, OP_EXP, x);
    if (generator_chance(generator, 20))
        x = append_pad(generator, x, (int64_t[]){0, generator_between(generator, 0, 2), 0},
                       (int64_t[]){0, 1, generator_between(generator, 0, 2)}, NULL);
    x = append_reduce(generator, generator_pick(generator, ops), x, whole ? 2 : 1,
                      whole ? (int[]){0, 1} : (int[]){1});
    epilogue(generator, x, x->rank - 1);
}

static void template_movement(struct generator *generator) {
    static const enum op ops[] = {OP_RESHAPE, OP_PERMUTE, OP_RESHAPE, OP_PERMUTE, OP_PAD,
                                  OP_SHRINK,  OP_FLIP,    OP_WINDOW,  OP_EXPAND,  OP_CONCAT};
    append_step(generator, OP_INPUT);
    int64_t length = generator_between(generator, 2, 8);
    for (int64_t i = 0; i < length; i++)
        append_step(generator, generator_pick(generator, ops));
}

static void template_pool(struct generator *generator) {
    int64_t shape[MAX_RANK];
    int rank = pick_shape(generator, 2, 4, generator->most_elements, shape);
    pool(generator, append_leaf(generator, DTYPE_FLOAT32, rank, shape));
}

void append_template(struct generator *generator) {
    static void (*const templates[])(struct generator *) = {
        template_contract,    template_contract,      template_contract,    template_convolution,
        template_convolution, template_few_channels,  template_normalise,   template_mask,
        template_embedding,   template_columns,       template_movement,    template_movement,
        template_pool,        template_narrow_weight, template_coded_weight};
    generator_pick(generator, templates)(generator);
}
