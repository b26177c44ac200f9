/* Graphs with open axes: made of programs in C, stored, read, and the same at each size as the
 * program itself. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/builder/layers.h"
#include "compiler/store/open_fit.h"
#include "tests/support/random_graph.h"

static void clean(void);
TestSuite(open_graph, .fini = clean, .timeout = 300);

/* ---- Programs ---- */

/* The outputs of a program whose inputs have these sizes. */
typedef struct tensor program(struct tensor_context *context, const int64_t *n);

/* Elements outlive all graphs of a test. */
static struct arena elements;

static void bind_weights(struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = graph->nodes[i];
        if (node->op != OP_WEIGHT)
            continue;
        void *value = arena_allocate(&elements, (size_t)node_bytes(node), 1);
        random_elements(11, node->name, node->dtype, node_elements(node), value);
        node->value = value;
        node->value_count = node_elements(node);
    }
}

static void clean(void) {
    arena_free(&elements);
}

/* Whether programs are made with all of their nodes, as an importer makes them. */
static bool all_nodes;

static struct tensor_context *context_of(const char *name, bool all) {
    struct tensor_context *context = tensor_context_new(name);
    if (all)
        tensor_keep_all(context);
    return context;
}

static struct graph *make(void *context, const int64_t *sizes, struct weights **weights,
                          struct et_error *error) {
    struct tensor_context *building = context_of("open", all_nodes);
    struct tensor y = (*(program **)context)(building, sizes);
    struct graph *graph = compile_to_graph(building, OUTPUTS({"y", y}), error);
    *weights = NULL;
    if (!graph)
        return NULL;
    bind_weights(graph);
    cr_assert(all_nodes || graph_canonicalize(graph, error));
    return graph;
}

/* Convolution, pooling and a mean over what is open. */
static struct tensor picture(struct tensor_context *context, const int64_t *n) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(1, 3, n[0], n[1]));
    struct tensor w = add_weight(context, "w", DTYPE_FLOAT32, SHAPE(4, 3, 3, 3));
    struct tensor b = add_weight(context, "b", DTYPE_FLOAT32, SHAPE(4));
    x = conv2d(x, w, b,
               (struct conv2d_options){.stride = {2, 2}, .padding = {1, 1}, .dilation = {1, 1}});
    x = max_pool2d(relu(x), (struct pool2d_options){.kernel = {3, 2}, .stride = {3, 2}});
    struct tensor rows = tensor_reduce_sum(x, AXES(-1));
    return tensor_div(rows, scalar(context, (float)tensor_extent(x, -1)));
}

/* Attention over batch * sequence, with positions of a table. */
static struct tensor attention(struct tensor_context *context, const int64_t *n) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(n[0], n[1], 8));
    struct tensor table = add_weight(context, "table", DTYPE_FLOAT32, SHAPE(64, 8));
    x = tensor_add(x, tensor_shrink(table, RANGES({0, n[1]}, {0, 8})));
    struct tensor rows = tensor_reshape(x, SHAPE(n[0] * n[1], 8));
    rows = linear(rows, add_weight(context, "w", DTYPE_FLOAT32, SHAPE(8, 8)),
                  add_weight(context, "b", DTYPE_FLOAT32, SHAPE(8)));
    x = tensor_permute(tensor_reshape(rows, SHAPE(n[0], n[1], 2, 4)), AXES(0, 2, 1, 3));
    struct tensor scores = softmax(matmul(x, transpose(x, -1, -2)), -1);
    return tensor_reshape(tensor_permute(matmul(scores, x), AXES(0, 2, 1, 3)),
                          SHAPE(n[0], n[1], 8));
}

/* A cache of the past before what is new, and how far each is from the end. */
static struct tensor cached(struct tensor_context *context, const int64_t *n) {
    struct tensor past = add_graph_input(context, "past", DTYPE_FLOAT32, SHAPE(2, n[0], 4));
    struct tensor now = add_graph_input(context, "now", DTYPE_FLOAT32, SHAPE(2, n[1], 4));
    struct tensor all = tensor_concat(TENSORS(past, now), 1);
    struct tensor at = tensor_cast(tensor_iota(context, DTYPE_INT32, n[0] + n[1]), DTYPE_FLOAT32);
    at = tensor_reshape(at, SHAPE(1, n[0] + n[1], 1));
    return tensor_mul(all, tensor_sub(scalar(context, (float)(n[0] + n[1] - 1)), at));
}

/* A state carried along the open axis, in front of which is padding. */
static struct tensor recurrent(struct tensor_context *context, const int64_t *n) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(n[1], n[0], 4));
    x = tensor_pad(x, 3, (struct range[]){{n[1] / 2, 0}, {0, 0}, {0, 0}}, 0);
    struct tensor_context *body = context_of("body", all_nodes);
    struct tensor state = add_graph_input(body, "state", DTYPE_FLOAT32, SHAPE(n[0], 4));
    struct tensor slice = add_graph_input(body, "slice", DTYPE_FLOAT32, SHAPE(n[0], 4));
    struct tensor count = scalar(body, (float)n[0]);
    struct tensor mean_of_rows = tensor_div(tensor_reduce_sum(state, AXES(0)), count);
    return tensor_scan(
        &(struct scan_options){.initial = tensor_expand(scalar(context, 0), SHAPE(n[0], 4)),
                               .scanned_count = 1,
                               .scanned = &x,
                               .next = tensor_tanh(tensor_add(slice, mean_of_rows))});
}

/* Sums of products, whose form depends on what is repeated. */
static struct tensor products(struct tensor_context *context, const int64_t *n) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(n[0], 6));
    struct tensor y = add_graph_input(context, "y", DTYPE_FLOAT32, SHAPE(n[1], 6));
    struct tensor all = tensor_mul(unsqueeze(x, 1), unsqueeze(y, 0));
    return tensor_reduce_sum(all, AXES(2));
}

/* A shape as data, and a number that follows the size by steps. */
static struct tensor shaped(struct tensor_context *context, const int64_t *n) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(n[0], n[1]));
    const int64_t shape[] = {1, n[0], 3 * n[1] / 2};
    struct tensor rest = tensor_pad(x, RANGES({0, (8 - n[0] % 8) % 8}, {0, 0}), -1);
    struct tensor list = tensor_const(context, DTYPE_INT64, SHAPE(3), 3, shape);
    return tensor_concat(TENSORS(tensor_reshape(rest, SHAPE(-1)), tensor_cast(list, DTYPE_FLOAT32)),
                         0);
}

/* ---- The same at each size ---- */

static struct open_graph *fitted(program *made, int64_t first, int64_t second,
                                 struct et_error *error) {
    const struct open_axis two[] = {{"n", 1, first, 1}, {"seq len", 1, second, 1}};
    const struct open_axes axes = {2, two};
    const struct graph_source source = {make, NULL, &made};
    struct weights *weights;
    return open_graph_fit(&axes, &source, &weights, error);
}

static void digest_is(const struct graph *graph, const struct graph *expected,
                      const int64_t *sizes) {
    struct digest found, wanted;
    cr_assert(graph_digest(graph, &found, NULL));
    cr_assert(graph_digest(expected, &wanted, NULL));
    cr_expect(digest_equal(&found, &wanted), "at %" PRId64 ", %" PRId64, sizes[0], sizes[1]);
}

static void is_the_program(const struct open_graph *open, program *made) {
    all_nodes = false;
    const struct open_axis *axes = open->axes.axes;
    for (int64_t a = axes[0].least; a <= axes[0].most; a++)
        for (int64_t b = axes[1].least; b <= axes[1].most; b++) {
            const int64_t sizes[] = {a, b};
            struct et_error error = {0};
            struct weights *weights;
            struct graph *expected = make(&made, sizes, &weights, &error);
            struct graph *graph = open_graph_at(open, sizes, &error);
            cr_assert_not_null(expected);
            cr_assert_not_null(graph, "%s", error.message);
            digest_is(graph, expected, sizes);
            graph_free(graph);
            graph_free(expected);
        }
}

/* What is stored reads back as the same text, and as the same graphs where it has no weights. */
static void reads_back(const struct open_graph *open, program *made) {
    struct et_error error = {0};
    struct text text = {0}, again = {0};
    struct weights *weights;
    cr_assert(open_graph_encode(open, NULL, NULL, NULL, &text, &error), "%s", error.message);
    const char *bytes = text_read(&text, NULL);
    struct open_graph *read =
        open_graph_decode(bytes, text.length, "g", ".", NULL, &weights, &error);
    cr_assert_not_null(read, "%s", error.message);
    cr_assert(open_graph_encode(read, NULL, NULL, NULL, &again, &error));
    cr_expect_str_eq(text_read(&again, NULL), bytes);
    is_the_program(read, made);
    text_free(&text);
    text_free(&again);
    open_graph_free(read);
}

static void stays_the_program(program *made, int64_t first, int64_t second, bool has_weights,
                              bool all) {
    struct et_error error = {0};
    all_nodes = all;
    struct open_graph *open = fitted(made, first, second, &error);
    cr_assert_not_null(open, "%s", error.message);
    is_the_program(open, made);
    if (!has_weights)
        reads_back(open, made);
    open_graph_free(open);
}

Test(open_graph, keeps_attention) {
    stays_the_program(attention, 5, 64, true, false);
    stays_the_program(attention, 5, 64, true, true);
}

Test(open_graph, keeps_a_cache) {
    stays_the_program(cached, 9, 17, false, false);
    stays_the_program(cached, 9, 17, false, true);
}

Test(open_graph, keeps_a_scan) {
    stays_the_program(recurrent, 6, 30, false, false);
    stays_the_program(recurrent, 6, 30, false, true);
}

Test(open_graph, keeps_numbers_of_steps) {
    stays_the_program(shaped, 40, 12, false, false);
    stays_the_program(shaped, 40, 12, false, true);
}

/* Pictures smaller than their windows are refused, and the error tells what would do. */
Test(open_graph, keeps_a_picture) {
    struct et_error error = {0};
    cr_expect_null(fitted(picture, 20, 20, &error));
    cr_expect(strstr(error.message, "4 of 20 sizes of \"n\" do not go together, --axis n=5..20 "
                                    "would do: at n=4 it is another graph: ") == error.message,
              "%s", error.message);
    const struct open_axis two[] = {{"n", 5, 30, 1}, {"width", 7, 31, 2}};
    const struct open_axes axes = {2, two};
    program *made = picture;
    const struct graph_source source = {make, NULL, &made};
    struct weights *weights;
    struct open_graph *open = open_graph_fit(&axes, &source, &weights, &error);
    cr_assert_not_null(open, "%s", error.message);
    for (int64_t i = 5; i <= 30; i++) {
        const int64_t sizes[] = {i, 7 + i % 13 * 2};
        struct graph *expected = make(&made, sizes, &weights, &error);
        struct graph *graph = open_graph_at(open, sizes, &error);
        cr_assert_not_null(graph, "%s", error.message);
        digest_is(graph, expected, sizes);
        graph_free(expected);
        graph_free(graph);
    }
    cr_expect_null(open_graph_at(open, (int64_t[]){4, 7}, &error));
    cr_expect_str_eq(error.message, "axis \"n\" has size 4, expected 5 to 30");
    cr_expect_null(open_graph_at(open, (int64_t[]){5, 8}, &error));
    cr_expect_str_eq(error.message, "axis \"width\" has size 8, expected one of 7, 9, ... 31");
    open_graph_free(open);
}

/* A product of one row with one is no contraction: at such sizes it is one only where all nodes are
 * kept until the size is known. */
Test(open_graph, keeps_products) {
    struct et_error error = {0};
    cr_expect_null(fitted(products, 8, 8, &error));
    cr_expect(strstr(error.message, "at n=1 seq len=1 it is another graph: ") == error.message,
              "%s", error.message);
    stays_the_program(products, 8, 8, false, true);
}

/* ---- Programs that have none ---- */

static struct tensor tabled(struct tensor_context *context, const int64_t *n) {
    float list[64];
    for (int i = 0; i < 64; i++)
        list[i] = (float)i / 2;
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(n[0], n[1]));
    return tensor_add(x, tensor_const(context, DTYPE_FLOAT32, SHAPE(n[1]), n[1], list));
}

static struct tensor squared(struct tensor_context *context, const int64_t *n) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(n[0], n[1]));
    return tensor_expand(tensor_reshape(x, SHAPE(n[0], n[1], 1)), SHAPE(n[0], n[1], n[1] * n[1]));
}

static struct tensor weighted(struct tensor_context *context, const int64_t *n) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(n[0], n[1]));
    return tensor_add(x, add_weight(context, "table", DTYPE_FLOAT32, SHAPE(n[1])));
}

static struct tensor halved(struct tensor_context *context, const int64_t *n) {
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(n[0], n[1]));
    return multiply_by(x, 1 / (double)n[1]);
}

static void has_none(program *made, const char *expected) {
    struct et_error error = {0};
    struct open_graph *open = fitted(made, 8, 40, &error);
    cr_expect_null(open);
    cr_expect(strstr(error.message, expected) != NULL, "%s", error.message);
    open_graph_free(open);
}

Test(open_graph, is_refused_where_there_is_none) {
    has_none(tabled, "its elements depend on the size");
    has_none(squared, "a number is no size that is known here: ");
    has_none(weighted, "the shape of \"table\" depends on the size");
    has_none(halved, "its elements depend on the size");
}

Test(open_graph, axes_are_checked_before_anything_is_made) {
    const struct open_axis wrong[] = {
        {"x", 0, 1 << 21, 1 << 21}, {"x", 0, 1 << 15, 1}, {"x", 5, 4, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct et_error error = {0};
        struct weights *weights;
        const struct open_axes axes = {1, &wrong[i]};
        const struct graph_source source = {NULL, NULL, NULL};
        cr_expect_null(open_graph_fit(&axes, &source, &weights, &error));
        cr_expect(strstr(error.message, "axis \"x\": ") == error.message, "%s", error.message);
    }
}

/* ---- Files ---- */

static const char stored[] =
    "{\n"
    "  \"format\": \"eigentensor\",\n"
    "  \"version\": 2,\n"
    "  \"name\": \"half\",\n"
    "  \"axes\": [\n"
    "    {\"name\": \"n\", \"least\": 1, \"most\": 64},\n"
    "    {\"name\": \"past + 1\", \"least\": 0, \"most\": 8, \"step\": 4}\n"
    "  ],\n"
    "  \"inputs\": [\n"
    "    {\"name\": \"x\", \"dtype\": \"float32\", \"shape\": [\"n\", \"2*`past + 1`+3\"]}\n"
    "  ],\n"
    "  \"nodes\": [\n"
    "    {\"id\": 0, \"op\": \"input\", \"src\": [], \"name\": \"x\", \"dtype\": \"float32\", "
    "\"shape\": [\"n\", \"2*`past + 1`+3\"]},\n"
    "    {\"id\": 1, \"op\": \"shrink\", \"src\": [0], \"range\": [[\"n//2\", \"n\"], [0, 3]], "
    "\"dtype\": \"float32\", \"shape\": [\"(n+1)//2\", 3]},\n"
    "    {\"id\": 2, \"op\": \"const\", \"src\": [], \"value\": \"n\", \"dtype\": \"float32\", "
    "\"shape\": [1, 1]},\n"
    "    {\"id\": 3, \"op\": \"expand\", \"src\": [2], \"dtype\": \"float32\", "
    "\"shape\": [\"(n+1)//2\", 3]},\n"
    "    {\"id\": 4, \"op\": \"add\", \"src\": [1, 3], \"dtype\": \"float32\", "
    "\"shape\": [\"(n+1)//2\", 3]}\n"
    "  ],\n"
    "  \"outputs\": [\n"
    "    {\"name\": \"y\", \"node\": 4}\n"
    "  ]\n"
    "}\n";

static struct graph *at_sizes(const char *json, int count, const struct et_axis *sizes,
                              struct et_error *error) {
    struct weights *weights;
    const struct graph_load_options options = {.axis_count = count, .axes = sizes};
    return graph_decode(json, strlen(json), "g", ".", &options, &weights, error);
}

Test(open_graph, is_stored_as_it_was_read) {
    struct et_error error = {0};
    struct weights *weights;
    struct text text = {0};
    struct open_graph *open =
        open_graph_decode(stored, strlen(stored), "g", ".", NULL, &weights, &error);
    cr_assert_not_null(open, "%s", error.message);
    cr_assert(open_graph_encode(open, NULL, NULL, NULL, &text, &error));
    cr_expect_str_eq(text_read(&text, NULL), stored);
    text_free(&text);
    open_graph_free(open);
}

Test(open_graph, has_the_sizes_that_are_asked_for) {
    struct et_error error = {0};
    struct graph *graph =
        at_sizes(stored, 2, (struct et_axis[]){{"past + 1", 4}, {"n", 5}}, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_expect_str_eq(shape_text(graph->inputs[0]).text, "float32[5,11]");
    cr_expect_str_eq(shape_text(graph->outputs[0].node).text, "float32[3,3]");
    const struct node *number = NULL;
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_CONST)
            number = graph->nodes[i];
    cr_assert_not_null(number);
    cr_expect_eq(*(const float *)number->value, 5);
    graph_free(graph);
    /* Where half of it is all of it, nothing is cut. */
    graph = at_sizes(stored, 2, (struct et_axis[]){{"past + 1", 0}, {"n", 1}}, &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_expect_eq(graph->nodes[1]->op, OP_CONST);
    graph_free(graph);
}

static void refused_at(int count, const struct et_axis *sizes, const char *expected) {
    struct et_error error = {0};
    struct graph *graph = at_sizes(stored, count, sizes, &error);
    cr_expect_null(graph);
    cr_expect_str_eq(error.message, expected, "%s", error.message);
    graph_free(graph);
}

Test(open_graph, names_axes_bounds_and_sizes) {
    static const char listed[] = "open are n (1..64), past + 1 (0..8:4)";
    char message[ET_ERROR_BYTES];
    snprintf(message, sizeof message, "g: axis \"n\" needs a size, as --axis NAME=SIZE; %s",
             listed);
    refused_at(0, NULL, message);
    snprintf(message, sizeof message, "g: axis \"past + 1\" needs a size, as --axis NAME=SIZE; %s",
             listed);
    refused_at(1, (struct et_axis[]){{"n", 3}}, message);
    snprintf(message, sizeof message, "g: there is no open axis \"m\"; %s", listed);
    refused_at(1, (struct et_axis[]){{"m", 3}}, message);
    refused_at(2, (struct et_axis[]){{"n", 65}, {"past + 1", 0}},
               "g: axis \"n\" has size 65, expected 1 to 64");
    refused_at(2, (struct et_axis[]){{"n", 6}, {"past + 1", 2}},
               "g: axis \"past + 1\" has size 2, expected one of 0, 4, ... 8");
}

/* {text of `stored`, what replaces it, the whole message} */
static const struct malformed {
    const char *text, *replacement, *message;
} malformed[] = {
#include "tests/store/malformed_open.def"
};

Test(open_graph, refuses_what_is_malformed) {
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        const struct malformed *each = &malformed[i];
        const char *at = strstr(stored, each->text);
        cr_assert_not_null(at, "%s", each->text);
        struct text json = {0};
        text_add_bytes(&json, stored, (size_t)(at - stored));
        text_add(&json, "%s%s", each->replacement, at + strlen(each->text));
        struct et_error error = {0};
        struct weights *weights;
        struct open_graph *open = open_graph_decode(text_read(&json, NULL), json.length, "g", ".",
                                                    NULL, &weights, &error);
        cr_expect_null(open, "%s", each->replacement);
        cr_expect_str_eq(error.message, each->message, "%s", error.message);
        open_graph_free(open);
        text_free(&json);
    }
}
