/* Casts between every pair of dtypes, bitcast, and the one NaN that may be seen. */
#include "compiler/evaluate/evaluate.h"
#include "compiler/evaluate/scalar.h"

/* What an element is worth in C: 16-bit floats as float32. */
#define VALUE_f32(x) (x)
#define VALUE_f64(x) (x)
#define VALUE_f16(x) f16_to_f32(x)
#define VALUE_bf16(x) bf16_to_f32(x)
#define VALUE_i32(x) (x)
#define VALUE_i64(x) (x)
#define VALUE_u8(x) (x)
#define VALUE_i8(x) (x)
#define VALUE_b8(x) (x)

/* That value as another dtype, by the rule of templates/convert.h. */
#define FROM_FLOATS(v, from_f32, from_f64, type)                                                   \
    _Generic((v), float : from_f32((float)(v)), double : from_f64((double)(v)), default : (type)(v))
#define TO_f32(v) ((float)(v))
#define TO_f64(v) ((double)(v))
#define TO_f16(v) f32_to_f16((float)(v))
#define TO_bf16(v) f32_to_bf16((float)(v))
#define TO_i32(v) FROM_FLOATS(v, f32_to_i32, f64_to_i32, int32_t)
#define TO_i64(v) FROM_FLOATS(v, f32_to_i64, f64_to_i64, int64_t)
#define TO_u8(v) FROM_FLOATS(v, f32_to_u8, f64_to_u8, uint8_t)
#define TO_i8(v) FROM_FLOATS(v, f32_to_i8, f64_to_i8, int8_t)
#define TO_b8(v) ((v) != 0)

typedef void cast_function(const struct rows *rows);

#define CAST(from, to)                                                                             \
    static void cast_##from##_##to(const struct rows *rows) {                                      \
        type_##to *result = rows->data[0];                                                         \
        const type_##from *source = rows->data[1];                                                 \
        const int64_t stride = rows->stride[1];                                                    \
        for (int64_t i = 0; i < rows->length; i++)                                                 \
            result[i] = TO_##to(VALUE_##from(source[i * stride]));                                 \
    }
#define DTYPE(id, name, type, twin, ones, safetensors, npy, letter, from)                          \
    CAST(from, f32)                                                                                \
    CAST(from, f64)                                                                                \
    CAST(from, f16)                                                                                \
    CAST(from, bf16)                                                                               \
    CAST(from, i32)                                                                                \
    CAST(from, i64)                                                                                \
    CAST(from, u8)                                                                                 \
    CAST(from, i8)                                                                                 \
    CAST(from, b8)
#include "compiler/graph/dtypes.def"
#undef DTYPE

#define DTYPE(id, name, type, twin, ones, safetensors, npy, letter, from)                          \
    [DTYPE_##id] = {                                                                               \
        [DTYPE_FLOAT32] = cast_##from##_f32, [DTYPE_FLOAT64] = cast_##from##_f64,                  \
        [DTYPE_FLOAT16] = cast_##from##_f16, [DTYPE_BFLOAT16] = cast_##from##_bf16,                \
        [DTYPE_INT32] = cast_##from##_i32,   [DTYPE_INT64] = cast_##from##_i64,                    \
        [DTYPE_UINT8] = cast_##from##_u8,    [DTYPE_INT8] = cast_##from##_i8,                      \
        [DTYPE_BOOL] = cast_##from##_b8,                                                           \
    },
static cast_function *const cast_functions[DTYPE_COUNT][DTYPE_COUNT] = {
#include "compiler/graph/dtypes.def"
};
#undef DTYPE

/* The bits are copied as the source's dtype, and then are the result's. */
static void bitcast(const struct view *source, const struct view *result) {
    struct view copy = *result;
    copy.dtype = source->dtype;
    view_copy(&copy, source);
    int64_t count = 1;
    for (int i = 0; i < copy.rank; i++)
        count *= copy.shape[i];
    quiet_nans(copy.dtype, copy.data, count);
}

void evaluate_convert(const struct node *node, const struct view *source, struct stop *stop,
                      const struct view *result) {
    if (node->op == OP_BITCAST) {
        bitcast(source, result);
        return;
    }
    struct rows rows = rows_until(stop, 2, (const struct view *const[]){result, source});
    do
        cast_functions[source->dtype][result->dtype](&rows);
    while (rows_next(&rows));
}

#define QUIET_NANS(short)                                                                          \
    do {                                                                                           \
        type_##short *element = elements;                                                          \
        for (int64_t i = 0; i < count; i++)                                                        \
            element[i] = short##_canonical(element[i]);                                            \
    } while (0)

void quiet_nans(enum dtype dtype, void *elements, int64_t count) {
    if (dtype == DTYPE_FLOAT32)
        QUIET_NANS(f32);
    else if (dtype == DTYPE_FLOAT64)
        QUIET_NANS(f64);
    else if (dtype == DTYPE_FLOAT16)
        QUIET_NANS(f16);
    else if (dtype == DTYPE_BFLOAT16)
        QUIET_NANS(bf16);
}
