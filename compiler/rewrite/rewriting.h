/* What the rewrites share, and their entries: each in a file of its own, rewrite_NAME.c. */
#ifndef EIGENTENSOR_REWRITING_H
#define EIGENTENSOR_REWRITING_H

#include "compiler/builder/builder.h"
#include "compiler/graph/view.h"
#include "compiler/rewrite/rewrite.h"

/* The work in hand. Its arenas, and rewriting_fail, leave by one jump. */
struct rewriting {
    const struct graph *graph; /* to be rewritten now */
    struct graph *owned;       /* the same, once it is one of ours; NULL: the caller's */
    struct rewrite_options options;
    enum rewrite_kind rewrite;
    struct rewritten *result;
    struct et_error *error;
    struct arena elements; /* of new weights, until all is done */
    int64_t element_count; /* so far */
    struct analysis *analysis;
    struct tensor_context *context; /* of the graph being made */
    struct tensor *made;            /* by node of `graph`: its like in the new graph */
};

/* rewrite.c */

/* Ends the whole rewrite; the error is said, or else memory was exhausted. */
_Noreturn void rewriting_fail(struct rewriting *rewriting);

/* Makes the next graph: asks `emit` about each node in order. It answers with what stands for the
 * node, made in rewriting->context from rewriting->made, or with NO_TENSOR: the node stays. */
typedef struct tensor emit_node(struct rewriting *rewriting, const struct node *node, void *plan);
void rewriting_remake(struct rewriting *rewriting, emit_node *emit, void *plan);

/* A node of the graph in hand again, of what its sources have become. */
struct tensor rewriting_again(struct rewriting *rewriting, const struct node *node);

/* A site about `node`, of which the caller sets more. */
struct rewrite_site *rewriting_site(struct rewriting *rewriting, const struct node *node);

/* Room for the elements of a new weight, until all is done. Fails beyond MOST_NEW_ELEMENTS of all
 * weights together. */
#define MOST_NEW_ELEMENTS ((int64_t)1 << 30)
void *rewriting_elements(struct rewriting *rewriting, enum dtype dtype, int64_t count);
/* A new weight, BASE.SUFFIX, of which the axes of extent 1 are left out, seen with `shape`. The
 * elements are those of rewriting_elements. */
struct tensor rewriting_weight(struct rewriting *rewriting, const char *base, const char *suffix,
                               enum dtype dtype, int rank, const int64_t *shape,
                               const void *elements);

/* A graph of its own with the inputs of the graph in hand, whose outputs are these nodes of it. The
 * elements of its weights belong to the rewriting. The caller frees it. */
struct graph *rewriting_probe(struct rewriting *rewriting, int count,
                              const struct node *const *nodes);
/* The same whose outputs are those of the graph in hand, and then those of what rewriting_remake
 * would make of it. Names of weights stay free. */
struct graph *rewriting_both(struct rewriting *rewriting, emit_node *emit, void *plan);

/* analysis.c: what can be known about the graph in hand */

/* The largest list of elements that a rewrite works out; all lists of one graph may be twice that.
 */
#define MOST_CONSTANT_ELEMENTS ((int64_t)1 << 27)

struct analysis {
    struct arena arena; /* for whatever belongs to the graph in hand */
    int node_count;
    int *uses;                  /* by node: readers and outputs */
    struct node **readers;      /* by node: the last of its readers */
    bool *constant;             /* by node: depends on no input */
    struct constant *constants; /* by node */
    const struct node **path;   /* room for a walk down */
    int64_t work_left;          /* elements that may still be worked out */
    int name_slots;             /* a power of two; a table of the names of weights */
    const char **names;
};
void analysis_begin(struct rewriting *rewriting);
void analysis_end(struct rewriting *rewriting);
/* The only reader of a node; NULL when there are others, or an output. */
struct node *analysis_only_reader(const struct analysis *analysis, const struct node *node);
/* The elements of a node that depends on no input. Axes along which they repeat have stride 0.
 * False: it does, or has more elements than are worth it. */
bool analysis_constant(struct rewriting *rewriting, const struct node *node, struct view *view);
/* The position of the one source of a binary node or contraction that is constant; -1: none, or
 * both. */
int analysis_constant_operand(const struct analysis *analysis, const struct node *node);
/* Whether a node is a float32 contraction of something with constants: `weight` is those, over the
 * axes of its sources. */
bool analysis_weight(struct rewriting *rewriting, const struct node *node, struct view *weight);
/* The name of a weight that a node is made of; "" when it has none. */
const char *analysis_weight_name(const struct node *node);
/* BASE.SUFFIX, or the like, that no weight has yet. */
const char *analysis_new_name(struct rewriting *rewriting, const char *base, const char *suffix);

/* operands.c */

/* The axes of an operand that its elements depend on; extent 1 along the others. Returns how many
 * elements those are; 0: more than a rewrite works out. */
int64_t dependent_shape(const struct view *view, int64_t *shape);
/* A view with other extents: its first elements, or one element more often. */
struct view with_shape(const struct view *view, const int64_t *shape);
struct view row_major(int rank, const int64_t *shape, enum dtype dtype, void *data);
/* The axes of a contraction's result, as axes of its sources. */
int kept_axes(const struct node *contract, int *kept);
/* Along which axes of a contraction's result there are weights of their own: [MAX_RANK]. */
void channel_axes(const struct node *contract, const struct view *weight, bool *channels);

/* chain.c */

/* last = scale * root + shift, for each channel: multiplications and additions of constants, with
 * reshapes and permutations between them, where each node has the next as its only reader. */
enum { MOST_CHAIN_MOVES = 64 };
struct scale_chain {
    const struct node *root, *last;
    const struct node **links; /* the arithmetic, in order */
    int link_count, link_capacity;
    int scalings, additions;
    int move_count;
    const struct node *moves[MOST_CHAIN_MOVES]; /* between root and last */
    int64_t channels;
    double *scale, *shift;
    struct view places; /* over the root: which channel; of `scale`, stride 0 along other axes */
    bool per_channel;   /* some constant is no mere number */
};
/* The longest chain from `root` through `first`, a node of arithmetic that reads it or a movement
 * of it. Its constants may differ along those axes of the root that `allowed` marks; NULL: along
 * any one axis. The chain may be empty: link_count 0. */
struct scale_chain find_chain(struct rewriting *rewriting, const struct node *root,
                              const struct node *first, const bool *allowed);
/* Whether a node is arithmetic with one constant, of which a chain can be made. */
bool is_link(const struct analysis *analysis, const struct node *node);
/* The source of a link that is not constant. */
const struct node *link_source(const struct analysis *analysis, const struct node *link);
/* Whether anything is to be folded: more than the one bias of a contraction; and all finite. */
bool chain_is_worthwhile(const struct scale_chain *chain);
bool chain_is_scaled(const struct scale_chain *chain);  /* some scale is not 1 */
bool chain_is_shifted(const struct scale_chain *chain); /* some shift is not 0 */

/* cut.c */

/* max(x, number), min(x, number) of float32. */
struct cut {
    const struct node *x;
    enum op op; /* OP_MAX, OP_MIN */
    float number;
};
/* False: the node is neither, or the number is not known or NaN. */
bool find_cut(struct rewriting *rewriting, const struct node *node, struct cut *cut);

/* codes.c */

/* Codes, integers of 8 or 16 bits that stand for float32 numbers: (code - zero) * scale. */
struct code_form {
    const struct node *codes, *numbers;
    double scale, zero;
    bool multiplies; /* numbers are rounded by a product with 1 / scale, not by a division */
};
/* Whether a node is codes that numbers are rounded to, cast(round(numbers / scale) + zero), which
 * may be rounded once more. */
bool find_rounded(struct rewriting *rewriting, const struct node *node, struct code_form *form);
/* Whether a node is the numbers that codes stand for, (int32(codes) - zero) * scale. */
bool find_numbers(struct rewriting *rewriting, const struct node *node, struct code_form *form);
/* What a node is made of by something that commutes with rounding to codes: movements, greatest and
 * least elements along axes, max and min with a number. NULL: by something else. */
const struct node *code_source(struct rewriting *rewriting, const struct node *node);
/* The number that such a node pads with or cuts off at; 0 where there is none. */
float code_number(struct rewriting *rewriting, const struct node *node);
/* What it makes of codes, among which that number is `code`. */
struct tensor code_step(struct rewriting *rewriting, const struct node *node, struct tensor codes,
                        int code);
/* Codes that numbers are rounded to which were such codes before, and went through nothing but what
 * commutes: they go through it as they are, with the same bits. NO_TENSOR: a node is none. */
struct tensor codes_again(struct rewriting *rewriting, const struct node *node);

/* propagate.c */

/* What a chain's scale and shift are, seen over the node that they have reached. */
struct passage {
    struct view scale, shift;
    bool scaled, shifted; /* what is taken along */
    const struct node *node;
};
struct passage passage_from(const struct scale_chain *chain, bool scaled);
/* Goes past the only readers of the chain's last node to a contraction with constant weights, where
 * the views are over its sources. NULL: reached; otherwise why not. */
const char *passage_to_contraction(struct rewriting *rewriting, struct passage *passage,
                                   const struct scale_chain *chain);
/* What a movement other than padding makes of a view; false: too many elements. */
bool passage_move(struct rewriting *rewriting, const struct node *move, struct view *view);

/* convolution.c */

/* A contraction that is a convolution with constant weights, whatever movements it is written with:
 * each axis of `input` is indexed by one axis of the contraction, or by position + window. */
struct convolution_window {
    int input_axis, output_axis, kernel_axis; /* of the input; of the contraction */
    int64_t outputs, size, stride, dilation;
};
struct convolution {
    const struct node *contract, *input;
    int64_t begin[MAX_RANK], end[MAX_RANK]; /* the part of the input that is read */
    int batch_count;
    int batch_input_axes[MAX_RANK], batch_axes[MAX_RANK]; /* of the input; of the contraction */
    int64_t batch;
    int channel_input_axis, channel_axis; /* -1: one channel */
    int64_t channels;
    int output_axis; /* -1: one output */
    int64_t outputs;
    int window_count;
    struct convolution_window windows[2]; /* height, width */
    bool grouped;
    struct view weight; /* over the axes of the contraction */
};
/* False: the contraction is nothing of the kind. */
bool find_convolution(struct rewriting *rewriting, const struct node *contract,
                      struct convolution *convolution);

/* winograd_transform.c
 *
 * F(m, r), the Toom-Cook algorithm for m outputs of a filter of r taps, from t = m + r - 1 inputs
 * d:
 *
 *   y = A ((G g) * (B d)),   A[i][j] = a_j^i,   G[j][k] = a_j^k / N_j,   N_j = prod (a_j - a_l),
 *   row j of B: the coefficients of prod (x - a_l), l != j
 *
 * where a_0 .. a_t-2 are points and the last row stands for the point at infinity. The points are 0
 * and pairs +p, -p, so that sums and differences are shared; see the file for which and why. */

enum { MOST_TILE = 8, MOST_STEPS = 48 };

/* Straight-line arithmetic over values, of which the first are the inputs:
 * values[inputs + i] = values[left] + factor * values[right], or without the first. */
struct transform_step {
    signed char left; /* -1: none */
    float factor;
    signed char right;
};
struct transform {
    int input_count, output_count, step_count;
    struct transform_step steps[MOST_STEPS];
    signed char outputs[MOST_TILE]; /* which values */
};
struct transform input_transform(int tile);
struct transform output_transform(int outputs, int tile);
/* G of the filter's taps. */
void weight_transform(int tile, int taps, double rows[MOST_TILE][MOST_TILE]);
/* Additions and multiplications; multiplications alone. */
int transform_operations(const struct transform *transform);
int transform_multiplications(const struct transform *transform);

/* winograd_cost.c */

struct winograd_tiles {
    int outputs[2];      /* of one tile: m, for height and width */
    double direct, cost; /* of the convolution either way */
    int64_t multiplications_before, multiplications_after; /* with those of transforms */
};
/* The tiles of least cost among those that the options allow. Requires kernels that
 * winograd_outputs knows. False: there are no such tiles. */
bool choose_winograd_tiles(const struct convolution *convolution,
                           const struct rewrite_options *options, struct winograd_tiles *tiles);
/* The numbers of outputs that a tile of a filter of that many taps may have, ended by 0; NULL: no
 * such filter. */
const int *winograd_outputs(int64_t taps);

/* The rewrites, each in its own file */

/* fold_batchnorm.c
 * requires nothing
 * provides a graph in which no chain follows a contraction with constant weights that only the
 * chain reads, or leads into one through what commutes with it exactly */
void rewrite_fold_batchnorm(struct rewriting *rewriting);

/* winograd.c
 * requires nothing; bias, activation and the rest after a convolution stay
 * provides a graph without convolutions of the form for which F(m, r) costs less */
void rewrite_winograd(struct rewriting *rewriting);

/* quantize.c
 * requires data to run the graph on
 * provides a graph without float32 contractions with constant weights, but those whose site says
 * why not; batch normalisations are folded */
void rewrite_quantize(struct rewriting *rewriting);

/* integers.c
 * requires nothing
 * provides a graph without float32 contractions of integers times scales, but those whose site says
 * why not */
void rewrite_integers(struct rewriting *rewriting);

/* io.c
 * requires what integers are: the graph that `integers` or `quantize` made
 * provides a graph whose inputs and outputs are of the type that options.io says, if it says one,
 * but those whose site says why not */
void rewrite_io(struct rewriting *rewriting);
static inline bool rewrites_io(const struct rewrite_options *options) {
    return options->io == DTYPE_INT8 || options->io == DTYPE_UINT8;
}

/* store_weights.c
 * requires nothing
 * provides a graph whose float32 contractions have weights of 16-bit floats, but those that would
 * not fit; what is computed of weights, and bodies of scans, stay */
void rewrite_store_weights(struct rewriting *rewriting);

#endif
