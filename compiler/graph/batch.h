/* Graphs with a batch axis: how they become graphs of a fixed number of images, and in blocks of
 * how many images compiled code runs them. */
#ifndef EIGENTENSOR_BATCH_H
#define EIGENTENSOR_BATCH_H

#include "compiler/graph/graph.h"
#include "compiler/target/target.h"

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

/* A block: code for a fixed number of images. It takes over while at least `least` are left; where
 * that is fewer than `images`, the rest of the block is computed for nothing. */
struct block {
    int64_t images, least;
};
enum { MAX_BLOCKS = 6 };

/* batch_blocks.c: the blocks for a batched graph, the largest first, the last of one image; how
 * many. 0: out of memory. */
int choose_blocks(const struct graph *graph, const struct target *target,
                  struct block blocks[MAX_BLOCKS]);

/* What a block has to do, roughly, as its cost needs it: the reductions and contractions, whose
 * results other nodes read, and all else. */
struct block_work {
    int part_count;
    struct block_part {
        double steps;        /* multiply-adds for an image */
        double reuse;        /* how many of them a weight serves; 0: no operand is a weight */
        double weight_bytes; /* read by each block */
        double result_bytes; /* for an image */
    } * parts;
    double elements;     /* computed one by one, for an image */
    double weight_bytes; /* of all parts */
};

/* cost.c: cycles that a block of so many images takes. */
double block_cycles(const struct target *target, const struct block_work *work, int64_t images);

#endif
