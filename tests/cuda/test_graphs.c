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

/* So many rows that a warp has one each, or sixteen threads, the last block fewer than others. */
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

/* As many, which these threads keep in registers. */
static struct graph *many_rows_kept(struct et_error *error) {
    struct tensor_context *context = tensor_context_new("kept");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(4101, 48));
    return compile_to_graph(context, OUTPUTS({"y", softmax(x, -1)}), error);
}

/* As many, of which nothing is kept but which are read again: so many of so many elements, which
 * begin within `length` of them in memory. The first are no whole blocks. */
static const struct norm {
    int64_t rows, count, length;
} norms[] = {{4101, 48, 48}, {4096, 128, 128}, {4100, 64, 96}};
enum { NORMS = sizeof norms / sizeof *norms };

static struct graph *many_rows_again(const struct norm *norm, struct et_error *error) {
    const int64_t length = norm->length, first = length - norm->count;
    struct tensor_context *context = tensor_context_new("norm");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(norm->rows, length));
    struct tensor w = add_graph_input(context, "w", DTYPE_FLOAT32, SHAPE(norm->count));
    struct tensor part = tensor_shrink(x, RANGES({0, norm->rows}, {first, length}));
    return compile_to_graph(context, OUTPUTS({"y", layer_norm(part, AXES(-1), 1e-5, w, w)}), error);
}

static void check_rows(const char *mode, struct graph *graph, const char *text) {
    struct et_error error = {0};
    struct trial trial = {0};
    cr_assert(graph && trial_begin(&trial, graph, 1, &error), "%s", error.message);
    struct compiled *compiled = trial_compile(&trial, mode_find(mode), "rows", &error);
    cr_assert(compiled && strstr(compiled->source, text), "%s: %s", text,
              compiled ? compiled->source : error.message);
    compiled_free(compiled);
    cr_expect(trial_check(&trial, mode_find(mode), &error), "%s", error.message);
    trial_end(&trial);
    graph_free(graph);
}

static void check_all_rows(const char *mode) {
    struct et_error error = {0};
    check_rows(mode, many_rows(&error), "< 4101) {");
    check_rows(mode, many_rows_kept(&error), "[i0 / 16]");
    for (int i = 0; i < NORMS; i++)
        check_rows(mode, many_rows_again(&norms[i], &error), "copy_async_16(&row");
}

Test(cuda_graphs, rows_by_gcc, .timeout = 600) {
    check_all_rows("cuda-gcc");
}

Test(cuda_graphs, rows_by_clang, .timeout = 600) {
    check_all_rows("cuda-clang");
}

/* How many kernels a graph has, and how many texts; and whether it has the interpreter's bits. */
static void check_kernels(struct graph *graph, int kernels, int texts) {
    struct et_error error = {0};
    struct trial trial = {0};
    cr_assert(graph && trial_begin(&trial, graph, 1, &error), "%s", error.message);
    const struct mode *mode = mode_find("cuda-gcc");
    struct compiled *compiled = trial_compile(&trial, mode, "kernels", &error);
    cr_assert(compiled, "%s", error.message);
    int found = 0;
    for (int i = 0; i < compiled->kernel_count; i++)
        found += compiled->kernels[i].source[0] != 0;
    cr_expect(compiled->kernel_count == kernels && found == texts, "%d kernels, %d texts:\n%s",
              compiled->kernel_count, found, compiled->source);
    compiled_free(compiled);
    cr_expect(trial_check(&trial, mode, &error), "%s", error.message);
    trial_end(&trial);
    graph_free(graph);
}

static struct tensor input(struct tensor_context *context, const char *name, int64_t rows,
                           int64_t columns) {
    return add_graph_input(context, name, DTYPE_FLOAT32, SHAPE(rows, columns));
}

/* Layers that differ by their weights, one of which has a long name. */
Test(cuda_graphs, a_text_stands_once, .timeout = 600) {
    static const char *const names[] = {"v", "w", "weights_that_have_a_long_name"};
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("layers");
    struct tensor x = input(context, "x", 1, 96);
    for (int i = 0; i < 3; i++)
        x = tensor_tanh(matmul(x, input(context, names[i], 96, 96)));
    x = tensor_sin(matmul(x, input(context, "u", 96, 96)));
    check_kernels(compile_to_graph(context, OUTPUTS({"x", x}), &error), 4, 2);
}

/* Two copies, and sums between them that neither needs; then one that needs these. */
Test(cuda_graphs, copies_are_one_kernel, .timeout = 600) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("copies");
    struct tensor x = input(context, "x", 1, 96), v = input(context, "v", 96, 96);
    struct tensor a = tensor_concat(TENSORS(v, x), 0);
    struct tensor sums = matmul(x, input(context, "w", 96, 96));
    struct tensor b = tensor_concat(TENSORS(input(context, "u", 96, 96), x), 0);
    struct tensor c = tensor_concat(TENSORS(v, sums), 0);
    check_kernels(
        compile_to_graph(context, OUTPUTS({"a", a}, {"sums", sums}, {"b", b}, {"c", c}), &error), 3,
        3);
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
