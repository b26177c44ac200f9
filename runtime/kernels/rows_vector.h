/* Vectors of GNU C for the row operations that hold sums in registers: as wide as the target's
 * registers, but of no more elements than a reduction has lanes. A part of
 * rows_body.h. */
#if defined __AVX512F__ || defined __AVX2__
#include <immintrin.h>
#elif defined __aarch64__ && defined __ARM_NEON
#include <arm_neon.h>
#endif

#include "compiler/graph/graph.h"
#include "templates/lanes.h"

#if defined __AVX512F__
enum { REGISTER_BYTES = 64 };
#elif defined __AVX2__
enum { REGISTER_BYTES = 32 };
#else
enum { REGISTER_BYTES = 16 };
#endif
ASSERT_OF_SET(REGISTER_BYTES / sizeof(float), LANES);

#define VECTOR_BYTES(type)                                                                         \
    (REGISTER_BYTES < REDUCTION_LANES * sizeof(type) ? REGISTER_BYTES                              \
                                                     : REDUCTION_LANES * sizeof(type))
#define VECTOR_ELEMENTS(short) (VECTOR_BYTES(type_##short) / sizeof(type_##short))

/* vector_f32 and so on may lie anywhere; unsigned_i32: the same where overflow wraps around. */
#define VECTOR(id, short, ...)                                                                     \
    typedef type_##short vector_##short                                                            \
        __attribute__((vector_size(VECTOR_BYTES(type_##short)), aligned(1), may_alias));           \
    typedef twin_##short unsigned_##short                                                          \
        __attribute__((vector_size(VECTOR_BYTES(type_##short)), aligned(1), may_alias));
FOR_COMPUTING_DTYPES(VECTOR, )
#undef VECTOR

#define LOAD(short, from) (*(const vector_##short *)(from))
#define STORE(short, to, vector) (*(vector_##short *)(to) = (vector))

/* condition ? yes : no, where a comparison of vectors gave the condition. */
#define SELECT(condition, yes, no)                                                                 \
    ((__typeof__(yes))(((condition) & (__typeof__(condition))(yes)) |                              \
                       (~(condition) & (__typeof__(condition))(no))))

/* Arithmetic as ops.def has it for one element. */
#define ARITHMETIC_f32(a) (a)
#define ARITHMETIC_i32(a) ((unsigned_i32)(a))
#define ARITHMETIC_i64(a) ((unsigned_i64)(a))
#define ARITHMETIC_u8(a) ((unsigned_u8)(a))
#define ARITHMETIC_i8(a) ((unsigned_i8)(a))
#define ARITHMETIC_b8(a) ((unsigned_b8)(a))
#define VECTOR_reduce_sum(short, a, b)                                                             \
    ((vector_##short)(ARITHMETIC_##short(a) + ARITHMETIC_##short(b)))
#define VECTOR_reduce_prod(short, a, b)                                                            \
    ((vector_##short)(ARITHMETIC_##short(a) * ARITHMETIC_##short(b)))
#define VECTOR_reduce_max(short, a, b) GREATER_##short(a, b)
#define VECTOR_reduce_min(short, a, b) LESSER_##short(a, b)
#define GREATER(a, b) SELECT((a) < (b), (b), (a))
#define LESSER(a, b) SELECT((b) < (a), (b), (a))
#define GREATER_i32 GREATER
#define GREATER_i64 GREATER
#define GREATER_u8 GREATER
#define GREATER_i8 GREATER
#define LESSER_i32 LESSER
#define LESSER_i64 LESSER
#define LESSER_u8 LESSER
#define LESSER_i8 LESSER
/* Compilers do not see the instructions that do this for floats. */
#if defined __SSE__ || (defined __aarch64__ && defined __ARM_NEON)
#define JOINED(op, a, b) ((vector_f32)lanes_join(op, (lanes_vector)(a), (lanes_vector)(b)))
#define GREATER_f32(a, b) JOINED(LANES_MAX, a, b)
#define LESSER_f32(a, b) JOINED(LANES_MIN, a, b)
#else
#define GREATER_f32 GREATER
#define LESSER_f32 LESSER
#endif

/* a * b + c, as ops.def has it for a contraction. */
static inline vector_f32 multiply_add_f32(vector_f32 a, vector_f32 b, vector_f32 c) {
#if defined __AVX512F__
    return (vector_f32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined __AVX2__
    return (vector_f32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined __aarch64__ && defined __ARM_NEON
    return (vector_f32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    for (size_t i = 0; i < VECTOR_ELEMENTS(f32); i++)
        c[i] = fmaf(a[i], b[i], c[i]);
    return c;
#endif
}
#define MULTIPLY_ADD(short)                                                                        \
    static inline vector_##short multiply_add_##short(vector_##short a, vector_##short b,          \
                                                      vector_##short c) {                          \
        return (vector_##short)(ARITHMETIC_##short(c) +                                            \
                                ARITHMETIC_##short(a) * ARITHMETIC_##short(b));                    \
    }
MULTIPLY_ADD(i32)
MULTIPLY_ADD(i64)
MULTIPLY_ADD(u8)
MULTIPLY_ADD(i8)
