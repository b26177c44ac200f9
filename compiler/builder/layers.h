/* Layers, written with the operations of builder.h.
 *
 * Each follows TinyGrad's definition of the method named beside it, elementary operation for
 * elementary operation, so that a model captured from TinyGrad and one written with these become
 * the same graph.  What differs, everywhere: a product that is summed is one contract; pooling
 * windows are `window`; exp and log are operations of their own; a division by a number multiplies
 * by the number's reciprocal, which is taken in double and rounded once.
 *
 * Tensors are float32 unless said otherwise; images are (batch, channels, height, width). */
#ifndef EIGENTENSOR_LAYERS_H
#define EIGENTENSOR_LAYERS_H

#include "compiler/builder/builder.h"

/* layers.c: elementwise */

struct tensor relu(struct tensor x);                       /* relu */
struct tensor sigmoid(struct tensor x);                    /* sigmoid */
struct tensor silu(struct tensor x);                       /* silu, swish */
struct tensor gelu(struct tensor x);                       /* gelu: the approximation with tanh */
struct tensor divide(struct tensor a, struct tensor b);    /* div: a * (1 / b) */
struct tensor divide_by(struct tensor a, double number);   /* div */
struct tensor multiply_by(struct tensor a, double number); /* mul */
struct tensor add_number(struct tensor a, double number);  /* add */

/* layers.c: over axes.  `keep_axes` leaves reduced axes with extent 1. */

struct tensor mean(struct tensor x, int axis_count, const int *axes, bool keep_axes);
struct tensor variance(struct tensor x, int axis_count, const int *axes, int correction,
                       bool keep_axes); /* var */
struct tensor softmax(struct tensor x, int axis);
struct tensor log_softmax(struct tensor x, int axis);

/* x * x, summed over axes in the lanes of a sum: a contraction of x with itself would be one chain
 * of multiply-adds, each waiting for the one before. */
struct tensor squared_sum(struct tensor x, int axis_count, const int *axes);
/* A reduction of x with the reduced axes put back, with extent 1. */
struct tensor restore_axes(struct tensor reduced, struct tensor x, int axis_count, const int *axes);

/* nn.LayerNorm, layernorm.  `weight` and `bias` may be NO_TENSOR. */
struct tensor layer_norm(struct tensor x, int axis_count, const int *axes, double epsilon,
                         struct tensor weight, struct tensor bias);

/* nn.BatchNorm, batchnorm, with the running statistics; channels are axis 1.  Each (channels);
 * `weight` and `bias` may be NO_TENSOR. */
struct batch_norm_parameters {
    struct tensor weight, bias, running_mean, running_var;
};
struct tensor batch_norm(struct tensor x, struct batch_norm_parameters parameters, double epsilon);

/* layers_shape.c */

struct tensor flatten(struct tensor x, int first_axis); /* flatten(first_axis) */
struct tensor transpose(struct tensor x, int axis, int other_axis);
struct tensor unsqueeze(struct tensor x, int axis);
struct tensor squeeze(struct tensor x, int axis);
struct tensor stack(int count, const struct tensor *tensors, int axis);
/* parts[i] gets sizes[i] of the axis; the sizes add up to its extent.  False: failed. */
bool split(struct tensor x, int axis, int count, const int64_t *sizes, struct tensor *parts);
struct tensor repeat(struct tensor x, int rank, const int64_t *times);

/* For axes that are there, counted from the front. */

/* Copies the extents of x; returns its rank. */
int shape_of(struct tensor x, int64_t shape[MAX_RANK]);
/* The range [begin, end) of an axis. */
struct tensor cut_axis(struct tensor x, int axis, int64_t begin, int64_t end);
/* The same, with zeros where the axis has none. */
struct tensor reach_of_axis(struct tensor x, int axis, int64_t begin, int64_t end);
/* `count` axes from `axis` on as those of `shape`, of as many elements. */
struct tensor reshape_axes(struct tensor x, int axis, int count, int rank, const int64_t *shape);

/* layers_convolution.c.  Pairs are height, width. */

struct conv2d_options {
    int64_t stride[2], dilation[2]; /* {0}: 1, 1 */
    int64_t padding[2];             /* zeros before and after */
    int64_t groups;                 /* 0: 1 */
};
/* conv2d: x (batch, groups * c, h, w), weight (outputs, c, kh, kw), bias (outputs) or NO_TENSOR. */
struct tensor conv2d(struct tensor x, struct tensor weight, struct tensor bias,
                     struct conv2d_options options);

/* The same over one to MAX_SPATIAL axes, each padded as it likes; in integers, too. */
enum { MAX_SPATIAL = 5 };
struct conv_options {
    int64_t stride[MAX_SPATIAL], dilation[MAX_SPATIAL]; /* at least 1 */
    struct range padding[MAX_SPATIAL];                  /* zeros */
    int64_t groups;                                     /* 0: 1 */
};
/* conv2d: x (batch, groups * c, d1, .., dn), weight (outputs, c, k1, .., kn), bias (outputs) or
 * NO_TENSOR. */
struct tensor conv(struct tensor x, struct tensor weight, struct tensor bias,
                   struct conv_options options);

/* The same of the windows alone: x (batch, groups * c, o1, .., on, k1, .., kn). */
struct tensor conv_of_windows(struct tensor x, struct tensor weight, struct tensor bias,
                              int64_t groups);

/* layers_transposed.c */

struct conv_transpose_options {
    int64_t stride[MAX_SPATIAL], dilation[MAX_SPATIAL]; /* at least 1 */
    struct range padding[MAX_SPATIAL]; /* sums that are left out; an end below 0: zeros behind */
    int64_t groups;                    /* 0: 1 */
};
/* conv_transpose2d, over one to MAX_SPATIAL axes: x (batch, groups * c, d1, .., dn), weight
 * (groups * c, outputs / groups, k1, .., kn), bias (outputs) or NO_TENSOR. Where TinyGrad puts
 * zeros between the elements of x and multiplies them, here each result is the sum of the products
 * of those taps alone that meet an element of x. */
struct tensor conv_transpose(struct tensor x, struct tensor weight, struct tensor bias,
                             struct conv_transpose_options options);
/* The sums along an axis, before any are left out. False: they overflow. */
bool transposed_extent(int64_t extent, int64_t kernel, int64_t stride, int64_t dilation,
                       int64_t *sums);

struct pool2d_options {
    int64_t kernel[2];   /* {0}: 2, 2 */
    int64_t stride[2];   /* {0}: the kernel */
    int64_t dilation[2]; /* {0}: 1, 1 */
    int64_t padding[2];
    bool ceil_mode;       /* also windows that reach over the end */
    bool exclude_padding; /* avg_pool2d: not count_include_pad */
};
struct tensor max_pool2d(struct tensor x, struct pool2d_options options); /* over the last 2 axes */
struct tensor avg_pool2d(struct tensor x, struct pool2d_options options);

/* (.., h, w) to (.., oh, ow, kh, kw), with the window operation. */
struct tensor windows(struct tensor x, const int64_t kernel[2], const int64_t stride[2],
                      const int64_t dilation[2]);
/* The same, as TinyGrad does without a window operation (_pool: repeat, shrink, reshape, permute).
 * For tests: both must compile to the same kernels. */
struct tensor windows_by_movement(struct tensor x, const int64_t kernel[2], const int64_t stride[2],
                                  const int64_t dilation[2]);
/* The same, for kernels no larger than the stride and without dilation, as older TinyGrads did
 * (pad, shrink, reshape to blocks).  For tests. */
struct tensor windows_by_blocks(struct tensor x, const int64_t kernel[2], const int64_t stride[2]);

/* layers_quantised.c: integers that stand for (integer - zero point) * scale. A zero point is one
 * for all or goes with the tensor as shapes broadcast; NO_TENSOR is 0. */

/* x - zero, in that dtype. */
struct tensor without_zero_point(struct tensor x, struct tensor zero, enum dtype dtype);
/* x * scale in float32; x may be sums of products of integers. */
struct tensor scaled_integers(struct tensor x, struct tensor scale);
/* What a cast to integers, which saturates, makes integers of: float32 x in steps of their scale,
 * rounded to nearest, halves to even, + zero. */
struct tensor rounded_from_zero_point(struct tensor x, struct tensor zero);

/* layers_attention.c */

struct tensor matmul(struct tensor a, struct tensor b); /* dot, with NumPy's rules for ranks */
/* nn.Linear: weight (outputs, inputs), bias (outputs) or NO_TENSOR. */
struct tensor linear(struct tensor x, struct tensor weight, struct tensor bias);
/* nn.Embedding: rows of `table` (entries, width) at int32 or int64 positions; outside: zeros. */
struct tensor embedding(struct tensor table, struct tensor positions);

struct attention_options {
    struct tensor mask; /* NO_TENSOR; bool: where to look; float32: added to the scores */
    bool causal;        /* query i sees keys 0 to i; not together with a mask */
};
/* scaled_dot_product_attention: q (.., m, d), k (.., n, d), v (.., n, e). */
struct tensor scaled_dot_product_attention(struct tensor q, struct tensor k, struct tensor v,
                                           struct attention_options options);

#endif
