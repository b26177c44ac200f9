/* Element types of ONNX that graphs do not have: floats of 8, 6 and 4 bits, integers of 4 and 2.
 *
 * Graphs have their codes, a byte each: of signed integers an int8, of unsigned ones and of floats
 * a uint8. A graph does not say what its codes mean; the importer knows it of each node. Nodes that
 * only move elements hand the type on; nothing but the functions here computes with codes. */
#ifndef EIGENTENSOR_IMPORT_LOW_TYPES_H
#define EIGENTENSOR_IMPORT_LOW_TYPES_H

#include "compiler/import/importer.h"

/* ---- Types, by ONNX's numbers (low_types.c) ---- */

/* A float has, from the highest bit on: its sign, an exponent, `mantissa` bits. Codes between the
 * greatest finite one and the sign are infinity and NaN. */
struct low_type {
    int bits;
    bool is_float, is_signed;
    int mantissa, bias;
    int greatest; /* code of the greatest finite value */
    int overflow; /* code of what is greater, unless it saturates */
    int nan;      /* code of NaN; where the type has none, of what NaN becomes */
};
/* NULL: it is none of them. */
const struct low_type *low_type(int type);
/* The dtype of elements of that type, be it of their codes; false where graphs have neither. */
bool held_dtype(int type, enum dtype *dtype);

/* ---- Which tensors hold codes (low_types.c) ---- */

/* The type of x's elements; 0 of a dead tensor. */
int element_type(struct importer *importer, struct tensor x);
/* Whether x holds codes, or what was computed of codes as if they were numbers. */
bool is_made_of_codes(struct importer *importer, struct tensor x);
/* x, which holds elements of that type, or codes. Its node must be one that nothing else is called
 * by: that of a leaf, or of a conversion. */
struct tensor typed(struct importer *importer, struct tensor x, int type);
/* Refuses the node when its outputs were computed of codes as if they were numbers. */
void check_low_types(const struct call *call);
/* Why a node is refused, with the type of the codes that it was given, if any. */
const char *with_low_type(const struct call *call, const char *why);

/* ---- Codes in files (low_types.c) ---- */

/* How many bytes so many elements take: several share one, the first in its lowest bits. */
size_t packed_bytes(const struct low_type *low, int64_t count);
/* The codes in so many bytes, a byte each: from the arena, unless a code is a byte anyway. */
const void *unpacked_codes(struct arena *arena, const struct low_type *low, const uint8_t *bytes,
                           int64_t count);

/* ---- Values (low_casts.c) ---- */

/* What codes mean, exactly: floats as float32, integers as int32. Other elements as they are. */
struct tensor numbers(const struct call *call, struct tensor x);

/* What elements become. */
struct cast_target {
    int type;
    bool overflows;   /* 8-bit floats: what is too large is infinity or NaN, not the greatest */
    const char *mode; /* of FLOAT8E8M0: "up" (NULL too), "down" or "nearest", halves up */
};
/* x as elements of any type that graphs have; refuses others. To floats it is rounded once, to
 * nearest even; of integers that are too large the low bits are kept, of infinities and NaN 0. */
struct tensor cast_to_type(const struct call *call, struct tensor x, struct cast_target target);
/* The same of float32, but to integers it is rounded to nearest even and saturates; NaN gives 0. */
struct tensor rounded_to_type(const struct call *call, struct tensor x, struct cast_target target);
/* The bits of x as elements of another type of as many bits; refuses others. */
struct tensor bits_as_type(const struct call *call, struct tensor x, int type);

#endif
