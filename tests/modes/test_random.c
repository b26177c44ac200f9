/* Random graphs through the interpreter and libtcc; and the generator and the shrinker themselves.
 * EIGENTENSOR_SEED and EIGENTENSOR_RANDOM_COUNT change where the seeds begin and how many. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/compile.h"
#include "tests/support/differ.h"
#include "tests/support/random_graph.h"
#include "tests/support/sanitized.h"
#include "tests/support/shrink.h"

enum {
    USUAL_COUNT = 2000,
    USUAL_RUNS = IS_SANITIZED ? 500 : 2000,
    USUAL_SEED = 1,
    MOST_FAILURES = 3
};

static uint64_t first_seed(void) {
    return number_from_environment("EIGENTENSOR_SEED", USUAL_SEED);
}

static uint64_t seed_count(void) {
    return number_from_environment("EIGENTENSOR_RANDOM_COUNT", USUAL_RUNS);
}

static struct graph *made(uint64_t seed) {
    struct et_error error = {0};
    struct graph *graph = random_graph(seed, &error);
    cr_assert_not_null(graph, "%s", error.message);
    return graph;
}

/* Every seed; gives up after a few reports. */
static void check_seeds(const struct mode *mode) {
    struct text report = {0};
    int failures = 0;
    for (uint64_t i = 0; i < seed_count() && failures < MOST_FAILURES; i++) {
        uint64_t seed = first_seed() + i;
        failures +=
            !(mode ? check_seed(seed, mode, NULL, &report) : check_graph(seed, NULL, &report));
    }
    cr_assert_eq(failures, 0, "\n%s", report.bytes);
}

Test(random, interpreter_is_deterministic_and_graphs_survive_storing, .timeout = 300) {
    check_seeds(NULL);
}

Test(random, jit_equals_the_interpreter, .timeout = 600) {
    check_seeds(mode_find("jit"));
}

/* Each graph gets a batch axis and runs on several images. */
Test(random, jit_equals_the_interpreter_on_batches, .timeout = 600) {
    check_seeds(mode_find("jit-batch"));
}

Test(random, threads_share_what_the_jit_made, .timeout = 600) {
    check_seeds(mode_find("jit-threads"));
}

Test(random, any_choice_of_the_scheduler_equals_the_interpreter, .timeout = 600) {
    check_seeds(mode_find("jit-tuned"));
}

Test(random, all_operations_and_dtypes_occur, .timeout = 60) {
    enum { LEAST = 20 };
    int ops[OP_STORED_COUNT] = {0}, dtypes[DTYPE_COUNT] = {0}, ranks[MAX_RANK + 1] = {0};
    for (uint64_t seed = USUAL_SEED; seed < USUAL_SEED + USUAL_COUNT; seed++) {
        struct graph *graph = made(seed);
        for (int i = 0; i < graph->node_count; i++) {
            ops[graph->nodes[i]->op]++;
            dtypes[graph->nodes[i]->dtype]++;
            ranks[graph->nodes[i]->rank]++;
        }
        graph_free(graph);
    }
    for (int i = 0; i < OP_STORED_COUNT; i++)
        cr_expect_geq(ops[i], LEAST, "%s: %d", op_facts[i].name, ops[i]);
    for (int i = 0; i < DTYPE_COUNT; i++)
        cr_expect_geq(dtypes[i], LEAST, "%s: %d", dtype_facts[i].name, dtypes[i]);
    for (int i = 0; i <= 6; i++)
        cr_expect_geq(ranks[i], LEAST, "rank %d: %d", i, ranks[i]);
}

/* Each binary operation that computes has met each dtype it accepts. */
Test(random, all_pairs_of_operation_and_dtype_occur, .timeout = 60) {
    bool seen[OP_STORED_COUNT][DTYPE_COUNT] = {{false}};
    for (uint64_t seed = USUAL_SEED; seed < USUAL_SEED + 4 * USUAL_COUNT; seed++) {
        struct graph *graph = made(seed);
        for (int i = 0; i < graph->node_count; i++)
            for (int k = 0; k < graph->nodes[i]->source_count; k++)
                seen[graph->nodes[i]->op][graph->nodes[i]->sources[k]->dtype] = true;
        graph_free(graph);
    }
    for (int op = 0; op < OP_STORED_COUNT; op++)
        for (int dtype = 0; op_facts[op].class != CLASS_LEAF && dtype < DTYPE_COUNT; dtype++)
            if (op_accepts((enum op)op, (enum dtype)dtype))
                cr_expect(seen[op][dtype], "%s of %s never occurs", op_facts[op].name,
                          dtype_facts[dtype].name);
}

Test(random, the_same_seed_gives_the_same_graph) {
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct graph *a = made(seed), *b = made(seed);
        cr_assert_eq(a->node_count, b->node_count);
        for (int i = 0; i < a->node_count; i++) {
            const struct node *one = a->nodes[i], *other = b->nodes[i];
            cr_assert_eq(one->op, other->op);
            cr_assert_str_eq(shape_text(one).text, shape_text(other).text);
            if (one->op == OP_WEIGHT)
                cr_assert_arr_eq(one->value, other->value, (size_t)node_bytes(one));
        }
        graph_free(a);
        graph_free(b);
    }
}

/* Which kinds of float32 the elements of many seeds contain. */
Test(random, elements_are_of_all_kinds) {
    long nan = 0, infinite = 0, zero = 0, negative_zero = 0, subnormal = 0, ordinary = 0, total = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint32_t bits[100];
        random_elements(seed, "x", DTYPE_FLOAT32, 100, bits);
        for (int i = 0; i < 100; i++) {
            uint32_t magnitude = bits[i] & 0x7fffffff;
            nan += magnitude > 0x7f800000;
            infinite += magnitude == 0x7f800000;
            zero += bits[i] == 0;
            negative_zero += bits[i] == 0x80000000;
            subnormal += magnitude > 0 && magnitude < 0x00800000;
            ordinary += magnitude > 0x3d000000 && magnitude < 0x41800000;
            total++;
        }
    }
    cr_expect_gt(nan, 50);
    cr_expect_gt(infinite, 50);
    cr_expect_gt(zero, 50);
    cr_expect_gt(negative_zero, 50);
    cr_expect_gt(subnormal, 50);
    cr_expect_gt(ordinary, total / 2);
}

Test(random, fewer_elements_are_the_first_of_more) {
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        uint64_t few[7], many[30];
        random_elements(5, "w", (enum dtype)dtype, 7, few);
        random_elements(5, "w", (enum dtype)dtype, 30, many);
        cr_assert_arr_eq(few, many, 7 * dtype_facts[dtype].bytes);
    }
}

/* The shrinker, on made-up mistakes. */

struct count {
    int calls;
};

static bool sums_over_two_axes(const struct graph *graph, void *context) {
    ((struct count *)context)->calls++;
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == OP_CONTRACT && graph->nodes[i]->axis_count >= 2)
            return true;
    return false;
}

static bool pads_with_extent_three(const struct graph *graph, void *context) {
    ((struct count *)context)->calls++;
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; graph->nodes[i]->op == OP_PAD && k < graph->nodes[i]->rank; k++)
            if (graph->nodes[i]->before[k] >= 1 && graph->nodes[i]->sources[0]->shape[k] >= 3)
                return true;
    return false;
}

static bool anything(const struct graph *graph, void *context) {
    (void)graph;
    ((struct count *)context)->calls++;
    return true;
}

/* Shrinks every graph among the seeds that the predicate holds for; returns how many those were. */
static int shrink_all(shrink_predicate *predicate, int most_nodes, int64_t most_elements) {
    int found = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct count count = {0};
        struct graph *graph = made(seed);
        if (predicate(graph, &count)) {
            struct et_error error = {0};
            count.calls = 0;
            struct graph *small = shrink(graph, predicate, &count, 2000, &error);
            cr_assert_not_null(small, "%s", error.message);
            cr_assert_leq(count.calls, 2000);
            cr_assert(predicate(small, &count));
            cr_assert(verify_graph(small, &error), "%s", error.message);
            cr_expect_leq(small->node_count, most_nodes, "seed %d", (int)seed);
            for (int i = 0; i < small->node_count; i++)
                cr_expect_leq(node_elements(small->nodes[i]), most_elements, "seed %d", (int)seed);
            graph_free(small);
            found++;
        }
        graph_free(graph);
    }
    return found;
}

Test(shrink, leaves_one_node_when_everything_fails) {
    cr_assert_eq(shrink_all(anything, 1, 1), 150);
}

Test(shrink, leaves_a_contraction_and_its_leaves) {
    cr_assert_geq(shrink_all(sums_over_two_axes, 3, 1), 10);
}

Test(shrink, reduces_extents_as_far_as_they_go) {
    cr_assert_geq(shrink_all(pads_with_extent_three, 2, 3 + 5), 10);
}

/* What a weight keeps of its elements are the first ones. */
static bool has_weight_above_one(const struct graph *graph, void *context) {
    (void)context;
    return graph->nodes[0]->op == OP_WEIGHT && ((const float *)graph->nodes[0]->value)[2] == 7.0f &&
           node_elements(graph->nodes[0]) >= 3;
}

Test(shrink, weights_keep_their_first_elements) {
    const float elements[10] = {1.0f, 2.0f, 7.0f, 3.0f};
    struct graph *graph = graph_new("w");
    struct node *weight = graph_append(graph,
                                       &(struct node){.op = OP_WEIGHT,
                                                      .dtype = DTYPE_FLOAT32,
                                                      .name = "w",
                                                      .rank = 1,
                                                      .shape = {10},
                                                      .value = elements,
                                                      .value_count = 10},
                                       NULL);
    cr_assert(graph_add_output(graph, "y", weight, NULL));
    struct graph *small = shrink(graph, has_weight_above_one, NULL, 100, NULL);
    cr_assert_eq(node_elements(small->nodes[0]), 3);
    cr_assert_arr_eq(small->nodes[0]->value, elements, 3 * sizeof(float));
    graph_free(small);
    graph_free(graph);
}

/* The guard around calls, with real mistakes. */

__attribute__((no_sanitize("undefined"))) static bool divide(void *context,
                                                             struct et_error *error) {
    (void)error;
    volatile int one = 1, zero = 0;
    *(volatile int *)context = one / zero;
    return true;
}

static bool write_nowhere(void *context, struct et_error *error) {
    (void)context, (void)error;
    int *volatile nowhere = (int *)8;
    *nowhere = 1;
    return true;
}

static bool give_up(void *context, struct et_error *error) {
    (void)context, (void)error;
    abort();
}

Test(trial, crashes_are_errors) {
    struct et_error error = {0};
    int target;
    fallible *const mistakes[] = {divide, write_nowhere, give_up};
    for (int i = 0; i < 3; i++) {
        error.message[0] = 0;
        cr_assert_not(call_guarded(mistakes[i], &target, &error));
        cr_assert_str_not_empty(error.message);
    }
}

/* Compiled code that is wrong in each way that trial_run knows. */

static int mistake;

static void wrong_code(const void *const *inputs, void *const *outputs, const void *weights,
                       void *arena) {
    (void)weights;
    const float *x = inputs[0];
    float *y = outputs[0];
    for (int i = 0; i < 5; i++)
        y[i] = -x[i];
    if (mistake == 1)
        y[3] = 0.0f;
    if (mistake == 2)
        y[5] = 0.0f;
    if (mistake == 3)
        y[-1] = 0.0f;
    if (mistake == 4)
        ((float *)x)[0] = 0.0f;
    if (mistake == 5)
        y[0] += x[5];
    if (mistake == 6)
        ((char *)arena)[64] = 1;
}

Test(trial, wrong_code_is_seen) {
    struct graph *graph = graph_new("neg");
    struct node *x = graph_append(
        graph,
        &(struct node){
            .op = OP_INPUT, .dtype = DTYPE_FLOAT32, .name = "x", .rank = 1, .shape = {5}},
        NULL);
    struct node *y =
        graph_append(graph, &(struct node){.op = OP_NEG, .source_count = 1, .sources = &x}, NULL);
    cr_assert(graph_add_output(graph, "y", y, NULL));
    struct trial trial;
    struct et_error error = {0};
    struct compiled compiled = {.arena_bytes = 64};
    cr_assert(trial_begin(&trial, graph, 1, &error), "%s", error.message);
    cr_assert(trial_run(&trial, wrong_code, &compiled, &error), "%s", error.message);
    for (mistake = 1; mistake <= 6; mistake++) {
        error.message[0] = 0;
        cr_expect_not(trial_run(&trial, wrong_code, &compiled, &error), "mistake %d", mistake);
        if (mistake == 1)
            cr_expect(strstr(error.message, "output 0 \"y\" float32[5]: element 3 is 0x00000000"),
                      "%s", error.message);
    }
    trial_end(&trial);
    graph_free(graph);
}

/* Some have panels that are read from copies. */
Test(random, copies_of_panels_occur, .timeout = 300) {
    enum { LEAST = 6 };
    int copies = 0;
    for (uint64_t seed = USUAL_SEED; seed < USUAL_SEED + USUAL_COUNT; seed++) {
        struct et_error error = {0};
        struct graph *graph = made(seed);
        struct compile_options options = {.target = target_find("avx512")};
        struct compiled *compiled = compile(graph, &options, &error);
        cr_assert_not_null(compiled, "%s", error.message);
        copies += strstr(compiled->source, "_copied") != NULL;
        compiled_free(compiled);
        graph_free(graph);
    }
    cr_expect_geq(copies, LEAST, "%d graphs", copies);
}
