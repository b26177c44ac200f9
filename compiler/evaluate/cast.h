/* Casts of one element, cast_f16_i32(x) and so on for every pair of dtypes, by the rule of
 * templates/convert.h. */
#ifndef EIGENTENSOR_CAST_H
#define EIGENTENSOR_CAST_H

#include "compiler/evaluate/scalar.h"

/* What an element is worth in C: 16-bit floats as float32, others as they are. */
#define VALUE(id, short, ...)                                                                      \
    static inline type_##short value_##short(type_##short x) {                                     \
        return x;                                                                                  \
    }
FOR_COMPUTING_DTYPES(VALUE, )
#undef VALUE
#define value_f16 f16_to_f32
#define value_bf16 bf16_to_f32

#define CAST(from, to, expression)                                                                 \
    static inline type_##to cast_##from##_##to(type_##from x) {                                    \
        const __typeof__(value_##from(x)) v = value_##from(x);                                     \
        return expression;                                                                         \
    }
#define CAST_TO_INTEGER(id, to, from)                                                              \
    CAST(from, to,                                                                                 \
         _Generic(v, float                                                                         \
                  : f32_to_##to((float)v), double                                                  \
                  : f64_to_##to((double)v), default                                                \
                  : (type_##to)v))
/* Integers of up to 32 bits are float64s; those of 64 are taken by functions of their own. */
#define CAST_TO_HALF(from, to)                                                                     \
    CAST(from, to,                                                                                 \
         _Generic(v, float                                                                         \
                  : f32_to_##to((float)v), int64_t                                                 \
                  : i64_to_##to((int64_t)v), uint64_t                                              \
                  : u64_to_##to((uint64_t)v), default                                              \
                  : f64_to_##to((double)v)))
#define DTYPE(id, name, type, arithmetic, ones, safetensors, npy, letter, from, ...)               \
    FOR_INTEGER_DTYPES(CAST_TO_INTEGER, from)                                                      \
    CAST(from, f32, (float)v)                                                                      \
    CAST(from, f64, (double)v)                                                                     \
    CAST_TO_HALF(from, f16)                                                                        \
    CAST_TO_HALF(from, bf16)                                                                       \
    CAST(from, b8, v != 0)
#include "compiler/graph/dtypes.def"
#undef DTYPE
#undef CAST
#undef CAST_TO_INTEGER
#undef CAST_TO_HALF

#endif
