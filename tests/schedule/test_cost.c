/* The cost model ranks ways to cut a matrix product as a core with AVX-512 has been measured to. */
#include <math.h>
#include <string.h>

#include "compiler/builder/layers.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"

#include <criterion/criterion.h>

/* Of two tilings of (rows, depth) times a constant (depth, columns) the second took at least a
 * tenth longer. */
static const struct pair {
    int64_t rows, depth, columns;
    const char *better, *worse; /* what their names begin with */
} pairs[] = {
    /* Too few sums wait for one another, .. */
    {197, 768, 768, "12x32 stream a", "5x32 stream a"},
    {197, 768, 768, "12x32 stream a", "3x64 stream a"},
    {16, 768, 768, "8x32 stream a", "5x32 stream a"},
    {16, 768, 768, "4x64 stream a", "3x64 stream a"},
    /* .. or for the panel, which comes from L2 for each of them; */
    {197, 768, 768, "12x32 stream a", "1x64 stream a"},
    {2, 384, 384, "2x64 stream a", "2x32 stream a"},
    {1, 192, 768, "1x64 stream a", "1x32 stream a"},
    /* a narrow tile loads an element of the stream for each vector that it multiplies; */
    {197, 768, 768, "12x32 stream a", "12x16 stream a"},
    {128, 192, 192, "8x32 stream a", "8x16 stream a"},
    /* weights along the rows have the activations packed, and the results scattered. */
    {197, 768, 768, "12x32 stream a", "12x32+16 stream b"},
};

static struct compiled *compile_product(const struct pair *pair, enum dtype dtype) {
    static float values[4096 * 1024];
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("product");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(pair->rows, pair->depth));
    struct tensor weights = tensor_cast(
        add_weight(context, "w", dtype, SHAPE(pair->columns, pair->depth)), DTYPE_FLOAT32);
    struct graph *graph =
        compile_to_graph(context, OUTPUTS({"y", linear(x, weights, NO_TENSOR)}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            graph->nodes[i]->value = values;
    struct compile_options options = {.backend = &emit_calls, .list_candidates = true};
    struct compiled *compiled = compile(graph, &options, &error);
    cr_assert_not_null(compiled, "%s", error.message);
    graph_free(graph);
    return compiled;
}

static double cost_of(const struct candidates *tiles, const char *name) {
    for (int i = 0; i < tiles->count; i++)
        if (strncmp(tiles->items[i].text, name, strlen(name)) == 0)
            return tiles->items[i].cost;
    cr_assert_fail("%s is none of the %d candidates", name, tiles->count);
    return 0;
}

Test(cost, ranks_tilings_as_they_were_measured) {
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const struct pair *pair = &pairs[i];
        struct compiled *compiled = compile_product(pair, DTYPE_FLOAT32);
        cr_assert_eq(compiled->contraction_count, 1);
        const struct candidates *tiles = &compiled->contractions[0].tiles;
        double better = cost_of(tiles, pair->better), worse = cost_of(tiles, pair->worse);
        cr_expect_gt(worse, 1.03 * better, "%s: %.0f cycles, %s: %.0f", pair->better, better,
                     pair->worse, worse);
        compiled_free(compiled);
    }
}

static bool is_widened(const char *name) {
    const char *end = strstr(name, " as float32");
    return end && strlen(end) == strlen(" as float32");
}

/* Which of the two ways to have a panel of 16-bit weights is the better one. */
Test(cost, keeps_16_bits_where_memory_binds) {
    static const struct {
        struct pair product;
        bool widened;
    } cases[] = {
        {{1, 1024, 5120, NULL, NULL}, false}, {{2, 1024, 4096, NULL, NULL}, false},
        {{4, 1024, 5120, NULL, NULL}, false}, {{32, 1024, 4096, NULL, NULL}, true},
        {{197, 768, 768, NULL, NULL}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct compiled *compiled = compile_product(&cases[i].product, DTYPE_BFLOAT16);
        cr_assert_eq(compiled->contraction_count, 1);
        const struct candidates *tiles = &compiled->contractions[0].tiles;
        double least[2] = {INFINITY, INFINITY};
        for (int k = 0; k < tiles->count; k++) {
            double *known = &least[is_widened(tiles->items[k].text)];
            *known = tiles->items[k].cost < *known ? tiles->items[k].cost : *known;
        }
        cr_expect_eq(least[1] < least[0], cases[i].widened,
                     "%lld rows: %.0f cycles with 16 bits, %.0f as float32",
                     (long long)cases[i].product.rows, least[0], least[1]);
        compiled_free(compiled);
    }
}
