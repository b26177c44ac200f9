/* Contractions as emitted for a GPU, on this CPU against the interpreter: of sizes for which the
 * cost model takes tiles of every kind, of all types that tiles have, along the sum and across it.
 */
#include <criterion/criterion.h>

#include <stdio.h>
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
    {DTYPE_FLOAT32, 1, 1, 300, 1000, false, "contract_line<1, "},
    {DTYPE_FLOAT32, 1, 1, 301, 70, true, "contract_line<1, "},
    {DTYPE_FLOAT32, 1, 3, 64, 10, true, "contract_line<4, "},
    {DTYPE_FLOAT32, 1, 2, 257, 130, false, "contract_line<2, "},
    {DTYPE_FLOAT32, 1, 4, 65, 32801, false, "contract_tile<4, "},
    {DTYPE_FLOAT32, 1, 64, 40, 64, false, "contract_tile<"},
    {DTYPE_FLOAT32, 1, 257, 100, 258, false, "contract_tile<"},
    {DTYPE_FLOAT32, 1, 512, 33, 512, true, "contract_tile<"},
    {DTYPE_FLOAT32, 1, 1300, 24, 1100, false, ", 8, 8, true, 1, false, false, 4, false, float>"},
    {DTYPE_FLOAT32, 1, 1300, 18, 1101, true, ", 8, 8, true, 1, false, true, 1, false, float>"},
    {DTYPE_FLOAT32, 1, 830, 18, 831, true, ", 8, 8, true, 1, true, true, 1, true, float>"},
    {DTYPE_FLOAT32, 5, 60, 36, 100, true, "contract_tile<"},
    {DTYPE_FLOAT64, 2, 100, 70, 66, false, "contract_tile<"},
    {DTYPE_FLOAT64, 1, 1, 130, 90, true, "contract_line<1, "},
    {DTYPE_INT32, 1, 90, 64, 130, false, "contract_tile<"},
    {DTYPE_INT8, 1, 90, 65, 130, true, ", 2, "},
    {DTYPE_UINT8, 3, 40, 32, 50, false, ", 2, "},
    {DTYPE_FLOAT32, 1, 2, 9, 500, false, NULL},
};
enum { PRODUCTS = sizeof products / sizeof *products };

/* `each`: w has a batch axis too. */
static struct graph *graph_of(const struct product *product, bool each, struct et_error *error) {
    struct tensor_context *context = tensor_context_new("product");
    const int64_t rows = product->rows, depth = product->depth, columns = product->columns;
    struct tensor x =
        add_graph_input(context, "x", product->dtype, SHAPE(product->batch, rows, depth));
    const int64_t both = each ? product->batch : 1;
    struct tensor w = product->turned ? tensor_permute(add_graph_input(context, "w", product->dtype,
                                                                       SHAPE(both, columns, depth)),
                                                       AXES(0, 2, 1))
                                      : add_graph_input(context, "w", product->dtype,
                                                        SHAPE(both, depth, columns));
    if (dtype_is_integer(product->dtype) && product->dtype != DTYPE_INT32) {
        x = tensor_cast(x, DTYPE_INT32);
        w = tensor_cast(w, DTYPE_INT32);
    }
    return compile_to_graph(context, OUTPUTS({"y", matmul(x, w)}), error);
}

static void check(const struct product *product) {
    struct et_error error = {0};
    struct trial trial = {0};
    struct graph *graph = graph_of(product, false, &error);
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

/* Where a template of that name is used; NULL: nowhere. */
static const char *use_of(const char *text, const char *name) {
    const char *at = strstr(text, name);
    while (at && !(at[strlen(name)] >= '1' && at[strlen(name)] <= '9'))
        at = strstr(at + 1, name); /* not where it is defined */
    return at ? at + strlen(name) : NULL;
}

/* What templates/cuda/contract_line.h asks of a tile. */
static void check_line(const char *text) {
    int rows, columns, steps, stages, threads;
    char along[6];
    const char *at = use_of(text, "contract_line<");
    if (!at)
        return;
    cr_assert_eq(sscanf(at, "%d, %d, %d, %d, %d, %*5[a-z], %*d, %5[a-z]", &rows, &columns, &steps,
                        &stages, &threads, along),
                 6);
    const bool by_steps = along[0] == 't' || rows * columns <= 32;
    const int panel = by_steps ? columns * (steps + 4) : steps * (columns + 4);
    const int bytes = 4 * stages * (panel + rows * (steps + 4));
    cr_expect(rows * columns <= threads && stages >= 2 && bytes <= 48 * 1024, "%.80s", at);
}

/* What templates/cuda/contract.h asks of a tile. */
static void check_tile(const struct product *product, const char *text) {
    int rows, columns, steps, stages, row_sums, column_sums, widths[2];
    char along[2][6], by_steps[2][6];
    const char *at = use_of(text, "contract_tile<");
    if (!at)
        return;
    cr_assert_eq(sscanf(at, "%d, %d, %d, %d, %d, %d, %5[a-z], %d, %5[a-z], %5[a-z], %d, %5[a-z]",
                        &rows, &columns, &steps, &stages, &row_sums, &column_sums, along[0],
                        &widths[0], by_steps[0], along[1], &widths[1], by_steps[1]),
                 12);
    const int threads = rows / row_sums * (columns / column_sums), sides[] = {rows, columns};
    int bytes = 0;
    for (int i = 0; i < 2; i++) {
        const bool is_along = along[i][0] == 't', is_by_steps = by_steps[i][0] == 't';
        const int lanes = is_along ? steps / widths[i] : sides[i] / widths[i];
        cr_expect(lanes <= threads && lanes > 0, "%d x %d x %d: %.80s", product->rows,
                  product->depth, product->columns, at);
        cr_expect(widths[i] == 1 || is_along == is_by_steps, "%.80s", at);
        bytes += 4 * (is_by_steps ? sides[i] * (steps + 4) : steps * (sides[i] + 4));
    }
    cr_expect(stages >= 2 && stages * bytes <= 48 * 1024, "%d bytes: %.80s", stages * bytes, at);
    cr_expect(rows / row_sums % 4 == 0 && columns / column_sums % 8 == 0, "%.80s", at);
}

Test(cuda_tiles, shapes_are_sound, .timeout = 300) {
    static const int rows[] = {1, 2, 5, 17, 64, 300}, columns[] = {1, 2, 8, 16, 100, 1000, 4096};
    static const int depths[] = {8, 16, 33, 64, 66, 256, 1001}, batches[] = {1, 16, 256};
    const struct compile_options options = {.backend = &emit_cuda};
    struct et_error error = {0};
    for (int i = 0; i < 6 * 7 * 7 * 3 * 2; i++) {
        const struct product product = {.dtype = DTYPE_FLOAT32,
                                        .batch = batches[i / 294 % 3],
                                        .rows = rows[i % 6],
                                        .depth = depths[i / 6 % 7],
                                        .columns = columns[i / 42 % 7],
                                        .turned = i / 882 > 0};
        struct graph *graph = graph_of(&product, true, &error);
        struct compiled *compiled = graph ? compile(graph, &options, &error) : NULL;
        cr_assert(compiled, "%s", error.message);
        check_tile(&product, compiled->source);
        check_line(compiled->source);
        compiled_free(compiled);
        graph_free(graph);
    }
}

static const struct convolution {
    int images, channels, height, width, outputs, size, stride;
    const char *tile; /* what the text has */
} convolutions[] = {
    {2, 12, 21, 30, 40, 3, 1, "contract_tile<"},    {2, 12, 21, 30, 40, 3, 2, "contract_tile<"},
    {16, 2, 70, 70, 32, 3, 1, "contract_window<"},  {16, 1, 75, 77, 33, 5, 1, "contract_window<"},
    {16, 1, 100, 99, 32, 7, 2, "contract_window<"},
};

static void check_convolution(const struct convolution *of) {
    struct et_error error = {0};
    struct trial trial = {0};
    struct tensor_context *context = tensor_context_new("convolution");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32,
                                      SHAPE(of->images, of->channels, of->height, of->width));
    struct tensor w = add_graph_input(context, "w", DTYPE_FLOAT32,
                                      SHAPE(of->outputs, of->channels, of->size, of->size));
    struct tensor b = add_graph_input(context, "b", DTYPE_FLOAT32, SHAPE(of->outputs));
    struct tensor y = conv2d(
        x, w, b, (struct conv2d_options){.padding = {1, 1}, .stride = {of->stride, of->stride}});
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", relu(y)}), &error);
    cr_assert(graph && trial_begin(&trial, graph, 1, &error), "%s", error.message);
    const struct mode *mode = mode_find("cuda-gcc");
    struct compiled *compiled = trial_compile(&trial, mode, "convolution", &error);
    cr_assert(compiled, "%s", error.message);
    cr_expect(strstr(compiled->kernels[compiled->kernel_count - 1].source, of->tile), "%s:\n%s",
              of->tile, compiled->kernels[compiled->kernel_count - 1].source);
    compiled_free(compiled);
    cr_expect(trial_check(&trial, mode, &error), "%d x %d by %d: %s", of->size, of->size,
              of->stride, error.message);
    trial_end(&trial);
    graph_free(graph);
}

/* Convolutions have operands that lie neither way; some read every other element. Where there are
 * many columns, their windows stay in registers. */
Test(cuda_tiles, convolutions, .timeout = 300) {
    for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++)
        check_convolution(&convolutions[i]);
}
