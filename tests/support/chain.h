/* Graphs that are one long chain: the same few operations again and again. */
#ifndef EIGENTENSOR_TESTS_CHAIN_H
#define EIGENTENSOR_TESTS_CHAIN_H

#include "compiler/graph/graph.h"

enum { MOST_CHAINED = 3 };

/* The operations, one after another, what each is told made of a seed. */
struct chain {
    int count;
    enum op ops[MOST_CHAINED];
    uint64_t seed;
    int length; /* steps: a step may take a few nodes */
};

/* Whether an operation can be a step: all but the leaves can. */
bool can_chain(enum op op);
/* A graph that verify_graph accepts, its weights bound to elements that it owns. NULL and an error
 * when the generator itself broke a rule or memory is exhausted. */
struct graph *chain_graph(const struct chain *chain, struct et_error *error);

#endif
