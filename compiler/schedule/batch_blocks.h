/* In blocks of how many images compiled code runs a batched graph. */
#ifndef EIGENTENSOR_BATCH_BLOCKS_H
#define EIGENTENSOR_BATCH_BLOCKS_H

#include "compiler/graph/graph.h"
#include "compiler/target/target.h"

/* A block: code for a fixed number of images. It takes over while at least `least` are left; where
 * that is fewer than `images`, the rest of the block is computed for nothing. */
struct block {
    int64_t images, least;
};
enum { MAX_BLOCKS = 6 };

/* The blocks for a batched graph, the largest first, the last of one image; how many. 0: out of
 * memory. */
int choose_blocks(const struct graph *graph, const struct target *target,
                  struct block blocks[MAX_BLOCKS]);

#endif
