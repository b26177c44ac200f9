/* What the files of the rewrite `quantize` share. */
#ifndef EIGENTENSOR_QUANTIZE_H
#define EIGENTENSOR_QUANTIZE_H

#include "compiler/rewrite/rewriting.h"

/* uint8 codes of float32: (code - zero) * scale. */
struct quantization {
    float scale;
    float inverse; /* 1 / scale, rounded: codes are round(x * inverse) + zero */
    int zero;
};

/* Of a histogram. */
enum { RANGE_BINS = 2048 };
/* The bin of a place, counted in bins; the first or last one for what lies beyond. */
static inline int range_bin(double place) {
    return place >= RANGE_BINS ? RANGE_BINS - 1 : place > 0 ? (int)place : 0;
}

/* A tensor that contractions are to read as codes. */
struct quantized_tensor {
    const struct node *node;
    double low, high; /* what was seen, and 0; then the range of the codes */
    bool finite;      /* all that was seen is */
    int64_t *bins;    /* [RANGE_BINS] of all that was seen but 0, which has a code of its own; NULL:
                         not wanted */
    struct quantization quantization;
    bool is_output;      /* it is an output and nothing else, which is to be rounded to codes */
    struct tensor codes; /* in the graph that is being made, once they are wanted */
};

/* A contraction with constant weights, and the bias behind it. */
struct quantized_site {
    const struct node *contract;
    int operand; /* which of its sources are the weights */
    struct scale_chain chain;
    struct quantized_tensor *tensor; /* of which the other source is a movement */
    const char *why_not;             /* NULL: it is done */
    bool stays;                      /* float32, while others are measured, or for good */
    bool measured;
    double error; /* of the outputs, when it alone is quantised, as a share of their size */

    int64_t weight_shape[MAX_RANK];  /* 1 along axes that the weights lack */
    const int8_t *weight;            /* codes: weight = code * scale */
    int64_t channel_shape[MAX_RANK]; /* of the contraction's result: 1 where scales are the same */
    int64_t channels;
    double *weight_scale; /* [channels] */
    double weight_error;  /* root mean square, as a share of that of the weights */
    const int32_t *bias;  /* [channels], in steps of the sums; NULL: none */

    struct tensor sums; /* in the new graph: int32, with the bias */
};

/* What is to be done about the graph in hand. */
struct quantizing {
    struct rewriting *rewriting;
    int tensor_count, tensor_capacity;
    struct quantized_tensor **tensors;
    struct quantized_tensor **tensor_at; /* by node */
    int site_count, site_capacity;
    struct quantized_site **sites;
    struct quantized_site **site_at; /* by node: of a contraction, or of a link of its chain */
    bool rounds_outputs;             /* those that are to be; not while errors are measured */
};

/* quantize_data.c: runs the graph on the data, and sets range and quantization of each tensor. */
void quantize_observe(struct quantizing *quantizing);
/* The code of a number. */
int quantize_number(const struct quantization *quantization, float number);

/* quantize_equalise.c: makes the graph another, whose channels between contractions are as large as
 * suits their codes. False: there is nothing to do. Requires the sites. */
bool quantize_equalise(struct quantizing *quantizing);

/* quantize_range.c: narrows the range of a tensor, of which there is a histogram. */
void quantize_narrow(struct quantized_tensor *tensor, enum quantize_range range);

/* quantize_budget.c: lets as many contractions stay as the budget asks for, which is not all 0.
 * Requires the weights. */
void quantize_within(struct quantizing *plan, const struct quantize_budget *budget);

/* quantize_weights.c: sets the codes and scales of the weights, and the bias; or why not. Requires
 * the quantization of its tensor. */
void quantize_weights(struct rewriting *rewriting, struct quantized_site *site);

/* quantize_emit.c: what stands for a node of the graph in hand; the plan is a struct quantizing. */
struct tensor quantize_emit(struct rewriting *rewriting, const struct node *node, void *plan);

#endif
