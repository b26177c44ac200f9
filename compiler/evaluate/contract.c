/* Contraction over strided views: the products are never stored. Each result element is one chain
 * of fused multiply-adds through the contracted positions in their order; loops run across results.
 */
#include "compiler/evaluate/evaluate.h"
#include "compiler/evaluate/scalar.h"

/* Contracted positions are taken in blocks: where each lies in a and b, in elements. Between blocks
 * the sums rest in the result. */
enum { BLOCK = 1024 };
struct contracted_block {
    int count;
    int64_t a[BLOCK], b[BLOCK];
};

/* A walk over all contracted positions, which may pause within a row. */
struct positions {
    struct rows rows;
    int64_t within;
    const char *a, *b; /* where the offsets count from */
    bool done;
};

static bool next_block(struct positions *positions, struct contracted_block *block, int64_t bytes) {
    struct rows *rows = &positions->rows;
    for (block->count = 0; block->count < BLOCK && !positions->done; block->count++) {
        int64_t within = positions->within;
        block->a[block->count] =
            ((char *)rows->data[0] - positions->a) / bytes + within * rows->stride[0];
        block->b[block->count] =
            ((char *)rows->data[1] - positions->b) / bytes + within * rows->stride[1];
        positions->within = (within + 1) % rows->length;
        if (positions->within == 0)
            positions->done = !rows_next(rows);
    }
    return block->count > 0;
}

enum { WIDEST = 16 };

/* `width` neighbouring results, whose sums stay in registers while all positions pass. */
#define CHUNK(short)                                                                               \
    static inline __attribute__((always_inline)) void chunk_##short(                               \
        int width, type_##short *result, const type_##short *a, int64_t sa, const type_##short *b, \
        int64_t sb, const struct contracted_block *block) {                                        \
        type_##short sum[WIDEST];                                                                  \
        for (int j = 0; j < width; j++)                                                            \
            sum[j] = result[j];                                                                    \
        for (int k = 0; k < block->count; k++)                                                     \
            for (int j = 0; j < width; j++)                                                        \
                sum[j] = scalar_contract_##short(a[block->a[k] + j * sa], b[block->b[k] + j * sb], \
                                                 sum[j]);                                          \
        for (int j = 0; j < width; j++)                                                            \
            result[j] = sum[j];                                                                    \
    }

/* A row in chunks of constant width. */
#define STRIDED_ROW(short)                                                                         \
    static inline __attribute__((always_inline)) void strided_row_##short(                         \
        const struct rows *rows, int64_t sa, int64_t sb, const struct contracted_block *block) {   \
        type_##short *result = rows->data[0];                                                      \
        const type_##short *a = rows->data[1], *b = rows->data[2];                                 \
        int64_t i = 0;                                                                             \
        for (; i + WIDEST <= rows->length; i += WIDEST)                                            \
            chunk_##short(WIDEST, result + i, a + i * sa, sa, b + i * sb, sb, block);              \
        for (; i + 4 <= rows->length; i += 4)                                                      \
            chunk_##short(4, result + i, a + i * sa, sa, b + i * sb, sb, block);                   \
        for (; i < rows->length; i++)                                                              \
            chunk_##short(1, result + i, a + i * sa, sa, b + i * sb, sb, block);                   \
    }

/* Of the strides along a row, 0 and 1 are common and become vector loads and broadcasts. */
#define ROW(short)                                                                                 \
    static inline __attribute__((always_inline)) void row_##short(                                 \
        const struct rows *rows, const struct contracted_block *block) {                           \
        int64_t sa = rows->stride[1], sb = rows->stride[2];                                        \
        if (sa == 1 && sb == 0)                                                                    \
            strided_row_##short(rows, 1, 0, block);                                                \
        else if (sa == 0 && sb == 1)                                                               \
            strided_row_##short(rows, 0, 1, block);                                                \
        else                                                                                       \
            strided_row_##short(rows, sa, sb, block);                                              \
    }

#define PLAIN(id, short, name)                                                                     \
    CHUNK(short)                                                                                   \
    STRIDED_ROW(short)                                                                             \
    ROW(short)                                                                                     \
    static void plain_row_##short(const struct rows *rows, const struct contracted_block *block) { \
        row_##short(rows, block);                                                                  \
    }
FOR_COMPUTING_DTYPES(PLAIN, )

typedef void row_function(const struct rows *rows, const struct contracted_block *block);

#ifdef __x86_64__
/* The same text with fused multiply-add instructions: without them fmaf and fma are slow calls. */
#define FUSED(id, short, name)                                                                     \
    __attribute__((target("avx2,fma"))) static void fma_row_##short(                               \
        const struct rows *rows, const struct contracted_block *block) {                           \
        row_##short(rows, block);                                                                  \
    }
FOR_FLOAT_DTYPES(FUSED, )
#endif

#define TABLE_ENTRY(id, short, name) [DTYPE_##id] = plain_row_##short,
static row_function *function_for(enum dtype dtype) {
    static row_function *const plain[DTYPE_COUNT] = {FOR_COMPUTING_DTYPES(TABLE_ENTRY, )};
#ifdef __x86_64__
#define FUSED_ENTRY(id, short, name) [DTYPE_##id] = fma_row_##short,
    static row_function *const fused[DTYPE_COUNT] = {FOR_FLOAT_DTYPES(FUSED_ENTRY, )};
    if (fused[dtype] && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return fused[dtype];
#endif
    return plain[dtype];
}

void evaluate_contract(const struct node *node, const struct view *sources, struct stop *stop,
                       const struct view *result) {
    struct view along_a, along_b, kept_a, kept_b;
    separate_axes(node, &sources[0], &along_a, &kept_a);
    separate_axes(node, &sources[1], &along_b, &kept_b);
    if (view_is_empty(&along_a))
        return; /* the buffer is zeroed */
    struct positions positions = {
        .rows = rows_of(2, (const struct view *const[]){&along_a, &along_b}),
        .a = along_a.data,
        .b = along_b.data,
    };
    row_function *row = function_for(node->dtype);
    struct rows rows = rows_until(stop, 3, (const struct view *const[]){result, &kept_a, &kept_b});
    struct contracted_block block;
    while (!rows.stopped && next_block(&positions, &block, (int64_t)dtype_facts[node->dtype].bytes))
        do
            row(&rows, &block);
        while (rows_next(&rows));
}
