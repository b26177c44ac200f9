/* For the tests of rewrites: graphs with weights, and how far two graphs are apart. */
#ifndef TEST_REWRITE_SUPPORT_H
#define TEST_REWRITE_SUPPORT_H

#include "compiler/builder/layers.h"
#include "compiler/evaluate/evaluate.h"
#include "compiler/evaluate/float64.h"
#include "compiler/rewrite/rewrite.h"
#include "compiler/store/store.h"
#include "tests/support/random_graph.h"
#include "tests/support/trial.h"

#include "runtime/eager.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* ---- Graphs ---- */

static inline struct tensor test_input(struct tensor_context *context, int rank,
                                       const int64_t *shape) {
    return add_graph_input(context, "x", DTYPE_FLOAT32, rank, shape);
}

static inline struct tensor test_weight(struct tensor_context *context, const char *name, int rank,
                                        const int64_t *shape) {
    return add_weight(context, name, DTYPE_FLOAT32, rank, shape);
}

/* Ordinary numbers from -1 to 1; from 0.5 to 1.5 for names with "var". */
static inline void fill_ordinary(struct random *random, const char *name, int64_t count,
                                 float *elements) {
    for (int64_t i = 0; i < count; i++) {
        float number = (float)random_between(random, -(1 << 20), 1 << 20) / (1 << 20);
        elements[i] = strstr(name, "var") ? 1 + number / 2 : number;
    }
}

/* Weights belong to the graph. */
static inline void bind_ordinary(struct graph *graph, uint64_t seed) {
    struct random random = {.state = seed};
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = graph->nodes[i];
        if (node->op != OP_WEIGHT)
            continue;
        cr_assert_eq(node->dtype, DTYPE_FLOAT32);
        float *value = arena_allocate(&graph->arena, (size_t)node_bytes(node), 1);
        fill_ordinary(&random, node->name, node_elements(node), value);
        node->value = value;
    }
}

static inline struct graph *test_graph(struct tensor y) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    bind_ordinary(graph, 1);
    return graph;
}

/* ---- Rewriting ---- */

static inline struct rewritten rewrite_with(const struct graph *graph, enum rewrite_kind rewrite,
                                            const struct rewrite_options *options) {
    struct rewritten rewritten;
    struct et_error error = {0};
    cr_assert(rewrite_graph(graph, options, 1, &rewrite, &rewritten, &error), "%s", error.message);
    cr_assert(verify_graph(rewritten.graph, &error), "%s", error.message);
    cr_assert_str_eq(rewritten.graph->name, graph->name);
    return rewritten;
}

static inline int count_op(const struct graph *graph, enum op op) {
    int count = 0;
    for (int i = 0; i < graph->node_count; i++)
        count += graph->nodes[i]->op == op;
    return count;
}

/* The rewritten graph has no site left. */
static inline void expect_done(const struct rewritten *rewritten, enum rewrite_kind rewrite,
                               const struct rewrite_options *options) {
    struct rewritten again = rewrite_with(rewritten->graph, rewrite, options);
    struct digest before, after;
    struct et_error error = {0};
    cr_expect_eq(rewritten_count(&again, rewrite), 0, "not idempotent");
    cr_assert(graph_digest(rewritten->graph, &before, &error) &&
                  graph_digest(again.graph, &after, &error),
              "%s", error.message);
    cr_expect(digest_equal(&before, &after), "changed without a site");
    rewritten_free(&again);
}

/* ---- Comparing ---- */

struct inputs {
    int count;
    void *elements[8];
};

static inline struct inputs ordinary_inputs(const struct graph *graph, uint64_t seed) {
    struct inputs inputs = {.count = graph->input_count};
    struct random random = {.state = seed};
    cr_assert_leq(inputs.count, 8);
    for (int i = 0; i < inputs.count; i++) {
        const struct node *input = graph->inputs[i];
        inputs.elements[i] = et_allocate_aligned((size_t)node_bytes(input));
        if (input->dtype == DTYPE_FLOAT32)
            fill_ordinary(&random, input->name, node_elements(input), inputs.elements[i]);
    }
    return inputs;
}

static inline void inputs_free(struct inputs *inputs) {
    for (int i = 0; i < inputs->count; i++)
        et_release(inputs->elements[i]);
}

/* The first output, by the interpreter. */
static inline float *run_eagerly(const struct graph *graph, const struct inputs *inputs) {
    struct et_error error = {0};
    void *output = et_allocate_aligned((size_t)node_bytes(graph->outputs[0].node));
    cr_assert(eager_run(graph, (const void *const *)inputs->elements, &output, &error), "%s",
              error.message);
    return output;
}

static inline double *run_widely(const struct graph *graph, const struct inputs *inputs) {
    struct et_error error = {0};
    void *output = et_allocate_aligned(2 * (size_t)node_bytes(graph->outputs[0].node));
    cr_assert(wide_run(graph, (const void *const *)inputs->elements, &output, &error), "%s",
              error.message);
    return output;
}

/* The root of the mean square error against float64, as a share of that of the elements. */
static inline double error_of(const float *found, const double *expected, int64_t count) {
    double error = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        error += ((double)found[i] - expected[i]) * ((double)found[i] - expected[i]);
        size += expected[i] * expected[i];
    }
    return sqrt(error) / (sqrt(size) + 1e-30);
}

/* Both graphs, each of one float32 output, are that near to the old one in float64. */
static inline void expect_near(const struct graph *before, const struct graph *after,
                               double tolerance, const char *what) {
    struct inputs inputs = ordinary_inputs(before, 2);
    int64_t count = node_elements(before->outputs[0].node);
    cr_assert_eq(node_elements(after->outputs[0].node), count);
    float *old = run_eagerly(before, &inputs), *new = run_eagerly(after, &inputs);
    double *wide = run_widely(before, &inputs), *new_wide = run_widely(after, &inputs);
    cr_expect_lt(error_of(old, wide, count), tolerance, "%s: before: %g", what,
                 error_of(old, wide, count));
    cr_expect_lt(error_of(new, wide, count), tolerance, "%s: after: %g", what,
                 error_of(new, wide, count));
    double apart = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        apart += (new_wide[i] - wide[i]) * (new_wide[i] - wide[i]);
        size += wide[i] * wide[i];
    }
    cr_expect_lt(sqrt(apart / (size + 1e-30)), tolerance, "%s: in float64: %g", what,
                 sqrt(apart / (size + 1e-30)));
    et_release(old);
    et_release(new);
    et_release(wide);
    et_release(new_wide);
    inputs_free(&inputs);
}

/* The graph gives the interpreter's bits in a mode, on elements of all kinds. */
static inline void expect_same_bits(const struct graph *graph, const char *mode, const char *what) {
    struct trial trial;
    struct et_error error = {0};
    cr_assert(trial_begin(&trial, graph, 3, &error), "%s: %s", what, error.message);
    cr_expect(trial_check(&trial, mode_find(mode), &error), "%s: %s", what, error.message);
    trial_end(&trial);
}

#endif
