/* The operations over one element: scalar_add_i32(a, b) and so on, made from the forms of ops.def
 * for each dtype that computes. Stored-only floats have none. */
#ifndef EIGENTENSOR_SCALAR_H
#define EIGENTENSOR_SCALAR_H

#include "compiler/base/base.h"
#include "templates/convert.h"
#include "templates/math.h"

/* type_i32, twin_i32, ones_i32: T, U and ONES of the forms. */
#define DTYPE(id, name, type, twin, ones, safetensors, npy, letter, short)                         \
    typedef type type_##short;                                                                     \
    typedef twin twin_##short;                                                                     \
    enum { ones_##short = ones };
#include "compiler/graph/dtypes.def"
#undef DTYPE

/* MACRO(ID, short name, ...) for every dtype that computes. */
#define FOR_COMPUTING_DTYPES(MACRO, ...)                                                           \
    MACRO(FLOAT32, f32, __VA_ARGS__)                                                               \
    MACRO(INT32, i32, __VA_ARGS__)                                                                 \
    MACRO(INT64, i64, __VA_ARGS__)                                                                 \
    MACRO(UINT8, u8, __VA_ARGS__)                                                                  \
    MACRO(INT8, i8, __VA_ARGS__)                                                                   \
    MACRO(BOOL, b8, __VA_ARGS__)

/* Which of the two forms is a dtype's. NONE is never reached: infer() refuses such nodes. */
#define FORM_f32(float_form, integer_form) float_form
#define FORM_i32(float_form, integer_form) integer_form
#define FORM_i64(float_form, integer_form) integer_form
#define FORM_u8(float_form, integer_form) integer_form
#define FORM_i8(float_form, integer_form) integer_form
#define FORM_b8(float_form, integer_form) integer_form
#define NONE (unreachable(), 0)

/* The type of a result: column `gives` of ops.def. */
#define RESULT_SAME(short) type_##short
#define RESULT_BOOL(short) type_b8
#define RESULT_INDEX(short) type_b8 /* argmax, argmin: whether b is the better one */

#define SCALAR_NAMES(short)                                                                        \
    typedef type_##short T __attribute__((unused));                                                \
    typedef twin_##short U __attribute__((unused));                                                \
    enum { ONES = ones_##short };

#define SCALAR_1(id, short, name, gives, float_form, integer_form)                                 \
    static inline RESULT_##gives(short)                                                            \
        scalar_##name##_##short(type_##short a __attribute__((unused))) {                          \
        SCALAR_NAMES(short)                                                                        \
        return FORM_##short(float_form, integer_form);                                             \
    }
#define SCALAR_2(id, short, name, gives, float_form, integer_form)                                 \
    static inline RESULT_##gives(short) scalar_##name##_##short(                                   \
        type_##short a __attribute__((unused)), type_##short b __attribute__((unused))) {          \
        SCALAR_NAMES(short)                                                                        \
        return FORM_##short(float_form, integer_form);                                             \
    }
#define SCALAR_3(id, short, name, gives, float_form, integer_form)                                 \
    static inline RESULT_##gives(short)                                                            \
        scalar_##name##_##short(type_##short a, type_##short b, type_##short c) {                  \
        SCALAR_NAMES(short)                                                                        \
        return FORM_##short(float_form, integer_form);                                             \
    }

/* By class: elementwise operations over their sources; a reduction over what was accumulated and
 * the next element; a contraction over two elements and what was accumulated. */
#define SCALAR_LEAF(...)
#define SCALAR_MOVEMENT(...)
#define SCALAR_JOIN(...)
#define SCALAR_CONVERT(...)
#define SCALAR_TERNARY(...)
#define SCALAR_UNARY(...) FOR_COMPUTING_DTYPES(SCALAR_1, __VA_ARGS__)
#define SCALAR_BINARY(...) FOR_COMPUTING_DTYPES(SCALAR_2, __VA_ARGS__)
#define SCALAR_REDUCE(...) FOR_COMPUTING_DTYPES(SCALAR_2, __VA_ARGS__)
#define SCALAR_CONTRACT(...) FOR_COMPUTING_DTYPES(SCALAR_3, __VA_ARGS__)
#define OP(id, name, class, sources, accepts, gives, cost, infix, float_form, integer_form,        \
           meaning)                                                                                \
    SCALAR_##class(name, gives, float_form, integer_form)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare" /* ~b == 0 is never true for unsigned types */
#include "compiler/graph/ops.def"
#pragma GCC diagnostic pop
#undef OP

/* What a reduction makes of nothing, and what its lanes start from: IDENTITY_reduce_max(f32). */
#define LEAST_f32 (-INFINITY)
#define LEAST_i32 INT32_MIN
#define LEAST_i64 INT64_MIN
#define LEAST_u8 0
#define LEAST_i8 INT8_MIN
#define LEAST_b8 0
#define GREATEST_f32 INFINITY
#define GREATEST_i32 INT32_MAX
#define GREATEST_i64 INT64_MAX
#define GREATEST_u8 UINT8_MAX
#define GREATEST_i8 INT8_MAX
#define GREATEST_b8 1
#define IDENTITY_reduce_sum(short) 0
#define IDENTITY_reduce_prod(short) 1
#define IDENTITY_reduce_max(short) LEAST_##short
#define IDENTITY_reduce_min(short) GREATEST_##short
#define IDENTITY_argmax(short) LEAST_##short
#define IDENTITY_argmin(short) GREATEST_##short

#endif
