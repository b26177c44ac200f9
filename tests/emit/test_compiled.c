/* What comes out of the emitter beside the text: the functions that it calls, and laps on request.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "compiler/builder/layers.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "tests/support/random_graph.h"

enum { GRAPHS = 60 };

static struct compiled *compile_with(unsigned long seed, const struct compile_options *options) {
    struct et_error error = {0};
    struct graph *graph = random_graph(seed, &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct compiled *compiled = compile(graph, options, &error);
    cr_assert_not_null(compiled, "%s", error.message);
    graph_free(graph);
    return compiled;
}

static struct compiled *compile_random(unsigned long seed, const struct emit_backend *backend,
                                       bool profile) {
    return compile_with(seed, &(struct compile_options){.backend = backend, .profile = profile});
}

static bool is_listed(const struct compiled *compiled, const char *name, size_t length) {
    for (int i = 0; i < compiled->runtime_function_count; i++)
        if (strlen(compiled->runtime_functions[i]) == length &&
            memcmp(compiled->runtime_functions[i], name, length) == 0)
            return true;
    return false;
}

/* The calls of functions whose names begin so, which are all listed. */
static int expect_listed(const struct compiled *compiled, const char *prefix) {
    int calls = 0;
    for (const char *at = compiled->source; (at = strstr(at, prefix)); at++) {
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
        if (at[-1] != ' ' || at[length] != '(')
            continue;
        calls++;
        cr_expect(is_listed(compiled, at, length), "%.*s", (int)length, at);
    }
    return calls;
}

Test(compiled, functions_of_the_runtime_are_listed) {
    int calls = 0;
    for (unsigned long seed = 1; seed <= GRAPHS; seed++) {
        struct compiled *compiled = compile_random(seed, &emit_calls, false);
        calls += expect_listed(compiled, "tile_") + expect_listed(compiled, "row_");
        for (int i = 0; i < compiled->runtime_function_count; i++) {
            const char *name = compiled->runtime_functions[i], *at = strstr(compiled->source, name);
            cr_expect(at && strstr(at + 1, name), "%s is declared and called", name);
        }
        compiled_free(compiled);
    }
    cr_expect_gt(calls, GRAPHS);
}

Test(compiled, text_with_inlined_tiles_calls_nothing) {
    for (unsigned long seed = 1; seed <= GRAPHS; seed++) {
        struct compiled *compiled = compile_random(seed, &emit_loops, false);
        cr_expect_eq(compiled->runtime_function_count, 0);
        compiled_free(compiled);
    }
}

/* The lines of a text but those about laps: a field, where it is set, and where it is called. */
static struct text without_laps(const char *source, int *laps) {
    struct text text = {0};
    for (const char *line = source; *line;) {
        size_t length = strcspn(line, "\n") + 1;
        const char *word = line + strspn(line, " ");
        bool calls =
            strncmp(word, "inputs->lap(", 12) == 0 || strncmp(word, "named_inputs.lap(", 17) == 0;
        *laps += calls;
        if (!calls && strncmp(word, "void (*lap)", 11) != 0 &&
            strncmp(word, "named_inputs.lap =", 18) != 0)
            text_add_bytes(&text, line, length);
        line += length;
    }
    return text;
}

/* Those in bodies of scans have no laps. */
static int kernels_of_run(const struct compiled *compiled) {
    int count = 0;
    for (int i = 0; i < compiled->kernel_count; i++)
        count += compiled->kernels[i].steps == 0;
    return count;
}

Test(compiled, profiling_adds_laps_and_nothing_else) {
    static const struct emit_backend *const backends[] = {&emit_loops, &emit_calls};
    for (unsigned long seed = 1; seed <= GRAPHS; seed++)
        for (int b = 0; b < 2; b++) {
            struct compiled *plain = compile_random(seed, backends[b], false);
            struct compiled *profiled = compile_random(seed, backends[b], true);
            int laps = 0;
            struct text text = without_laps(profiled->source, &laps);
            cr_expect_str_eq(text.bytes, plain->source, "seed %lu", seed);
            cr_expect_eq(laps, kernels_of_run(plain) + 1, "seed %lu", seed);
            text_free(&text);
            compiled_free(plain);
            compiled_free(profiled);
        }
}

static int count_of(const char *text, const char *what) {
    int count = 0;
    for (; (text = strstr(text, what)); text++)
        count++;
    return count;
}

/* Whether no kernel has work enough for a look. */
static bool is_small(const struct compiled *compiled) {
    for (int i = 0; i < compiled->kernel_count; i++)
        if (compiled->kernels[i].flops >= STOP_EVERY)
            return false;
    return true;
}

/* The field, where it is set, and nothing in kernels this small: so the text is never the same, for
 * caches that go by it; nor slower. */
Test(compiled, short_kernels_do_not_ask_whether_to_stop) {
    static const struct emit_backend *const backends[] = {&emit_loops, &emit_calls};
    for (unsigned long seed = 1; seed <= GRAPHS; seed++)
        for (int b = 0; b < 2; b++) {
            struct compile_options options = {.backend = backends[b], .stop_every = STOP_EVERY};
            struct compiled *plain = compile_random(seed, backends[b], false);
            struct compiled *usual = compile_with(seed, &options);
            options.stop_every = 100;
            struct compiled *often = compile_with(seed, &options);
            cr_expect_eq(count_of(plain->source, "stop"), 0, "seed %lu", seed);
            cr_expect_eq(count_of(usual->source, "named_inputs.stop = "), 1, "seed %lu", seed);
            cr_expect(!is_small(usual) || !strstr(usual->source, "stop->passed(stop)"), "seed %lu",
                      seed);
            cr_expect_geq(count_of(often->source, "stop->passed("),
                          count_of(usual->source, "stop->passed("), "seed %lu", seed);
            compiled_free(plain);
            compiled_free(usual);
            compiled_free(often);
        }
}

/* Windows beyond a small picture whose channels are neighbours: a guard chooses for all of them. */
Test(compiled, guards_of_whole_rows_are_calls) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("pool");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(3, 3, 64));
    struct tensor padded = tensor_pad(x, RANGES({2, 2}, {2, 2}, {0, 0}), -INFINITY);
    struct tensor windows = tensor_window(tensor_window(padded, 0, 5, 1, 1), 1, 5, 1, 1);
    struct graph *graph =
        compile_to_graph(context, OUTPUTS({"y", tensor_reduce_max(windows, AXES(3, 4))}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct compiled *compiled =
        compile(graph, &(struct compile_options){.backend = &emit_calls}, &error);
    cr_assert_not_null(compiled, "%s", error.message);
    cr_expect(strstr(compiled->source, "*guarded"), "%s", compiled->source);
    cr_expect_null(strstr(compiled->source, "f32_max("), "%s", compiled->source);
    compiled_free(compiled);
    graph_free(graph);
}

/* A batch norm, and a ReLU6 by two ReLUs, behind a product of matrices. */
Test(compiled, chains_take_several_operations_in_a_step) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("normal");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(48, 16));
    struct tensor w = add_graph_input(context, "w", DTYPE_FLOAT32, SHAPE(16, 32)), columns[4];
    static const char *const names[] = {"mean", "scale", "factor", "bias"};
    for (int i = 0; i < 4; i++)
        columns[i] = add_graph_input(context, names[i], DTYPE_FLOAT32, SHAPE(32));
    struct tensor scaled = tensor_mul(tensor_sub(matmul(x, w), columns[0]), columns[1]);
    struct tensor normal = tensor_add(tensor_mul(scaled, columns[2]), columns[3]);
    struct tensor moved = tensor_add(normal, scalar(context, -6));
    struct tensor ramp = tensor_sub(relu(normal), relu(moved));
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", ramp}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct compiled *compiled =
        compile(graph, &(struct compile_options){.backend = &emit_calls}, &error);
    cr_assert_not_null(compiled, "%s", error.message);
    cr_expect(strstr(compiled->source, "{STEP_NORMALIZE, FORM_COLUMNS, 1}"), "%s",
              compiled->source);
    cr_expect(strstr(compiled->source, "{STEP_RAMP, FORM_SAME, 5}"), "%s", compiled->source);
    compiled_free(compiled);
    graph_free(graph);
}

/* The C for libtcc of y. */
static struct compiled *compile_calls(struct tensor_context *context, struct tensor y) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct compiled *compiled =
        compile(graph, &(struct compile_options){.backend = &emit_calls}, &error);
    cr_assert_not_null(compiled, "%s", error.message);
    graph_free(graph);
    return compiled;
}

/* A layer norm, and a GELU by tanh, as TinyGrad says it. */
Test(compiled, chains_take_a_norm_and_a_gelu_in_a_few_steps) {
    struct tensor_context *context = tensor_context_new("norm");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(48, 640));
    struct tensor factor = add_graph_input(context, "factor", DTYPE_FLOAT32, SHAPE(640));
    struct tensor bias = add_graph_input(context, "bias", DTYPE_FLOAT32, SHAPE(640));
    struct tensor one = scalar(context, 1), share = scalar(context, 1.0 / 640);
    struct tensor mean = tensor_mul(tensor_reduce_sum(x, AXES(1)), share);
    struct tensor centred = tensor_sub(x, tensor_reshape(mean, SHAPE(48, 1)));
    struct tensor square =
        tensor_mul(tensor_reduce_sum(tensor_mul(centred, centred), AXES(1)), share);
    struct tensor scale = tensor_recip(tensor_sqrt(tensor_add(square, scalar(context, 1e-5))));
    struct tensor normal = tensor_mul(centred, tensor_reshape(scale, SHAPE(48, 1)));
    normal = tensor_add(tensor_mul(normal, factor), bias);
    struct tensor cube = tensor_mul(tensor_mul(normal, normal), normal);
    struct tensor inner = tensor_add(normal, tensor_mul(cube, scalar(context, 0.044715)));
    struct tensor turned = tensor_neg(tensor_mul(inner, scalar(context, 1.5957691)));
    struct tensor gate = tensor_recip(tensor_add(one, tensor_exp(turned)));
    struct compiled *compiled = compile_calls(context, tensor_mul(normal, gate));
    static const char *const steps[] = {"{STEP_NORMALIZE, FORM_SAME, ", "{STEP_CUBIC, FORM_SAME, ",
                                        "{STEP_SIGMOID}", "{STEP_SQUARE}", "row_phases("};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        cr_expect(strstr(compiled->source, steps[i]), "%s: %s", steps[i], compiled->source);
    compiled_free(compiled);
}

/* Of a short convolution a chain stores whole lines. */
Test(compiled, sums_of_short_tiles_are_stored_together) {
    struct tensor_context *context = tensor_context_new("lines");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(1, 30, 30, 8));
    struct tensor w = add_graph_input(context, "w", DTYPE_FLOAT32, SHAPE(8, 32));
    struct tensor bias = add_graph_input(context, "bias", DTYPE_FLOAT32, SHAPE(32));
    struct tensor y = relu(tensor_add(matmul(x, w), bias));
    struct compiled *compiled = compile_calls(context, y);
    cr_expect(strstr(compiled->source, " row_tiled_chain(32, "), "%s", compiled->source);
    compiled_free(compiled);
}
