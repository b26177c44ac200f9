/* What the files of the rewrite `store-weights` share. */
#ifndef EIGENTENSOR_STORE_WEIGHTS_H
#define EIGENTENSOR_STORE_WEIGHTS_H

#include "compiler/rewrite/rewriting.h"

struct stored_weight {
    const struct node *node;
    int sum_axis;         /* along which every contraction that reads it takes its sums; or .. */
    const char *why_not;  /* NULL: it is done */
    void *elements;       /* of 16 bits, or bytes of codes */
    void *scales;         /* of codes, one for each block: .. */
    enum dtype scale;     /* .. float16; float32 where some is too large for that, or too small */
    uint8_t *zeros;       /* the same; NULL: one number is that of all */
    double error;         /* root mean square, as a share of that of the elements */
    struct tensor tensor; /* what stands for it, once it is made; of codes it is made of: .. */
    struct tensor differences, scale_tensor; /* .. code - zero, and what multiplies that */
};
enum { NO_SUM_AXIS = -1, SEVERAL_SUM_AXES = -2 }; /* .. none has yet; one takes them otherwise */

struct storing {
    enum stored_type type;
    int64_t block; /* of codes */
    bool zeros;    /* each block of codes has one of its own */
    int count;
    struct stored_weight *weights;
    struct stored_weight **at; /* by node; NULL: none */
};

/* store_codes.c */

/* Sets the axes along which contractions take sums of the weights. */
void find_sum_axes(struct rewriting *rewriting, const struct storing *storing);
/* Sets codes, scales, zeros and the error, or why not. */
void make_codes(struct rewriting *rewriting, const struct storing *storing,
                struct stored_weight *weight);
/* What the graph computes of them. */
struct tensor emit_codes(struct rewriting *rewriting, const struct storing *storing,
                         struct stored_weight *weight);
/* What becomes of a contraction with them: sums over each block of the numbers times code - zero,
 * and of these, times their scales, the sum. NO_TENSOR: it has none, or one block for all. */
struct tensor emit_block_sums(struct rewriting *rewriting, const struct storing *storing,
                              const struct node *contract);

#endif
