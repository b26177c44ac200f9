/* store-weights: which weights it stores in 16 bits or as codes, what they become, and what stays.
 */
#include "compiler/compile.h"
#include "templates/convert.h"
#include "tests/support/rewrite_support.h"

TestSuite(store_weights, .timeout = 120);

static struct rewritten store(const struct graph *graph, enum stored_type type) {
    struct rewrite_options options = {.stored = type};
    return rewrite_with(graph, REWRITE_store_weights, &options);
}

static const struct node *weight_named(const struct graph *graph, const char *name) {
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT && strcmp(graph->nodes[i]->name, name) == 0)
            return graph->nodes[i];
    return NULL;
}

/* ---- What is found ---- */

static struct tensor two_layers(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(3, 6));
    x = relu(
        linear(x, test_weight(context, "w", SHAPE(5, 6)), test_weight(context, "b", SHAPE(5))));
    return linear(x, test_weight(context, "v", SHAPE(4, 5)), NO_TENSOR);
}
static struct tensor convolution(struct tensor_context *context) {
    return conv2d(test_input(context, SHAPE(2, 4, 7, 8)),
                  test_weight(context, "w", SHAPE(6, 2, 1, 3)), NO_TENSOR,
                  (struct conv2d_options){.padding = {1, 1}, .groups = 2});
}
/* One weight, read by two contractions and an addition. */
static struct tensor tied(struct tensor_context *context) {
    struct tensor x = test_input(context, SHAPE(5, 5)), w = test_weight(context, "w", SHAPE(5, 5));
    return tensor_add(matmul(matmul(x, w), transpose(w, 0, 1)), w);
}
static struct tensor joined(struct tensor_context *context) {
    struct tensor w = tensor_concat(
        TENSORS(test_weight(context, "w", SHAPE(6, 2)), test_weight(context, "v", SHAPE(6, 3))), 1);
    return matmul(test_input(context, SHAPE(2, 6)), w);
}
static struct tensor computed(struct tensor_context *context) {
    struct tensor w = tensor_exp(test_weight(context, "w", SHAPE(6, 4)));
    return matmul(test_input(context, SHAPE(2, 6)), w);
}
static struct tensor no_contraction(struct tensor_context *context) {
    return tensor_mul(test_input(context, SHAPE(4, 6)), test_weight(context, "w", SHAPE(4, 6)));
}

static const struct {
    const char *name;
    struct tensor (*make)(struct tensor_context *context);
    int sites, casts;
} cases[] = {
    {"two layers", two_layers, 2, 2},          {"a convolution", convolution, 1, 1},
    {"one weight in many places", tied, 1, 1}, {"joined weights", joined, 2, 2},
    {"a computed weight", computed, 0, 0},     {"no contraction", no_contraction, 0, 0},
};

static void check_case(int number, enum stored_type type, double tolerance) {
    const char *name = cases[number].name;
    enum dtype dtype = type == STORED_float16 ? DTYPE_FLOAT16 : DTYPE_BFLOAT16;
    struct graph *graph = test_graph(cases[number].make(tensor_context_new("stored")));
    struct rewritten found = store(graph, type);
    cr_expect_eq(rewritten_count(&found, REWRITE_store_weights), cases[number].sites, "%s", name);
    cr_expect_eq(count_op(found.graph, OP_CAST), cases[number].casts, "%s", name);
    for (int i = 0; i < found.graph->node_count; i++)
        if (found.graph->nodes[i]->op == OP_CAST)
            cr_expect_eq(found.graph->nodes[i]->sources[0]->dtype, dtype, "%s", name);
    expect_near(graph, found.graph, tolerance, name);
    expect_same_bits(found.graph, "jit", name);
    expect_done(&found, REWRITE_store_weights, &(struct rewrite_options){.stored = type});
    rewritten_free(&found);
    graph_free(graph);
}

Test(store_weights, finds_the_weights_of_contractions) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_case((int)i, STORED_float16, 4e-4);
        check_case((int)i, STORED_bfloat16, 4e-3);
    }
}

/* ---- What they become ---- */

Test(store_weights, rounds_each_number_once) {
    struct graph *graph = test_graph(two_layers(tensor_context_new("rounds")));
    for (int bfloat = 0; bfloat < 2; bfloat++) {
        struct rewritten found = store(graph, bfloat ? STORED_bfloat16 : STORED_float16);
        const struct node *before = weight_named(graph, "w");
        const struct node *after = weight_named(found.graph, bfloat ? "w.bfloat16" : "w.float16");
        cr_assert_not_null(after);
        cr_expect_eq(after->rank, 2);
        cr_expect_null(weight_named(found.graph, "w"));
        for (int i = 0; i < 30; i++) {
            float number = ((const float *)before->value)[i];
            cr_expect_eq(((const uint16_t *)after->value)[i],
                         bfloat ? f32_to_bf16(number) : f32_to_f16(number));
        }
        rewritten_free(&found);
    }
    graph_free(graph);
}

/* What is infinite stays so; what would become infinite stays as it is. */
Test(store_weights, leaves_what_is_too_large) {
    static const struct {
        float number;
        enum stored_type type;
        bool stored;
    } numbers[] = {
        {65519.0f, STORED_float16, true},   {65520.0f, STORED_float16, false},
        {-1e5f, STORED_float16, false},     {INFINITY, STORED_float16, true},
        {NAN, STORED_float16, true},        {1e-30f, STORED_float16, true},
        {65520.0f, STORED_bfloat16, true},  {3.4e38f, STORED_bfloat16, false},
        {-3.38e38f, STORED_bfloat16, true},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct graph *graph = test_graph(two_layers(tensor_context_new("large")));
        ((float *)(uintptr_t)weight_named(graph, "v")->value)[7] = numbers[i].number;
        struct rewritten found = store(graph, numbers[i].type);
        cr_expect_eq(rewritten_count(&found, REWRITE_store_weights), 1 + numbers[i].stored, "%g",
                     (double)numbers[i].number);
        cr_expect_eq(weight_named(found.graph, "v") == NULL, numbers[i].stored, "%g",
                     (double)numbers[i].number);
        expect_same_bits(found.graph, "jit", "large");
        rewritten_free(&found);
        graph_free(graph);
    }
}

/* ---- Codes ---- */

static struct tensor rows_of_sums(struct tensor_context *context) {
    return linear(test_input(context, SHAPE(2, 64)), test_weight(context, "w", SHAPE(40, 64)),
                  test_weight(context, "b", SHAPE(40)));
}
static struct tensor columns_of_sums(struct tensor_context *context) {
    return matmul(test_input(context, SHAPE(1, 64)), test_weight(context, "w", SHAPE(64, 40)));
}
static struct tensor matrices(struct tensor_context *context) {
    return matmul(test_input(context, SHAPE(3, 2, 64)),
                  test_weight(context, "w", SHAPE(3, 64, 40)));
}
/* Also read by something that is no contraction. */
static struct tensor with_embedding(struct tensor_context *context) {
    static const int32_t positions[] = {7, 0};
    struct tensor w = test_weight(context, "w", SHAPE(40, 64));
    struct tensor at = tensor_const(context, DTYPE_INT32, SHAPE(2), 2, positions);
    return linear(tensor_add(test_input(context, SHAPE(2, 64)), embedding(w, at)), w, NO_TENSOR);
}
static struct tensor other_axes(struct tensor_context *context) {
    struct tensor w = test_weight(context, "w", SHAPE(64, 64));
    return matmul(matmul(test_input(context, SHAPE(2, 64)), w), transpose(w, 0, 1));
}
static struct tensor part(struct tensor_context *context) {
    struct tensor w = test_weight(context, "w", SHAPE(40, 128));
    return linear(test_input(context, SHAPE(2, 64)), tensor_shrink(w, RANGES({0, 40}, {64, 128})),
                  NO_TENSOR);
}
static struct tensor pointwise(struct tensor_context *context) {
    return conv2d(test_input(context, SHAPE(1, 64, 3, 5)),
                  test_weight(context, "w", SHAPE(24, 64, 1, 1)), NO_TENSOR,
                  (struct conv2d_options){0});
}
static struct tensor taps(struct tensor_context *context) {
    return conv2d(test_input(context, SHAPE(1, 64, 5, 5)),
                  test_weight(context, "w", SHAPE(24, 64, 3, 1)), NO_TENSOR,
                  (struct conv2d_options){0});
}
static struct tensor ragged(struct tensor_context *context) {
    return linear(test_input(context, SHAPE(2, 72)), test_weight(context, "w", SHAPE(40, 72)),
                  NO_TENSOR);
}

static const struct coded_case {
    const char *name;
    struct tensor (*make)(struct tensor_context *context);
    bool stored, in_tiles;
} coded_cases[] = {
    {"rows", rows_of_sums, true, true},
    {"columns", columns_of_sums, true, true},
    {"several matrices", matrices, true, true},
    {"an embedding, too", with_embedding, true, true},
    {"a pointwise convolution", pointwise, true, false},
    {"sums along both axes", other_axes, false, false},
    {"a part", part, false, false},
    {"several taps", taps, false, false},
    {"no whole blocks", ragged, false, false},
    {"joined weights", joined, false, false},
};

/* Whether what is emitted has that text. */
static bool emits(const struct graph *graph, const char *text) {
    struct et_error error = {0};
    const struct compile_options options = {.target = target_find("avx2")};
    struct compiled *compiled = compile(graph, &options, &error);
    cr_assert_not_null(compiled, "%s", error.message);
    bool found = strstr(compiled->source, text) != NULL;
    compiled_free(compiled);
    return found;
}

static void check_codes(const struct coded_case *one, const struct rewrite_options *options,
                        double tolerance) {
    struct graph *graph = test_graph(one->make(tensor_context_new("coded")));
    struct rewritten found = rewrite_with(graph, REWRITE_store_weights, options);
    cr_expect_eq(rewritten_count(&found, REWRITE_store_weights), one->stored, "%s", one->name);
    if (one->stored) {
        cr_expect_null(weight_named(found.graph, "w"), "%s", one->name);
        cr_expect_eq(emits(found.graph, "coded_tile_"), one->in_tiles, "%s", one->name);
        cr_expect_eq(emits(found.graph, ".half = 1"), one->in_tiles, "%s", one->name);
    }
    expect_near(graph, found.graph, tolerance, one->name);
    expect_same_bits(found.graph, "jit", one->name);
    expect_done(&found, REWRITE_store_weights, options);
    rewritten_free(&found);
    graph_free(graph);
}

Test(store_weights, finds_the_weights_of_linear_layers) {
    for (int i = 0; i < 8; i++) {
        bool eight = i & 1;
        const struct rewrite_options options = {.stored = eight ? STORED_int8 : STORED_int4,
                                                .stored_zeros = i & 2,
                                                .stored_block = i & 4 ? 16 : 0};
        for (size_t k = 0; k < sizeof coded_cases / sizeof *coded_cases; k++)
            check_codes(&coded_cases[k], &options, eight ? 0.01 : 0.16);
    }
}

/* A weight of 40 rows of 64, of numbers around `centre`, stored. */
struct coding {
    struct graph *graph;
    struct rewritten found;
    const float *numbers;
    const struct node *scales;
    const uint8_t *codes, *zeros;
    int block;
};

static struct coding code_rows(const struct rewrite_options *options, float centre) {
    bool eight = options->stored == STORED_int8;
    struct coding coding = {.graph = test_graph(rows_of_sums(tensor_context_new("coded"))),
                            .block = options->stored_block ? options->stored_block : 32};
    float *numbers = (float *)(uintptr_t)weight_named(coding.graph, "w")->value;
    for (int i = 0; i < 40 * 64; i++)
        numbers[i] += centre;
    coding.numbers = numbers;
    coding.found = rewrite_with(coding.graph, REWRITE_store_weights, options);
    const struct graph *after = coding.found.graph;
    coding.codes = weight_named(after, eight ? "w.int8" : "w.int4")->value;
    coding.scales = weight_named(after, "w.scale");
    if (options->stored_zeros)
        coding.zeros = weight_named(after, "w.zero")->value;
    return coding;
}

static void coding_free(struct coding *coding) {
    rewritten_free(&coding->found);
    graph_free(coding->graph);
}

static float scale_of(const struct node *scales, int block) {
    return scales->dtype == DTYPE_FLOAT16 ? f16_to_f32(((const uint16_t *)scales->value)[block])
                                          : ((const float *)scales->value)[block];
}

/* Root mean square over that of the numbers; each is within a step of what it was. */
static double coding_error(const struct coding *coding, bool eight) {
    double errors = 0, sizes = 0;
    for (int i = 0; i < 40 * 64; i++) {
        int code = eight ? coding->codes[i] : coding->codes[i / 2] >> (i % 2 ? 4 : 0) & 15;
        int zero = coding->zeros ? coding->zeros[i / coding->block] : eight ? 128 : 8;
        float scale = scale_of(coding->scales, i / coding->block);
        double off = (double)((float)(code - zero) * scale) - (double)coding->numbers[i];
        cr_expect_leq(fabs(off), (double)fabsf(scale), "%d: %g", i, off);
        errors += off * off;
        sizes += (double)coding->numbers[i] * (double)coding->numbers[i];
    }
    return sqrt(errors / sizes);
}

Test(store_weights, codes_are_near_the_numbers) {
    for (int i = 0; i < 4; i++) {
        bool eight = i & 1, small = i & 2;
        struct rewrite_options options = {.stored = eight ? STORED_int8 : STORED_int4,
                                          .stored_block = small ? 16 : 0};
        struct coding around = code_rows(&options, 0), aside = code_rows(&options, 1);
        options.stored_zeros = true;
        struct coding beside = code_rows(&options, 0.75f);
        cr_expect_lt(coding_error(&around, eight), eight ? 0.006 : 0.09);
        cr_expect_lt(coding_error(&beside, eight), eight ? 0.003 : 0.05);
        cr_expect_lt(coding_error(&beside, eight), coding_error(&aside, eight));
        coding_free(&around);
        coding_free(&aside);
        coding_free(&beside);
    }
}

/* A block whose scale float16 does not have gives all of the weight's float32, up to where the
 * scale is off by at most half a step of the codes. */
Test(store_weights, scales_are_float16_where_they_can) {
    static const struct {
        float greatest, others;
        enum dtype scale;
    } blocks[] = {{1, 0.5f, DTYPE_FLOAT16},         {0, 0, DTYPE_FLOAT16},
                  {0x1p-14f, 0, DTYPE_FLOAT16},     {0x1p-15f, 0, DTYPE_FLOAT32},
                  {8 * 65000.0f, 0, DTYPE_FLOAT16}, {-8 * 65600.0f, 0, DTYPE_FLOAT32},
                  {1e-30f, 1e-31f, DTYPE_FLOAT32}};
    const struct rewrite_options options = {.stored = STORED_int4};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        struct graph *graph = test_graph(rows_of_sums(tensor_context_new("scales")));
        float *elements = (float *)(uintptr_t)weight_named(graph, "w")->value;
        for (int k = 0; k < 32; k++)
            elements[32 * 9 + k] = k ? blocks[i].others : blocks[i].greatest;
        struct rewritten found = rewrite_with(graph, REWRITE_store_weights, &options);
        const struct node *scales = weight_named(found.graph, "w.scale");
        const double greatest = (double)blocks[i].greatest;
        cr_expect_eq(scales->dtype, blocks[i].scale, "%g", greatest);
        cr_expect_eq(emits(found.graph, ".half = 1"), blocks[i].scale == DTYPE_FLOAT16, "%g",
                     greatest);
        cr_expect_float_eq((double)fabsf(scale_of(scales, 9)), fabs(greatest) / 8,
                           fabs(greatest) / 8 / 7 + 1e-40, "%g", greatest);
        expect_same_bits(found.graph, "jit", "scales");
        rewritten_free(&found);
        graph_free(graph);
    }
}

/* As in files of ONNX. */
Test(store_weights, codes_of_weights_at_odd_addresses) {
    const struct rewrite_options options = {.stored = STORED_int4};
    struct graph *graph = test_graph(columns_of_sums(tensor_context_new("odd")));
    struct node *weight = (struct node *)(uintptr_t)weight_named(graph, "w");
    struct digest digests[2];
    for (int odd = 0; odd < 2; odd++) {
        size_t bytes = (size_t)node_bytes(weight);
        char *room = arena_allocate(&graph->arena, bytes + 1, 1);
        weight->value = memcpy(room + odd, weight->value, bytes);
        struct rewritten found = rewrite_with(graph, REWRITE_store_weights, &options);
        cr_expect_eq(rewritten_count(&found, REWRITE_store_weights), 1, "%d", odd);
        cr_assert(graph_digest(found.graph, &digests[odd], NULL));
        rewritten_free(&found);
    }
    cr_expect(digest_equal(&digests[0], &digests[1]));
    graph_free(graph);
}

/* Blocks of zeros, of one number, of what is as small or as large as can be. */
Test(store_weights, codes_of_extreme_numbers) {
    static const struct {
        float first, others;
        bool stored;
    } numbers[] = {{0, 0, true},           {-0.0f, 1, true},      {1e-45f, 0, true},
                   {1e-38f, 1e-40f, true}, {3.4e38f, -1, true},   {-3e38f, 3e38f, true},
                   {INFINITY, 1, false},   {-INFINITY, 1, false}, {NAN, 1, false},
                   {7, 7, true},           {-3, 3e-9f, true}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (int kind = 0; kind < 4; kind++) {
            struct graph *graph = test_graph(rows_of_sums(tensor_context_new("extreme")));
            const struct rewrite_options options = {.stored = kind & 1 ? STORED_int8 : STORED_int4,
                                                    .stored_zeros = kind & 2};
            float *elements = (float *)(uintptr_t)weight_named(graph, "w")->value;
            for (int k = 0; k < 32; k++)
                elements[32 * 9 + k] = k ? numbers[i].others : numbers[i].first;
            struct rewritten found = rewrite_with(graph, REWRITE_store_weights, &options);
            cr_expect_eq(rewritten_count(&found, REWRITE_store_weights), numbers[i].stored,
                         "%g, kind %d", (double)numbers[i].first, kind);
            expect_same_bits(found.graph, "jit", "extreme");
            rewritten_free(&found);
            graph_free(graph);
        }
}
