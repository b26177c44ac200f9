#include "tests/support/narrow_graphs.h"

#include <stdio.h>

#include "compiler/builder/layers.h"

/* ---- 8-bit integers less their zero points ---- */

/* In int32. */
static struct tensor centred(struct tensor x, int zero) {
    x = tensor_cast(x, DTYPE_INT32);
    return zero ? tensor_sub(x, scalar_like(x, zero)) : x;
}

/* Sums by a scale, as 8-bit integers again. */
static struct tensor requantised(struct tensor sums, enum dtype dtype) {
    struct tensor y = tensor_cast(sums, DTYPE_FLOAT32);
    return tensor_cast(tensor_round(tensor_mul(y, scalar_like(y, 0x1p-9))), dtype);
}

struct graph *byte_products(struct tensor_context *context, struct et_error *error) {
    struct tensor u = add_graph_input(context, "u", DTYPE_UINT8, SHAPE(29, 68));
    struct tensor s = add_graph_input(context, "s", DTYPE_INT8, SHAPE(29, 68));
    struct tensor zero = add_graph_input(context, "zero", DTYPE_UINT8, SHAPE(1));
    struct tensor w = add_weight(context, "w", DTYPE_INT8, SHAPE(68, 45));
    struct tensor v = add_weight(context, "v", DTYPE_UINT8, SHAPE(68, 45));
    struct tensor few = add_weight(context, "few", DTYPE_INT8, SHAPE(67, 45));
    struct tensor columns = add_weight(context, "columns", DTYPE_INT8, SHAPE(1, 45));
    struct tensor other = add_graph_input(context, "other", DTYPE_UINT8, SHAPE(68, 33));
    struct tensor dynamic = tensor_sub(centred(u, 0), tensor_cast(zero, DTYPE_INT32));
    struct tensor varies = tensor_sub(centred(w, 0), tensor_cast(columns, DTYPE_INT32));
    struct tensor odd = tensor_shrink(u, RANGES({0, 29}, {0, 67}));
    struct tensor left = transpose(tensor_sub(centred(v, 0), tensor_cast(zero, DTYPE_INT32)), 0, 1);
    struct tensor rows = tensor_reshape(centred(u, 5), SHAPE(29, 1, 68, 1));
    struct tensor filters = tensor_reshape(transpose(centred(w, 0), 0, 1), SHAPE(1, 45, 68, 1));
    return compile_to_graph(
        context,
        OUTPUTS(
            {"u w", matmul(centred(u, 0), centred(w, 0))},
            {"s w", matmul(centred(s, -3), centred(w, 0))},
            {"u v", matmul(centred(u, 5), centred(v, 0))},
            {"s v", matmul(centred(s, 7), centred(v, 120))},
            {"transposed", matmul(transpose(centred(v, 0), 0, 1), transpose(centred(s, 1), 0, 1))},
            {"dynamic w", matmul(dynamic, centred(w, 0))},
            {"dynamic v", matmul(dynamic, centred(v, 3))},
            {"computed", matmul(centred(u, 9), centred(other, 128))},
            {"both",
             matmul(dynamic, tensor_sub(centred(other, 0), tensor_cast(zero, DTYPE_INT32)))},
            {"dynamic left", matmul(left, centred(other, 9))},
            {"far", matmul(centred(s, INT32_MAX), centred(w, 0))},
            {"repeated", tensor_contract(tensor_expand(rows, SHAPE(29, 45, 68, 3)),
                                         tensor_expand(filters, SHAPE(29, 45, 68, 3)), AXES(2, 3))},
            {"varies", matmul(centred(s, 2), varies)},
            {"few", matmul(centred(odd, 2), centred(few, 0))},
            {"chain", requantised(matmul(centred(u, 5), centred(w, 0)), DTYPE_INT8)}),
        error);
}

struct graph *byte_convolutions(struct tensor_context *context, struct et_error *error) {
    struct conv_options options = {
        .stride = {1, 1}, .dilation = {1, 1}, .padding = {{1, 1}, {1, 1}}};
    struct tensor x = add_graph_input(context, "x", DTYPE_UINT8, SHAPE(2, 3, 9, 11));
    struct tensor image = add_graph_input(context, "image", DTYPE_INT8, SHAPE(1, 8, 9, 11));
    struct tensor first = add_weight(context, "first", DTYPE_INT8, SHAPE(24, 3, 3, 3));
    struct tensor second = add_weight(context, "second", DTYPE_INT8, SHAPE(17, 24, 3, 3));
    struct tensor third = add_weight(context, "third", DTYPE_UINT8, SHAPE(32, 8, 3, 3));
    struct tensor deep = add_weight(context, "deep", DTYPE_INT8, SHAPE(24, 1, 3, 3));
    struct tensor bias = add_weight(context, "bias", DTYPE_INT32, SHAPE(24));
    struct tensor y =
        requantised(conv(centred(x, 77), centred(first, 0), bias, options), DTYPE_UINT8);
    struct tensor z = conv(centred(y, 3), centred(second, 0), NO_TENSOR, options);
    struct tensor signs =
        requantised(conv(centred(image, -7), centred(third, 128), NO_TENSOR, options), DTYPE_INT8);
    options.groups = 4;
    options.stride[0] = options.stride[1] = 2;
    struct tensor parts = add_weight(context, "parts", DTYPE_INT8, SHAPE(64, 8, 3, 3));
    struct tensor groups = conv(centred(signs, 1), centred(parts, 0), NO_TENSOR, options);
    options.groups = 24;
    struct tensor each = conv(centred(y, 3), centred(deep, 0), bias, options);
    return compile_to_graph(
        context, OUTPUTS({"y", y}, {"z", z}, {"signs", signs}, {"groups", groups}, {"each", each}),
        error);
}

enum { CHANNELS = 24, MOST_FACTOR = INT32_MAX / CHANNELS };

/* A constant for each channel of 8 x 10 sums, of numbers from -24 to 22, or of magnitudes; as
 * integers, by a factor. */
static struct tensor of_channels(struct tensor_context *context, enum dtype dtype, bool is_signed,
                                 int factor) {
    int32_t integers[CHANNELS];
    float numbers[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) {
        integers[i] = 2 * ((7 * i) % CHANNELS) - CHANNELS;
        integers[i] = integers[i] < 0 && !is_signed ? -integers[i] : integers[i];
        numbers[i] = (float)integers[i] * 0x1p-2f;
        integers[i] *= factor;
    }
    const void *elements = dtype == DTYPE_INT32 ? (const void *)integers : numbers;
    struct tensor each = tensor_const(context, dtype, SHAPE(1, CHANNELS, 1, 1), CHANNELS, elements);
    return tensor_expand(each, SHAPE(1, CHANNELS, 8, 10));
}

/* The greatest of 2 x 2 of such sums, each scaled and rounded before. */
static struct tensor pooled(struct tensor sums, struct tensor scale, bool is_limited,
                            enum dtype dtype) {
    struct tensor y = tensor_cast(sums, DTYPE_FLOAT32);
    y = tensor_mul(y, scalar_like(y, 0x1p-10));
    y = tensor_mul(is_limited ? relu(y) : y, scale);
    struct pool2d_options options = {.kernel = {2, 2}, .stride = {2, 2}};
    return max_pool2d(tensor_cast(tensor_round(y), dtype), options);
}

/* By filters of its own, so that no sums are stored; with biases of few bits, or of all. */
static struct tensor biased(struct tensor_context *context, struct tensor x, const char *name,
                            int factor) {
    struct conv_options options = {.stride = {1, 1}, .dilation = {1, 1}};
    struct tensor filters = add_weight(context, name, DTYPE_INT8, SHAPE(CHANNELS, 8, 3, 3));
    struct tensor sums = conv(centred(x, 99), centred(filters, 0), NO_TENSOR, options);
    return tensor_add(sums, of_channels(context, DTYPE_INT32, true, factor));
}

struct graph *byte_pools(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_UINT8, SHAPE(1, 8, 10, 12));
    struct tensor rising = biased(context, x, "rising", 1);
    struct tensor limited = biased(context, x, "limited", 1);
    struct tensor falling = biased(context, x, "falling", 1);
    struct tensor below = biased(context, x, "below", 1);
    struct tensor wrapping = biased(context, x, "wrapping", MOST_FACTOR);
    struct tensor scale = of_channels(context, DTYPE_FLOAT32, false, 1);
    struct tensor any = of_channels(context, DTYPE_FLOAT32, true, 1);
    return compile_to_graph(context,
                            OUTPUTS({"r", pooled(rising, scale, false, DTYPE_UINT8)},
                                    {"l", pooled(limited, any, true, DTYPE_UINT8)},
                                    {"f", pooled(falling, any, false, DTYPE_UINT8)},
                                    {"b", pooled(below, any, true, DTYPE_INT8)},
                                    {"w", pooled(wrapping, scale, false, DTYPE_UINT8)}),
                            error);
}

/* ---- Weights of 4 and 8 bits by blocks ---- */

/* Bytes (rows, n) as the two codes in each, (rows, 2 n): all lower ones of so many bytes, then all
 * upper ones. */
static struct tensor codes_of(struct tensor bytes, int64_t run) {
    static const uint8_t shifts[] = {0, 4};
    int64_t rows = tensor_extent(bytes, 0), count = tensor_extent(bytes, 1);
    struct tensor shift = tensor_const(bytes.context, DTYPE_UINT8, SHAPE(2, 1), 2, shifts);
    bytes = tensor_shr(tensor_reshape(bytes, SHAPE(rows, count / run, 1, run)), shift);
    bytes = tensor_reshape(tensor_and(bytes, scalar_like(bytes, 15)), SHAPE(rows, 2 * count));
    return tensor_cast(bytes, DTYPE_FLOAT32);
}

/* Sums over blocks of x times (columns, blocks, block) differences, scaled and added up. */
static struct tensor block_sums(struct tensor x, struct tensor differences, struct tensor scales) {
    int64_t rows = tensor_extent(x, 0), columns = tensor_extent(differences, 0);
    int64_t blocks = tensor_extent(differences, 1), block = tensor_extent(differences, 2);
    x = tensor_reshape(x, SHAPE(rows, 1, blocks, block));
    struct tensor sums = tensor_contract(x, differences, AXES(-1));
    return tensor_contract(sums, tensor_reshape(scales, SHAPE(1, columns, blocks)), AXES(-1));
}

/* x times weights of 4 bits by blocks, or of 8; `zeros`: 0, a number; 1, floats; 2, codes; 3, there
 * are none, scales are of 16 bits, and a byte has codes from the halves of its block; 4, the same
 * with offsets of 16 bits; 5, offsets of floats are subtracted. BY_BLOCKS and one of the first
 * four: scales multiply sums over blocks. */
enum { BY_BLOCKS = 10 };
static struct tensor coded_product(struct tensor x, const char *name, int bits, int64_t columns,
                                   int64_t block, int zeros) {
    bool by_blocks = zeros >= BY_BLOCKS;
    zeros %= BY_BLOCKS;
    struct tensor_context *context = x.context;
    int64_t depth = tensor_extent(x, -1), blocks = depth / block;
    char bytes[32], scale[32], zero[32];
    snprintf(bytes, sizeof bytes, "%s.bytes", name);
    snprintf(scale, sizeof scale, "%s.scale", name);
    snprintf(zero, sizeof zero, "%s.zero", name);
    struct tensor w = add_weight(context, bytes, DTYPE_UINT8, SHAPE(columns, depth * bits / 8));
    bool half = zeros == 3 || zeros == 4;
    enum dtype dtype = half ? DTYPE_FLOAT16 : DTYPE_FLOAT32;
    struct tensor scales = add_weight(context, scale, dtype, SHAPE(columns, blocks, 1));
    struct tensor none = scalar(context, (float)(1 << (bits - 1)));
    w = bits == 4 ? codes_of(w, half ? block / 2 : 1) : tensor_cast(w, DTYPE_FLOAT32);
    scales = half ? tensor_cast(scales, DTYPE_FLOAT32) : scales;
    if (zeros == 1 || zeros > 3)
        none = add_weight(context, zero, dtype, SHAPE(columns, blocks, 1));
    if (zeros == 2)
        none = tensor_reshape(
            codes_of(add_weight(context, zero, DTYPE_UINT8, SHAPE(columns, blocks / 2)), 1),
            SHAPE(columns, blocks, 1));
    w = tensor_reshape(w, SHAPE(columns, blocks, block));
    w = zeros >= 3 ? w : tensor_sub(w, none);
    if (by_blocks)
        return block_sums(x, w, scales);
    w = tensor_mul(w, scales);
    if (zeros == 4)
        w = tensor_add(w, tensor_cast(none, DTYPE_FLOAT32));
    if (zeros == 5)
        w = tensor_sub(w, none);
    return linear(x, tensor_reshape(w, SHAPE(columns, depth)), NO_TENSOR);
}

/* x times a weight as K-quantised files have it: blocks of 32 codes, 64 codes of two neighbouring
 * blocks in 32 bytes. The scale of a block and what is subtracted are products, stored as float32.
 */
static struct tensor k_product(struct tensor x, const char *name, int64_t columns) {
    struct tensor_context *context = x.context;
    int64_t depth = tensor_extent(x, -1), pairs = depth / 64;
    char bytes[32], scale[32], offset[32];
    snprintf(bytes, sizeof bytes, "%s.bytes", name);
    snprintf(scale, sizeof scale, "%s.scale", name);
    snprintf(offset, sizeof offset, "%s.offset", name);
    struct tensor w =
        codes_of(add_weight(context, bytes, DTYPE_UINT8, SHAPE(columns, depth / 2)), 32);
    w = tensor_mul(tensor_reshape(w, SHAPE(columns, pairs, 2, 32)),
                   add_weight(context, scale, DTYPE_FLOAT32, SHAPE(columns, pairs, 2, 1)));
    w = tensor_sub(w, add_weight(context, offset, DTYPE_FLOAT32, SHAPE(columns, pairs, 2, 1)));
    return linear(x, tensor_reshape(w, SHAPE(columns, depth)), NO_TENSOR);
}

struct graph *coded_weights(struct tensor_context *context, struct et_error *error) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(14, 256));
    struct tensor row = tensor_shrink(x, RANGES({2, 3}, {0, 256}));
    struct tensor few = tensor_shrink(x, RANGES({0, 3}, {0, 256}));
    return compile_to_graph(context,
                            OUTPUTS({"one", relu(coded_product(row, "a", 4, 200, 32, 0))},
                                    {"listed", coded_product(row, "b", 4, 72, 32, 1)},
                                    {"coded", coded_product(row, "c", 4, 72, 64, 2)},
                                    {"few", coded_product(few, "d", 4, 100, 32, 2)},
                                    {"many", coded_product(x, "e", 4, 88, 128, 1)},
                                    {"one block", coded_product(few, "f", 4, 40, 256, 0)},
                                    {"blocks of 16", coded_product(few, "g", 4, 40, 16, 1)},
                                    {"short blocks", coded_product(few, "h", 4, 40, 8, 0)},
                                    {"few columns", coded_product(few, "i", 4, 5, 32, 1)},
                                    {"bytes", coded_product(row, "j", 8, 200, 32, 0)},
                                    {"bytes, listed", coded_product(row, "k", 8, 72, 16, 1)},
                                    {"bytes, many", coded_product(x, "l", 8, 88, 256, 3)},
                                    {"halves", coded_product(row, "m", 4, 200, 32, 3)},
                                    {"offsets", coded_product(row, "n", 4, 200, 32, 4)},
                                    {"offsets, few", coded_product(few, "o", 4, 72, 32, 5)},
                                    {"offsets of bytes", coded_product(row, "p", 8, 72, 16, 5)},
                                    {"offsets, many", coded_product(x, "q", 8, 88, 256, 4)},
                                    {"K blocks", k_product(row, "r", 72)}),
                            error);
}

struct graph *coded_block_sums(struct tensor_context *context, struct et_error *error) {
    enum { NUMBER = BY_BLOCKS, LISTED, CODED, NONE };
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(14, 256));
    struct tensor row = tensor_shrink(x, RANGES({2, 3}, {0, 256}));
    struct tensor few = tensor_shrink(x, RANGES({0, 3}, {0, 256}));
    struct tensor keys = add_graph_input(context, "keys", DTYPE_FLOAT32, SHAPE(120, 200));
    struct tensor query = coded_product(row, "n", 4, 200, 32, NUMBER);
    return compile_to_graph(context,
                            OUTPUTS({"one", relu(coded_product(row, "a", 4, 200, 32, NUMBER))},
                                    {"listed", coded_product(row, "b", 4, 72, 32, LISTED)},
                                    {"coded", coded_product(row, "c", 4, 72, 64, CODED)},
                                    {"few", coded_product(few, "d", 4, 100, 32, CODED)},
                                    {"many", coded_product(x, "e", 4, 88, 128, LISTED)},
                                    {"one block", coded_product(few, "f", 4, 40, 256, NUMBER)},
                                    {"blocks of 16", coded_product(few, "g", 4, 40, 16, LISTED)},
                                    {"short blocks", coded_product(few, "h", 4, 40, 8, NUMBER)},
                                    {"few columns", coded_product(few, "i", 4, 5, 32, LISTED)},
                                    {"bytes", coded_product(row, "j", 8, 200, 32, NUMBER)},
                                    {"bytes, listed", coded_product(row, "k", 8, 72, 16, LISTED)},
                                    {"bytes, many", coded_product(x, "l", 8, 88, 64, NONE)},
                                    {"halves", coded_product(row, "m", 4, 200, 32, NONE)},
                                    {"awaited keys", matmul(query, transpose(keys, 0, 1))}),
                            error);
}
