/* In blocks of how many images a batched graph is compiled.
 *
 * A weight that lies beyond the caches is fetched once for a block, so large blocks are cheaper for
 * an image; where products use each weight often anyway, as convolutions do, one image is as good
 * as many, and needs the least memory. The largest block is the smallest one that comes close to
 * the best. Others take over where fewer images are left. */
#include "compiler/graph/batch.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST = 64 };
static const double CLOSE = 1.03; /* to the best largest block */
static const double FAR = 1.25;   /* from the block that would be just right for what is left */

/* ---- What there is to do ---- */

static bool stays_in_place(const struct node *node) {
    enum op_class class = op_facts[node->op].class;
    return class == CLASS_LEAF || class == CLASS_MOVEMENT;
}

/* The node whose elements movement only shows otherwise. */
static const struct node *origin_of(const struct node *node) {
    while (op_facts[node->op].class == CLASS_MOVEMENT)
        node = node->sources[0];
    return node;
}

static struct block_part part_of(const struct node *node) {
    struct block_part part = {.result_bytes = (double)image_bytes(node)};
    if (node->op != OP_CONTRACT)
        return part;
    part.steps = (double)image_elements(node->sources[0]);
    for (int i = 0; i < node->source_count; i++) {
        const struct node *origin = origin_of(node->sources[i]);
        if (origin->batched)
            continue;
        part.reuse = part.steps / (double)node_elements(origin);
        part.weight_bytes = (double)node_bytes(origin);
    }
    return part;
}

static void add_node(struct block_work *work, const struct node *node) {
    if (!node->batched || stays_in_place(node))
        return;
    enum op_class class = op_facts[node->op].class;
    if (class == CLASS_CONTRACT || class == CLASS_REDUCE) {
        struct block_part *part = &work->parts[work->part_count++];
        *part = part_of(node);
        work->weight_bytes += part->weight_bytes;
    }
    if (class != CLASS_CONTRACT)
        work->elements += (double)image_elements(class == CLASS_REDUCE ? node->sources[0] : node);
}

/* ---- Which blocks ---- */

struct choosing {
    double cycles[LARGEST + 1]; /* of a block, by its images */
    int64_t count;
    struct block blocks[MAX_BLOCKS + 1]; /* the smallest first */
};

/* Cycles for so many images, with the first `count` blocks. */
static double cover_cycles(const struct choosing *choosing, int64_t count, int64_t images) {
    double cycles = 0;
    while (images > 0) {
        int64_t i = count - 1;
        while (choosing->blocks[i].least > images)
            i--;
        cycles += choosing->cycles[choosing->blocks[i].images];
        images -= choosing->blocks[i].images;
    }
    return cycles;
}

/* Where each block is no dearer than the smaller ones. */
static void set_least(struct choosing *choosing) {
    choosing->blocks[0].least = 1;
    for (int64_t i = 1; i < choosing->count; i++) {
        struct block *block = &choosing->blocks[i];
        block->least = choosing->blocks[i - 1].least + 1;
        while (block->least < block->images &&
               cover_cycles(choosing, i, block->least) < choosing->cycles[block->images])
            block->least++;
    }
}

/* The worst ratio to a block that would be just right. */
static double worst_ratio(const struct choosing *choosing) {
    double worst = 1;
    int64_t largest = choosing->blocks[choosing->count - 1].images;
    for (int64_t images = 1; images <= largest; images++) {
        double ratio = cover_cycles(choosing, choosing->count, images) / choosing->cycles[images];
        worst = ratio > worst ? ratio : worst;
    }
    return worst;
}

static void insert(struct choosing *choosing, int64_t images) {
    int64_t i = choosing->count++;
    for (; i > 0 && choosing->blocks[i - 1].images > images; i--)
        choosing->blocks[i] = choosing->blocks[i - 1];
    choosing->blocks[i].images = images;
    set_least(choosing);
}

/* Adds the block that helps most, until none is far from just right. */
static void add_smaller_blocks(struct choosing *choosing, int64_t largest) {
    double worst = worst_ratio(choosing);
    while (choosing->count < MAX_BLOCKS && worst > FAR) {
        struct choosing best = *choosing;
        for (int64_t images = 2; images < largest; images *= 2) {
            struct choosing with = *choosing;
            insert(&with, images);
            double ratio = worst_ratio(&with);
            if (ratio < worst) {
                worst = ratio;
                best = with;
            }
        }
        if (best.count == choosing->count)
            return;
        *choosing = best;
    }
}

static int64_t largest_block(const struct choosing *choosing, int64_t most) {
    double best = choosing->cycles[1];
    for (int64_t images = 2; images <= most; images *= 2)
        if (choosing->cycles[images] / (double)images < best)
            best = choosing->cycles[images] / (double)images;
    int64_t images = 1;
    while (choosing->cycles[images] / (double)images > CLOSE * best)
        images *= 2;
    return images;
}

/* How many images keep every tensor within its limit. */
static int64_t most_images(const struct graph *graph) {
    int64_t most = LARGEST;
    for (int i = 0; i < graph->node_count; i++)
        while (most > 1 && image_elements(graph->nodes[i]) > MAX_ELEMENTS / most)
            most /= 2;
    while (most > 1 && !graph_check_batch(graph, most, NULL))
        most /= 2;
    return most;
}

int choose_blocks(const struct graph *graph, const struct target *target,
                  struct block blocks[MAX_BLOCKS]) {
    struct block_work work = {0};
    struct choosing choosing = {0};
    work.parts = et_allocate((size_t)graph->node_count, sizeof *work.parts);
    if (!work.parts)
        return 0;
    for (int i = 0; i < graph->node_count; i++)
        add_node(&work, graph->nodes[i]);
    for (int64_t images = 1; images <= LARGEST; images++)
        choosing.cycles[images] = block_cycles(target, &work, images);
    et_release(work.parts);
    int64_t largest = largest_block(&choosing, most_images(graph));
    insert(&choosing, 1);
    if (largest > 1)
        insert(&choosing, largest);
    add_smaller_blocks(&choosing, largest);
    for (int64_t i = 0; i < choosing.count; i++)
        blocks[i] = choosing.blocks[choosing.count - 1 - i];
    return (int)choosing.count;
}
