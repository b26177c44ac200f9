/* Rewrites: from a graph to another graph that computes the same over the real numbers, but rounds
 * elsewhere, or has numbers of fewer bits. That is how this house approximates: never in code
 * generation, always as a graph of its own, with its own digest, whose bits the interpreter defines
 * as it defines all others.
 *
 * A rewrite is a row of REWRITES and a file of its own. It works on sites: places of the graph that
 * have the form it knows. What has another form stays as it is, node by node. */
#ifndef EIGENTENSOR_REWRITE_H
#define EIGENTENSOR_REWRITE_H

#include "compiler/store/safetensors.h"

/* REWRITE(id, name, what it does), in the order of --help. */
#define REWRITES(REWRITE)                                                                          \
    REWRITE(fold_batchnorm, "fold-batchnorm",                                                      \
            "Multiplications and additions of constants for each channel, as batch "               \
            "normalisation has them, become part of the weights and bias of the convolution or "   \
            "linear layer before them, or of the one after them where that is exact")              \
    REWRITE(winograd, "winograd",                                                                  \
            "Convolutions of 3x3, 5x5 and 3x5 with stride 1 are done by tiles, which are "         \
            "transformed, multiplied at every position and transformed back: a half to a sixth "   \
            "of the multiplications. Each gets the tile size that a cost model finds best")        \
    REWRITE(quantize, "quantize",                                                                  \
            "Convolutions and linear layers become sums of products of 8-bit integers: uint8 "     \
            "activations, by the range that each tensor has on given data (--data), int8 weights " \
            "with a scale for each output, int32 sums and biases. Folds batch normalisations "     \
            "first")                                                                               \
    REWRITE(integers, "integers",                                                                  \
            "Convolutions and linear layers of dequantised integers become sums of products of "   \
            "the integers, int32, which are multiplied by the scales; biases with the scale of "   \
            "the sums are added to them, and a quantisation behind them is one multiplication "    \
            "and one rounding. Codes go through pooling by maxima as they are, and of a sum of "   \
            "two each is multiplied once. With --exact only where float32 gives the same bits")    \
    REWRITE(store_weights, "store-weights",                                                        \
            "Weights of convolutions and linear layers are stored as float16 or bfloat16 "         \
            "(--type), half as much to keep and to read, and cast to float32 where they are "      \
            "used. Or, those of linear layers, as int8 or int4 with a scale for each block of "    \
            "neighbours, about a quarter or a seventh as much")

enum rewrite_kind {
#define REWRITE_ID(id, name, summary) REWRITE_##id,
    REWRITES(REWRITE_ID)
#undef REWRITE_ID
        REWRITE_COUNT
};

struct rewriting;
struct rewrite_facts {
    const char *name, *summary;
    void (*apply)(struct rewriting *rewriting);
};
extern const struct rewrite_facts rewrite_facts[REWRITE_COUNT];
bool rewrite_from_name(const char *name, enum rewrite_kind *rewrite);

/* What became of one site. */
struct rewrite_site {
    enum rewrite_kind rewrite;
    bool applied;
    int node;          /* of the graph that was given: its contraction, or its last node */
    const char *name;  /* of the weights there, "layers.2.weight"; "": they have none */
    const char *shape; /* "1x32x24x24 * 32x32x5x5" */
    const char *what;  /* was done, or why nothing was */
    /* Multiplications in one run, additions of transforms not counted. 0: not told. */
    int64_t multiplications_before, multiplications_after;
    double gain; /* by the cost model, how many times faster; 0: not told */
};

/* A new graph. Everything is owned by it; the graph that was given is not needed any more. */
struct rewritten {
    struct graph *graph;
    struct weights *weights; /* NULL: it has none */
    int site_count, site_capacity;
    struct rewrite_site *sites;
    struct arena arena; /* of the sites */
};

/* How quantize finds the range of a tensor of what was seen of it. What is beyond gets the code at
 * the end of the range. RANGE(id, name, what it does) */
#define QUANTIZE_RANGES(RANGE)                                                                     \
    RANGE(extremes, "extremes", "from the least to the greatest element")                          \
    RANGE(percentile, "percentile", "without the outermost 0.01 % of the elements")                \
    RANGE(squares, "squares", "what makes the mean square error least")                            \
    RANGE(entropy, "entropy", "what keeps most of the distribution's information")
enum quantize_range {
#define RANGE_ID(id, name, summary) RANGE_##id,
    QUANTIZE_RANGES(RANGE_ID)
#undef RANGE_ID
        RANGE_COUNT
};
bool quantize_range_from_name(const char *name, enum quantize_range *range);

/* What a graph can be run on, for rewrites that look at the values in it. */
typedef void see_outputs(void *seer, const struct graph *graph, int64_t sample,
                         const void *const *outputs);
struct rewrite_data {
    void *context;
    /* Runs a graph, which has the inputs of the one that is rewritten, on the samples there are, or
     * on `most` of them, evenly spread (0: on all), and shows the outputs of each run. The graph is
     * the function's to free; its weights have their elements meanwhile. False and an error when a
     * run fails, or there is nothing to run it on. */
    bool (*run)(void *context, struct graph *graph, int64_t most, see_outputs *see, void *seer,
                struct et_error *error);
    /* By sample: the position of what is to be the greatest element of the first output; NULL: not
     * known. */
    const int64_t *labels;
};

/* What quantize may cost: as many contractions stay float32, the most sensitive ones first, as it
 * takes. 0: whatever it costs. */
struct quantize_budget {
    double error;    /* of the outputs, root mean square, as a share of that of their elements */
    double accuracy; /* share of the samples whose label it may miss where the graph finds it;
                        needs labels */
};

/* What store-weights stores numbers as. Of codes, each block of neighbours that are summed shares a
 * scale. STORED_TYPE(name, bits, whether it is codes) */
#define STORED_TYPES(STORED_TYPE)                                                                  \
    STORED_TYPE(float16, 16, false)                                                                \
    STORED_TYPE(bfloat16, 16, false)                                                               \
    STORED_TYPE(int8, 8, true)                                                                     \
    STORED_TYPE(int4, 4, true)
enum stored_type {
#define STORED_ID(name, bits, is_coded) STORED_##name,
    STORED_TYPES(STORED_ID)
#undef STORED_ID
        STORED_TYPE_COUNT
};
struct stored_type_facts {
    const char *name;
    int bits;
    bool is_coded;
};
extern const struct stored_type_facts stored_types[STORED_TYPE_COUNT];
bool stored_type_from_name(const char *name, enum stored_type *type);
/* Codes of a block: an even number. */
enum { LEAST_STORED_BLOCK = 16, USUAL_STORED_BLOCK = 32, MOST_STORED_BLOCK = 1024 };

struct rewrite_options {
    const char *name;     /* of the new graph; NULL: it stays */
    int winograd_tile[2]; /* outputs of a tile, height and width, whatever the cost; {0}: by cost */
    int winograd_most;    /* outputs of a tile, along each side: fewer round better; 0: any */
    bool exact;           /* integers: only where every bit stays what it is */
    enum dtype io;        /* integers, quantize: int8 or uint8, for inputs and outputs; else none */
    enum stored_type stored;         /* store-weights */
    int stored_block;                /* codes; 0: as usual */
    bool stored_zeros;               /* each block of codes has a zero of its own */
    const struct rewrite_data *data; /* quantize: what it needs, or else fails */
    enum quantize_range quantize_range;
    bool quantize_equalise; /* channels before ReLU are scaled by powers of two first */
    struct quantize_budget quantize_budget;
};
/* Applies rewrites one after another to a verified graph with weights bound. `options` may be NULL.
 * A graph without a site of a rewrite is not an error: see `sites`. False: out of memory, or a
 * limit; then there is nothing to free. */
bool rewrite_graph(const struct graph *graph, const struct rewrite_options *options, int count,
                   const enum rewrite_kind *rewrites, struct rewritten *rewritten,
                   struct et_error *error);
void rewritten_free(struct rewritten *rewritten);
/* How many sites of a rewrite were changed. */
int rewritten_count(const struct rewritten *rewritten, enum rewrite_kind rewrite);

#endif
