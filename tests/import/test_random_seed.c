/* Models that make random numbers, of a seed that is an input. */
#include "compiler/builder/random.h"
#include "compiler/evaluate/evaluate.h"
#include "runtime/et_program.h"
#include "tests/support/onnx_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { COUNT = 37, NODES = 3 };

static struct onnx_model model;

static void begin(void) {
    onnx_model_begin(&model, 20);
}

static void end(void) {
    arena_free(&model.arena);
}

TestSuite(random_seed, .init = begin, .fini = end);

/* Uniform numbers, one of them of a seed of its own, and others that are 1 with probability p. */
static void make_model(void) {
    static const int64_t shape[] = {COUNT};
    onnx_add_input(&model, "p", 1, "37");
    for (int i = 0; i < 2; i++) {
        Onnx__Node *node = onnx_add_node(&model, "RandomUniform", "", i ? "b" : "a");
        Onnx__Attribute *extents = onnx_add_attribute(&model, node, "shape");
        extents->n_ints = 1;
        extents->ints = (int64_t *)shape;
        extents->has_type = true;
        extents->type = 7;
        if (i) {
            Onnx__Attribute *seed = onnx_add_attribute(&model, node, "seed");
            seed->has_f = seed->has_type = true;
            seed->f = 3;
            seed->type = 1;
        }
        onnx_add_output(&model, i ? "b" : "a");
    }
    onnx_add_node(&model, "Bernoulli", "p", "c");
    onnx_add_output(&model, "c");
}

static const struct import_options by_input = {.random_seed = "seed"};

static struct et_program *imported(void) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct graph *graph = onnx_import(&model, &by_input, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct et_program *program = program_from_graph(graph, weights, &error);
    cr_assert_not_null(program, "%s", error.message);
    return program;
}

struct results {
    float numbers[NODES][COUNT];
};

static struct results run(struct et_program *program, enum et_mode mode, uint64_t seed) {
    struct results results;
    struct et_error error = {0};
    float p[COUNT];
    for (int i = 0; i < COUNT; i++)
        p[i] = 0.5F;
    const void *inputs[2];
    void *outputs[NODES];
    inputs[et_program_find_input(program, "p")] = p;
    inputs[et_program_find_input(program, "seed")] = &seed;
    for (int i = 0; i < NODES; i++)
        outputs[et_program_find_output(program, (const char[]){(char)('a' + i), 0})] =
            results.numbers[i];
    cr_assert(et_program_run(program, mode, inputs, outputs, NULL, &error), "%s", error.message);
    return results;
}

/* What the builder makes of that seed and stream. */
static void expect_stream(const float *found, uint64_t seed, uint64_t stream) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("expected");
    struct tensor key = tensor_const(context, DTYPE_UINT64, SCALAR_SHAPE, 1, &seed);
    struct tensor y = random_uniform(key, stream, SHAPE(COUNT));
    struct graph *graph = compile_to_graph(context, 1, &(struct named_tensor){"y", y}, &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct et_program *program = program_from_graph(graph, NULL, &error);
    float expected[COUNT];
    cr_assert(et_program_run(program, ET_EAGER, NULL, (void *const[]){expected}, NULL, &error),
              "%s", error.message);
    cr_expect_eq(memcmp(found, expected, sizeof expected), 0);
    et_program_free(program);
}

Test(random_seed, is_an_input_of_all_nodes, .timeout = 60) {
    static const uint64_t seeds[] = {0, 1, 0x123456789abcdef0};
    make_model();
    struct et_program *program = imported();
    struct results first[3];
    for (int i = 0; i < 3; i++) {
        first[i] = run(program, ET_EAGER, seeds[i]);
        for (int mode = ET_JIT; mode < ET_MODE_COUNT; mode++) {
            struct results again = run(program, (enum et_mode)mode, seeds[i]);
            cr_expect_eq(memcmp(&again, &first[i], sizeof again), 0, "seed %d, mode %d", i, mode);
        }
        expect_stream(first[i].numbers[0], seeds[i], 1);
        expect_stream(first[i].numbers[1], seeds[i], 2);
        for (int node = 0; node < NODES; node++)
            cr_expect(i == 0 || memcmp(first[i].numbers[node], first[0].numbers[node],
                                       sizeof first[0].numbers[node]) != 0);
    }
    et_program_free(program);
}

static void refuses(const char *message) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    cr_assert_null(onnx_import(&model, &by_input, &weights, &error));
    cr_assert_str_eq(error.message, message);
}

Test(random_seed, has_a_name_of_its_own) {
    make_model();
    onnx_add_input(&model, "seed", 13, "");
    refuses("m.onnx: the model has an input \"seed\" already");
}

Test(random_seed, is_of_use) {
    onnx_add_input(&model, "x", 1, "2");
    onnx_add_node(&model, "Neg", "x", "y");
    onnx_add_output(&model, "y");
    refuses("m.onnx: no node makes random numbers, for which \"seed\" would be");
}
