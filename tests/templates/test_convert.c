/* templates/convert.h, function by function, over the casts worked out in cast_cases.def. */
#include "compiler/evaluate/scalar.h"
#include "tests/support/tensor_text.h"

struct casts {
    const char *source, *expected[DTYPE_COUNT];
};
static const struct casts casts[] = {
#define CASTS(source, ...) {source, {__VA_ARGS__}},
#include "tests/support/cast_cases.def"
#undef CASTS
};

/* Every function of the file but the canonical ones. */
/* clang-format off */
#define OF_INTEGER(id, i, F)                                                                       \
    F(f32, i) F(f64, i) F(f16, i) F(bf16, i) F(i, f16) F(i, bf16) F(i, b8)
#define FUNCTIONS(F)                                                                               \
    FOR_INTEGER_DTYPES(OF_INTEGER, F)                                                              \
    F(i32, f32) F(i64, f32) F(i32, f64) F(i64, f64)                                                \
    F(f16, f32) F(f16, f64) F(f16, bf16) F(f16, b8) F(bf16, f32) F(bf16, f64) F(bf16, f16)         \
    F(bf16, b8) F(f32, f16) F(f32, bf16) F(f32, b8) F(f64, f16) F(f64, bf16) F(f64, b8)            \
    F(b8, f16) F(b8, bf16)
/* clang-format on */

#define APPLY(from, to)                                                                            \
    static void apply_##from##_##to(const void *source, void *result) {                            \
        type_##from x;                                                                             \
        memcpy(&x, source, sizeof x);                                                              \
        type_##to y = from##_to_##to(x);                                                           \
        memcpy(result, &y, sizeof y);                                                              \
    }
FUNCTIONS(APPLY)

static const struct {
    const char *from, *to;
    void (*apply)(const void *source, void *result);
} functions[] = {
#define ENTRY(from, to) {#from, #to, apply_##from##_##to},
    FUNCTIONS(ENTRY)};

/* The results for one dtype, of a row of casts. */
static void find_result(const struct casts *row, const char *to, struct tensor *expected) {
    for (int k = 0; k < DTYPE_COUNT; k++) {
        parse_tensor(row->expected[k], DTYPE_BOOL, expected);
        if (strcmp(dtype_facts[expected->node.dtype].short_name, to) == 0)
            return;
    }
    cr_assert_fail("no cast to %s", to);
}

/* Returns how many elements it has checked. */
static int check_row(const struct casts *row, size_t f) {
    struct tensor source, expected;
    parse_tensor(row->source, DTYPE_BOOL, &source);
    if (strcmp(dtype_facts[source.node.dtype].short_name, functions[f].from) != 0)
        return 0;
    find_result(row, functions[f].to, &expected);
    size_t step = dtype_facts[source.node.dtype].bytes;
    size_t width = dtype_facts[expected.node.dtype].bytes;
    int count = (int)node_elements(&source.node);
    for (int i = 0; i < count; i++) {
        char result[8];
        functions[f].apply(source.data + (size_t)i * step, result);
        cr_expect(same_element(expected.node.dtype, result, expected.data + (size_t)i * width, 0),
                  "%s_to_%s, element %d", functions[f].from, functions[f].to, i);
    }
    return count;
}

Test(convert, every_function) {
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        int checked = 0;
        for (size_t i = 0; i < sizeof casts / sizeof *casts; i++)
            checked += check_row(&casts[i], f);
        cr_expect_gt(checked, 1, "%s_to_%s", functions[f].from, functions[f].to);
    }
}

Test(convert, every_16_bit_float_survives_float32) {
    for (unsigned bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits;
        uint16_t through = f32_to_f16(f16_to_f32(half)), brain = f32_to_bf16(bf16_to_f32(half));
        cr_assert_eq(through, f16_canonical(half), "f16 %04x", bits);
        cr_assert_eq(brain, bf16_canonical(half), "bf16 %04x", bits);
    }
}

/* Half-way between each pair of neighbours goes to the even one, and just beyond to the nearer. */
Test(convert, every_half_way_case) {
    for (uint16_t half = 0; half < 0x7bff; half++) {
        uint16_t next = (uint16_t)(half + 1), even = half % 2 ? next : half;
        float middle = (f16_to_f32(half) + f16_to_f32(next)) / 2;
        cr_assert_eq(f32_to_f16(middle), even, "f16 %04x", half);
        cr_assert_eq(f32_to_f16(-middle), 0x8000 | even, "f16 %04x", half);
        cr_assert_eq(f32_to_f16(nextafterf(middle, 0)), half, "f16 %04x", half);
        cr_assert_eq(f32_to_f16(nextafterf(middle, INFINITY)), next, "f16 %04x", half);
    }
    for (uint16_t brain = 0; brain < 0x7f80; brain++) {
        uint32_t middle = (uint32_t)brain << 16 | 0x8000;
        uint16_t next = (uint16_t)(brain + 1), even = brain % 2 ? next : brain;
        cr_assert_eq(f32_to_bf16(f32_from_bits(middle)), even, "bf16 %04x", brain);
        cr_assert_eq(f32_to_bf16(f32_from_bits(middle - 1)), brain, "bf16 %04x", brain);
        cr_assert_eq(f32_to_bf16(f32_from_bits(middle + 1)), next, "bf16 %04x", brain);
    }
}

/* The half-way between float16 and bfloat16 1 and their next, and a little more, of which float32
 * knows nothing; integers of as many bits. */
Test(convert, what_float32_cannot_hold_is_rounded_once) {
    const double half = 1 + 0x1p-11, brain = 1 + 0x1p-8, little = 0x1p-40;
    cr_assert_eq(f64_to_f16(half), 0x3c00);
    cr_assert_eq(f64_to_f16(half + little), 0x3c01);
    cr_assert_eq(f64_to_f16(-half - little), 0xbc01);
    cr_assert_eq(f64_to_f16(half + 0x1p-10 - little), 0x3c01);
    cr_assert_eq(f64_to_f16(0x1p-25), 0);
    cr_assert_eq(f64_to_f16(0x1p-25 + 0x1p-70), 1);
    cr_assert_eq(f64_to_f16(65520 - 0x1p-30), 0x7bff);
    cr_assert_eq(f64_to_bf16(brain), 0x3f80);
    cr_assert_eq(f64_to_bf16(brain + little), 0x3f81);
    cr_assert_eq(f64_to_bf16(brain + 0x1p-7 - little), 0x3f81);
    cr_assert_eq(f64_to_bf16(0x1p-134), 0);
    cr_assert_eq(f64_to_bf16(0x1p-134 + 0x1p-160), 1);
    cr_assert_eq(f64_to_bf16(0x1.fep+127 + 0x1p+119 - 0x1p+80), 0x7f7f);
    cr_assert_eq(i32_to_bf16(0x40400000), 0x4e80);
    cr_assert_eq(i32_to_bf16(0x40400001), 0x4e81);
    cr_assert_eq(u32_to_bf16(0x80800001u), 0x4f01);
    cr_assert_eq(i64_to_bf16(0x4040000000000000), 0x5e80);
    cr_assert_eq(i64_to_bf16(0x4040000000000001), 0x5e81);
    cr_assert_eq(i64_to_bf16(-0x4040000000000001), 0xde81);
    cr_assert_eq(i64_to_bf16(INT64_MIN), 0xdf00);
    cr_assert_eq(u64_to_bf16(0x8080000000000001u), 0x5f01);
    cr_assert_eq(u64_to_bf16(UINT64_MAX), 0x5f80);
}

Test(convert, canonical_touches_nothing_but_nan) {
    cr_assert_eq(f32_bits(f32_canonical(f32_from_bits(0xff800001))), 0x7fc00000);
    cr_assert_eq(f32_bits(f32_canonical(f32_from_bits(0xff800000))), 0xff800000);
    cr_assert_eq(f32_bits(f32_canonical(-0.0f)), 0x80000000);
    cr_assert_eq(f32_bits(f32_canonical(0x1p-149f)), 1);
    cr_assert_eq(f64_bits(f64_canonical(-NAN)), 0x7ff8000000000000);
    cr_assert_eq(f64_bits(f64_canonical(-0.0)), 0x8000000000000000);
    cr_assert_eq(f64_bits(f64_canonical(-INFINITY)), 0xfff0000000000000);
    cr_assert_eq(f16_canonical(0x7c01), 0x7e00);
    cr_assert_eq(f16_canonical(0xfc00), 0xfc00);
    cr_assert_eq(bf16_canonical(0xff81), 0x7fc0);
    cr_assert_eq(bf16_canonical(0xff80), 0xff80);
}

static uint32_t most_of(const float *row, int count) {
    uint32_t most = 0;
    for (int i = 0; i < count; i++)
        most = f32_greater_magnitude(most, row[i]);
    return most;
}

/* NaN of a row, wherever and of whatever sign it is; infinities stay. */
Test(convert, makes_rows_canonical) {
    const uint32_t bits[] = {0xff800000, 0x7f800000, 0x80000000, 0x7f7fffff,
                             0xff800001, 0x7fffffff, 0xffc00000};
    enum { COUNT = sizeof bits / sizeof *bits, NUMBERS = 4 };
    for (int nan = NUMBERS; nan < COUNT; nan++) {
        float row[NUMBERS + 1];
        memcpy(row, bits, NUMBERS * sizeof *row);
        row[NUMBERS] = 1.0f;
        f32_canonical_row(row, NUMBERS + 1, most_of(row, NUMBERS + 1));
        cr_assert_arr_eq(row, bits, NUMBERS * sizeof *row);
        for (int at = 0; at < NUMBERS; at++) {
            memcpy(row, bits, NUMBERS * sizeof *row);
            row[at] = f32_from_bits(bits[nan]);
            f32_canonical_row(row, NUMBERS + 1, most_of(row, NUMBERS + 1));
            for (int i = 0; i < NUMBERS; i++)
                cr_expect_eq(f32_bits(row[i]), i == at ? 0x7fc00000 : bits[i]);
        }
    }
}
