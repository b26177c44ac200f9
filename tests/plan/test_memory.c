/* Memory: the arena against its bound, work in place, weights that are kept once. */
#include "compiler/builder/layers.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "compiler/passes.h"
#include "compiler/store/safetensors.h"
#include "compiler/store/store.h"
#include "runtime/et_program.h"
#include "tests/support/random_graph.h"
#include "tests/support/trial.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 40, BYTES = SIDE * SIDE * 4 };

/* ---- In place ---- */

/* More operations than one kernel takes: a chain of elementwise kernels. */
static struct tensor long_chain(struct tensor x) {
    for (int i = 0; i < 1500; i++)
        x = i % 2 ? tensor_neg(x) : tensor_sin(x);
    return x;
}

static struct tensor chain(struct tensor x) {
    return long_chain(x);
}

/* Both operands of the sum die, and it is read twice. */
static struct tensor two_operands(struct tensor x) {
    struct tensor sum = tensor_add(long_chain(x), long_chain(tensor_exp(x)));
    return tensor_mul(long_chain(sum), sum);
}

/* The chain's end is read at another place, and by a reduction. */
static struct tensor elsewhere(struct tensor x) {
    struct tensor y = long_chain(x);
    y = long_chain(tensor_sub(y, tensor_permute(y, AXES(1, 0))));
    return tensor_sub(long_chain(y), tensor_reduce_sum(y, AXES(1)));
}

/* Products read and write other buffers than the chains between them. */
static struct tensor products(struct tensor x) {
    struct tensor y = matmul(long_chain(x), tensor_permute(x, AXES(1, 0)));
    return tensor_add(matmul(long_chain(y), x), y);
}

static const struct {
    const char *name;
    struct tensor (*build)(struct tensor x);
    size_t most; /* bytes of the arena; 0: whatever the bound is */
} shapes[] = {{"chain", chain, BYTES},
              {"two_operands", two_operands, 2 * BYTES},
              {"elsewhere", elsewhere, 0},
              {"products", products, 0}};

static struct graph *build_shape(size_t shape) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new(shapes[shape].name);
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(SIDE, SIDE));
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", shapes[shape].build(x)}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    return graph;
}

static void count_reuses(void *context, const char *pass, const char *text, bool changed,
                         double milliseconds) {
    (void)text, (void)milliseconds;
    *(int *)context += strcmp(pass, passes[PASS_REUSE_BUFFERS].name) == 0 && changed;
}

Test(memory, chains_work_in_place) {
    static const struct emit_backend *const backends[] = {&emit_loops, &emit_calls};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int b = 0; b < 2; b++) {
            struct et_error error = {0};
            struct graph *graph = build_shape(i);
            int reuses = 0;
            struct compile_options options = {.backend = backends[b],
                                              .verify = true,
                                              .dump = count_reuses,
                                              .dump_context = &reuses};
            struct compiled *compiled = compile(graph, &options, &error);
            cr_assert_not_null(compiled, "%s: %s", shapes[i].name, error.message);
            cr_expect_eq(reuses, 1, "%s", shapes[i].name);
            cr_expect_gt(compiled->kernel_count, 2, "%s", shapes[i].name);
            cr_expect_eq(compiled->arena_bytes, compiled->arena_lower_bound, "%s", shapes[i].name);
            if (shapes[i].most)
                cr_expect_leq(compiled->arena_bytes, shapes[i].most, "%s: %zu", shapes[i].name,
                              compiled->arena_bytes);
            compiled_free(compiled);
            graph_free(graph);
        }
}

Test(memory, work_in_place_has_the_same_bits, .timeout = 120) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int mode = 0; mode < MODE_COUNT; mode++) {
            struct et_error error = {0};
            struct trial trial;
            struct graph *graph = build_shape(i);
            if (mode != MODE_JIT && strcmp(modes[mode].name, "gcc-O3") != 0) {
                graph_free(graph);
                continue;
            }
            cr_assert(trial_begin(&trial, graph, i, &error), "%s", error.message);
            cr_expect(trial_check(&trial, &modes[mode], &error), "%s, %s: %s", shapes[i].name,
                      modes[mode].name, error.message);
            trial_end(&trial);
            graph_free(graph);
        }
}

/* ---- The arena ---- */

/* Within 5 % of the bound, but for the line that tiles may load behind the last temporary. */
Test(memory, random_graphs_need_little_more_than_their_bound, .timeout = 120) {
    for (unsigned long seed = 1; seed <= 400; seed++) {
        struct et_error error = {0};
        struct graph *graph = random_graph(seed, &error);
        cr_assert_not_null(graph, "%s", error.message);
        struct compiled *compiled =
            compile(graph, &(struct compile_options){.backend = &emit_calls}, &error);
        cr_assert_not_null(compiled, "%s", error.message);
        cr_expect_geq(compiled->arena_bytes, compiled->arena_lower_bound);
        cr_expect_leq(compiled->arena_bytes, compiled->arena_lower_bound * 105 / 100 + 64,
                      "seed %lu: %zu, bound %zu", seed, compiled->arena_bytes,
                      compiled->arena_lower_bound);
        compiled_free(compiled);
        graph_free(graph);
    }
}

/* ---- Weights ---- */

static char path[] = "/tmp/test_memory.XXXXXX";

static void make_file(void) {
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    close(file);
}

static void remove_file(void) {
    unlink(path);
}

TestSuite(weights, .init = make_file, .fini = remove_file);

static bool lies_in_file(const struct weights *weights, const char *name) {
    const struct weight *weight = weights_find(weights, name);
    const char *data = weight->data;
    return data >= weights->file.bytes &&
           data + weight->bytes <= weights->file.bytes + weights->file.count;
}

static const float floats[3] = {1.5f, -0.0f, 0x1p-149f};
static const uint8_t flags[3] = {1, 0, 1};

/* Numbers are used where the file has them; bools, which compiled code trusts, are kept apart. */
Test(weights, stay_in_the_file) {
    struct et_error error = {0};
    const struct weight tensors[] = {
        {"f", DTYPE_FLOAT32, 1, {3}, floats, sizeof floats, NULL},
        {"b", DTYPE_BOOL, 1, {3}, flags, sizeof flags, NULL},
    };
    cr_assert(weights_save(path, tensors, 2, NULL, &error), "%s", error.message);
    struct weights *weights = weights_load(path, &error);
    cr_assert_not_null(weights, "%s", error.message);
    cr_expect(lies_in_file(weights, "f"));
    cr_expect_not(lies_in_file(weights, "b"));
    weights_rest(weights);
    cr_expect_arr_eq(weights_find(weights, "f")->data, floats, sizeof floats);
    cr_expect_arr_eq(weights_find(weights, "b")->data, flags, sizeof flags);
    weights_free(weights);
}

/* In memory they are whole, whatever becomes of their file. */
Test(weights, in_memory_need_no_file) {
    struct et_error error = {0};
    const struct weight tensor = {"f", DTYPE_FLOAT32, 1, {3}, floats, sizeof floats, NULL};
    cr_assert(weights_save(path, &tensor, 1, NULL, &error), "%s", error.message);
    struct weights *weights = weights_read(path, &error), *again = weights_load(path, &error);
    cr_assert(weights && again, "%s", error.message);
    cr_expect(digest_equal(&weights->sha256, &again->sha256));
    weights_free(again);
    cr_assert_eq(truncate(path, 0), 0);
    weights_rest(weights);
    cr_expect_arr_eq(weights_find(weights, "f")->data, floats, sizeof floats);
    weights_free(weights);
    cr_expect_null(weights_read(path, &error));
    cr_expect_null(weights_load(path, &error));
}

/* Data that begin at an odd place are copied to where floats can lie. */
Test(weights, are_aligned_in_any_file) {
    static const char header[] =
        "{\"f\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}";
    for (size_t spaces = 0; spaces < 8; spaces++) {
        struct et_error error = {0};
        struct text text = {0};
        uint64_t length = sizeof header - 1 + spaces;
        text_add_bytes(&text, (const char *)&length, sizeof length);
        text_add(&text, "%s%*s", header, (int)spaces, "");
        text_add_bytes(&text, (const char *)floats, sizeof floats);
        cr_assert(write_file(path, text.bytes, text.length, &error), "%s", error.message);
        struct weights *weights = weights_load(path, &error);
        cr_assert_not_null(weights, "%s", error.message);
        const struct weight *weight = weights_find(weights, "f");
        cr_expect_eq((uintptr_t)weight->data % sizeof(float), 0);
        cr_expect_eq(lies_in_file(weights, "f"), (sizeof length + length) % sizeof(float) == 0);
        cr_expect_arr_eq(weight->data, floats, sizeof floats);
        weights_free(weights);
        text_free(&text);
    }
}

/* Both compiled modes work with one block. */
Test(weights, of_both_modes_are_one_block) {
    struct et_error error = {0};
    struct et_program *program = et_program_open("models/mnist/mnist.json", NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    cr_assert(et_program_prepare(program, ET_JIT, &error), "%s", error.message);
    cr_assert(et_program_prepare(program, ET_AOT, &error), "%s", error.message);
    const struct compiled *jit = program_compiled(program, ET_JIT);
    const struct compiled *aot = program_compiled(program, ET_AOT);
    cr_expect_eq(jit->weights, aot->weights);
    et_program_free(program);
}

/* However often a block is filled, and whatever is between the constants. */
Test(weights, are_packed_the_same_each_time) {
    struct et_error error = {0};
    struct weights *weights = NULL;
    struct graph *graph = graph_load("models/mnist/mnist.json", &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct compile_options options = {.backend = &emit_calls};
    struct compiled *one = compile(graph, &options, &error);
    weights_rest(weights);
    struct compiled *two = compile(graph, &options, &error);
    cr_assert(one && two, "%s", error.message);
    cr_assert_eq(one->weights_bytes, two->weights_bytes);
    cr_expect_arr_eq(one->weights, two->weights, one->weights_bytes);
    cr_expect_leq(one->weights_bytes, weights->file.count * 105 / 100);
    compiled_free(one);
    compiled_free(two);
    graph_free(graph);
    weights_free(weights);
}
