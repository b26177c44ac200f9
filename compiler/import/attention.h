/* Attention, as the operators of several domains have it. */
#ifndef EIGENTENSOR_IMPORT_ATTENTION_H
#define EIGENTENSOR_IMPORT_ATTENTION_H

#include "compiler/import/importer.h"

struct attention {
    struct tensor q, k, v;  /* (batch, heads, rows, width); k and v have as many heads, or fewer */
    double scale;           /* of the scores */
    double softcap;         /* 0: none */
    struct tensor bias;     /* added to the scores, -inf where they do not count; or NO_TENSOR */
    bool rows_may_be_empty; /* a row of the bias may be -inf everywhere: its result is 0 */
};
struct attended {
    struct tensor y;       /* (batch, heads, rows, width of v) */
    struct tensor scores;  /* (batch, heads, rows, rows of k): scaled */
    struct tensor capped;  /* with the soft cap */
    struct tensor biased;  /* with the bias, too */
    struct tensor weights; /* their softmax */
};
struct attended attend(const struct call *call, const struct attention *attention);

/* Each head of a, (batch, heads, ..), by one of b, which may have fewer: neighbours share one. */
struct tensor matmul_heads(struct tensor a, struct tensor b);
/* Whether queries, keys and values go together; refuses others. */
bool check_heads(const struct call *call, struct tensor q, struct tensor k, struct tensor v);

/* (batch, rows, heads * width) as (batch, heads, rows, width), and back. */
struct tensor split_heads(const struct call *call, struct tensor x, int64_t heads);
struct tensor merge_heads(struct tensor x);

/* Which keys count: bool, (queries, keys) or, with an offset of rank 4, (batch, 1, queries, keys).
 * A query stands at its number plus the offset, an int64 tensor, and sees keys no farther than
 * `left` before and `right` behind it; -1: any. NO_TENSOR: all count. */
struct tensor keys_within(struct tensor_context *context, int64_t queries, int64_t keys,
                          struct tensor offset, int64_t left, int64_t right);
/* A mask as what is added to scores: of bool, -inf where it is false. `allowed` may be NO_TENSOR,
 * or the mask. */
struct tensor bias_of(struct tensor mask, struct tensor allowed, struct tensor like);

/* Rotates pairs of elements: x (.., width), cosines and sines that broadcast to (.., width / 2).
 * The pairs are neighbours, if `interleaved`, else of either half. */
struct tensor rotate_pairs(struct tensor x, struct tensor cosines, struct tensor sines,
                           bool interleaved);

#endif
