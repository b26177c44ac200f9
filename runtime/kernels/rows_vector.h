/* What row operations and chains share: loops over neighbours; and vectors of GNU C for those that
 * hold values in registers: as wide as the target's, but of no more elements than a reduction has
 * lanes. A part of rows_body.h and of chains_body.h. */
#if defined __AVX512F__ || defined __AVX2__
#include <immintrin.h>
#elif defined __aarch64__ && defined __ARM_NEON
#include <arm_neon.h>
#endif

#include "compiler/evaluate/scalar.h"
#include "compiler/graph/graph.h"
#include "runtime/kernels/sets.h"
#include "templates/lanes_rows.h"
#include "templates/strip.h"

/* ---- Loops ---- */

/* The result may be an operand, element for element, which no vector minds; without this, the
 * compiler would take such calls through a scalar loop. */
#if defined __clang__
#pragma clang diagnostic ignored "-Wpass-failed" /* not every loop becomes vectors */
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

/* Elements that are moved: their width is all that matters. */
typedef uint8_t bytes_1 __attribute__((may_alias));
typedef uint16_t bytes_2 __attribute__((may_alias));
typedef uint32_t bytes_4 __attribute__((may_alias));
typedef uint64_t bytes_8 __attribute__((may_alias));

/* A loop over one row, or what templates/strip.h has instead: STRIP_exp_f32 and so on. */
#define LOOP_1(result_type, expression)                                                            \
    INDEPENDENT                                                                                    \
    for (long i = 0; i < columns; i++)                                                             \
        result[i] = (result_type)expression;
#define STRIP_exp_f32 , f32_exp_strip(result, a, 0, columns);
#define STRIP_sin_f32 , f32_sin_strip(result, a, 0, columns);
#define STRIP_cos_f32 , f32_cos_strip(result, a, 0, columns);
#define STRIP_erf_f32 , f32_erf_strip(result, a, 0, columns);
#define SECOND(first, second, ...) second
#define STRIP_OR(strip, loop) SECOND(strip, loop, )

static long least(long a, long b) {
    return a < b ? a : b;
}

/* ---- Vectors ---- */

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

/* vector_f32 and so on may lie anywhere; unsigned_i32: the same where overflow wraps around;
 * computing_i32: what their arithmetic is done in. */
#define VECTOR(id, short, ...)                                                                     \
    typedef type_##short vector_##short                                                            \
        __attribute__((vector_size(VECTOR_BYTES(type_##short)), aligned(1), may_alias));           \
    typedef bits_##short unsigned_##short                                                          \
        __attribute__((vector_size(VECTOR_BYTES(type_##short)), aligned(1), may_alias));
FOR_COMPUTING_DTYPES(VECTOR, )
#undef VECTOR
typedef vector_f32 computing_f32;
typedef vector_f64 computing_f64;
#define COMPUTING(id, short, ...) typedef unsigned_##short computing_##short;
FOR_INTEGER_DTYPES(COMPUTING, )
#undef COMPUTING

#define LOAD(short, from) (*(const vector_##short *)(from))
#define STORE(short, to, vector) (*(vector_##short *)(to) = (vector))

/* condition ? yes : no, where a comparison of vectors gave the condition. */
#define SELECT(condition, yes, no)                                                                 \
    ((__typeof__(yes))(((condition) & (__typeof__(condition))(yes)) |                              \
                       (~(condition) & (__typeof__(condition))(no))))

/* Arithmetic as ops.def has it for one element. */
#define VECTOR_reduce_sum(short, a, b)                                                             \
    ((vector_##short)((computing_##short)(a) + (computing_##short)(b)))
#define VECTOR_reduce_prod(short, a, b)                                                            \
    ((vector_##short)((computing_##short)(a) * (computing_##short)(b)))
#define VECTOR_reduce_max(short, a, b) greater_##short(a, b)
#define VECTOR_reduce_min(short, a, b) lesser_##short(a, b)
#define ORDER(id, short, ...)                                                                      \
    static inline vector_##short greater_##short(vector_##short a, vector_##short b) {             \
        return SELECT(a < b, b, a);                                                                \
    }                                                                                              \
    static inline vector_##short lesser_##short(vector_##short a, vector_##short b) {              \
        return SELECT(b < a, b, a);                                                                \
    }
FOR_INTEGER_DTYPES(ORDER, )
static inline vector_f64 greater_f64(vector_f64 a, vector_f64 b) {
    return SELECT((a < b) | (b != b), b, a);
}
static inline vector_f64 lesser_f64(vector_f64 a, vector_f64 b) {
    return SELECT((b < a) | (b != b), b, a);
}
/* Compilers do not see the instructions that do this for floats. */
#if defined __SSE__ || (defined __aarch64__ && defined __ARM_NEON)
#define ORDER_OF_FLOATS(name, join, op, otherwise)                                                 \
    static inline vector_f32 name(vector_f32 a, vector_f32 b) {                                    \
        return (vector_f32)join(op, (lanes_vector)a, (lanes_vector)b);                             \
    }
#else
#define ORDER_OF_FLOATS(name, join, op, otherwise)                                                 \
    static inline vector_f32 name(vector_f32 a, vector_f32 b) {                                    \
        return SELECT(otherwise, b, a);                                                            \
    }
#endif
ORDER_OF_FLOATS(greater_f32, lanes_join, LANES_MAX, (a < b) | (b != b))
ORDER_OF_FLOATS(lesser_f32, lanes_join, LANES_MIN, (b < a) | (b != b))
ORDER_OF_FLOATS(greater_of_vectors, lanes_choose, LANES_MAX, a < b)
ORDER_OF_FLOATS(lesser_of_vectors, lanes_choose, LANES_MIN, b < a)

/* a * b + c, as ops.def has it for a contraction. */
static inline vector_f32 multiply_add_f32(vector_f32 a, vector_f32 b, vector_f32 c) {
#if defined __AVX512F__
    return (vector_f32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined __AVX2__
    return (vector_f32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined __aarch64__ && defined __ARM_NEON
    return (vector_f32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif defined __SSE2__
    return (vector_f32)f32_fma_four((__m128)a, (__m128)b, (__m128)c);
#else
    for (size_t i = 0; i < VECTOR_ELEMENTS(f32); i++)
        c[i] = f32_fma(a[i], b[i], c[i]);
    return c;
#endif
}
static inline vector_f64 multiply_add_f64(vector_f64 a, vector_f64 b, vector_f64 c) {
#if defined __AVX512F__
    return (vector_f64)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined __AVX2__
    return (vector_f64)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined __aarch64__ && defined __ARM_NEON
    return (vector_f64)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
    for (size_t i = 0; i < VECTOR_ELEMENTS(f64); i++)
        c[i] = f64_fma(a[i], b[i], c[i]);
    return c;
#endif
}
#define MULTIPLY_ADD(id, short, ...)                                                               \
    static inline vector_##short multiply_add_##short(vector_##short a, vector_##short b,          \
                                                      vector_##short c) {                          \
        return (vector_##short)((computing_##short)c +                                             \
                                (computing_##short)a * (computing_##short)b);                      \
    }
FOR_INTEGER_DTYPES(MULTIPLY_ADD, )
