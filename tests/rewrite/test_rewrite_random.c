/* Rewrites of graphs of any kind: nothing breaks, and what has no site keeps its bits. */
#include "tests/support/rewrite_support.h"

#include "runtime/et_program.h"

#include <inttypes.h>

TestSuite(rewrite, .timeout = 300);

static const enum rewrite_kind all[] = {REWRITE_fold_batchnorm, REWRITE_winograd};
static const enum rewrite_kind quantized[] = {REWRITE_quantize};
static const enum rewrite_kind stored[] = {REWRITE_store_weights};

/* The inputs of a trial, once. */
static bool fill_of_trial(void *context, int64_t index, void *const *inputs,
                          struct et_error *error) {
    const struct trial *trial = context;
    (void)index, (void)error;
    for (int i = 0; i < trial->graph->input_count; i++)
        memcpy(inputs[i], trial->inputs[i], (size_t)node_bytes(trial->graph->inputs[i]));
    return true;
}

static void expect_same_outputs(const struct trial *trial, const struct graph *after,
                                uint64_t seed) {
    struct trial again;
    struct et_error error = {0};
    cr_assert(trial_begin(&again, after, seed, &error), "seed %" PRIu64 ": %s", seed,
              error.message);
    for (int i = 0; i < after->output_count; i++)
        cr_expect_arr_eq(again.expected[i], trial->expected[i],
                         (size_t)node_bytes(after->outputs[i].node), "seed %" PRIu64 ", output %d",
                         seed, i);
    trial_end(&again);
}

/* Random elements are of all kinds, so that only bits can be compared, where nothing changed; the
 * tests of each rewrite compare the rest. */
static int check_graph(uint64_t seed, int kinds, const enum rewrite_kind *rewrites,
                       enum stored_type type) {
    struct et_error error = {0};
    struct graph *graph = random_graph(seed, &error);
    struct trial trial;
    cr_assert(graph && trial_begin(&trial, graph, seed, &error), "%s", error.message);
    struct program_samples samples = {.count = 1, .context = &trial, .fill = fill_of_trial};
    struct rewrite_data data = program_data(&samples);
    struct rewrite_options options = {.winograd_tile = {2, 2},
                                      .data = &data,
                                      .stored = type,
                                      .stored_block = LEAST_STORED_BLOCK,
                                      .stored_zeros = seed % 2};
    struct rewritten rewritten;
    struct digest digest;
    cr_assert(rewrite_graph(graph, &options, kinds, rewrites, &rewritten, &error),
              "seed %" PRIu64 ": %s", seed, error.message);
    cr_assert(graph_digest(rewritten.graph, &digest, &error), "seed %" PRIu64 ": %s", seed,
              error.message);
    int count = 0;
    for (int i = 0; i < kinds; i++)
        count += rewritten_count(&rewritten, rewrites[i]);
    if (count == 0)
        expect_same_outputs(&trial, rewritten.graph, seed);
    else
        expect_same_bits(rewritten.graph, "jit", "rewritten");
    trial_end(&trial);
    rewritten_free(&rewritten);
    graph_free(graph);
    return count;
}

Test(rewrite, random_graphs_are_rewritten_or_left_alone) {
    int sites = 0;
    for (uint64_t seed = 1; seed <= 4000; seed++)
        sites += check_graph(seed, 2, all, STORED_float16);
    cr_expect_gt(sites, 5, "%d sites", sites);
}

Test(rewrite, random_graphs_are_quantized_or_left_alone) {
    int sites = 0;
    for (uint64_t seed = 1; seed <= 1000; seed++)
        sites += check_graph(seed, 1, quantized, STORED_float16);
    cr_expect_gt(sites, 5, "%d sites", sites);
}

Test(rewrite, random_graphs_have_weights_stored_or_are_left_alone) {
    int sites = 0;
    for (uint64_t seed = 1; seed <= 1000; seed++)
        sites += check_graph(seed, 1, stored, STORED_float16);
    cr_expect_gt(sites, 20, "%d sites", sites);
}

Test(rewrite, random_graphs_have_weights_coded_or_are_left_alone) {
    int sites = 0;
    for (uint64_t seed = 1; seed <= 3000; seed++)
        sites += check_graph(seed, 1, stored, seed % 3 ? STORED_int4 : STORED_int8);
    cr_expect_gt(sites, 5, "%d sites", sites);
}

/* A chain of links and movements that goes on and on is cut, not followed for ever. */
Test(rewrite, long_chains_end) {
    struct tensor_context *context = tensor_context_new("long");
    struct tensor x = test_input(context, SHAPE(2, 3));
    x = linear(x, test_weight(context, "w", SHAPE(4, 3)), NO_TENSOR);
    struct tensor half = test_weight(context, "half_var", SHAPE(4));
    for (int i = 0; i < 20000; i++) {
        x = tensor_mul(tensor_reshape(x, SHAPE(1, 2, 4)), half);
        x = tensor_add(tensor_reshape(x, SHAPE(2, 4)), half);
    }
    struct graph *graph = test_graph(x);
    struct rewritten rewritten;
    struct et_error error = {0};
    cr_assert(rewrite_graph(graph, NULL, 2, all, &rewritten, &error), "%s", error.message);
    cr_expect_gt(rewritten_count(&rewritten, REWRITE_fold_batchnorm), 0);
    rewritten_free(&rewritten);
    graph_free(graph);
}

/* Constants that would not fit any memory are left alone. */
Test(rewrite, huge_constants_are_not_worked_out) {
    struct tensor_context *context = tensor_context_new("huge");
    struct tensor x = test_input(context, SHAPE(1, 4));
    struct tensor w = tensor_expand(test_weight(context, "w", SHAPE(4, 1)), SHAPE(4, 1 << 20));
    struct tensor v =
        tensor_expand(test_weight(context, "v", SHAPE(1, 1 << 20)), SHAPE(1 << 18, 1 << 20));
    struct tensor huge = tensor_reduce_sum(
        tensor_reshape(tensor_permute(v, AXES(1, 0)), SHAPE(1 << 19, 1 << 19)), AXES(1));
    x = tensor_contract(tensor_reshape(x, SHAPE(4, 1)), w, AXES(0));
    x = tensor_mul(tensor_mul(x, tensor_shrink(v, RANGES({0, 1}, {0, 1 << 20}))),
                   scalar(context, 2));
    x = tensor_mul(tensor_shrink(x, RANGES({0, 1}, {0, 1 << 19})), huge);
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", x}), &error);
    if (graph)
        bind_ordinary(graph, 1);
    struct rewritten rewritten;
    cr_assert(graph && rewrite_graph(graph, NULL, 2, all, &rewritten, &error), "%s", error.message);
    rewritten_free(&rewritten);
    graph_free(graph);
}

Test(rewrite, names_are_those_of_the_table) {
    enum rewrite_kind rewrite;
    for (int i = 0; i < REWRITE_COUNT; i++) {
        cr_assert(rewrite_from_name(rewrite_facts[i].name, &rewrite));
        cr_expect_eq(rewrite, (enum rewrite_kind)i);
        cr_expect_gt(strlen(rewrite_facts[i].summary), 20);
    }
    cr_expect_not(rewrite_from_name("", &rewrite));
    cr_expect_not(rewrite_from_name("fold", &rewrite));
}
