/* Random models whose results are as large as what a run finds, interpreted and by libtcc; what
 * their outputs say of their counts; and the shrinker, which keeps that. EIGENTENSOR_SEED and
 * EIGENTENSOR_RANDOM_COUNT change seeds and number, as of random graphs. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/differ.h"
#include "tests/support/random_found.h"
#include "tests/support/random_graph.h"
#include "tests/support/sanitized.h"
#include "tests/support/shrink.h"

enum {
    USUAL_COUNT = 1000,
    USUAL_RUNS = IS_SANITIZED ? 250 : 1000,
    USUAL_SEED = 1,
    MOST_FAILURES = 3
};

static uint64_t first_seed(void) {
    return FOUND_SEEDS + number_from_environment("EIGENTENSOR_SEED", USUAL_SEED);
}

static uint64_t seed_count(void) {
    return number_from_environment("EIGENTENSOR_RANDOM_COUNT", USUAL_RUNS);
}

/* mode NULL: the interpreter, and storing. */
static void check_seeds(const char *name) {
    const struct mode *mode = name ? mode_find(name) : NULL;
    struct text report = {0};
    int failures = 0;
    for (uint64_t i = 0; i < seed_count() && failures < MOST_FAILURES; i++) {
        uint64_t seed = first_seed() + i;
        failures +=
            !(mode ? check_seed(seed, mode, NULL, &report) : check_graph(seed, NULL, &report));
    }
    cr_assert_eq(failures, 0, "\n%s", report.bytes);
    text_free(&report);
}

Test(found, interpreter_is_deterministic_and_graphs_survive_storing, .timeout = 300) {
    check_seeds(NULL);
}

Test(found, jit_equals_the_interpreter, .timeout = 600) {
    check_seeds("jit");
}

Test(found, threads_share_what_the_jit_made, .timeout = 600) {
    check_seeds("jit-threads");
}

Test(found, any_choice_of_the_scheduler_equals_the_interpreter, .timeout = 600) {
    check_seeds("jit-tuned");
}

/* ---- What outputs say of themselves ---- */

static struct graph *made(uint64_t seed) {
    struct et_error error = {0};
    struct graph *graph = random_found_graph(seed, &error);
    cr_assert_not_null(graph, "%s", error.message);
    return graph;
}

/* Whether all elements of an output from `count` on, along its counted axis, are zeros. */
static bool is_zero_behind(const struct output *output, const char *elements, int64_t count) {
    const struct node *node = output->node;
    size_t bytes = dtype_facts[node->dtype].bytes;
    int64_t extent = node->shape[output->counted_axis], inner = 1;
    for (int i = output->counted_axis + 1; i < node->rank; i++)
        inner *= node->shape[i];
    for (int64_t i = 0; i < node_elements(node); i++) {
        static const char zero[8];
        if (i / inner % extent >= count && memcmp(elements + (size_t)i * bytes, zero, bytes) != 0)
            return false;
    }
    return true;
}

struct tally {
    int none, some, all; /* of the elements that there can be, a run found */
};

static void check_outputs(const struct trial *trial, uint64_t seed, struct tally *tally) {
    for (int i = 0; i < trial->graph->output_count; i++) {
        const struct output *output = &trial->graph->outputs[i];
        int64_t count, extent;
        if (!output->count)
            continue;
        memcpy(&count, trial->expected[output->count - 1], sizeof count);
        extent = output->node->shape[output->counted_axis];
        cr_assert(count >= 0 && count <= extent, "seed %d, output %d: %d of %d", (int)seed, i,
                  (int)count, (int)extent);
        cr_assert(is_zero_behind(output, trial->expected[i], count), "seed %d, output %d",
                  (int)seed, i);
        *(count == 0 ? &tally->none : count < extent ? &tally->some : &tally->all) += 1;
    }
}

Test(found, counts_are_within_bounds_and_zeros_behind_them, .timeout = 300) {
    struct tally tally = {0};
    for (uint64_t seed = USUAL_SEED; seed < USUAL_SEED + USUAL_COUNT; seed++) {
        struct graph *graph = made(seed);
        struct trial trial;
        struct et_error error = {0};
        cr_assert(trial_begin(&trial, graph, seed, &error), "%s", error.message);
        check_outputs(&trial, seed, &tally);
        trial_end(&trial);
        graph_free(graph);
    }
    cr_expect_gt(tally.none, 100);
    cr_expect_gt(tally.some, 300);
    cr_expect_gt(tally.all, 100);
}

/* ---- The shrinker ---- */

static bool sorts_and_counts(const struct graph *graph, void *context) {
    (void)context;
    for (int i = 0; i < graph->output_count; i++)
        for (int k = 0; graph->outputs[i].count && k < graph->node_count; k++)
            if (graph->nodes[k]->op == OP_ARGSORT)
                return true;
    return false;
}

Test(found, shrinking_keeps_what_counts_outputs) {
    int shrunk = 0;
    for (uint64_t seed = USUAL_SEED; seed < USUAL_SEED + 20; seed++) {
        struct graph *graph = made(seed);
        struct et_error error = {0};
        if (sorts_and_counts(graph, NULL)) {
            struct graph *small = shrink(graph, sorts_and_counts, NULL, 2000, &error);
            cr_assert_not_null(small, "%s", error.message);
            cr_assert(verify_graph(small, &error), "%s", error.message);
            cr_assert(sorts_and_counts(small, NULL));
            cr_expect_leq(small->node_count, 8, "seed %d", (int)seed);
            graph_free(small);
            shrunk++;
        }
        graph_free(graph);
    }
    cr_expect_gt(shrunk, 5);
}
