/* Casts between every pair of dtypes, bitcast, and the one NaN that may be seen. */
#include "compiler/evaluate/cast.h"
#include "compiler/evaluate/evaluate.h"

typedef void cast_function(const struct rows *rows);

#define CAST_ROW(id, to, from)                                                                     \
    static void cast_row_##from##_##to(const struct rows *rows) {                                  \
        type_##to *result = rows->data[0];                                                         \
        const type_##from *source = rows->data[1];                                                 \
        const int64_t stride = rows->stride[1];                                                    \
        for (int64_t i = 0; i < rows->length; i++)                                                 \
            result[i] = cast_##from##_##to(source[i * stride]);                                    \
    }
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, letter, from, ...)               \
    FOR_DTYPES(CAST_ROW, from)
#include "compiler/graph/dtypes.def"
#undef DTYPE

#define TABLE_ENTRY(id, to, from) [DTYPE_##id] = cast_row_##from##_##to,
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, letter, from, ...)               \
    [DTYPE_##id] = {FOR_DTYPES(TABLE_ENTRY, from)},
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
