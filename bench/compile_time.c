/* compile_time [NODES...]: what each stage of the compiler takes for graphs of 100 to 10,000 nodes.
 * Twice the nodes should take twice the time: the last column is milliseconds for 1000 nodes.
 *
 * compile_time GRAPH.json...: the same of stored graphs, and from the graph to code that runs in
 * this process ("jit"), of which libtcc takes the part after it. */
#include "compiler/builder/layers.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "compiler/store/store.h"
#include "runtime/backend/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The compiler is one thread: what the processor spends on it is what it takes, and is the same
 * when others want the processor too. */
static double spent_milliseconds(void) {
    return 1e-6 * (double)clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* ---- Graphs of about so many nodes ---- */

static struct tensor start(struct tensor_context *context) {
    return add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(4, 32));
}

static struct tensor weight(struct tensor x, int layer) {
    char name[32];
    snprintf(name, sizeof name, "%d.weight", layer);
    return add_weight(x.context, name, DTYPE_FLOAT32, SHAPE(32, 32));
}

/* Elementwise operations one after another: fused into kernels of limited size. */
static struct tensor elementwise(struct tensor_context *context, int nodes) {
    struct tensor x = start(context);
    for (int i = 0; i < nodes; i++)
        x = i % 2 ? tensor_neg(x) : tensor_tanh(x);
    return x;
}

/* Each operation reads its source twice. */
static struct tensor doubled(struct tensor_context *context, int nodes) {
    struct tensor x = start(context);
    for (int i = 0; i < nodes; i++)
        x = i % 2 ? tensor_add(x, x) : tensor_mul(x, x);
    return x;
}

static struct tensor layers(struct tensor_context *context, int nodes) {
    struct tensor x = start(context);
    for (int i = 0; i < nodes / 9; i++)
        x = relu(linear(x, weight(x, i), NO_TENSOR));
    return x;
}

/* x + f(x), as in residual networks and transformers. */
static struct tensor residual(struct tensor_context *context, int nodes) {
    struct tensor x = start(context);
    for (int i = 0; i < nodes / 10; i++)
        x = tensor_add(x, relu(linear(x, weight(x, i), NO_TENSOR)));
    return x;
}

static struct tensor normalised(struct tensor_context *context, int nodes) {
    struct tensor x = start(context);
    for (int i = 0; i < nodes / 22; i++)
        x = tensor_add(x, softmax(layer_norm(x, AXES(-1), 1e-5, NO_TENSOR, NO_TENSOR), -1));
    return x;
}

/* Everything lives until the end, where it is joined, so many at a time. */
static struct tensor wide(struct tensor_context *context, int nodes) {
    enum { TOGETHER = 500, MOST = 20, NODES_OF_EACH = 6 };
    struct tensor x = start(context), parts[TOGETHER], joined[MOST];
    int left = nodes / NODES_OF_EACH, number = 0, groups = 0;
    while (left > 0 && groups < MOST) {
        int count = left < TOGETHER ? left : TOGETHER;
        for (int i = 0; i < count; i++)
            parts[i] = tensor_reduce_sum(tensor_exp(add_number(x, number++)), AXES(1));
        joined[groups++] = tensor_concat(count, parts, 0);
        left -= count;
    }
    return tensor_concat(groups, joined, 0);
}

static const struct shape {
    const char *name;
    struct tensor (*build)(struct tensor_context *context, int nodes);
} shapes[] = {
    {"elementwise", elementwise}, {"doubled", doubled},       {"layers", layers},
    {"residual", residual},       {"normalised", normalised}, {"wide", wide},
};

/* ---- Timing ---- */

enum { MOST_PASSES = 20 };
struct times {
    int count;
    const char *passes[MOST_PASSES];
    double milliseconds[MOST_PASSES];
};

static void note_time(void *context, const char *pass, const char *text, bool changed,
                      double milliseconds) {
    struct times *times = context;
    (void)text, (void)changed;
    if (times->count == MOST_PASSES)
        return;
    times->passes[times->count] = pass;
    times->milliseconds[times->count++] = milliseconds;
}

static void bind_zeros(struct graph *graph) {
    static const float zeros[32 * 32];
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_WEIGHT)
            graph->nodes[i]->value = zeros;
}

enum { TRIES = 5 };

/* Milliseconds of the compiler, and of libtcc after it. */
struct spent {
    double compiling, building;
};

static bool try_once(const struct graph *graph, const struct emit_backend *backend, bool with_jit,
                     struct spent *spent, struct et_error *error) {
    struct compile_options options = {.backend = backend};
    double began = spent_milliseconds();
    struct compiled *compiled = compile(graph, &options, error);
    double between = spent_milliseconds();
    struct executable jit = {0};
    bool good = compiled &&
                (!with_jit || backend_build(&backends[BACKEND_JIT], compiled, NULL, &jit, error));
    *spent = (struct spent){between - began, spent_milliseconds() - between};
    executable_free(&jit);
    compiled_free(compiled);
    return good;
}

/* The compiler by itself, without dumps, which take time themselves; the least of some tries. */
static bool time_whole(const struct graph *graph, const struct emit_backend *backend, bool with_jit,
                       struct spent *least, struct et_error *error) {
    for (int i = 0; i < TRIES; i++) {
        struct spent spent;
        if (!try_once(graph, backend, with_jit, &spent, error))
            return false;
        if (i == 0 || spent.compiling < least->compiling)
            least->compiling = spent.compiling;
        if (i == 0 || spent.building < least->building)
            least->building = spent.building;
    }
    return true;
}

static bool print_times(const struct graph *graph, bool with_jit, struct et_error *error) {
    struct times times = {0};
    struct spent whole, jit = {0};
    struct compile_options options = {.dump = note_time, .dump_context = &times};
    struct compiled *compiled = compile(graph, &options, error);
    if (!compiled || !time_whole(graph, &emit_loops, false, &whole, error) ||
        (with_jit && !time_whole(graph, &emit_calls, true, &jit, error))) {
        compiled_free(compiled);
        return false;
    }
    printf("%-12s %6d %7d", graph->name, graph->node_count, compiled->kernel_count);
    for (int i = 0; i < times.count; i++)
        printf("  %s %.1f", times.passes[i], times.milliseconds[i]);
    if (with_jit)
        printf("  jit %.1f  libtcc %.1f", jit.compiling + jit.building, jit.building);
    printf("  whole %.1f  %8.2f\n", whole.compiling, whole.compiling * 1000 / graph->node_count);
    fflush(stdout);
    compiled_free(compiled);
    return true;
}

static bool time_shape(const struct shape *shape, int nodes) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new(shape->name);
    struct tensor y = shape->build(context, nodes);
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
    if (graph)
        bind_zeros(graph);
    bool good = graph && print_times(graph, false, &error);
    if (!good)
        fprintf(stderr, "%s: %s\n", shape->name, error.message);
    graph_free(graph);
    return good;
}

static bool time_stored(const char *path) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct graph *graph = graph_load(path, &weights, &error);
    bool good = graph && print_times(graph, true, &error);
    if (!good)
        fprintf(stderr, "%s\n", error.message);
    graph_free(graph);
    weights_free(weights);
    return good;
}

static bool is_number(const char *text) {
    return text[strspn(text, "0123456789")] == '\0';
}

int main(int count, char **values) {
    static const char *const usual[] = {"100", "300", "1000", "3000", "10000"};
    bool good = true, any_number = count < 2;
    printf("graph         nodes kernels  ms of each pass  ms per 1000 nodes\n");
    for (int k = 1; k < count; k++) {
        any_number = any_number || is_number(values[k]);
        if (!is_number(values[k]))
            good &= time_stored(values[k]);
    }
    for (size_t i = 0; any_number && i < sizeof shapes / sizeof *shapes; i++) {
        for (int k = 1; k < count; k++)
            if (is_number(values[k]))
                good &= time_shape(&shapes[i], atoi(values[k]));
        for (size_t k = 0; count < 2 && k < sizeof usual / sizeof *usual; k++)
            good &= time_shape(&shapes[i], atoi(usual[k]));
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
