/* Sizes that depend on open axes: what stands in a stored graph where an integer would be.
 *
 *   size     sum of terms                 2*seq_len + 1 is written "2*seq_len+1"
 *   sum      product {("+" | "-") product}
 *   product  factor {("*" | "//") factor}
 *   factor   number | axis | "(" sum ")" | ("min" | "max") "(" sum "," sum ")"
 *
 * a // b is rounded down, as in Python; b must be above 0. Blanks between them do not matter. An
 * axis is named as C names variables, with dots too, or by any text in backquotes: `past + 1`. All
 * arithmetic is that of 64-bit integers; what does not fit is an error. */
#ifndef EIGENTENSOR_SIZE_H
#define EIGENTENSOR_SIZE_H

#include "compiler/base/base.h"

/* An axis whose size is open: least, least + step, ... up to most, which is one of these. */
struct open_axis {
    const char *name;
    int64_t least, most, step;
};
struct open_axes {
    int count;
    const struct open_axis *axes;
};

enum {
    MOST_OPEN_AXES = 4,
    MOST_SIZE_TEXT = 1024, /* bytes, besides names of axes */
    MOST_SIZE_DEPTH = 32,  /* of parentheses */
};

enum size_kind {
    SIZE_NUMBER,
    SIZE_AXIS,
    SIZE_SUM,
    SIZE_DIFFERENCE,
    SIZE_PRODUCT,
    SIZE_QUOTIENT,
    SIZE_LEAST,
    SIZE_GREATEST,
};

struct size {
    enum size_kind kind;
    int64_t number; /* SIZE_NUMBER */
    int axis;       /* SIZE_AXIS */
    const struct size *left, *right;
};

/* Reads a size into pieces of the arena. NULL and an error that says where in the text it is. */
const struct size *size_read(const char *text, const struct open_axes *axes, struct arena *arena,
                             struct et_error *error);
/* Appends the size as it is read, without blanks and with no parenthesis that is not needed. */
void size_add_text(struct text *text, const struct size *size, const struct open_axes *axes);
/* Its value where the axes have these sizes. False and an error where it does not fit. */
bool size_value(const struct size *size, const int64_t *sizes, int64_t *value,
                struct et_error *error);
/* Whether they are written alike. */
bool size_equal(const struct size *a, const struct size *b);
/* Whether it is an axis and nothing else. */
static inline bool size_is_axis(const struct size *size) {
    return size && size->kind == SIZE_AXIS;
}

/* Pieces of sizes, in the arena; NULL when memory is exhausted, or when a part is NULL. */
const struct size *size_number(struct arena *arena, int64_t number);
const struct size *size_axis(struct arena *arena, int axis);
const struct size *size_of_two(struct arena *arena, enum size_kind kind, const struct size *left,
                               const struct size *right);

/* The axis of that name, or -1. */
int open_axis_find(const struct open_axes *axes, const char *name);
/* Whether an axis may have that name and those bounds. */
bool open_axis_check(const struct open_axis *axis, struct et_error *error);
/* Whether the axis may have that size; the error names axis, bounds and size. */
bool open_axis_allows(const struct open_axis *axis, int64_t size, struct et_error *error);
/* Appends "1..512", or with a step "32..1024:32". */
void open_axis_add_bounds(struct text *text, const struct open_axis *axis);

#endif
