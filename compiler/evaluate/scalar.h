/* The operations over one element: scalar_add_i32(a, b) and so on, made from the forms of ops.def
 * for each dtype that computes. Stored-only floats have none. */
#ifndef EIGENTENSOR_SCALAR_H
#define EIGENTENSOR_SCALAR_H

#include "compiler/graph/graph.h"
#include "compiler/graph/reals.h"
#include "templates/convert.h"
#include "templates/math64.h"

/* type_i32: T of the forms; arithmetic_i32, ones_i32, minus_1_i32: U, ONES and MINUS_1; bits_i32:
 * the unsigned type of an element's width. */
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, letter, short, ...)              \
    typedef type type_##short;                                                                     \
    typedef arithmetic arithmetic_##short;                                                         \
    typedef __typeof__(_Generic((type)0, int8_t                                                    \
                                : (uint8_t)0, int16_t                                              \
                                : (uint16_t)0, int32_t                                             \
                                : (uint32_t)0, int64_t                                             \
                                : (uint64_t)0, float                                               \
                                : (uint32_t)0, double                                              \
                                : (uint64_t)0, default                                             \
                                : (type)0)) bits_##short;                                          \
    enum { ones_##short = ones, minus_1_##short = DTYPE_READS_MINUS_1(type) ? 0 : -1 };
#include "compiler/graph/dtypes.def"
#undef DTYPE

/* MACRO(ID, short name, ...) for the dtypes of each kind: the rows of dtypes.def once more, since
 * no macro can include a file. */
#define FOR_FLOAT_DTYPES(MACRO, ...)                                                               \
    MACRO(FLOAT32, f32, __VA_ARGS__)                                                               \
    MACRO(FLOAT64, f64, __VA_ARGS__)
#define FOR_INTEGER_DTYPES(MACRO, ...)                                                             \
    MACRO(INT32, i32, __VA_ARGS__)                                                                 \
    MACRO(INT64, i64, __VA_ARGS__)                                                                 \
    MACRO(UINT8, u8, __VA_ARGS__)                                                                  \
    MACRO(INT8, i8, __VA_ARGS__)                                                                   \
    MACRO(INT16, i16, __VA_ARGS__)                                                                 \
    MACRO(UINT16, u16, __VA_ARGS__)                                                                \
    MACRO(UINT32, u32, __VA_ARGS__)                                                                \
    MACRO(UINT64, u64, __VA_ARGS__)
#define FOR_STORED_DTYPES(MACRO, ...)                                                              \
    MACRO(FLOAT16, f16, __VA_ARGS__)                                                               \
    MACRO(BFLOAT16, bf16, __VA_ARGS__)
/* Those that compute, by their float form or their integer form, and all. */
#define FOR_COMPUTING_DTYPES(MACRO, ...)                                                           \
    FOR_FLOAT_DTYPES(MACRO, __VA_ARGS__)                                                           \
    FOR_INTEGER_DTYPES(MACRO, __VA_ARGS__)                                                         \
    MACRO(BOOL, b8, __VA_ARGS__)
#define FOR_DTYPES(MACRO, ...)                                                                     \
    FOR_COMPUTING_DTYPES(MACRO, __VA_ARGS__)                                                       \
    FOR_STORED_DTYPES(MACRO, __VA_ARGS__)

/* The lists have every row, and none of another kind. */
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, letter, short, ...)              \
    enum { kind_##short = letter };
#include "compiler/graph/dtypes.def"
#undef DTYPE
#define IS_OF(id, short, letter) +(kind_##short == (letter))
_Static_assert(FOR_FLOAT_DTYPES(IS_OF, 'F') FOR_INTEGER_DTYPES(IS_OF, 'I') IS_OF(BOOL, b8, 'B')
                       FOR_STORED_DTYPES(IS_OF, 'S') == DTYPE_COUNT,
               "a row of dtypes.def is missing above");
#undef IS_OF

#define NONE (unreachable(), 0) /* never reached: infer() refuses such nodes */

/* reals.h: of T. */
#define REAL(narrow, wide) _Generic((T)0, double : wide, default : narrow)

/* The type of a result: column `gives` of ops.def. */
#define RESULT_SAME(short) type_##short
#define RESULT_BOOL(short) type_b8
#define RESULT_INDEX(short) type_b8 /* argmax, argmin: whether b is the better one */

#define SCALAR_NAMES(short)                                                                        \
    typedef type_##short T __attribute__((unused));                                                \
    typedef arithmetic_##short U __attribute__((unused));                                          \
    enum { ONES = ones_##short, MINUS_1 = minus_1_##short };

#define SCALAR_1(id, short, name, gives, form)                                                     \
    static inline RESULT_##gives(short)                                                            \
        scalar_##name##_##short(type_##short a __attribute__((unused))) {                          \
        SCALAR_NAMES(short)                                                                        \
        return form;                                                                               \
    }
#define SCALAR_2(id, short, name, gives, form)                                                     \
    static inline RESULT_##gives(short) scalar_##name##_##short(                                   \
        type_##short a __attribute__((unused)), type_##short b __attribute__((unused))) {          \
        SCALAR_NAMES(short)                                                                        \
        return form;                                                                               \
    }
#define SCALAR_3(id, short, name, gives, form)                                                     \
    static inline RESULT_##gives(short)                                                            \
        scalar_##name##_##short(type_##short a, type_##short b, type_##short c) {                  \
        SCALAR_NAMES(short)                                                                        \
        return form;                                                                               \
    }

/* By class: elementwise operations over their sources; a reduction over what was accumulated and
 * the next element; a scatter over an element and an update; a contraction over two elements and
 * what was accumulated. */
#define SCALAR_LEAF(...)
#define SCALAR_MOVEMENT(...)
#define SCALAR_JOIN(...)
#define SCALAR_CONVERT(...)
#define SCALAR_TERNARY(...)
#define SCALAR_SORT(...)
#define SCALAR_SCAN(...)
#define SCALARS(SCALAR, name, gives, float_form, integer_form)                                     \
    FOR_FLOAT_DTYPES(SCALAR, name, gives, float_form)                                              \
    FOR_INTEGER_DTYPES(SCALAR, name, gives, integer_form)                                          \
    SCALAR(BOOL, b8, name, gives, integer_form)
#define SCALAR_UNARY(...) SCALARS(SCALAR_1, __VA_ARGS__)
#define SCALAR_BINARY(...) SCALARS(SCALAR_2, __VA_ARGS__)
#define SCALAR_REDUCE(...) SCALARS(SCALAR_2, __VA_ARGS__)
#define SCALAR_SCATTER(...) SCALARS(SCALAR_2, __VA_ARGS__)
#define SCALAR_CONTRACT(...) SCALARS(SCALAR_3, __VA_ARGS__)
#define OP(id, name, class, sources, accepts, gives, cost, infix, float_form, integer_form,        \
           meaning)                                                                                \
    SCALAR_##class(name, gives, float_form, integer_form)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare" /* ~b == 0 is never true for unsigned types */
#include "compiler/graph/ops.def"
#pragma GCC diagnostic pop
#undef OP

/* What a reduction makes of nothing, and what its lanes start from: IDENTITY_reduce_max(f32). */
#define LEAST(short)                                                                               \
    _Generic((type_##short)0, float                                                                \
             : -INFINITY, double                                                                   \
             : (double)-INFINITY, default                                                          \
             : (type_##short)DTYPE_LEAST(type_##short, ones_##short))
#define GREATEST(short)                                                                            \
    _Generic((type_##short)0, float                                                                \
             : INFINITY, double                                                                    \
             : (double)INFINITY, default                                                           \
             : (type_##short)DTYPE_GREATEST(type_##short, ones_##short))
#define IDENTITY_reduce_sum(short) 0
#define IDENTITY_reduce_prod(short) 1
#define IDENTITY_reduce_max(short) LEAST(short)
#define IDENTITY_reduce_min(short) GREATEST(short)
#define IDENTITY_argmax(short) LEAST(short)
#define IDENTITY_argmin(short) GREATEST(short)

#endif
