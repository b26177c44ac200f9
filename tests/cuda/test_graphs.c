/* Emitted CUDA on this CPU against the interpreter: random graphs and those of the repository, by
 * several orders of threads each. EIGENTENSOR_SEED and EIGENTENSOR_CUDA_COUNT change where the
 * seeds begin and how many. */
#include <criterion/criterion.h>

#include <string.h>

#include "compiler/builder/layers.h"
#include "compiler/store/store.h"
#include "tests/support/differ.h"
#include "tests/support/random_graph.h"

/* A text for batches has each kernel for five blocks of images. */
enum { USUAL_COUNT = 50, USUAL_BATCHED = 30, USUAL_SEED = 1, AT_ONCE = 50 };

static void check_mode(const char *name, uint64_t usual) {
    uint64_t left = number_from_environment("EIGENTENSOR_CUDA_COUNT", usual);
    uint64_t seed = number_from_environment("EIGENTENSOR_SEED", USUAL_SEED) +
                    (uint64_t)(mode_find(name) - modes) * left;
    for (; left > 0; seed += AT_ONCE) {
        struct text report = {0};
        int count = left < AT_ONCE ? (int)left : AT_ONCE;
        cr_assert(check_batch(seed, count, mode_find(name), NULL, &report), "\n%s",
                  report.bytes ? report.bytes : "out of memory");
        text_free(&report);
        left -= (uint64_t)count;
    }
}

Test(cuda_graphs, random_ones_by_gcc, .timeout = 600) {
    check_mode("cuda-gcc", USUAL_COUNT);
}

Test(cuda_graphs, random_ones_by_clang, .timeout = 600) {
    check_mode("cuda-clang", USUAL_COUNT);
}

Test(cuda_graphs, batches, .timeout = 600) {
    check_mode("cuda-batch", USUAL_BATCHED);
}

static const char *const paths[] = {
    "models/mnist/mnist.json",
    "models/mnist/mnist-int8.json",
    "examples/linear.json",
};
enum { PATHS = sizeof paths / sizeof *paths };

static void check_path(const char *path, const char *mode) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct trial trial = {0};
    struct graph *graph = graph_load(path, &weights, &error);
    cr_assert(graph && trial_begin(&trial, graph, 1, &error), "%s: %s", path, error.message);
    cr_expect(trial_check(&trial, mode_find(mode), &error), "%s: %s", path, error.message);
    trial_end(&trial);
    graph_free(graph);
    weights_free(weights);
}

Test(cuda_graphs, models_by_gcc, .timeout = 600) {
    for (int i = 0; i < PATHS; i++)
        check_path(paths[i], "cuda-gcc");
}

Test(cuda_graphs, models_by_clang, .timeout = 600) {
    for (int i = 0; i < PATHS; i++)
        check_path(paths[i], "cuda-clang");
}

/* So many rows that sixteen threads have one each, the last block fewer of them than others. */
static struct graph *many_rows(struct et_error *error) {
    struct tensor_context *context = tensor_context_new("rows");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(4101, 48));
    struct tensor whole = add_graph_input(context, "n", DTYPE_INT32, SHAPE(4099, 32));
    struct tensor part = tensor_mul(whole, whole);
    struct tensor greatest = tensor_reshape(tensor_reduce_max(part, AXES(1)), SHAPE(4099, 1));
    return compile_to_graph(context,
                            OUTPUTS({"softmax", softmax(x, -1)},
                                    {"log", log_softmax(tensor_exp(x), -1)},
                                    {"integers", tensor_sub(part, greatest)}),
                            error);
}

static void check_rows(const char *mode) {
    struct et_error error = {0};
    struct trial trial = {0};
    struct graph *graph = many_rows(&error);
    cr_assert(graph && trial_begin(&trial, graph, 1, &error), "%s", error.message);
    cr_expect(trial_check(&trial, mode_find(mode), &error), "%s", error.message);
    trial_end(&trial);
    graph_free(graph);
}

Test(cuda_graphs, rows_by_gcc, .timeout = 600) {
    check_rows("cuda-gcc");
}

Test(cuda_graphs, rows_by_clang, .timeout = 600) {
    check_rows("cuda-clang");
}

/* The norm of one row: three statements that need one another, which one block does in turn. */
Test(cuda_graphs, few_elements_are_one_kernel, .timeout = 600) {
    struct et_error error = {0};
    struct trial trial = {0};
    struct tensor_context *context = tensor_context_new("norm");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(1, 768));
    struct graph *graph = compile_to_graph(
        context, OUTPUTS({"y", layer_norm(x, AXES(-1), 1e-5, NO_TENSOR, NO_TENSOR)}), &error);
    cr_assert(graph && trial_begin(&trial, graph, 1, &error), "%s", error.message);
    const struct mode *mode = mode_find("cuda-gcc");
    struct compiled *compiled = trial_compile(&trial, mode, "norm", &error);
    cr_assert(compiled, "%s", error.message);
    const char *source = compiled->kernels[0].source;
    cr_expect(compiled->kernel_count == 1 && strstr(source, "__syncthreads();"), "%s", source);
    /* What threads store for one another, a compiler would load before the barrier. */
    cr_expect(!strstr(source, "restrict"), "%s", source);
    compiled_free(compiled);
    cr_expect(trial_check(&trial, mode, &error), "%s", error.message);
    trial_end(&trial);
    graph_free(graph);
}
