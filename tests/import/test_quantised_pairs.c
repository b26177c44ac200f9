/* Quantised arithmetic, exhaustively: every pair of 8-bit values through QLinearAdd and QLinearMul,
 * and sums of 32 bits through what makes codes of them, against numbers that are worked out
 * exactly, in integers, and rounded where the meaning rounds. */
#include "compiler/builder/layers.h"
#include "runtime/et_program.h"
#include "tests/support/onnx_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(quantised_pairs, .timeout = 300);

/* ---- Exact numbers, and rounding them to float32 ---- */

typedef unsigned __int128 wide;

/* (negative ? -1 : 1) * (m + a little more, if `inexact`) * 2^e */
struct exact {
    bool negative, inexact;
    wide m;
    int e;
};

static int bits_of(wide m) {
    int bits = 0;
    for (; m; m >>= 1)
        bits++;
    return bits;
}

/* m shifted right by so many bits, to nearest, halves to even. */
static wide rounded_shift(wide m, int bits, bool inexact) {
    if (bits <= 0)
        return m << -bits;
    if (bits > 127)
        return 0;
    wide rest = m & (((wide)1 << bits) - 1), half = (wide)1 << (bits - 1);
    wide kept = m >> bits;
    return kept + (rest > half || (rest == half && (inexact || (kept & 1))));
}

/* Numbers here are far from the ends of float32's exponents. */
static float to_float(struct exact x) {
    int surplus = bits_of(x.m) - 24;
    if (surplus < 0) {
        cr_assert_not(x.inexact, "too few bits to round");
        surplus = 0;
    }
    float size = ldexpf((float)(uint64_t)rounded_shift(x.m, surplus, x.inexact), x.e + surplus);
    return x.negative ? -size : size;
}

static struct exact of_integer(int64_t value) {
    return (struct exact){.negative = value < 0, .m = (wide)(value < 0 ? -value : value)};
}

static struct exact of_float(float value) {
    int e;
    float m = frexpf(fabsf(value), &e);
    return (struct exact){.negative = value < 0, .m = (wide)ldexpf(m, 24), .e = e - 24};
}

static struct exact product(struct exact a, struct exact b) {
    return (struct exact){.negative = a.negative != b.negative, .m = a.m * b.m, .e = a.e + b.e};
}

/* Of exponents that are not too far apart. */
static struct exact sum(struct exact a, struct exact b) {
    int e = a.m == 0 ? b.e : b.m == 0 || a.e < b.e ? a.e : b.e;
    __int128 left = a.m ? (__int128)(a.m << (a.e - e)) : 0;
    __int128 right = b.m ? (__int128)(b.m << (b.e - e)) : 0;
    __int128 both = (a.negative ? -left : left) + (b.negative ? -right : right);
    return (struct exact){.negative = both < 0, .m = (wide)(both < 0 ? -both : both), .e = e};
}

static struct exact quotient(struct exact a, struct exact b) {
    wide m = a.m << 64;
    return (struct exact){.negative = a.negative != b.negative,
                          .inexact = m % b.m != 0,
                          .m = m / b.m,
                          .e = a.e - 64 - b.e};
}

/* To the nearest integer, halves to the even one; the zero point; 0 to 255. */
static int to_code(float x, int zero) {
    struct exact exact = of_float(x);
    if (bits_of(exact.m) + exact.e > 20)
        return exact.negative ? 0 : 255;
    int size = (int)rounded_shift(exact.m, -exact.e, false);
    int code = (exact.negative ? -size : size) + zero;
    return code < 0 ? 0 : code > 255 ? 255 : code;
}

/* ---- Pairs ---- */

enum { CODES = 256, PAIRS = CODES * CODES };

/* Steps and zero points of a, b and the result: round ones, of which many results are halves, and
 * others. */
static const struct pair_case {
    float scale[3];
    uint8_t zero[3];
} pair_cases[] = {
    {{0.5F, 0.5F, 1}, {0, 0, 0}},         {{0.5F, 0.5F, 1}, {128, 127, 129}},
    {{0.25F, 0.75F, 1.5F}, {3, 250, 1}},  {{0.0137F, 0.021F, 0.0291F}, {128, 3, 77}},
    {{3e-3F, 1.7F, 0.9F}, {0, 255, 255}},
};

static int added(const struct pair_case *of, int a, int b) {
    float left = to_float(product(of_integer(a - of->zero[0]), of_float(of->scale[0])));
    float right = to_float(product(of_integer(b - of->zero[1]), of_float(of->scale[1])));
    float both = to_float(sum(of_float(left), of_float(right)));
    return to_code(to_float(quotient(of_float(both), of_float(of->scale[2]))), of->zero[2]);
}

static int multiplied(const struct pair_case *of, int a, int b) {
    int64_t codes = (int64_t)(a - of->zero[0]) * (b - of->zero[1]);
    float scale = to_float(product(of_float(of->scale[0]), of_float(of->scale[1])));
    float real = to_float(product(of_integer(codes), of_float(scale)));
    return to_code(to_float(quotient(of_float(real), of_float(of->scale[2]))), of->zero[2]);
}

static void add_scalars(struct onnx_model *model, const struct pair_case *of) {
    static const char *const names[][2] = {{"as", "az"}, {"bs", "bz"}, {"ys", "yz"}};
    for (int i = 0; i < 3; i++) {
        Onnx__Tensor *scale = onnx_add_initializer(model, names[i][0], 1, 1);
        scale->raw_data = (ProtobufCBinaryData){sizeof(float), (uint8_t *)&of->scale[i]};
        scale->has_raw_data = 1;
        Onnx__Tensor *zero = onnx_add_initializer(model, names[i][1], 2, 1);
        zero->raw_data = (ProtobufCBinaryData){1, (uint8_t *)&of->zero[i]};
        zero->has_raw_data = 1;
    }
}

static struct et_program *pair_program(const char *op, const struct pair_case *of) {
    struct onnx_model model;
    struct weights *weights = NULL;
    struct et_error error = {0};
    onnx_model_begin(&model, 17);
    onnx_add_input(&model, "a", 2, "65536");
    onnx_add_input(&model, "b", 2, "65536");
    add_scalars(&model, of);
    Onnx__Node *node = onnx_add_node(&model, op, "a,as,az,b,bs,bz,ys,yz", "y");
    node->domain = (char *)"com.microsoft";
    onnx_add_output(&model, "y");
    struct graph *graph = onnx_import(&model, NULL, &weights, &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct et_program *program = program_from_graph(graph, weights, &error);
    cr_assert_not_null(program, "%s", error.message);
    arena_free(&model.arena);
    return program;
}

static void check_pairs(const char *op, int (*expected)(const struct pair_case *, int, int)) {
    static uint8_t a[PAIRS], b[PAIRS], y[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        a[i] = (uint8_t)(i / CODES);
        b[i] = (uint8_t)(i % CODES);
    }
    for (size_t k = 0; k < sizeof pair_cases / sizeof *pair_cases; k++) {
        struct et_program *program = pair_program(op, &pair_cases[k]);
        for (int mode = 0; mode < ET_MODE_COUNT; mode++) {
            struct et_error error = {0};
            cr_assert(et_program_run(program, (enum et_mode)mode, (const void *[]){a, b},
                                     (void *[]){y}, NULL, &error),
                      "%s", error.message);
            for (int i = 0; i < PAIRS; i++)
                cr_assert_eq(y[i], expected(&pair_cases[k], a[i], b[i]),
                             "%s, case %zu, %s: %d and %d give %d", op, k,
                             et_mode_name((enum et_mode)mode), a[i], b[i], y[i]);
        }
        et_program_free(program);
    }
}

Test(quantised_pairs, every_sum_is_exact) {
    check_pairs("QLinearAdd", added);
}
Test(quantised_pairs, every_product_is_exact) {
    check_pairs("QLinearMul", multiplied);
}

/* ---- Sums of 32 bits ---- */

enum { MOST_SUMS = 1 << 16 };

/* Around every power of two and its halves, where float32 begins to round, and at both ends. */
static int list_sums(int32_t *sums) {
    int count = 0;
    for (int64_t power = 1; power <= (int64_t)1 << 31; power *= 2)
        for (int64_t near = -70; near <= 70; near++)
            for (int sign = -1; sign <= 1; sign += 2)
                for (int half = 0; half <= 1; half++) {
                    int64_t value = sign * (power + half * power / 2 + near);
                    if (value >= INT32_MIN && value <= INT32_MAX)
                        sums[count++] = (int32_t)value;
                }
    return count;
}

/* Ratios of which products are halves, and others; zero points at both ends and between. */
static const float sum_ratios[] = {1,        0.5F,       0.25F,          1.5F,    0.0078125F,
                                   0x1p-20F, 0x1.8p-17F, 0x1.555556p-9F, 0.0137F, 0x1.fffffep-8F};
static const int sum_zeros[] = {0, 1, 128, 255};

static struct et_program *sums_program(int count, float ratio, int zero) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("sums");
    struct tensor sums = add_graph_input(context, "sums", DTYPE_INT32, SHAPE(count));
    struct tensor x = scaled_integers(sums, scalar(context, ratio));
    x = rounded_from_zero_point(x, zero ? scalar_like(x, zero) : NO_TENSOR);
    struct graph *graph =
        compile_to_graph(context, OUTPUTS({"codes", tensor_cast(x, DTYPE_UINT8)}), &error);
    cr_assert_not_null(graph, "%s", error.message);
    struct et_program *program = program_from_graph(graph, NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    return program;
}

Test(quantised_pairs, sums_become_codes_exactly) {
    static int32_t sums[MOST_SUMS];
    static uint8_t codes[MOST_SUMS];
    int count = list_sums(sums);
    for (size_t r = 0; r < sizeof sum_ratios / sizeof *sum_ratios; r++)
        for (size_t z = 0; z < sizeof sum_zeros / sizeof *sum_zeros; z++) {
            struct et_program *program = sums_program(count, sum_ratios[r], sum_zeros[z]);
            for (int mode = ET_EAGER; mode <= ET_JIT; mode++) {
                struct et_error error = {0};
                cr_assert(et_program_run(program, (enum et_mode)mode, (const void *[]){sums},
                                         (void *[]){codes}, NULL, &error),
                          "%s", error.message);
                for (int i = 0; i < count; i++) {
                    float real = to_float(of_integer(sums[i]));
                    real = to_float(product(of_float(real), of_float(sum_ratios[r])));
                    cr_assert_eq(codes[i], to_code(real, sum_zeros[z]), "%s: %d * %a + %d gives %d",
                                 et_mode_name((enum et_mode)mode), sums[i], (double)sum_ratios[r],
                                 sum_zeros[z], codes[i]);
                }
            }
            et_program_free(program);
        }
}
