/* Contractions as emitted for a GPU, on this CPU against the interpreter: of sizes for which the
 * cost model takes tiles of every kind, of all types that tiles have, along the sum and across it.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "compiler/builder/layers.h"
#include "compiler/emit/backend.h"
#include "tests/support/trial.h"

/* y = x[batch, rows, depth] @ w, where w is [depth, columns], or turned. */
static const struct product {
    enum dtype dtype;
    int batch, rows, depth, columns;
    bool turned;
    const char *tile; /* what the text has; NULL: no tile */
} products[] = {
    {DTYPE_FLOAT32, 1, 1, 300, 1000, false, "contract_tile<4, "},
    {DTYPE_FLOAT32, 1, 1, 301, 70, true, "contract_tile<4, "},
    {DTYPE_FLOAT32, 1, 3, 64, 10, true, "contract_tile<4, "},
    {DTYPE_FLOAT32, 1, 64, 40, 64, false, "contract_tile<"},
    {DTYPE_FLOAT32, 1, 257, 100, 258, false, "contract_tile<"},
    {DTYPE_FLOAT32, 1, 512, 33, 512, true, "contract_tile<"},
    {DTYPE_FLOAT32, 1, 1300, 24, 1100, false, ", 8, 8, true, 4, true, false, 4, false, float>"},
    {DTYPE_FLOAT32, 1, 1300, 18, 1101, true, ", 8, 8, true, 1, true, true, 1, true, float>"},
    {DTYPE_FLOAT32, 5, 60, 36, 100, true, "contract_tile<"},
    {DTYPE_FLOAT64, 2, 100, 70, 66, false, "contract_tile<"},
    {DTYPE_FLOAT64, 1, 1, 130, 90, true, "contract_tile<4, "},
    {DTYPE_INT32, 1, 90, 64, 130, false, "contract_tile<"},
    {DTYPE_INT8, 1, 90, 65, 130, true, ", 2, "},
    {DTYPE_UINT8, 3, 40, 32, 50, false, ", 2, "},
    {DTYPE_FLOAT32, 1, 2, 9, 500, false, NULL},
};
enum { PRODUCTS = sizeof products / sizeof *products };

static struct graph *graph_of(const struct product *product, struct et_error *error) {
    struct tensor_context *context = tensor_context_new("product");
    const int64_t rows = product->rows, depth = product->depth, columns = product->columns;
    struct tensor x =
        add_graph_input(context, "x", product->dtype, SHAPE(product->batch, rows, depth));
    struct tensor w = product->turned
                          ? add_graph_input(context, "w", product->dtype, SHAPE(columns, depth))
                          : add_graph_input(context, "w", product->dtype, SHAPE(depth, columns));
    w = product->turned ? tensor_permute(w, AXES(1, 0)) : w;
    if (dtype_is_integer(product->dtype) && product->dtype != DTYPE_INT32) {
        x = tensor_cast(x, DTYPE_INT32);
        w = tensor_cast(w, DTYPE_INT32);
    }
    return compile_to_graph(context, OUTPUTS({"y", matmul(x, w)}), error);
}

static void check(const struct product *product) {
    struct et_error error = {0};
    struct trial trial = {0};
    struct graph *graph = graph_of(product, &error);
    cr_assert(graph && trial_begin(&trial, graph, 1, &error), "%s", error.message);
    const struct mode *mode = mode_find("cuda-gcc");
    struct compiled *compiled = trial_compile(&trial, mode, "product", &error);
    cr_assert(compiled, "%s", error.message);
    const char *tile = product->tile ? product->tile : "contract_tile<";
    cr_expect((strstr(compiled->source, tile) != NULL) == (product->tile != NULL), "%s:\n%s", tile,
              compiled->kernels[compiled->kernel_count - 1].source);
    compiled_free(compiled);
    cr_expect(trial_check(&trial, mode, &error), "%d x %d x %d of %s: %s", product->rows,
              product->depth, product->columns, dtype_facts[product->dtype].name, error.message);
    trial_end(&trial);
    graph_free(graph);
}

Test(cuda_tiles, products, .timeout = 300) {
    for (int i = 0; i < PRODUCTS; i++)
        check(&products[i]);
}

/* Convolutions have operands that lie neither way; the second reads every other element. */
Test(cuda_tiles, convolutions, .timeout = 300) {
    for (int stride = 1; stride <= 2; stride++) {
        struct et_error error = {0};
        struct trial trial = {0};
        struct tensor_context *context = tensor_context_new("convolution");
        struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(2, 12, 21, 30));
        struct tensor w = add_graph_input(context, "w", DTYPE_FLOAT32, SHAPE(40, 12, 3, 3));
        struct tensor b = add_graph_input(context, "b", DTYPE_FLOAT32, SHAPE(40));
        struct tensor y =
            conv2d(x, w, b, (struct conv2d_options){.padding = {1, 1}, .stride = {stride, stride}});
        struct graph *graph = compile_to_graph(context, OUTPUTS({"y", relu(y)}), &error);
        cr_assert(graph && trial_begin(&trial, graph, 1, &error), "%s", error.message);
        cr_expect(trial_check(&trial, mode_find("cuda-gcc"), &error), "%s", error.message);
        trial_end(&trial);
        graph_free(graph);
    }
}
