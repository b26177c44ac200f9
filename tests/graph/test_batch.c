/* Graphs with a batch axis: what may have one, how they are stored, and that each image gets the
 * bits that it has by itself, in every mode, whatever the number of images. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/builder/builder.h"
#include "compiler/builder/layers.h"
#include "compiler/graph/batch.h"
#include "compiler/target/target.h"
#include "runtime/eager.h"
#include "runtime/et_program.h"
#include "tests/support/random_graph.h"

TestSuite(batch, .timeout = 300);

/* ---- Graphs ---- */

static void bind_weights(struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = graph->nodes[i];
        if (node->op != OP_WEIGHT)
            continue;
        void *value = arena_allocate(&graph->arena, (size_t)node_bytes(node), 1);
        random_elements(11, node->name, node->dtype, node_elements(node), value);
        node->value = value;
        node->value_count = node_elements(node);
    }
}

/* Two linear layers, as large as it takes for blocks of several images to pay. */
static struct graph *perceptron(int64_t batch) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("perceptron");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(batch, 96));
    x = relu(linear(x, add_weight(context, "w1", DTYPE_FLOAT32, SHAPE(700, 96)),
                    add_weight(context, "b1", DTYPE_FLOAT32, SHAPE(700))));
    struct tensor y = linear(x, add_weight(context, "w2", DTYPE_FLOAT32, SHAPE(10, 700)),
                             add_weight(context, "b2", DTYPE_FLOAT32, SHAPE(10)));
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", y}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    bind_weights(graph);
    return graph;
}

static struct graph *loaded(const char *json, struct et_error *error) {
    struct weights *weights;
    return graph_decode(json, strlen(json), "g", ".", NULL, &weights, error);
}

/* ---- Storing ---- */

#define HEAD(input)                                                                                \
    "{\"format\": \"eigentensor\", \"version\": 2, \"name\": \"g\", \"inputs\": ["                 \
    "{\"name\": \"x\", \"dtype\": \"float32\", \"shape\": " input "}], \"nodes\": ["               \
    "{\"id\": 0, \"op\": \"input\", \"src\": [], \"name\": \"x\", \"dtype\": \"float32\", "        \
    "\"shape\": " input "}, "
#define NODE1(op, rest, shape)                                                                     \
    "{\"id\": 1, \"op\": \"" op "\", \"src\": [0], " rest                                          \
    "\"dtype\": \"float32\", \"shape\": " shape "}"
#define TAIL(output) "], \"outputs\": [{\"name\": \"y\", \"node\": " #output "}]}"

Test(batch, survives_storing_and_has_a_digest_of_its_own) {
    struct et_error error = {0};
    struct graph *graph =
        loaded(HEAD("[\"N\", 4, 3]") NODE1("shrink", "\"range\": [[0, \"N\"], [1, 3], [0, 3]], ",
                                           "[\"N\", 2, 3]") TAIL(1),
               &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_expect(graph->batched && graph->nodes[1]->batched);
    struct text text = {0};
    cr_assert(graph_to_json(graph, NULL, NULL, &text, &error), "%s", error.message);
    cr_expect_not_null(strstr(text.bytes, "\"range\": [[0, \"N\"], [1, 3], [0, 3]]"));
    struct graph *again = loaded(text.bytes, &error);
    cr_assert_not_null(again, "%s", error.message);
    struct graph *fixed = graph_at_batch(graph, 7, &error);
    cr_assert_not_null(fixed, "%s", error.message);
    cr_expect_not(fixed->batched);
    cr_expect_eq(fixed->nodes[1]->shape[0], 7);
    struct digest digests[3];
    cr_assert(graph_digest(graph, &digests[0], &error) &&
              graph_digest(again, &digests[1], &error) && graph_digest(fixed, &digests[2], &error));
    cr_expect(digest_equal(&digests[0], &digests[1]));
    cr_expect_not(digest_equal(&digests[0], &digests[2]));
    text_free(&text);
    graph_free(graph);
    graph_free(again);
    graph_free(fixed);
}

static const struct refusal {
    const char *json, *message;
} refusals[] = {
    {HEAD("[4, \"N\"]") NODE1("neg", "", "[4, \"N\"]") TAIL(1),
     "g: node 0 (input): \"shape\"[1] is a string, expected an integer"},
    {HEAD("[\"M\", 4]") NODE1("neg", "", "[\"M\", 4]") TAIL(1),
     "g: node 0 (input): \"shape\"[0] is a string, expected an integer"},
    {HEAD("[\"N\", 4]") NODE1("neg", "", "[65521, 4]") TAIL(1),
     "g: node 1 (neg): stated as float32[65521,4], but its sources give float32[N,4]"},
    {HEAD("[\"N\", 4]") NODE1("reduce_sum", "\"axes\": [0], ", "[4]") TAIL(1),
     "g: node 1 (reduce_sum): runs over the batch axis N of float32[N,4]: images must stay apart"},
    {HEAD("[\"N\", 4]") NODE1("argsort", "\"axis\": 0, ", "[\"N\", 4]") TAIL(1),
     "g: node 1 (argsort): sorts along the batch axis N of float32[N,4]: images must stay apart"},
    {HEAD("[\"N\", 4]") "{\"id\": 1, \"op\": \"cast\", \"src\": [0], \"dtype\": \"int32\", "
                        "\"shape\": [\"N\", 4]}, {\"id\": 2, \"op\": \"scatter\", \"src\": [0, 1, "
                        "0], \"axis\": 0, \"dtype\": \"float32\", \"shape\": [\"N\", 4]}" TAIL(2),
     "g: node 2 (scatter): puts along the batch axis N of float32[N,4]: images must stay apart"},
    {HEAD("[\"N\", 4]") NODE1("reshape", "", "[4, \"N\"]") TAIL(1),
     "g: node 1 (reshape): \"shape\"[1] is a string, expected an integer"},
    {HEAD("[\"N\", 4]") NODE1("reshape", "", "[4]") TAIL(1),
     "g: node 1 (reshape): joins or moves the batch axis N of float32[N,4]: images must stay "
     "apart"},
    {HEAD("[\"N\", 4]") NODE1("reshape", "", "[\"N\", 2, 3]") TAIL(1),
     "g: node 1 (reshape): float32[N,2,3] does not hold the 262084 elements of float32[N,4]"},
    {HEAD("[\"N\", 4]") NODE1("permute", "\"axes\": [1, 0], ", "[4, 4]") TAIL(1),
     "g: node 1 (permute): moves the batch axis N of float32[N,4]: images must stay apart"},
    {HEAD("[\"N\", 4]") NODE1("flip", "\"axes\": [0], ", "[\"N\", 4]") TAIL(1),
     "g: node 1 (flip): turns round the batch axis N of float32[N,4]: images must stay apart"},
    {HEAD("[\"N\", 4]") NODE1("pad", "\"padding\": [[1, 0], [0, 0]], ", "[\"N\", 4]") TAIL(1),
     "g: node 1 (pad): pads the batch axis N of float32[N,4]: images must stay apart"},
    {HEAD("[\"N\", 4]") NODE1("shrink", "\"range\": [[0, 1], [0, 4]], ", "[1, 4]") TAIL(1),
     "g: node 1 (shrink): \"range\"[0], along the batch axis: expected [0, \"N\"]: images must "
     "stay apart"},
    {HEAD("[\"N\", 4]")
         NODE1("window", "\"axis\": 0, \"size\": 2, \"stride\": 1, \"dilation\": 1, ", "[\"N\", 4]")
             TAIL(1),
     "g: node 1 (window): runs along the batch axis N of float32[N,4]: images must stay apart"},
    {HEAD("[\"N\", 4]") NODE1("concat", "\"axis\": 0, ", "[\"N\", 4]") TAIL(1),
     "g: node 1 (concat): lengthens the batch axis N of float32[N,4]: images must stay apart"},
    {HEAD("[\"N\", 4]") "{\"id\": 1, \"op\": \"const\", \"src\": [], \"value\": 1.0, \"dtype\": "
                        "\"float32\", \"shape\": [1, 4]}, {\"id\": 2, \"op\": \"add\", \"src\": "
                        "[0, 1], \"dtype\": \"float32\", \"shape\": [\"N\", 4]}" TAIL(2),
     "g: node 2 (add): shapes differ: float32[N,4] and float32[1,4]"},
    {HEAD("[\"N\", 4]") "{\"id\": 1, \"op\": \"const\", \"src\": [], \"value\": 1.0, \"dtype\": "
                        "\"float32\", \"shape\": [4]}" TAIL(1),
     "g: output \"y\" is node 1, float32[4], expected one that has the batch axis N"},
    {HEAD("[4]") "{\"id\": 1, \"op\": \"const\", \"src\": [], \"value\": 1.0, \"dtype\": "
                 "\"float32\", \"shape\": [\"N\", 4]}" TAIL(1),
     "g: node 1: const: float32[N,4], but no input has N"},
    {HEAD("[\"N\", 4]") "{\"id\": 1, \"op\": \"iota\", \"src\": [], \"dtype\": \"int32\", "
                        "\"shape\": [\"N\"]}" TAIL(0),
     "g: node 1 (iota): has the batch axis N"},
    {HEAD("[\"N\", 4]") NODE1("expand", "", "[\"N\", 5]") TAIL(1),
     "g: node 1 (expand): float32[N,4] cannot be repeated to float32[N,5]"},
    {HEAD("[7]") NODE1("expand", "", "[\"N\"]") TAIL(1),
     "g: node 1 (expand): float32[7] cannot be repeated to float32[N]"},
};

Test(batch, graphs_that_mix_images_are_refused_by_name_and_place) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct et_error error = {0};
        struct graph *graph = loaded(refusals[i].json, &error);
        cr_expect_null(graph, "case %zu", i);
        cr_expect_str_eq(error.message, refusals[i].message, "case %zu: %s", i, error.message);
        graph_free(graph);
    }
}

/* An extent that happens to be the stand-in is an extent like any other. */
Test(batch, a_fixed_graph_may_have_any_extent) {
    struct et_error error = {0};
    struct graph *graph =
        loaded(HEAD("[65521]") NODE1("reduce_sum", "\"axes\": [0], ", "[]") TAIL(1), &error);
    cr_assert_not_null(graph, "%s", error.message);
    cr_expect_not(graph->batched);
    graph_free(graph);
}

/* ---- A number of images ---- */

Test(batch, the_graph_at_a_batch_is_the_one_built_for_it) {
    struct graph *open = perceptron(BATCH);
    for (int64_t batch = 1; batch <= 9; batch += 4) {
        struct et_error error = {0};
        struct graph *fixed = graph_at_batch(open, batch, &error), *built = perceptron(batch);
        cr_assert_not_null(fixed, "%s", error.message);
        struct digest a, b;
        cr_assert(graph_digest(fixed, &a, &error) && graph_digest(built, &b, &error));
        if (batch > 1) /* of one image the builder leaves out repetitions */
            cr_expect(digest_equal(&a, &b));
        graph_free(fixed);
        graph_free(built);
    }
    graph_free(open);
}

Test(batch, numbers_out_of_range_are_refused) {
    struct graph *open = perceptron(BATCH), *fixed = perceptron(3);
    static const struct {
        int64_t batch;
        const char *message;
    } cases[] = {{0, "0 images, expected at least 1"},
                 {-5, "-5 images, expected at least 1"},
                 {INT64_MAX, "9223372036854775807 images: float32[N,96] has more than "
                             "68719476736 bytes"},
                 {(int64_t)1 << 31, "2147483648 images: float32[N,96] has more than 68719476736 "
                                    "bytes"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct et_error error = {0};
        cr_expect_null(graph_at_batch(open, cases[i].batch, &error));
        cr_expect_str_eq(error.message, cases[i].message, "%s", error.message);
    }
    struct et_error error = {0};
    cr_expect_null(graph_at_batch(fixed, 2, &error));
    cr_expect_str_eq(error.message, "2 images, but the graph has no batch axis");
    graph_free(open);
    graph_free(fixed);
}

/* ---- The axis added ---- */

static void **new_buffers(int count, const int64_t *bytes, int64_t batch) {
    void **buffers = calloc((size_t)count + 1, sizeof *buffers);
    for (int i = 0; i < count; i++)
        buffers[i] = et_allocate_aligned((size_t)(bytes[i] * batch));
    return buffers;
}

static void free_buffers(void **buffers, int count) {
    for (int i = 0; i < count; i++)
        et_release(buffers[i]);
    free(buffers);
}

/* Each image of a batch against the graph without the axis. False: it can have none. */
static bool check_images(uint64_t seed) {
    enum { IMAGES = 3, MOST = 64 };
    struct et_error error = {0};
    struct graph *graph = random_graph(seed, &error);
    struct graph *open = graph_add_batch(graph, &error);
    struct graph *fixed = open ? graph_at_batch(open, IMAGES, &error) : NULL;
    int inputs = graph->input_count, outputs = graph->output_count;
    if (!fixed || inputs > MOST || outputs > MOST) {
        graph_free(open);
        graph_free(graph);
        return false;
    }
    int64_t in_bytes[MOST], out_bytes[MOST];
    for (int i = 0; i < inputs; i++)
        in_bytes[i] = node_bytes(graph->inputs[i]);
    for (int i = 0; i < outputs; i++)
        out_bytes[i] = node_bytes(graph->outputs[i].node);
    void **in = new_buffers(inputs, in_bytes, IMAGES),
         **out = new_buffers(outputs, out_bytes, IMAGES);
    void **alone = new_buffers(outputs, out_bytes, 1);
    for (int i = 0; i < inputs; i++)
        random_elements(seed, graph->inputs[i]->name, graph->inputs[i]->dtype,
                        IMAGES * node_elements(graph->inputs[i]), in[i]);
    cr_assert(eager_run(fixed, (const void *const *)in, out, &error), "seed %" PRIu64 ": %s", seed,
              error.message);
    for (int64_t image = 0; image < IMAGES; image++) {
        const void *its[MOST];
        for (int i = 0; i < inputs; i++)
            its[i] = (char *)in[i] + image * in_bytes[i];
        cr_assert(eager_run(graph, its, alone, &error), "seed %" PRIu64 ": %s", seed,
                  error.message);
        for (int i = 0; i < outputs; i++)
            cr_expect(
                memcmp((char *)out[i] + image * out_bytes[i], alone[i], (size_t)out_bytes[i]) == 0,
                "seed %" PRIu64 ", image %" PRId64 ", output %d differs", seed, image, i);
    }
    free_buffers(in, inputs);
    free_buffers(out, outputs);
    free_buffers(alone, outputs);
    graph_free(fixed);
    graph_free(open);
    graph_free(graph);
    return true;
}

Test(batch, an_added_axis_gives_each_image_its_own_bits) {
    enum { SEEDS = 600 };
    int could = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        could += check_images(seed);
    cr_expect_gt(could, SEEDS / 2, "%d graphs could have a batch axis", could);
}

/* ---- Blocks ---- */

Test(batch, blocks_cover_every_number) {
    for (int t = 0; t < TARGET_COUNT; t++) {
        struct graph *graph = perceptron(BATCH);
        struct block blocks[MAX_BLOCKS];
        int count = choose_blocks(graph, &targets[t], blocks);
        cr_assert(count >= 1 && count <= MAX_BLOCKS);
        cr_expect_eq(blocks[count - 1].images, 1);
        cr_expect_eq(blocks[count - 1].least, 1);
        for (int i = 0; i + 1 < count; i++) {
            cr_expect_gt(blocks[i].images, blocks[i + 1].images);
            cr_expect_gt(blocks[i].least, blocks[i + 1].least);
            cr_expect_leq(blocks[i].least, blocks[i].images);
        }
        graph_free(graph);
    }
}

/* ---- Programs ---- */

enum { MOST_IMAGES = 140 };

static struct et_digest run_digest(struct et_program *program, enum et_mode mode, int64_t batch,
                                   const float *x) {
    float *y = calloc((size_t)MOST_IMAGES * 10, sizeof *y);
    struct et_error error = {0};
    cr_assert(et_program_run_batch(program, mode, batch, (const void *[]){x}, (void *[]){y}, NULL,
                                   &error),
              "%s", error.message);
    struct et_digest digest = et_program_output_digest_batch(program, batch, (const void *[]){y});
    free(y);
    return digest;
}

Test(batch, every_mode_gives_the_same_digest_at_every_number) {
    struct et_error error = {0};
    struct et_program *program = program_from_graph(perceptron(BATCH), NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    cr_expect(et_program_is_batched(program));
    cr_expect_eq(et_program_input(program, 0).shape[0], ET_BATCH);
    cr_expect_eq(et_program_input(program, 0).bytes, 96 * sizeof(float));
    cr_assert(et_program_prepare(program, ET_JIT, &error), "%s", error.message);
    int64_t block = program_compiled(program, ET_JIT)->blocks[0].images;
    cr_expect_gt(block, 1);
    float *x = calloc((size_t)MOST_IMAGES * 96, sizeof *x);
    random_elements(3, "x", DTYPE_FLOAT32, (int64_t)MOST_IMAGES * 96, x);
    const int64_t batches[] = {1, 2, 3, 7, block - 1, block, block + 1, 2 * block + 5};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        cr_assert_leq(batches[i], MOST_IMAGES);
        struct et_digest eager = run_digest(program, ET_EAGER, batches[i], x);
        for (int mode = ET_JIT; mode <= ET_AOT; mode++)
            cr_expect_str_eq(run_digest(program, mode, batches[i], x).text, eager.text,
                             "%s, %" PRId64 " images", et_mode_name(mode), batches[i]);
        struct et_program *fixed = program_from_graph(perceptron(batches[i]), NULL, &error);
        cr_expect_str_eq(run_digest(fixed, ET_EAGER, 1, x).text, eager.text);
        et_program_free(fixed);
    }
    free(x);
    et_program_free(program);
}

Test(batch, threads_share_the_images) {
    struct et_error error = {0};
    struct et_program *alone = program_from_graph(perceptron(BATCH), NULL, &error);
    float *x = calloc((size_t)MOST_IMAGES * 96, sizeof *x);
    random_elements(3, "x", DTYPE_FLOAT32, (int64_t)MOST_IMAGES * 96, x);
    for (int threads = 2; threads <= 8; threads += 3) {
        struct et_program *shared = program_from_graph(perceptron(BATCH), NULL, &error);
        cr_assert(et_program_set_threads(shared, threads, &error), "%s", error.message);
        const int64_t batches[] = {1, 2, 3, 8, 31, MOST_IMAGES};
        for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
            cr_expect_str_eq(run_digest(shared, ET_JIT, batches[i], x).text,
                             run_digest(alone, ET_JIT, batches[i], x).text,
                             "%d threads, %" PRId64 " images", threads, batches[i]);
        et_program_free(shared);
    }
    free(x);
    et_program_free(alone);
}

Test(batch, runs_refuse_what_they_cannot_do) {
    struct et_error error = {0};
    struct et_program *open = program_from_graph(perceptron(BATCH), NULL, &error);
    struct et_program *fixed = program_from_graph(perceptron(2), NULL, &error);
    float x[2 * 96] = {0}, y[2 * 10];
    cr_expect_not(
        et_program_run_batch(open, ET_EAGER, 0, (const void *[]){x}, (void *[]){y}, NULL, &error));
    cr_expect_str_eq(error.message, "perceptron: 0 images, expected at least 1");
    cr_expect_not(
        et_program_run_batch(fixed, ET_EAGER, 2, (const void *[]){x}, (void *[]){y}, NULL, &error));
    cr_expect_str_eq(error.message, "perceptron: 2 images, but the graph has no batch axis");
    cr_expect(et_program_run(open, ET_EAGER, (const void *[]){x}, (void *[]){y}, NULL, &error));
    et_program_free(open);
    et_program_free(fixed);
}
