/* Graphs: templates and single steps in turn, and some of the nodes as outputs. */
#include "tests/support/random_graph.h"

#include <stdio.h>

/* Movement has the most ways to go wrong together. */
static enum op pick_op(struct generator *generator) {
    enum op op;
    do
        op = (enum op)generator_between(generator, 0, OP_STORED_COUNT - 1);
    while (op_facts[op].class != CLASS_MOVEMENT && generator_chance(generator, 50));
    return op;
}

static void grow(struct generator *generator) {
    int64_t templates = generator_between(generator, 0, 2);
    int64_t steps =
        templates ? generator_between(generator, 0, 8) : generator_between(generator, 2, 20);
    if (generator_chance(generator, 50))
        append_step(generator, OP_INPUT);
    while (templates + steps > 0) {
        bool step = generator_between(generator, 1, templates + steps) > templates;
        if (step)
            append_step(generator, pick_op(generator));
        else
            append_template(generator);
        *(step ? &steps : &templates) -= 1;
    }
}

static void add_output(struct generator *generator, struct node *node) {
    static const char *const names[] = {"y", "logits", "x", "out.0", "out_0", "int", "y z", "0"};
    char name[64];
    int count = generator->graph->output_count;
    snprintf(name, sizeof name, "%s", generator_pick(generator, names));
    for (int i = 0; i < count; i++)
        if (generator_chance(generator, 50))
            snprintf(name, sizeof name, "%s", generator_pick(generator, names));
    if (!graph_add_output(generator->graph, name, node, NULL)) {
        snprintf(name, sizeof name, "y.%d", count); /* that name was taken */
        if (!graph_add_output(generator->graph, name, node, generator->error))
            longjmp(generator->escape, 1);
    }
}

/* The last node, mostly; others, read by somebody or not, leaves too, the same one twice. */
static void add_outputs(struct generator *generator) {
    struct graph *graph = generator->graph;
    if (graph->node_count == 0)
        append_step(generator, OP_INPUT);
    if (generator_chance(generator, 85))
        add_output(generator, graph->nodes[graph->node_count - 1]);
    int64_t others = generator_chance(generator, 50) ? 0 : generator_between(generator, 1, 4);
    if (others == 0 && graph->output_count == 0)
        others = 1;
    for (int64_t i = 0; i < others; i++) {
        struct node *node = graph->nodes[generator_between(generator, 0, graph->node_count - 1)];
        if (node_elements(node) <= 65536)
            add_output(generator, node);
    }
    if (graph->output_count == 0)
        add_output(generator, graph->nodes[0]);
}

struct graph *random_graph(uint64_t seed, struct et_error *error) {
    return random_graph_of(NULL, 0, seed, error);
}

struct graph *random_graph_of(const unsigned char *choices, size_t count, uint64_t seed,
                              struct et_error *error) {
    static const int64_t most_elements[] = {64, 64, 512, 512, 512, 4096, 4096, 4096, 30000};
    static const char *const names[] = {"graph", "a graph", "1", "main", "int", "mnist.v2", "é"};
    struct generator generator = {
        .seed = seed,
        .random = {.state = seed, .choices = choices, .choice_count = count},
        .error = error};
    generator.graph = graph_new(generator_pick(&generator, names));
    if (!generator.graph) {
        et_fail(error, "out of memory");
        return NULL;
    }
    generator.empties = seed % 8 == 5;
    generator.most_elements = generator_pick(&generator, most_elements);
    if (setjmp(generator.escape)) {
        et_fail_within(error, "seed %llu", (unsigned long long)seed);
        graph_free(generator.graph);
        return NULL;
    }
    grow(&generator);
    add_outputs(&generator);
    return generator.graph;
}
