/* Differential testing: random graphs by seed, each way of running them against the interpreter,
 * and what a person needs to see when they differ. */
#ifndef EIGENTENSOR_DIFFER_H
#define EIGENTENSOR_DIFFER_H

#include "tests/support/trial.h"

/* A graph of random_graph.h, or with seeds from FOUND_SEEDS on of random_found.h. */
struct graph *graph_of_seed(uint64_t seed, struct et_error *error);

/* Each is true when all is well. Otherwise a report is appended: the mode, the seed of graph,
 * inputs and weights, what differs, and the smallest graph found that fails too, as stored JSON.
 * With a folder that graph is also saved there, with its weights (`folder` NULL: it is not). */

/* The graph itself: valid, the interpreter accepts it and gives the same bits twice, and the bits
 * survive storing and loading it. */
bool check_graph(uint64_t seed, const char *folder, struct text *report);

/* The graph of a seed in one mode. */
bool check_seed(uint64_t seed, const struct mode *mode, const char *folder, struct text *report);

/* Graphs of consecutive seeds, in a mode that has a compiler: built by one call of it. */
enum { MOST_BATCH = 128 };
bool check_batch(uint64_t first_seed, int count, const struct mode *mode, const char *folder,
                 struct text *report);

#endif
