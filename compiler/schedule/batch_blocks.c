/* In blocks of how many images a batched graph is compiled.
 *
 * A weight that lies beyond the caches is fetched once for a block, so large blocks are cheaper for
 * an image; where products use each weight often anyway, as convolutions do, one image is as good
 * as many, and needs the least memory. The largest block is the smallest one that comes close to
 * the best. Others take over where fewer images are left. */
#include "compiler/schedule/batch_blocks.h"

#include "compiler/graph/batch.h"
#include "compiler/schedule/blocking.h"
#include "compiler/schedule/cost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LARGEST = 64,
    KERNEL_CYCLES = 60, /* to begin one */
    VECTOR_CYCLES = 2,  /* of elementwise work */
    MOST_ROWS = 16,     /* of a tile, beyond which more make no step cheaper */
};
static const double CLOSE = 1.03; /* to the best largest block */
static const double FAR = 1.25;   /* from the block that would be just right for what is left */
static const double FETCH_FACTOR = 0.7;

/* ---- What there is to do ---- */

/* What a block has to do, roughly, as its cost needs it: the reductions and contractions, whose
 * results other nodes read, and all else. */
struct block_work {
    int part_count;
    struct block_part {
        const struct tile_kind *kind; /* as whose tiles its steps are counted */
        double steps;                 /* multiply-adds for an image */
        double reuse;        /* how many of them a weight serves; 0: no operand is a weight */
        double weight_bytes; /* read by each block */
        double result_bytes; /* for an image */
    } * parts;
    double elements;     /* computed one by one, for an image */
    double weight_bytes; /* of all parts */
};

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

static struct block_part part_of(const struct target *target, const struct node *node) {
    struct block_part part = {.kind = &tile_kinds[TILE_KIND_FLOAT32],
                              .result_bytes = (double)image_bytes(node)};
    if (node->op != OP_CONTRACT)
        return part;
    const struct tile_kind *kind =
        tile_kind_of(target, node->sources[0]->dtype, node->sources[1]->dtype, node->dtype);
    part.kind = kind ? kind : part.kind;
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

static void add_node(const struct target *target, struct block_work *work,
                     const struct node *node) {
    if (!node->batched || stays_in_place(node))
        return;
    enum op_class class = op_facts[node->op].class;
    if (class == CLASS_CONTRACT || class == CLASS_REDUCE) {
        struct block_part *part = &work->parts[work->part_count++];
        *part = part_of(target, node);
        work->weight_bytes += part->weight_bytes;
    }
    if (class != CLASS_CONTRACT)
        work->elements += (double)image_elements(class == CLASS_REDUCE ? node->sources[0] : node);
}

/* ---- What it takes ---- */

/* Cycles for a multiply-add when tiles can have so many rows: few rows leave loads and latency. */
static double best_step_cycles(const struct target *target, const struct tile_kind *kind,
                               int rows) {
    double best = INFINITY;
    for (int height = 1; height <= rows; height++)
        for (int vectors = 1; vectors <= 4; vectors *= 2) {
            int columns = vectors * tile_kind_lanes(kind, target);
            double cycles = step_cycles(target, kind, false, height, columns, false) /
                            (height * columns * kind->group);
            best = cycles < best ? cycles : best;
        }
    return best;
}

/* Of one reduction or contraction. Weights were last used a whole block ago; they come in order,
 * and little of that is hidden behind the first tiles that use them. */
static double part_cycles(const struct target *target, const struct block_work *work,
                          const struct block_part *part, double images) {
    double rows = part->reuse * images, result = 2 * part->result_bytes * images;
    int most = part->reuse > 0 && rows < MOST_ROWS ? (int)rows : MOST_ROWS;
    double fetching = part->weight_bytes * byte_cycles(target, work->weight_bytes);
    return images * part->steps * best_step_cycles(target, part->kind, most > 1 ? most : 1) +
           FETCH_FACTOR * fetching + result * byte_cycles(target, result) + KERNEL_CYCLES;
}

/* Cycles that a block of so many images takes. */
static double block_cycles(const struct target *target, const struct block_work *work,
                           int64_t images) {
    double cycles = VECTOR_CYCLES * work->elements / target->lanes * (double)images;
    for (int i = 0; i < work->part_count; i++)
        cycles += part_cycles(target, work, &work->parts[i], (double)images);
    return cycles;
}

/* ---- Which blocks ---- */

struct cover {
    double cycles[LARGEST + 1]; /* of a block, by its images */
    int64_t count;
    struct block blocks[MAX_BLOCKS + 1]; /* the smallest first */
};

/* Cycles for so many images, with the first `count` blocks. */
static double cover_cycles(const struct cover *cover, int64_t count, int64_t images) {
    double cycles = 0;
    while (images > 0) {
        int64_t i = count - 1;
        while (cover->blocks[i].least > images)
            i--;
        cycles += cover->cycles[cover->blocks[i].images];
        images -= cover->blocks[i].images;
    }
    return cycles;
}

/* Where each block is no dearer than the smaller ones. */
static void set_least(struct cover *cover) {
    cover->blocks[0].least = 1;
    for (int64_t i = 1; i < cover->count; i++) {
        struct block *block = &cover->blocks[i];
        block->least = cover->blocks[i - 1].least + 1;
        while (block->least < block->images &&
               cover_cycles(cover, i, block->least) < cover->cycles[block->images])
            block->least++;
    }
}

/* The worst ratio to a block that would be just right. */
static double worst_ratio(const struct cover *cover) {
    double worst = 1;
    int64_t largest = cover->blocks[cover->count - 1].images;
    for (int64_t images = 1; images <= largest; images++) {
        double ratio = cover_cycles(cover, cover->count, images) / cover->cycles[images];
        worst = ratio > worst ? ratio : worst;
    }
    return worst;
}

static void insert(struct cover *cover, int64_t images) {
    int64_t i = cover->count++;
    for (; i > 0 && cover->blocks[i - 1].images > images; i--)
        cover->blocks[i] = cover->blocks[i - 1];
    cover->blocks[i].images = images;
    set_least(cover);
}

/* Adds the block that helps most, until none is far from just right. */
static void add_smaller_blocks(struct cover *cover, int64_t largest) {
    double worst = worst_ratio(cover);
    while (cover->count < MAX_BLOCKS && worst > FAR) {
        struct cover best = *cover;
        for (int64_t images = 2; images < largest; images *= 2) {
            struct cover with = *cover;
            insert(&with, images);
            double ratio = worst_ratio(&with);
            if (ratio < worst) {
                worst = ratio;
                best = with;
            }
        }
        if (best.count == cover->count)
            return;
        *cover = best;
    }
}

static int64_t largest_block(const struct cover *cover, int64_t most) {
    double best = cover->cycles[1];
    for (int64_t images = 2; images <= most; images *= 2)
        if (cover->cycles[images] / (double)images < best)
            best = cover->cycles[images] / (double)images;
    int64_t images = 1;
    while (cover->cycles[images] / (double)images > CLOSE * best)
        images *= 2;
    return images;
}

/* How many images keep every tensor within its limit. */
static int64_t most_images(const struct graph *graph, int64_t most) {
    for (int i = 0; i < graph->node_count; i++)
        while (most > 1 && image_elements(graph->nodes[i]) > MAX_ELEMENTS / most)
            most /= 2;
    while (most > 1 && !graph_check_batch(graph, most, NULL))
        most /= 2;
    return most;
}

/* The largest input or sum, for one image: about what a run keeps in memory of one. */
static int64_t largest_bytes(const struct graph *graph) {
    int64_t most = 1;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        const enum op_class class = op_facts[node->op].class;
        if ((class == CLASS_CONTRACT || class == CLASS_REDUCE || node->op == OP_INPUT) &&
            image_bytes(node) > most)
            most = image_bytes(node);
    }
    return most;
}

/* A GPU runs whole blocks only: nothing is copied on its way. It needs many images at once where
 * each gives it little to do, and then they take little room. */
static int choose_gpu_blocks(const struct graph *graph, struct block blocks[MAX_BLOCKS]) {
    enum { MOST_BYTES = 1 << 28 };
    const int64_t images[] = {2048, 128, 32, 4, 1}, most = most_images(graph, images[0]);
    const int64_t bytes = largest_bytes(graph);
    int count = 0;
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        if (images[i] == 1 || (images[i] <= most && images[i] <= MOST_BYTES / bytes))
            blocks[count++] = (struct block){images[i], images[i]};
    return count;
}

int choose_blocks(const struct graph *graph, const struct target *target,
                  struct block blocks[MAX_BLOCKS]) {
    if (target->gpu)
        return choose_gpu_blocks(graph, blocks);
    struct block_work work = {0};
    struct cover cover = {0};
    work.parts = et_allocate((size_t)graph->node_count, sizeof *work.parts);
    if (!work.parts)
        return 0;
    for (int i = 0; i < graph->node_count; i++)
        add_node(target, &work, graph->nodes[i]);
    for (int64_t images = 1; images <= LARGEST; images++)
        cover.cycles[images] = block_cycles(target, &work, images);
    et_release(work.parts);
    int64_t largest = largest_block(&cover, most_images(graph, LARGEST));
    insert(&cover, 1);
    if (largest > 1)
        insert(&cover, largest);
    add_smaller_blocks(&cover, largest);
    for (int64_t i = 0; i < cover.count; i++)
        blocks[i] = cover.blocks[cover.count - 1 - i];
    return (int)cover.count;
}
