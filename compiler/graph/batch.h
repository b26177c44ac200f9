/* Graphs with a batch axis, and how they become graphs of a fixed number of images. */
#ifndef EIGENTENSOR_BATCH_H
#define EIGENTENSOR_BATCH_H

#include "compiler/graph/graph.h"

/* The graph for `batch` images: the same nodes, "N" replaced. It defines the bits: whatever runs
 * the graph on so many images must give those of this one. Values of weights stay the graph's. The
 * caller frees it. NULL and an error when the number or a size is out of range, or memory is. */
struct graph *graph_at_batch(const struct graph *graph, int64_t batch, struct et_error *error);

/* Whether the graph can be run on so many images; an error when not. */
bool graph_check_batch(const struct graph *graph, int64_t batch, struct et_error *error);

/* add_batch.c: the same graph with a batch axis, so that each image gets the bits that it got
 * without. If all inputs and outputs have a first axis of extent 1, that becomes the batch axis;
 * otherwise it is a new one before the others. Values of weights stay the graph's. The caller frees
 * it. NULL and an error where a gather picks from images by positions of images. */
struct graph *graph_add_batch(const struct graph *graph, struct et_error *error);

#endif
