/* The weights block: what many nodes read is in it once, and what differs stays apart. */
#include "bench/lstm.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "compiler/store/store.h"
#include "runtime/backend/backend.h"
#include "tests/support/random_graph.h"
#include "tests/support/trial.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct graph *finish(struct tensor_context *context, struct tensor y) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_assert(graph_canonicalize(graph, NULL));
    return graph;
}

/* The bytes of the block of a graph whose weights are bound, the same for both backends; and code
 * that reads it gives the interpreter's bits. */
static size_t block_bytes(const struct graph *graph) {
    static const char *const names[] = {"jit", "gcc-O3"};
    struct et_error error = {0};
    size_t bytes[BACKEND_COUNT];
    for (int id = 0; id < BACKEND_COUNT; id++) {
        const struct compile_options options = {.backend = backends[id].emits};
        struct compiled *compiled = compile(graph, &options, &error);
        cr_assert_not_null(compiled, "%s", error.message);
        bytes[id] = compiled->weights_bytes;
        cr_expect_eq(bytes[id], bytes[0]);
        compiled_free(compiled);
    }
    struct trial trial;
    cr_assert(trial_begin(&trial, graph, 1, &error), "%s", error.message);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(trial_check(&trial, mode_find(names[i]), &error), "%s: %s", names[i],
                  error.message);
    trial_end(&trial);
    return bytes[0];
}

/* ---- What many nodes read ---- */

enum { STEPS = 6, WIDTH = 48, GATES = 4 * WIDTH };
static float of_input[GATES * WIDTH], of_hidden[GATES * WIDTH], bias[GATES];

static void bind_lstm(const struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = graph->nodes[i];
        if (node->op == OP_WEIGHT)
            node->value = strcmp(node->name, "bias") == 0        ? bias
                          : strcmp(node->name, "weight_ih") == 0 ? of_input
                                                                 : of_hidden;
    }
}

/* Each step multiplies by the same matrices, packed alike; what the first makes of the state,
 * zeros, is a constant, too. */
Test(weights_block, holds_what_each_step_reads_once) {
    struct tensor_context *context = tensor_context_new("unrolled");
    struct tensor xs = add_graph_input(context, "xs", DTYPE_FLOAT32, SHAPE(STEPS, 1, WIDTH));
    struct graph *graph = finish(context, lstm_unrolled(xs, lstm_weights(context, WIDTH, WIDTH)));
    random_elements(1, "i", DTYPE_FLOAT32, GATES * WIDTH, of_input);
    random_elements(2, "h", DTYPE_FLOAT32, GATES * WIDTH, of_hidden);
    random_elements(3, "b", DTYPE_FLOAT32, GATES, bias);
    bind_lstm(graph);
    cr_expect_leq(block_bytes(graph), sizeof of_input + sizeof of_hidden + 2 * sizeof bias);
    graph_free(graph);
}

/* ---- What has equal bytes, and what nearly has ---- */

enum { COUNT = 12, SIDE = 64 };
static float matrices[COUNT][SIDE * SIDE];

/* x times one weight after another, of which each has its elements above. */
static struct graph *build_product(void) {
    struct tensor_context *context = tensor_context_new("product");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(3, SIDE));
    for (int i = 0; i < COUNT; i++) {
        char name[8];
        snprintf(name, sizeof name, "w%02d", i);
        struct tensor w = add_weight(context, name, DTYPE_FLOAT32, SHAPE(SIDE, SIDE));
        x = tensor_tanh(linear(x, w, NO_TENSOR));
    }
    struct graph *graph = finish(context, x);
    for (int i = 0, next = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            graph->nodes[i]->value = matrices[next++];
    return graph;
}

Test(weights_block, holds_equal_bytes_once) {
    random_elements(4, "w", DTYPE_FLOAT32, SIDE * SIDE, matrices[0]);
    for (int i = 1; i < COUNT; i++)
        memcpy(matrices[i], matrices[0], sizeof matrices[0]);
    struct graph *graph = build_product();
    cr_expect_eq(block_bytes(graph), sizeof matrices[0]);
    graph_free(graph);
}

/* In each another element is another, wherever it lies. */
Test(weights_block, keeps_apart_what_differs_in_one_element) {
    for (int i = 0; i < COUNT; i++)
        matrices[i][i * 337 % (SIDE * SIDE)] = 1.0f;
    struct graph *graph = build_product();
    cr_expect_eq(block_bytes(graph), sizeof matrices);
    graph_free(graph);
}
