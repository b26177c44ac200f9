/* Layers, compiled for libtcc, against loops in double precision that are written out here from the
 * layers' textbook definitions and share nothing with the compiler. Each check says how far float32
 * may be away, in units of u = 2^-24, the greatest relative error of one rounding. */
#include "compiler/builder/layers.h"
#include "runtime/et_program.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static const double u = 0x1p-24;

/* Numbers from -scale to scale (SplitMix64); the caller releases them. */
static float *numbers(int64_t count, uint64_t seed, double scale) {
    float *values = et_allocate((size_t)count, sizeof *values);
    cr_assert_not_null(values);
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits = seed += 0x9e3779b97f4a7c15u;
        bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
        bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
        values[i] = (float)(scale * ((double)(bits >> 11) * 0x1p-52 - 1));
    }
    return values;
}

/* Runs the layer's graph, which is y's; the caller releases the elements. */
static float *run(struct tensor y, const void *const *inputs) {
    struct et_error error = {0};
    struct graph *graph = compile_to_graph(y.context, OUTPUTS({"y", y}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct et_program *program = program_from_graph(graph, NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    float *elements = et_allocate(1, et_program_output(program, 0).bytes);
    cr_assert_not_null(elements);
    bool good = et_program_run(program, ET_JIT, inputs, (void *[]){elements}, NULL, &error);
    cr_assert(good, "%s", error.message);
    et_program_free(program);
    return elements;
}

/* `allowed` is an absolute distance. */
static void check(const char *what, int64_t element, float found, double expected, double allowed) {
    cr_assert(fabs((double)found - expected) <= allowed,
              "%s: element %lld is %.9g, expected %.12g within %.3g; off by %.3g", what,
              (long long)element, (double)found, expected, allowed, fabs((double)found - expected));
}

/* A sum of products and the sum of their magnitudes. n products that are added one after another
 * are within n u times the latter (plus what is beyond first order, for which 1 % is plenty). */
struct sum {
    double value, magnitude;
    int terms;
};

static void add_product(struct sum *sum, float a, float b) {
    sum->value += (double)a * b;
    sum->magnitude += fabs((double)a * b);
    sum->terms++;
}

static double sum_error(const struct sum *sum) {
    return 1.01 * sum->terms * u * sum->magnitude;
}

/* An operand that is an input, or a constant, which the compiler may rearrange beforehand. */
static struct tensor operand(struct tensor_context *context, const char *name, bool constant,
                             int rank, const int64_t *shape, const float *values) {
    if (!constant)
        return add_graph_input(context, name, DTYPE_FLOAT32, rank, shape);
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    return tensor_const(context, DTYPE_FLOAT32, rank, shape, count, values);
}

/* conv2d */

struct convolution {
    const char *what;
    int batch, channels, height, width; /* of the input */
    int outputs, kernel[2];
    int stride[2], padding[2], dilation[2], groups;
    bool no_bias;
};

static const struct convolution convolutions[] = {
    {"plain", 1, 1, 28, 28, 32, {5, 5}, {1, 1}, {0, 0}, {1, 1}, 1, false},
    {"many channels", 1, 32, 10, 10, 64, {3, 3}, {1, 1}, {0, 0}, {1, 1}, 1, false},
    {"stride", 2, 3, 17, 13, 8, {3, 3}, {2, 3}, {0, 0}, {1, 1}, 1, false},
    {"padding", 1, 5, 9, 11, 7, {3, 5}, {1, 1}, {1, 2}, {1, 1}, 1, false},
    {"padding beyond the kernel", 1, 2, 4, 4, 3, {2, 2}, {1, 1}, {3, 2}, {1, 1}, 1, false},
    {"dilation", 1, 4, 15, 16, 6, {3, 2}, {1, 1}, {0, 0}, {2, 5}, 1, false},
    {"groups", 2, 6, 9, 10, 9, {3, 3}, {1, 1}, {0, 0}, {1, 1}, 3, false},
    {"depthwise", 1, 16, 12, 12, 16, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 16, false},
    {"pointwise", 1, 24, 7, 7, 40, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, true},
    {"kernel of the whole image", 3, 5, 6, 7, 4, {6, 7}, {1, 1}, {0, 0}, {1, 1}, 1, false},
    {"everything", 2, 4, 14, 17, 6, {2, 4}, {3, 2}, {1, 3}, {2, 1}, 2, false},
};

static int out_extent(const struct convolution *c, int axis) {
    int extent = axis == 0 ? c->height : c->width;
    int span = c->dilation[axis] * (c->kernel[axis] - 1) + 1;
    return (extent + 2 * c->padding[axis] - span) / c->stride[axis] + 1;
}

/* Output (n, o, y, x): the products of one window. */
static struct sum convolve(const struct convolution *c, const float *image, const float *weight,
                           int n, int o, int y, int x) {
    int each = c->channels / c->groups, group = o / (c->outputs / c->groups);
    struct sum sum = {0};
    for (int i = 0; i < each; i++)
        for (int ky = 0; ky < c->kernel[0]; ky++)
            for (int kx = 0; kx < c->kernel[1]; kx++) {
                int iy = y * c->stride[0] + ky * c->dilation[0] - c->padding[0];
                int ix = x * c->stride[1] + kx * c->dilation[1] - c->padding[1];
                if (iy < 0 || iy >= c->height || ix < 0 || ix >= c->width)
                    continue;
                int channel = n * c->channels + group * each + i;
                add_product(&sum, image[(channel * c->height + iy) * c->width + ix],
                            weight[((o * each + i) * c->kernel[0] + ky) * c->kernel[1] + kx]);
            }
    return sum;
}

static void check_convolution(const struct convolution *c, bool constant) {
    int each = c->channels / c->groups, oh = out_extent(c, 0), ow = out_extent(c, 1);
    float *image = numbers((int64_t)c->batch * c->channels * c->height * c->width, 1, 1);
    float *weight = numbers((int64_t)c->outputs * each * c->kernel[0] * c->kernel[1], 2, 1);
    float *bias = numbers(c->outputs, 3, 1);
    struct tensor_context *context = tensor_context_new("conv2d");
    struct tensor x = add_graph_input(context, "x", DTYPE_FLOAT32,
                                      SHAPE(c->batch, c->channels, c->height, c->width));
    struct tensor w = operand(context, "w", constant,
                              SHAPE(c->outputs, each, c->kernel[0], c->kernel[1]), weight);
    struct tensor b =
        c->no_bias ? NO_TENSOR : operand(context, "b", constant, SHAPE(c->outputs), bias);
    float *y = run(conv2d(x, w, b,
                          (struct conv2d_options){.stride = {c->stride[0], c->stride[1]},
                                                  .padding = {c->padding[0], c->padding[1]},
                                                  .dilation = {c->dilation[0], c->dilation[1]},
                                                  .groups = c->groups}),
                   (const void *[]){image, weight, bias});
    for (int i = 0; i < c->batch * c->outputs * oh * ow; i++) {
        int o = i / (oh * ow) % c->outputs;
        struct sum sum =
            convolve(c, image, weight, i / (oh * ow) / c->outputs, o, i / ow % oh, i % ow);
        double expected = sum.value + (c->no_bias ? 0 : (double)bias[o]);
        check(c->what, i, y[i], expected, sum_error(&sum) + u * fabs(expected));
    }
    et_release(image);
    et_release(weight);
    et_release(bias);
    et_release(y);
}

/* Within n u of the window's magnitude, and one rounding for the bias. */
Test(reference, conv2d) {
    for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++) {
        check_convolution(&convolutions[i], false);
        check_convolution(&convolutions[i], true);
    }
}

/* matmul: a (batch_a, m, k), b (batch_b, k, n), where one batch may be 1 */

static const struct product {
    int batch_a, batch_b, m, k, n;
} products[] = {
    {1, 1, 1, 576, 10}, {1, 1, 64, 64, 64}, {1, 1, 17, 33, 9}, {1, 1, 5, 1, 3},  {1, 1, 1, 7, 1},
    {3, 3, 6, 20, 11},  {4, 1, 3, 16, 32},  {1, 2, 8, 5, 40},  {2, 2, 1, 50, 1},
};

static void check_product(const struct product *p, bool constant) {
    int batch = p->batch_a > p->batch_b ? p->batch_a : p->batch_b;
    float *a = numbers((int64_t)p->batch_a * p->m * p->k, 4, 1);
    float *b = numbers((int64_t)p->batch_b * p->k * p->n, 5, 1);
    struct tensor_context *context = tensor_context_new("matmul");
    struct tensor ta = add_graph_input(context, "a", DTYPE_FLOAT32, SHAPE(p->batch_a, p->m, p->k));
    struct tensor tb = operand(context, "b", constant, SHAPE(p->batch_b, p->k, p->n), b);
    float *y = run(matmul(ta, tb), (const void *[]){a, b});
    for (int i = 0; i < batch * p->m * p->n; i++) {
        int row = i / p->n % p->m, column = i % p->n, which = i / p->n / p->m;
        const float *left = a + (p->batch_a == 1 ? 0 : which) * p->m * p->k + row * p->k;
        const float *right = b + (p->batch_b == 1 ? 0 : which) * p->k * p->n + column;
        struct sum sum = {0};
        for (int k = 0; k < p->k; k++)
            add_product(&sum, left[k], right[k * p->n]);
        char what[64];
        snprintf(what, sizeof what, "(%d,%d,%d) by (%d,%d,%d)", p->batch_a, p->m, p->k, p->batch_b,
                 p->k, p->n);
        check(what, i, y[i], sum.value, sum_error(&sum));
    }
    et_release(a);
    et_release(b);
    et_release(y);
}

/* Within n u of the magnitude. */
Test(reference, matmul) {
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        check_product(&products[i], false);
        check_product(&products[i], true);
    }
}

/* softmax over the middle axis of (rows, n, columns) */

/* In place. */
static void softmax_of(double *x, int n) {
    double greatest = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        greatest = fmax(greatest, x[i]);
    for (int i = 0; i < n; i++)
        sum += x[i] = exp(x[i] - greatest);
    for (int i = 0; i < n; i++)
        x[i] /= sum;
}

static void check_softmax(int rows, int n, int columns) {
    float *x = numbers((int64_t)rows * n * columns, 6, 10);
    struct tensor_context *context = tensor_context_new("softmax");
    struct tensor input = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(rows, n, columns));
    float *y = run(softmax(input, 1), (const void *[]){x});
    double *expected = et_allocate((size_t)n, sizeof *expected);
    cr_assert_not_null(expected);
    for (int i = 0; i < rows * columns; i++) {
        int first = i / columns * n * columns + i % columns;
        for (int k = 0; k < n; k++)
            expected[k] = (double)x[first + k * columns];
        softmax_of(expected, n);
        for (int k = 0; k < n; k++)
            check("softmax", first + k * columns, y[first + k * columns], expected[k],
                  (20 + n / 16 + 8) * u * expected[k]);
    }
    et_release(x);
    et_release(y);
    et_release(expected);
}

/* Relatively: 20 u for the rounding of x - max, which is at most 20; n / 16 + 4 for the sum in 16
 * lanes; 2 for exp, 2 for reciprocal and product. */
Test(reference, softmax) {
    check_softmax(1, 10, 1);
    check_softmax(7, 33, 1);
    check_softmax(3, 100, 5);
    check_softmax(2, 1, 9);
}

/* layer_norm over the last axis of (rows, n) */

static void check_row(const float *x, const float *weight, const float *bias, int n,
                      const float *found) {
    double mean = 0, variance = 0, greatest = 0;
    for (int i = 0; i < n; i++) {
        mean += (double)x[i] / n;
        greatest = fmax(greatest, fabs((double)x[i]));
    }
    for (int i = 0; i < n; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / n;
    double scale = 1 / sqrt(variance + 1e-5);
    for (int i = 0; i < n; i++) {
        double product = ((double)x[i] - mean) * scale * (double)weight[i];
        double expected = product + (double)bias[i];
        double from_mean = (n / 16 + 8) * u * greatest * scale * fabs((double)weight[i]);
        double allowed = from_mean + (n / 16 + 16) * u * fabs(product) + u * fabs(expected);
        check("layer_norm", i, found[i], expected, allowed);
    }
}

static void check_layer_norm(int rows, int n, float offset) {
    float *x = numbers((int64_t)rows * n, 7, 2), *weight = numbers(n, 8, 1),
          *bias = numbers(n, 9, 1);
    for (int i = 0; i < rows * n; i++)
        x[i] += offset;
    struct tensor_context *context = tensor_context_new("layer_norm");
    struct tensor input = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(rows, n));
    struct tensor w = add_graph_input(context, "weight", DTYPE_FLOAT32, SHAPE(n));
    struct tensor b = add_graph_input(context, "bias", DTYPE_FLOAT32, SHAPE(n));
    float *y = run(layer_norm(input, AXES(-1), 1e-5, w, b), (const void *[]){x, weight, bias});
    for (int row = 0; row < rows; row++)
        check_row(x + row * n, weight, bias, n, y + row * n);
    et_release(x);
    et_release(weight);
    et_release(bias);
    et_release(y);
}

/* The mean, a sum in 16 lanes, is within (n / 16 + 8) u of the greatest element, which the division
 * by the standard deviation magnifies; the rest is relative, and the bias one rounding. */
Test(reference, layer_norm) {
    check_layer_norm(5, 64, 0);
    check_layer_norm(3, 19, 0);
    check_layer_norm(2, 200, 100);
}

/* gelu: x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), within 6 u of x, and where the tanh is
 * near -1 of nothing smaller */
Test(reference, gelu) {
    enum { COUNT = 1003 };
    float *x = numbers(COUNT, 10, 8);
    struct tensor_context *context = tensor_context_new("gelu");
    struct tensor input = add_graph_input(context, "x", DTYPE_FLOAT32, SHAPE(COUNT));
    float *y = run(gelu(input), (const void *[]){x});
    for (int i = 0; i < COUNT; i++) {
        double a = (double)x[i];
        double inner = sqrt(2 / 3.14159265358979323846) * (a + 0.044715 * a * a * a);
        check("gelu", i, y[i], a / 2 * (1 + tanh(inner)), 6 * u * fabs(a));
    }
    et_release(x);
    et_release(y);
}

/* scaled_dot_product_attention: q (heads, m, d), k (heads, n, d), v (heads, n, e) */

struct attention {
    int heads, m, n, d, e;
    bool causal;
};

/* The shares of one query's keys; returns how far its scores may be off. */
static double share(const struct attention *a, const float *query, const float *k, int keys,
                    double *shares) {
    double greatest = 0;
    for (int key = 0; key < keys; key++) {
        struct sum score = {0};
        for (int i = 0; i < a->d; i++)
            add_product(&score, query[i], k[key * a->d + i]);
        shares[key] = score.value / sqrt(a->d);
        greatest = fmax(greatest, (sum_error(&score) + 4 * u * score.magnitude) / sqrt(a->d));
    }
    softmax_of(shares, keys);
    return greatest;
}

/* The outputs of one query: averages of the rows of v. */
static void check_query(const struct attention *a, const float *q, const float *k, const float *v,
                        int query, const float *found) {
    double shares[64];
    int keys = a->causal && query + 1 < a->n ? query + 1 : a->n;
    double score_error = share(a, q + query * a->d, k, keys, shares);
    for (int column = 0; column < a->e; column++) {
        double expected = 0, magnitude = 0;
        for (int key = 0; key < keys; key++) {
            expected += shares[key] * (double)v[key * a->e + column];
            magnitude += shares[key] * fabs((double)v[key * a->e + column]);
        }
        double allowed = (2 * score_error + (a->n + a->n / 16 + 8) * u) * magnitude;
        check("attention", query * a->e + column, found[query * a->e + column], expected, allowed);
    }
}

static void check_attention(struct attention a) {
    int sizes[3] = {a.m * a.d, a.n * a.d, a.n * a.e};
    float *q = numbers((int64_t)a.heads * sizes[0], 11, 1);
    float *k = numbers((int64_t)a.heads * sizes[1], 12, 1);
    float *v = numbers((int64_t)a.heads * sizes[2], 13, 1);
    struct tensor_context *context = tensor_context_new("attention");
    struct tensor tq = add_graph_input(context, "q", DTYPE_FLOAT32, SHAPE(a.heads, a.m, a.d));
    struct tensor tk = add_graph_input(context, "k", DTYPE_FLOAT32, SHAPE(a.heads, a.n, a.d));
    struct tensor tv = add_graph_input(context, "v", DTYPE_FLOAT32, SHAPE(a.heads, a.n, a.e));
    float *y = run(
        scaled_dot_product_attention(tq, tk, tv, (struct attention_options){.causal = a.causal}),
        (const void *[]){q, k, v});
    for (int head = 0; head < a.heads; head++)
        for (int query = 0; query < a.m; query++)
            check_query(&a, q + head * sizes[0], k + head * sizes[1], v + head * sizes[2], query,
                        y + head * a.m * a.e);
    et_release(q);
    et_release(k);
    et_release(v);
    et_release(y);
}

/* Of the average's magnitude: a score that is off by e changes shares by 2 e; n u for the average;
 * the rest as for softmax. */
Test(reference, attention) {
    check_attention((struct attention){1, 6, 6, 16, 16, false});
    check_attention((struct attention){2, 9, 9, 8, 8, true});
    check_attention((struct attention){3, 5, 40, 24, 7, false});
    check_attention((struct attention){1, 1, 33, 64, 64, false});
}
