/* Chains of operations: what a compile makes and takes grows with their length, and no faster. A
 * graph of a few kilobytes that doubled it with each step would end any machine. */
#include "compiler/builder/builder.h"
#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "tests/support/chain.h"
#include "tests/support/random_graph.h"
#include "tests/support/sanitized.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Twice the length may take so many times as much, and so much more: statements grow up to a bound,
 * and what it takes to make them grows with them, before it is the same for each step. */
static const double most_growth = 2.6, free_nodes = 100000, free_bytes = 6e6;

/* What chains are found in, for messages. */
struct chain_text {
    char text[256];
};

static struct chain_text chain_text(const struct chain *chain) {
    struct chain_text text = {""};
    for (int i = 0; i < chain->count; i++)
        snprintf(text.text + strlen(text.text), sizeof text.text - strlen(text.text), "%s ",
                 op_facts[chain->ops[i]].name);
    snprintf(text.text + strlen(text.text), sizeof text.text - strlen(text.text), "seed %llu",
             (unsigned long long)chain->seed);
    return text;
}

struct work {
    double nodes, bytes;
};

/* With limits far above what any of them takes: a chain that doubles ends soon, too. The graph is
 * freed. */
static struct work compile_graph(struct graph *graph, const char *name, int length) {
    struct et_error error = {0};
    const struct compile_options options = {.backend = &emit_calls,
                                            .limits = {{[LIMIT_NODES] = 5e6, [LIMIT_BYTES] = 1e9}}};
    struct compiled *compiled = compile(graph, &options, &error);
    cr_expect(compiled, "%s, %d steps: %s", name, length, error.message);
    struct work work = {0};
    if (compiled)
        work = (struct work){compiled->nodes, compiled->bytes};
    compiled_free(compiled);
    graph_free(graph);
    return work;
}

static struct work compile_chain(const struct chain *chain) {
    struct et_error error = {0};
    struct graph *graph = chain_graph(chain, &error);
    cr_assert(graph, "%s: %s", chain_text(chain).text, error.message);
    return compile_graph(graph, chain_text(chain).text, chain->length);
}

static bool grew_evenly(const struct work *shorter, const struct work *longer) {
    return longer->nodes <= most_growth * shorter->nodes + free_nodes &&
           longer->bytes <= most_growth * shorter->bytes + free_bytes;
}

static void expect_even(const struct work *shorter, const struct work *longer, const char *name,
                        int length) {
    cr_expect(grew_evenly(shorter, longer),
              "%s: %d steps make %.0f nodes in %.0f bytes, but %d make %.0f in %.0f", name,
              length / 2, shorter->nodes, shorter->bytes, length, longer->nodes, longer->bytes);
}

enum { LONG_ENOUGH = 800 }; /* for what grows to a bound before it repeats itself */

/* Of so many steps, twice, and four times as many; and more, if it has not come to grow evenly. */
static void check_chain(struct chain chain, int shortest) {
    chain.length = shortest;
    struct work before, now = compile_chain(&chain);
    do {
        before = now;
        chain.length *= 2;
        now = compile_chain(&chain);
        if (now.nodes == 0)
            return;
    } while (chain.length < 4 * shortest ||
             (chain.length < LONG_ENOUGH && !grew_evenly(&before, &now)));
    expect_even(&before, &now, chain_text(&chain).text, chain.length);
}

static int chained_count;
static enum op chained[OP_COUNT];

static void list_chained(void) {
    for (int op = 0; op < OP_STORED_COUNT; op++)
        if (can_chain((enum op)op))
            chained[chained_count++] = (enum op)op;
}

TestSuite(chains, .init = list_chained);

/* All of them, or with sanitizers each first operation with some of the second. */
Test(chains, of_pairs_grow_with_their_length, .timeout = 600) {
    enum { STEP = IS_SANITIZED ? 5 : 1 };
    uint64_t seed = number_from_environment("CHAIN_SEED", 1);
    for (int a = 0; a < chained_count; a++)
        for (int b = a % STEP; b < chained_count; b += STEP)
            check_chain((struct chain){.count = 2, .ops = {chained[a], chained[b]}, .seed = seed++},
                        25);
}

Test(chains, of_thousands_of_steps_grow_with_their_length, .timeout = 600) {
    static const struct chain chains[] = {{.count = 1, .ops = {OP_GATHER}},
                                          {.count = 2, .ops = {OP_PERMUTE, OP_RESHAPE}},
                                          {.count = 3, .ops = {OP_GATHER, OP_PAD, OP_ADD}}};
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++)
        for (uint64_t seed = 1; seed <= 6; seed++) {
            struct chain chain = chains[i];
            chain.seed = seed;
            check_chain(chain, 500);
        }
}

/* A tensor is flipped again and again, and read each time: the way down to the input grows. */
static struct graph *read_flips(int length) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("flips");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(6, 10)), sum = x;
    for (int i = 0; i < length; i++) {
        x = tensor_flip(x, AXES(i % 2));
        sum = tensor_add(sum, x);
    }
    struct graph *graph = compile_to_graph(context, OUTPUTS({"y", sum}), &error);
    cr_assert(graph, "%s", error.message);
    return graph;
}

Test(chains, of_movement_that_is_read_grow_with_their_length, .timeout = 600) {
    struct work before = compile_graph(read_flips(500), "flips", 500);
    for (int length = 1000; length <= 4000; length *= 2) {
        const struct work now = compile_graph(read_flips(length), "flips", length);
        expect_even(&before, &now, "flips", length);
        before = now;
    }
}

/* So many triples, drawn by the seed; all there are with CHAIN_TRIPLES=0, which takes minutes. */
Test(chains, of_triples_grow_with_their_length, .timeout = 36000) {
    struct random random = {.state = number_from_environment("CHAIN_SEED", 1)};
    uint64_t all = (uint64_t)chained_count * (uint64_t)chained_count * (uint64_t)chained_count;
    uint64_t wanted = number_from_environment("CHAIN_TRIPLES", IS_SANITIZED ? 300 : 1500);
    for (uint64_t i = 0; i < (wanted ? wanted : all); i++) {
        uint64_t number = wanted ? random_next(&random) % all : i;
        struct chain chain = {.count = 3, .seed = random_next(&random)};
        for (int k = 0; k < chain.count; k++, number /= (uint64_t)chained_count)
            chain.ops[k] = chained[number % (uint64_t)chained_count];
        check_chain(chain, 25);
    }
}

/* ---- Limits ---- */

static struct chain walk(uint64_t length) {
    return (struct chain){.count = 2, .ops = {OP_GATHER, OP_ADD}, .seed = 2, .length = (int)length};
}

static void expect_refused(struct compile_limits limits, const char *unit, const char *option) {
    struct et_error error = {0};
    struct chain chain = walk(100);
    struct graph *graph = chain_graph(&chain, &error);
    cr_assert(graph, "%s", error.message);
    const struct compile_options options = {.backend = &emit_calls, .limits = limits};
    struct compiled *compiled = compile(graph, &options, &error);
    cr_expect_null(compiled);
    cr_expect(strstr(error.message, "compiling \"chain\": the pass "), "%s", error.message);
    cr_expect(strstr(error.message, unit), "%s", error.message);
    cr_expect(strstr(error.message, option), "%s", error.message);
    compiled_free(compiled);
    graph_free(graph);
}

Test(limits, of_nodes_end_a_compile) {
    expect_refused((struct compile_limits){{[LIMIT_NODES] = 100}}, "lower has come to 101 nodes",
                   "at most 100: --compile-limit-nodes raises the limit");
}

Test(limits, of_bytes_end_a_compile) {
    expect_refused((struct compile_limits){{[LIMIT_BYTES] = 70000}}, "bytes",
                   "at most 70000: --compile-limit-bytes raises the limit");
}

Test(limits, of_seconds_end_a_compile) {
    expect_refused((struct compile_limits){{[LIMIT_SECONDS] = 1e-9}}, "seconds",
                   "--compile-limit-seconds raises the limit");
}

/* What a compile reports is what it needs: the same with it, and none with less. */
Test(limits, are_what_a_compile_says_it_took) {
    struct et_error error = {0};
    struct chain chain = walk(50);
    struct graph *graph = chain_graph(&chain, &error);
    cr_assert(graph, "%s", error.message);
    struct compile_options options = {.backend = &emit_calls};
    struct compiled *free = compile(graph, &options, &error);
    cr_assert(free, "%s", error.message);
    options.limits.most[LIMIT_NODES] = free->nodes;
    struct compiled *exact = compile(graph, &options, &error);
    cr_expect(exact && strcmp(exact->source, free->source) == 0, "%s", error.message);
    options.limits.most[LIMIT_NODES] = free->nodes - 1;
    cr_expect_null(compile(graph, &options, &error));
    compiled_free(exact);
    compiled_free(free);
    graph_free(graph);
}
