/* Which kernels come out: the model's, those of the same layer written in different ways, and the C
 * text of small graphs as golden files (see golden.h). */
#include "compiler/builder/layers.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "compiler/store/store.h"
#include "tests/support/random_graph.h"

#include "tests/support/golden.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Convolution and pooling with movement alone, as TinyGrad captures them ---- */

static bool by_movement; /* which of the two `convolve` and `pool` write */

static struct tensor convolve(struct tensor x, struct tensor weight, struct tensor bias,
                              struct conv2d_options options) {
    if (!by_movement)
        return conv2d(x, weight, bias, options);
    int64_t groups = options.groups ? options.groups : 1, batch = tensor_extent(x, 0);
    int64_t outputs = tensor_extent(weight, 0), c = tensor_extent(weight, 1);
    int64_t kernel[2] = {tensor_extent(weight, 2), tensor_extent(weight, 3)};
    for (int i = 0; i < 2; i++) {
        options.stride[i] = options.stride[i] ? options.stride[i] : 1;
        options.dilation[i] = options.dilation[i] ? options.dilation[i] : 1;
    }
    x = tensor_pad(x,
                   RANGES({0, 0}, {0, 0}, {options.padding[0], options.padding[0]},
                          {options.padding[1], options.padding[1]}),
                   0);
    x = windows_by_movement(x, kernel, options.stride, options.dilation);
    int64_t h = tensor_extent(x, 2), w = tensor_extent(x, 3);
    x = tensor_reshape(x, SHAPE(batch, groups, c, 1, h, w, kernel[0], kernel[1]));
    x = tensor_expand(x, SHAPE(batch, groups, c, outputs / groups, h, w, kernel[0], kernel[1]));
    x = tensor_permute(x, AXES(0, 1, 3, 4, 5, 2, 6, 7));
    weight =
        tensor_reshape(weight, SHAPE(1, groups, outputs / groups, 1, 1, c, kernel[0], kernel[1]));
    x = tensor_reduce_sum(tensor_mul(x, weight), AXES(5, 6, 7));
    x = tensor_reshape(x, SHAPE(batch, outputs, h, w));
    return is_given(bias) ? tensor_add(x, tensor_reshape(bias, SHAPE(1, -1, 1, 1))) : x;
}

static struct tensor pool(struct tensor x, struct pool2d_options options) {
    if (!by_movement)
        return max_pool2d(x, options);
    int64_t stride[2];
    for (int i = 0; i < 2; i++)
        stride[i] = options.stride[i] ? options.stride[i] : options.kernel[i];
    return tensor_reduce_max(windows_by_movement(x, options.kernel, stride, (int64_t[]){1, 1}),
                             AXES(-2, -1));
}

#define conv2d convolve
#define max_pool2d pool
#include "models/mnist/mnist_model.c"
#undef conv2d
#undef max_pool2d

/* ---- Compiling ---- */

/* Weights hold random elements, which belong to the graph. */
static void bind_weights(struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = graph->nodes[i];
        if (node->op != OP_WEIGHT)
            continue;
        void *value = arena_allocate(&graph->arena, (size_t)node_bytes(node), 1);
        random_elements(1, node->name, node->dtype, node_elements(node), value);
        node->value = value;
    }
}

/* As a captured graph is compiled: a product that is summed becomes a contraction first. The graph
 * is freed. */
static struct compiled *compile_graph_with(struct graph *graph,
                                           const struct compile_options *options) {
    struct et_error error = {0};
    cr_assert_not_null(graph);
    cr_assert(graph_canonicalize(graph, &error), "%s", error.message);
    bind_weights(graph);
    struct compiled *compiled = compile(graph, options, &error);
    cr_assert_not_null(compiled, "%s", error.message);
    graph_free(graph);
    return compiled;
}

static const struct emit_backend *const backends[] = {&emit_loops, &emit_calls};

static struct compiled *compile_graph(struct graph *graph, const struct emit_backend *backend) {
    struct compile_options options = {.backend = backend, .verify = true};
    return compile_graph_with(graph, &options);
}

static struct graph *graph_of(struct tensor y) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    return graph;
}

/* ---- The model ---- */

static struct compiled *compile_model(const struct emit_backend *backend) {
    struct et_error error = {0};
    return compile_graph(mnist_graph(&error), backend);
}

Test(kernels, the_model_is_five_kernels) {
    static const struct {
        const char *name, *output;
    } expected[] = {
        {"k01_contract_relu", "float32[1,32,24,24]"},
        {"k02_contract_relu_pool", "float32[1,32,10,10]"},
        {"k03_contract_relu", "float32[1,64,8,8]"},
        {"k04_contract_relu_pool", "float32[1,64,3,3]"},
        {"k05_contract", "float32[1,10]"},
    };
    for (int b = 0; b < 2; b++) {
        struct compiled *compiled = compile_model(backends[b]);
        cr_expect_eq(compiled->kernel_count, 5);
        for (int i = 0; i < 5 && i < compiled->kernel_count; i++) {
            const char *shape = strchr(compiled->kernels[i].output, ' ');
            cr_expect_str_eq(compiled->kernels[i].name, expected[i].name);
            cr_expect(shape && strcmp(shape + 1, expected[i].output) == 0, "%s stores %s",
                      expected[i].name, compiled->kernels[i].output);
        }
        /* The largest two neighbours: 32 24 24 and 32 10 10 floats, in steps of 64 bytes. */
        cr_expect_eq(compiled->arena_lower_bound, 73728 + 12800);
        cr_expect_eq(compiled->arena_bytes, compiled->arena_lower_bound);
        compiled_free(compiled);
    }
}

/* ---- The same kernels ---- */

static size_t word_at(const char *text) {
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || text[length] == '_')
        length++;
    return length;
}

/* The id in the name of a temporary, a folded constant or its place: tID, folded_ID, AT_folded_ID;
 * NULL: none. */
static const char *id_in_name(const char *name) {
    name += strncmp(name, "AT_", 3) == 0 ? 3 : 0;
    const char *digits = strncmp(name, "folded_", 7) == 0 ? name + 7 : name + (*name == 't');
    return digits > name && isdigit((unsigned char)*digits) ? digits : NULL;
}

/* Without what ids of nodes leave behind: lists of them in comments are cut out, and names that are
 * made of them are numbered as they occur. */
static struct text without_ids(const char *source) {
    int known[256], count = 0;
    struct text text = {0};
    for (const char *at = source; *at;) {
        size_t length = word_at(at);
        const char *id = id_in_name(at);
        if (length == 5 && strncmp(at, "nodes", 5) == 0) {
            text_add(&text, "nodes");
            at += 5 + strspn(at + 5, " 0123456789\n*");
        } else if (id) {
            int place = 0;
            while (place < count && known[place] != atoi(id))
                place++;
            cr_assert_lt(place, 256);
            known[place] = atoi(id);
            count += place == count;
            text_add(&text, "%.*s#%d", (int)(id - at), at, place);
            at = id + strspn(id, "0123456789");
        } else {
            length = length ? length : 1;
            text_add_bytes(&text, at, length);
            at += length;
        }
    }
    return text;
}

static void expect_same_kernels(const struct compiled *one, const struct compiled *other,
                                const char *what) {
    struct text a = without_ids(one->source), b = without_ids(other->source);
    size_t same = 0;
    while (a.bytes[same] && a.bytes[same] == b.bytes[same])
        same++;
    cr_expect_str_eq(a.bytes, b.bytes, "%s:\n%.300s\n--- by movement:\n%.300s", what,
                     a.bytes + same, b.bytes + same);
    text_free(&a);
    text_free(&b);
}

Test(kernels, the_model_by_movement_is_the_same) {
    for (int b = 0; b < 2; b++) {
        by_movement = false;
        struct compiled *windowed = compile_model(backends[b]);
        by_movement = true;
        struct compiled *moved = compile_model(backends[b]);
        expect_same_kernels(windowed, moved, "mnist");
        compiled_free(windowed);
        compiled_free(moved);
    }
}

static const struct convolution {
    int64_t x[4], weight[4];
    struct conv2d_options options;
} convolutions[] = {
    {{1, 3, 8, 8}, {16, 3, 1, 1}, {{0}, {0}, {0}, 0}},
    {{1, 3, 8, 8}, {4, 3, 3, 3}, {{0}, {0}, {0}, 0}},
    {{2, 3, 9, 7}, {4, 3, 5, 5}, {{0}, {0}, {0}, 0}},
    {{1, 1, 28, 28}, {32, 1, 5, 5}, {{0}, {0}, {0}, 0}},
    {{1, 3, 8, 6}, {4, 3, 2, 5}, {{0}, {0}, {0}, 0}},
    {{1, 3, 5, 5}, {4, 3, 5, 5}, {{0}, {0}, {0}, 0}}, /* one position */
    /* strides */
    {{1, 3, 8, 8}, {16, 3, 1, 1}, {{2, 2}, {0}, {0}, 0}},
    {{2, 3, 9, 9}, {4, 3, 3, 3}, {{2, 2}, {0}, {0}, 0}},
    {{1, 3, 16, 15}, {8, 3, 3, 5}, {{3, 2}, {0}, {0}, 0}},
    {{1, 2, 12, 12}, {4, 2, 2, 2}, {{4, 3}, {0}, {0}, 0}},
    {{1, 3, 32, 32}, {16, 3, 4, 4}, {{4, 4}, {0}, {0}, 0}}, /* patches */
    /* dilation */
    {{1, 3, 9, 9}, {4, 3, 3, 3}, {{0}, {2, 2}, {0}, 0}},
    {{1, 3, 12, 13}, {4, 3, 3, 3}, {{2, 1}, {2, 4}, {0}, 0}},
    {{1, 2, 11, 11}, {4, 2, 2, 2}, {{3, 3}, {5, 5}, {0}, 0}},
    /* padding */
    {{1, 3, 8, 8}, {4, 3, 3, 3}, {{0}, {0}, {1, 1}, 0}},
    {{1, 3, 7, 9}, {4, 3, 5, 3}, {{2, 2}, {0}, {2, 1}, 0}},
    {{1, 3, 6, 6}, {4, 3, 3, 3}, {{1, 2}, {2, 1}, {2, 0}, 0}},
    /* groups */
    {{1, 4, 8, 8}, {6, 2, 3, 3}, {{0}, {0}, {0}, 2}},
    {{1, 8, 8, 8}, {8, 1, 3, 3}, {{0}, {0}, {1, 1}, 8}}, /* depthwise */
    {{2, 6, 9, 9}, {48, 2, 3, 3}, {{2, 2}, {1, 2}, {1, 1}, 3}},
};

static struct compiled *compile_convolution(const struct convolution *row, bool constant,
                                            const struct emit_backend *backend) {
    struct tensor_context *context = tensor_context_new("convolution");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, 4, row->x);
    struct tensor weight = constant
                               ? add_weight(context, "weight", DTYPE_FLOAT32, 4, row->weight)
                               : add_graph_input(context, "weight", DTYPE_FLOAT32, 4, row->weight);
    struct tensor bias = add_weight(context, "bias", DTYPE_FLOAT32, SHAPE(row->weight[0]));
    return compile_graph(graph_of(relu(convolve(x, weight, bias, row->options))), backend);
}

Test(kernels, convolutions_by_movement_are_the_same, .timeout = 60) {
    for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++)
        for (int k = 0; k < 4; k++) {
            char what[32];
            snprintf(what, sizeof what, "row %zu", i);
            const struct emit_backend *backend = k & 1 ? &emit_calls : &emit_loops;
            by_movement = false;
            struct compiled *windowed = compile_convolution(&convolutions[i], k & 2, backend);
            by_movement = true;
            struct compiled *moved = compile_convolution(&convolutions[i], k & 2, backend);
            expect_same_kernels(windowed, moved, what);
            compiled_free(windowed);
            compiled_free(moved);
        }
}

/* Padding apart, a convolution is one kernel; where the weights have few columns, which are two
 * vectors of them, the image may have the columns, and is packed first. */
enum { FEW_COLUMNS = 32 };
Test(kernels, convolutions_are_one_kernel) {
    by_movement = true;
    for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++) {
        const struct convolution *row = &convolutions[i];
        struct compiled *compiled = compile_convolution(row, true, &emit_loops);
        bool padded = row->options.padding[0] || row->options.padding[1];
        int groups = row->options.groups ? (int)row->options.groups : 1;
        bool packed = compiled->kernel_count == 2 + padded &&
                      strcmp(strchr(compiled->kernels[padded].name, '_'), "_pack") == 0;
        cr_expect(compiled->kernel_count == 1 + padded ||
                      (packed && row->weight[0] / groups <= FEW_COLUMNS),
                  "row %zu: %d kernels, %s, %s", i, compiled->kernel_count,
                  compiled->kernels[0].name, compiled->kernels[1].name);
        compiled_free(compiled);
    }
}

static const struct pooling {
    int64_t x[4];
    struct pool2d_options options;
} poolings[] = {
    {{1, 2, 8, 8}, {.kernel = {2, 2}}},
    {{1, 2, 9, 9}, {.kernel = {3, 3}}},
    {{2, 3, 9, 8}, {.kernel = {3, 2}, .stride = {2, 2}}},
    {{1, 2, 10, 10}, {.kernel = {2, 2}, .stride = {3, 4}}},
    {{1, 2, 7, 7}, {.kernel = {7, 7}}},
    {{1, 2, 7, 7}, {.kernel = {1, 1}}},
};

Test(kernels, poolings_by_movement_are_the_same) {
    for (size_t i = 0; i < sizeof poolings / sizeof *poolings; i++) {
        struct compiled *compiled[2];
        char what[32];
        snprintf(what, sizeof what, "row %zu", i);
        for (int k = 0; k < 2; k++) {
            struct tensor_context *context = tensor_context_new("pooling");
            by_movement = k;
            struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, 4, poolings[i].x);
            compiled[k] = compile_graph(graph_of(pool(x, poolings[i].options)), &emit_loops);
        }
        expect_same_kernels(compiled[0], compiled[1], what);
        compiled_free(compiled[0]);
        compiled_free(compiled[1]);
    }
}

/* ---- Golden files ---- */

static struct tensor input(struct tensor_context *context, const char *name, int rank,
                           const int64_t *shape) {
    return add_graph_input(context, name, DTYPE_FLOAT32, rank, shape);
}

static struct tensor weight(struct tensor_context *context, const char *name, int rank,
                            const int64_t *shape) {
    return add_weight(context, name, DTYPE_FLOAT32, rank, shape);
}

static struct tensor build_mlp(struct tensor_context *c) {
    struct tensor x = input(c, "x", SHAPE(4, 64));
    x = relu(linear(x, weight(c, "0.weight", SHAPE(48, 64)), weight(c, "0.bias", SHAPE(48))));
    return linear(x, weight(c, "1.weight", SHAPE(10, 48)), weight(c, "1.bias", SHAPE(10)));
}

/* A weight of 16 bits that tiles widen. */
static struct tensor build_narrow(struct tensor_context *c) {
    struct tensor narrow = add_weight(c, "weight", DTYPE_FLOAT16, SHAPE(1200, 900));
    return relu(linear(input(c, "x", SHAPE(1, 900)), tensor_cast(narrow, DTYPE_FLOAT32),
                       weight(c, "bias", SHAPE(1200))));
}

/* 8-bit integers less a zero point, by an int8 weight, and quantised again. */
static struct tensor build_bytes(struct tensor_context *c) {
    struct tensor x = add_graph_input(c, "x", DTYPE_UINT8, SHAPE(4, 64));
    struct tensor w = add_weight(c, "weight", DTYPE_INT8, SHAPE(64, 48));
    x = tensor_cast(x, DTYPE_INT32);
    x = tensor_sub(x, scalar_like(x, 3));
    struct tensor y = tensor_add(matmul(x, tensor_cast(w, DTYPE_INT32)),
                                 add_weight(c, "bias", DTYPE_INT32, SHAPE(48)));
    y = tensor_mul(tensor_cast(y, DTYPE_FLOAT32), weight(c, "scale", SHAPE(48)));
    return tensor_cast(tensor_round(y), DTYPE_UINT8);
}

/* Channels of 8-bit integers, innermost, each convolved by itself. */
static struct tensor build_bytes_lanes(struct tensor_context *c) {
    struct tensor x = add_graph_input(c, "x", DTYPE_UINT8, SHAPE(1, 8, 8, 48));
    struct tensor w = add_weight(c, "weight", DTYPE_INT8, SHAPE(48, 1, 3, 3));
    x = tensor_permute(tensor_cast(x, DTYPE_INT32), AXES(0, 3, 1, 2));
    struct tensor y =
        conv2d(x, tensor_cast(w, DTYPE_INT32), NO_TENSOR, (struct conv2d_options){.groups = 48});
    y = tensor_mul(tensor_cast(y, DTYPE_FLOAT32), weight(c, "scale", SHAPE(48, 1, 1)));
    return tensor_permute(tensor_cast(tensor_round(y), DTYPE_UINT8), AXES(0, 2, 3, 1));
}

/* Codes of 4 bits, less 8. */
static struct tensor differences(struct tensor_context *c) {
    static const uint8_t shifts[] = {0, 4};
    struct tensor bytes = add_weight(c, "codes", DTYPE_UINT8, SHAPE(72, 4, 16, 1));
    struct tensor shift = tensor_const(c, DTYPE_UINT8, SHAPE(2), 2, shifts);
    struct tensor codes = tensor_and(tensor_shr(bytes, shift), scalar_like(bytes, 15));
    codes = tensor_reshape(tensor_cast(codes, DTYPE_FLOAT32), SHAPE(72, 4, 32));
    return tensor_sub(codes, scalar(c, 8));
}

/* Sums over blocks of codes, which are scaled and added up. */
static struct tensor build_block_sums(struct tensor_context *c) {
    struct tensor x = tensor_reshape(input(c, "x", SHAPE(1, 128)), SHAPE(1, 1, 4, 32));
    struct tensor scales = tensor_reshape(
        tensor_cast(add_weight(c, "scale", DTYPE_FLOAT16, SHAPE(72, 4)), DTYPE_FLOAT32),
        SHAPE(1, 72, 4));
    struct tensor sums = tensor_contract(x, differences(c), AXES(-1));
    return tensor_add(tensor_contract(sums, scales, AXES(-1)), weight(c, "bias", SHAPE(72)));
}

/* The same times an input, which tiles that decode prefetch for the kernel behind them. */
static struct tensor build_awaited(struct tensor_context *c) {
    return matmul(build_block_sums(c), transpose(input(c, "keys", SHAPE(320, 72)), 0, 1));
}

/* A weight of 4 bits that tiles decode. */
static struct tensor build_codes(struct tensor_context *c) {
    struct tensor codes = tensor_mul(differences(c), weight(c, "scale", SHAPE(72, 4, 1)));
    return linear(input(c, "x", SHAPE(1, 128)), tensor_reshape(codes, SHAPE(72, 128)),
                  weight(c, "bias", SHAPE(72)));
}

/* For any number of rows. */
static struct tensor build_batch(struct tensor_context *c) {
    struct tensor x = input(c, "x", SHAPE(BATCH, 64));
    return relu(linear(x, weight(c, "weight", SHAPE(48, 64)), weight(c, "bias", SHAPE(48))));
}

static struct tensor build_conv_relu(struct tensor_context *c) {
    return relu(conv2d(input(c, "x", SHAPE(1, 3, 12, 12)), weight(c, "weight", SHAPE(8, 3, 3, 3)),
                       weight(c, "bias", SHAPE(8)), (struct conv2d_options){.padding = {1, 1}}));
}

static struct tensor build_softmax(struct tensor_context *c) {
    return softmax(input(c, "x", SHAPE(5, 100)), -1);
}

/* So many rows that they go through one by one. */
static struct tensor build_softmax_rows(struct tensor_context *c) {
    return softmax(input(c, "x", SHAPE(60, 100)), -1);
}

/* So many that sixteen threads of a GPU have one, and keep it in registers. */
static struct tensor build_softmax_registers(struct tensor_context *c) {
    return softmax(input(c, "x", SHAPE(5000, 64)), -1);
}

/* As many, which a block brings into shared memory, with the weights. */
static struct tensor build_layer_norm_staged(struct tensor_context *c) {
    return layer_norm(input(c, "x", SHAPE(5000, 64)), AXES(-1), 1e-5,
                      weight(c, "weight", SHAPE(64)), weight(c, "bias", SHAPE(64)));
}

static struct tensor build_layer_norm(struct tensor_context *c) {
    return layer_norm(input(c, "x", SHAPE(6, 40)), AXES(-1), 1e-5, weight(c, "weight", SHAPE(40)),
                      weight(c, "bias", SHAPE(40)));
}

static struct tensor build_embedding(struct tensor_context *c) {
    return embedding(weight(c, "table", SHAPE(50, 8)),
                     add_graph_input(c, "positions", DTYPE_INT32, SHAPE(2, 7)));
}

static struct tensor build_embedding_mean(struct tensor_context *c) {
    return mean(embedding(weight(c, "table", SHAPE(50, 40)),
                          add_graph_input(c, "positions", DTYPE_INT32, SHAPE(2, 20))),
                AXES(1), false);
}

static struct tensor build_concat(struct tensor_context *c) {
    struct tensor x = input(c, "x", SHAPE(3, 4)), y = input(c, "y", SHAPE(3, 2));
    return tensor_concat(TENSORS(x, tensor_neg(y), x), 1);
}

static struct tensor build_integers(struct tensor_context *c) {
    struct tensor x = add_graph_input(c, "x", DTYPE_INT32, SHAPE(30));
    struct tensor y = add_graph_input(c, "y", DTYPE_INT32, SHAPE(30));
    struct tensor sum = tensor_add(tensor_mul(x, x), tensor_shr(y, scalar_like(y, 3)));
    return tensor_reduce_sum(tensor_cast(tensor_mod(tensor_div(sum, y), x), DTYPE_INT64), AXES(0));
}

/* A row of 40 seen four at a time, every second, and the input transform of F(2,3) of each. */
static struct tensor build_transform(struct tensor_context *c) {
    struct tensor x = tensor_window(tensor_exp(input(c, "x", SHAPE(8, 40))), 1, 4, 2, 1), slice[4];
    for (int i = 0; i < 4; i++)
        slice[i] = tensor_shrink(x, RANGES({0, 8}, {0, 19}, {i, i + 1}));
    return tensor_concat(TENSORS(tensor_sub(slice[0], slice[2]), tensor_add(slice[1], slice[2]),
                                 tensor_sub(slice[2], slice[1]), tensor_sub(slice[3], slice[1])),
                         2);
}

/* Until all elements are positive. */
static struct tensor ending_scan(struct tensor_context *c, bool last) {
    struct tensor xs = input(c, "xs", SHAPE(6, 16));
    struct tensor_context *body = tensor_context_new("body");
    struct tensor state = input(body, "h", SHAPE(16)), x = input(body, "x", SHAPE(16));
    struct tensor next = tensor_add(state, x);
    struct tensor least = tensor_reduce_min(next, ALL_AXES);
    return tensor_scan(&(struct scan_options){.initial = input(c, "h", SHAPE(16)),
                                              .scanned_count = 1,
                                              .scanned = &xs,
                                              .next = next,
                                              .goes_on = tensor_lt(least, scalar(body, 0)),
                                              .last = last});
}

static struct tensor build_ending_scan(struct tensor_context *c) {
    return ending_scan(c, false);
}

static struct tensor build_last_of_scan(struct tensor_context *c) {
    return ending_scan(c, true);
}

/* h = tanh(W h + x) over six steps of three sequences. */
static struct tensor build_scan(struct tensor_context *c) {
    struct tensor_context *body = tensor_context_new("cell");
    struct tensor h = input(body, "h", SHAPE(3, 16)), x = input(body, "x", SHAPE(3, 16));
    struct tensor w = input(body, "w", SHAPE(16, 16));
    struct tensor xs = input(c, "xs", SHAPE(6, 3, 16));
    struct tensor captured = weight(c, "weight", SHAPE(16, 16));
    return tensor_scan(
        &(struct scan_options){.initial = input(c, "h", SHAPE(3, 16)),
                               .scanned_count = 1,
                               .scanned = &xs,
                               .captured_count = 1,
                               .captured = &captured,
                               .next = tensor_tanh(tensor_add(linear(h, w, NO_TENSOR), x))});
}

/* Each element becomes two by two, whose columns lie between one another. */
static struct tensor build_interleaved(struct tensor_context *c) {
    return conv_transpose(input(c, "x", SHAPE(1, 16, 4, 32)), weight(c, "w", SHAPE(16, 3, 2, 2)),
                          NO_TENSOR,
                          (struct conv_transpose_options){.stride = {2, 2}, .dilation = {1, 1}});
}

/* The greatest first, and rows of a table that some of them are added to. */
static struct tensor build_order(struct tensor_context *c) {
    struct tensor x = input(c, "x", SHAPE(40)), table = input(c, "table", SHAPE(8, 5));
    struct tensor order = tensor_argsort(tensor_neg(x), 0);
    struct tensor p = add_graph_input(c, "p", DTYPE_INT64, SHAPE(40, 1));
    struct tensor rows =
        tensor_expand(tensor_reshape(tensor_gather(x, 0, order), SHAPE(40, 1)), SHAPE(40, 5));
    return tensor_scatter_add(table, 0, p, rows);
}

static const struct golden {
    const char *file; /* in tests/golden */
    struct tensor (*build)(struct tensor_context *context);
    const struct emit_backend *backend;
    bool whole;  /* the whole file, not only its kernels */
    int threads; /* that share even the shortest kernels */
} goldens[] = {
    {"mlp.c", build_mlp, &emit_loops, true, 1},
    {"mlp_calls.c", build_mlp, &emit_calls, true, 1},
    {"batch.c", build_batch, &emit_loops, true, 1},
    {"batch_calls.c", build_batch, &emit_calls, true, 1},
    {"batch_threads.c", build_batch, &emit_loops, true, 3},
    {"narrow.c", build_narrow, &emit_loops, true, 1},
    {"narrow_calls.c", build_narrow, &emit_calls, false, 1},
    {"bytes.c", build_bytes, &emit_loops, true, 1},
    {"bytes_calls.c", build_bytes, &emit_calls, false, 1},
    {"bytes_lanes.c", build_bytes_lanes, &emit_loops, false, 1},
    {"bytes_lanes_calls.c", build_bytes_lanes, &emit_calls, false, 1},
    {"codes.c", build_codes, &emit_loops, true, 1},
    {"codes_calls.c", build_codes, &emit_calls, false, 1},
    {"block_sums.c", build_block_sums, &emit_loops, true, 1},
    {"block_sums_calls.c", build_block_sums, &emit_calls, false, 1},
    {"awaited.c", build_awaited, &emit_loops, false, 1},
    {"awaited_calls.c", build_awaited, &emit_calls, false, 1},
    {"conv_relu.c", build_conv_relu, &emit_loops, false, 1},
    {"conv_relu_calls.c", build_conv_relu, &emit_calls, false, 1},
    {"softmax.c", build_softmax, &emit_loops, false, 1},
    {"softmax_calls.c", build_softmax, &emit_calls, false, 1},
    {"softmax_rows.c", build_softmax_rows, &emit_loops, false, 1},
    {"softmax_rows_threads.c", build_softmax_rows, &emit_loops, false, 2},
    {"softmax_rows_calls.c", build_softmax_rows, &emit_calls, false, 1},
    {"softmax_rows_threads_calls.c", build_softmax_rows, &emit_calls, false, 2},
    {"layer_norm.c", build_layer_norm, &emit_loops, false, 1},
    {"layer_norm_calls.c", build_layer_norm, &emit_calls, false, 1},
    {"embedding.c", build_embedding, &emit_loops, false, 1},
    {"embedding_mean.c", build_embedding_mean, &emit_loops, false, 1},
    {"concat.c", build_concat, &emit_loops, false, 1},
    {"transform.c", build_transform, &emit_loops, false, 1},
    {"transform_calls.c", build_transform, &emit_calls, false, 1},
    {"integers.c", build_integers, &emit_loops, false, 1},
    {"integers_calls.c", build_integers, &emit_calls, false, 1},
    {"softmax_threads.c", build_softmax, &emit_loops, true, 2},
    {"softmax_threads_calls.c", build_softmax, &emit_calls, true, 2},
    {"scan.c", build_scan, &emit_loops, false, 1},
    {"scan_calls.c", build_scan, &emit_calls, true, 1},
    {"scan_threads.c", build_scan, &emit_loops, false, 2},
    {"ending_scan.c", build_ending_scan, &emit_loops, false, 1},
    {"last_of_scan.c", build_last_of_scan, &emit_loops, false, 1},
    {"interleaved.c", build_interleaved, &emit_loops, false, 1},
    {"order.c", build_order, &emit_loops, true, 1},
    {"order_calls.c", build_order, &emit_calls, true, 1},
    {"order_threads.c", build_order, &emit_loops, false, 2},
    {"mlp_threads.c", build_mlp, &emit_loops, false, 3},
    {"transform_threads.c", build_transform, &emit_loops, false, 2},
    {"conv_relu_threads.c", build_conv_relu, &emit_loops, false, 3},
    {"conv_relu_threads_calls.c", build_conv_relu, &emit_calls, false, 3},
    {"mlp.cu", build_mlp, &emit_cuda, true, 1},
    {"conv_relu.cu", build_conv_relu, &emit_cuda, false, 1},
    {"softmax.cu", build_softmax, &emit_cuda, false, 1},
    {"softmax_registers.cu", build_softmax_registers, &emit_cuda, false, 1},
    {"layer_norm_staged.cu", build_layer_norm_staged, &emit_cuda, false, 1},
    {"concat.cu", build_concat, &emit_cuda, false, 1},
    {"integers.cu", build_integers, &emit_cuda, false, 1},
    {"scan.cu", build_scan, &emit_cuda, true, 1},
    {"ending_scan.cu", build_ending_scan, &emit_cuda, false, 1},
    {"order.cu", build_order, &emit_cuda, false, 1},
};

Test(kernels, c_text_is_golden) {
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        struct tensor_context *context = tensor_context_new("golden");
        struct compile_options options = {.backend = goldens[i].backend,
                                          .verify = true,
                                          .threads = goldens[i].threads,
                                          .pool = true,
                                          .least_cycles = 1};
        struct compiled *compiled =
            compile_graph_with(graph_of(goldens[i].build(context)), &options);
        struct text text = {0};
        char path[64];
        snprintf(path, sizeof path, "tests/golden/%s", goldens[i].file);
        for (int k = 0; !goldens[i].whole && k < compiled->kernel_count; k++)
            text_add(&text, "%s%s", k ? "\n" : "", compiled->kernels[k].source);
        expect_golden(path, goldens[i].whole ? compiled->source : text.bytes);
        text_free(&text);
        compiled_free(compiled);
    }
}
