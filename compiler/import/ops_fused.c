/* Operators of com.microsoft that do what several of ONNX do. */
#include "compiler/import/activation.h"
#include "compiler/import/convolution.h"
#include "compiler/import/meaning.h"
#include "compiler/import/movement.h"
#include "compiler/import/quantised.h"
#include "compiler/import/statistics.h"
#include "compiler/ir/coded.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- Activations ---- */

/* x after an activation with two numbers. */
typedef struct tensor activation(struct tensor x, double alpha, double beta);

static struct tensor activate_relu(struct tensor x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return tensor_max(x, scalar_like(x, 0));
}

static struct tensor activate_sigmoid(struct tensor x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return sigmoid(x);
}

static struct tensor activate_tanh(struct tensor x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return tensor_tanh(x);
}

static struct tensor activate_leaky_relu(struct tensor x, double alpha, double beta) {
    (void)beta;
    return leaky_relu(x, alpha);
}

static const struct {
    const char *name;
    activation *activate;
    double alpha, beta; /* when they are not given */
} activations[] = {
    {"Relu", activate_relu, 0, 0},          {"Sigmoid", activate_sigmoid, 0, 0},
    {"Tanh", activate_tanh, 0, 0},          {"LeakyRelu", activate_leaky_relu, 0.01, 0},
    {"Clip", clamped, -INFINITY, INFINITY}, {"HardSigmoid", hard_sigmoid, 0.2, 0.5},
};

/* x after the activation that the node names, if it names one; `numbers` are NULL or two. */
static struct tensor activated(struct call *call, struct tensor x, const double *numbers) {
    const char *name = call_text(call, "activation", "");
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++)
        if (strcmp(activations[i].name, name) == 0)
            return activations[i].activate(x, numbers ? numbers[0] : activations[i].alpha,
                                           numbers ? numbers[1] : activations[i].beta);
    return name[0] ? call_refuse(call, "activation \"%s\"", name) : x;
}

/* ---- FusedConv, FusedGemm, FusedMatMul ---- */

struct tensor import_fused_conv(struct call *call) {
    struct tensor x = call_input(call, 0), weight = call_input(call, 1);
    struct floats given = call_floats(call, "activation_params");
    double numbers[2] = {0};
    struct conv_options options;
    for (int i = 0; i < given.count && i < 2; i++)
        numbers[i] = (double)given.values[i];
    if (!call_convolution(call, x, weight, &options))
        return NO_TENSOR;
    x = conv(x, weight, call_optional(call, 2), options);
    if (call_has_input(call, 3))
        x = tensor_add(x, call_input(call, 3));
    return activated(call, x, given.count ? numbers : NULL);
}

struct tensor import_fused_gemm(struct call *call) {
    struct tensor y = gemm(call, call_input(call, 0), call_input(call, 1), call_optional(call, 2));
    double numbers[] = {call_float(call, "activation_alpha", 0),
                        call_float(call, "activation_beta", 0)};
    bool given = call_has(call, "activation_alpha") || call_has(call, "activation_beta");
    call_ignore(call, "activation_gamma");
    return activated(call, y, given ? numbers : NULL);
}

/* x with its last two axes exchanged, and (`batch`) its first moved behind the others before. */
static struct tensor turned(struct tensor x, bool transposed, bool batch) {
    int rank = tensor_rank(x);
    if (batch && rank > 2)
        x = move_axis(x, 0, rank - 2);
    return transposed && rank > 1 ? transpose(x, -1, -2) : x;
}

struct tensor import_fused_matmul(struct call *call) {
    struct tensor a = turned(call_input(call, 0), call_int(call, "transA", 0) != 0,
                             call_int(call, "transBatchA", 0) != 0);
    struct tensor b = turned(call_input(call, 1), call_int(call, "transB", 0) != 0,
                             call_int(call, "transBatchB", 0) != 0);
    double alpha = call_float(call, "alpha", 1);
    return alpha == 1 ? matmul(a, b) : multiply_by(matmul(a, b), alpha);
}

/* ---- MatMulNBits ---- */

/* Bytes (rows, .., bytes) as the numbers of so many bits in each, lowest first. */
static struct tensor unpacked(struct tensor bytes, int bits) {
    static const uint8_t shifts[] = {0, 1, 2, 3, 4, 5, 6, 7};
    int last = tensor_rank(bytes) - 1, each = 8 / bits;
    uint8_t chosen[8];
    int64_t merged = tensor_extent(bytes, last) * each;
    for (int i = 0; i < each; i++)
        chosen[i] = shifts[i * bits];
    if (each == 1)
        return bytes;
    struct tensor shift = tensor_const(bytes.context, DTYPE_UINT8, SHAPE(each), each, chosen);
    struct tensor mask = scalar_like(bytes, (double)((1 << bits) - 1));
    bytes = tensor_and(tensor_shr(unsqueeze(bytes, last + 1), shift), mask);
    return reshape_axes(bytes, last, 2, 1, &merged);
}

/* The zero points, as floats (rows, blocks), or a scalar. */
static struct tensor zero_points(struct call *call, int bits, int64_t rows, int64_t blocks) {
    struct tensor zero = call_optional(call, 3);
    if (!is_given(zero))
        return scalar(call->context, (float)(1 << (bits - 1)));
    if (tensor_dtype(zero) == DTYPE_UINT8) {
        zero = unpacked(tensor_reshape(zero, SHAPE(rows, -1)), bits);
        zero = cut_axis(zero, 1, 0, blocks);
    }
    return tensor_reshape(tensor_cast(zero, DTYPE_FLOAT32), SHAPE(rows, blocks));
}

/* x with so many zeros behind its last axis. */
static struct tensor filled_up(struct tensor x, int64_t count) {
    struct range padding[MAX_RANK] = {{0, 0}};
    int rank = tensor_rank(x);
    padding[rank - 1].end = count;
    return count ? tensor_pad(x, rank, padding, 0) : x;
}

/* x (.., blocks * block) times weights (rows, blocks, block), each block's sum times its scale. */
static struct tensor sum_of_blocks(struct tensor x, struct tensor weight, struct tensor scale,
                                   struct tensor bias) {
    int64_t rows = tensor_extent(weight, 0), blocks = tensor_extent(weight, 1);
    int last = tensor_rank(x) - 1;
    int64_t cut[] = {1, blocks, tensor_extent(weight, 2)};
    x = reshape_axes(x, last, 1, 3, cut);
    struct tensor sums = tensor_contract(x, weight, AXES(-1));
    sums = tensor_contract(sums, tensor_reshape(scale, SHAPE(rows, blocks)), AXES(-1));
    return is_given(bias) ? tensor_add(sums, bias) : sums;
}

struct tensor import_matmul_nbits(struct call *call) {
    struct tensor x = call_input(call, 0), packed = call_input(call, 1);
    int64_t inner = call_int(call, "K", 0), rows = call_int(call, "N", 0);
    int64_t block = call_int(call, "block_size", 0), bits = call_int(call, "bits", 4);
    call_ignore(call, "accuracy_level"); /* it is float32 */
    if (call_int(call, "weight_prepacked", 0) || call_has_input(call, 4))
        return call_refuse(call, "weights in the order of one machine's kernel");
    if ((bits != 2 && bits != 4 && bits != 8) || block < 16 || block > INT32_MAX || inner < 1 ||
        rows < 1 || tensor_extent(x, -1) != inner)
        return call_refuse(call, "%" PRId64 " bits in blocks of %" PRId64 " for %s", bits, block,
                           tensor_text(x).text);
    int64_t blocks = divide_up(inner, block);
    packed = tensor_reshape(packed, SHAPE(rows, blocks, -1));
    struct tensor zero = zero_points(call, (int)bits, rows, blocks);
    struct tensor scale = tensor_reshape(call_input(call, 2), SHAPE(rows, blocks, 1));
    struct tensor weight = tensor_cast(unpacked(packed, (int)bits), DTYPE_FLOAT32);
    zero = tensor_rank(zero) ? unsqueeze(zero, 2) : zero;
    weight = tensor_sub(tensor_reshape(weight, SHAPE(rows, blocks, block)), zero);
    x = filled_up(x, blocks * block - inner); /* whole blocks, as tiles take them */
    if (bits != 2 && block % CODED_BLOCK_STEP == 0 && blocks > 1 && tensor_rank(x) + 2 <= MAX_RANK)
        return sum_of_blocks(x, weight, scale, call_optional(call, 5));
    weight = tensor_mul(weight, scale);
    return linear(x, tensor_reshape(weight, SHAPE(rows, -1)), call_optional(call, 5));
}

/* ---- SkipLayerNormalization and its like ---- */

/* Scaled and shifted, if it is. */
static struct tensor scaled_and_shifted(struct tensor x, struct tensor scale, struct tensor shift) {
    struct tensor scaled = tensor_mul(x, scale);
    return is_given(shift) ? tensor_add(scaled, shift) : scaled;
}

/* The sum of a layer's result, what skipped it, and a bias; output 3. */
static struct tensor skip_sum(struct call *call, int bias) {
    struct tensor sum = tensor_add(call_input(call, 0), call_input(call, 1));
    if (call_has_input(call, bias))
        sum = tensor_add(sum, call_input(call, bias));
    call_output(call, 3, sum);
    return sum;
}

struct tensor import_skip_layer_normalization(struct call *call) {
    struct tensor x = skip_sum(call, 4);
    struct standardised y =
        standardise(x, AXES(tensor_rank(x) - 1), call_float(call, "epsilon", 1e-12));
    call_output(call, 1, y.mean);
    call_output(call, 2, y.inverse);
    return scaled_and_shifted(y.x, call_input(call, 2), call_input(call, 3));
}

struct tensor import_skip_simplified_layer_normalization(struct call *call) {
    struct tensor x = skip_sum(call, 3);
    struct tensor y =
        root_normalised(x, AXES(tensor_rank(x) - 1), call_float(call, "epsilon", 1e-12));
    return tensor_mul(y, call_input(call, 2));
}

/* ---- EmbedLayerNormalization ---- */

/* How many words of each sentence count: int32, (batch). */
static struct tensor counted_words(struct call *call, struct tensor words) {
    struct tensor mask = call_optional(call, 7);
    if (!is_given(mask))
        return tensor_expand(tensor_cast(scalar(call->context, 0), DTYPE_INT32),
                             SHAPE(tensor_extent(words, 0)));
    struct tensor counts = tensor_eq(mask, scalar_like(mask, 1));
    return tensor_reduce_sum(tensor_cast(counts, DTYPE_INT32), AXES(1));
}

/* What input `index`, or some of its elements, stands for. */
typedef struct tensor real_values(struct call *call, struct tensor x, int index);

static struct tensor floats_of(struct call *call, struct tensor x, int index) {
    (void)call, (void)index;
    return x;
}

/* The scales of inputs 2 to 6 are inputs 8 to 12, their zero points 13 to 17. */
static struct tensor integers_of(struct call *call, struct tensor x, int index) {
    struct tensor scale = spread_over(call, call_input(call, index + 6), NO_TENSOR, 0, 0);
    struct tensor zero = spread_over(call, call_input(call, index + 11), NO_TENSOR, 0, 0);
    return dequantised(call, x, scale, zero);
}

static struct tensor embedded(struct call *call, int table, struct tensor rows,
                              real_values *values) {
    return values(call, embedding(call_input(call, table), rows), table);
}

/* Sets output 1; *sum is what is normalised. */
static struct tensor embed(struct call *call, struct tensor positions, real_values *values,
                           struct tensor *sum) {
    struct tensor words = call_input(call, 0), segments = call_optional(call, 1);
    call_ignore_input(call, 4); /* where there are no segments */
    if (!is_given(positions))
        positions = unsqueeze(tensor_iota(call->context, DTYPE_INT32, tensor_extent(words, 1)), 0);
    *sum = tensor_add(embedded(call, 2, words, values), embedded(call, 3, positions, values));
    if (is_given(segments))
        *sum = tensor_add(*sum, embedded(call, 4, segments, values));
    struct standardised y =
        standardise(*sum, AXES(tensor_rank(*sum) - 1), call_float(call, "epsilon", 1e-12));
    struct tensor scale = values(call, call_input(call, 5), 5);
    struct tensor shift = values(call, call_input(call, 6), 6);
    call_output(call, 1, counted_words(call, words));
    return scaled_and_shifted(y.x, scale, shift);
}

struct tensor import_embed_layer_normalization(struct call *call) {
    struct tensor sum;
    call_ignore(call, "mask_index_type");
    struct tensor y = embed(call, call_optional(call, 8), floats_of, &sum);
    call_output(call, 2, sum);
    return y;
}

struct tensor import_qembed_layer_normalization(struct call *call) {
    struct tensor sum;
    call_ignore_input(call, 10); /* of segments, where there are none */
    call_ignore_input(call, 15);
    return embed(call, NO_TENSOR, integers_of, &sum);
}
