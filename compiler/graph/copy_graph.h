#ifndef EIGENTENSOR_PROGRAM_H
#define EIGENTENSOR_PROGRAM_H

#include "compiler/graph/graph.h"

/* Copies into `program`, an empty graph, the inputs of `graph` and the nodes that `outputs` (nodes
 * of `graph`) need, adds the outputs and verifies it all.  Nodes that say the same become one node.
 * Inputs come first, as they were added; of a node's sources the longest chain comes first, so that
 * a model reads from its input to its output and a weight stands just before its use.  The order
 * depends on what the graph computes, not on the order in which its nodes were appended. */
bool copy_graph(const struct graph *graph, struct graph *program, int count,
                const struct output *outputs, struct et_error *error);
/* The same, but that nodes stay apart which say the same. */
bool copy_graph_apart(const struct graph *graph, struct graph *program, int count,
                      const struct output *outputs, struct et_error *error);
/* Whether two nodes say the same of as many sources, whatever these are. */
bool same_but_sources(const struct node *a, const struct node *b);

#endif
