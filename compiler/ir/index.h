/* Index expressions: integers, as a canonical sum of coefficient * atom. */
#ifndef EIGENTENSOR_IR_INDEX_H
#define EIGENTENSOR_IR_INDEX_H

#include "compiler/base/base.h"

struct expression;
struct ir;

enum { MAX_LOOPS = 64 }; /* of one statement, after axes were split */

struct axis {
    int id;
    int64_t extent; /* runs from 0 to extent - 1 */
};

enum atom_kind {
    ATOM_AXIS,
    ATOM_DIV,   /* operand / divisor, rounded down */
    ATOM_MOD,   /* operand modulo divisor, in 0 .. divisor - 1 */
    ATOM_VALUE, /* an integer computed at run time (gather) */
};

struct atom {
    enum atom_kind kind;
    int64_t minimum, maximum;
    const struct axis *axis;
    const struct index *operand;
    int64_t divisor;
    const struct expression *value;
};

struct index_term {
    int64_t coefficient; /* never 0 */
    const struct atom *atom;
};

/* constant + sum of terms, terms in the order of atom_compare; minimum and maximum bound it. What
 * goes through an index goes through it as a tree: passes keep its size within a bound. */
struct index {
    int64_t constant, minimum, maximum;
    int count;
    int size; /* terms, and those inside of divisions and remainders, each as often as it stands */
    struct index_term terms[];
};

const struct index *index_constant(struct ir *ir, int64_t value);
const struct index *index_axis(struct ir *ir, const struct axis *axis);
const struct index *index_value(struct ir *ir, const struct expression *value, int64_t minimum,
                                int64_t maximum);
const struct index *index_add(struct ir *ir, const struct index *a, const struct index *b);
const struct index *index_scale(struct ir *ir, const struct index *a, int64_t factor);
const struct index *index_divide(struct ir *ir, const struct index *a, int64_t divisor);
const struct index *index_modulo(struct ir *ir, const struct index *a, int64_t divisor);
int index_compare(const struct index *a, const struct index *b);
bool index_is_constant(const struct index *index, int64_t value);
/* The coefficient of an axis that occurs only as a plain term; *plain is cleared where the axis
 * occurs inside a division, a remainder or a run-time value. */
int64_t index_coefficient(const struct index *index, const struct axis *axis, bool *plain);
bool index_uses(const struct index *index, const struct axis *axis);
/* The axis that the index is, and nothing else; or NULL. */
const struct axis *index_only_axis(const struct index *index);

/* Axes to be replaced by index expressions. Where a reduction binds a replaced axis, it binds the
 * axes of the replacement instead, the largest coefficient outermost. */
struct substitution {
    int count;
    const struct axis *const *axes;
    const struct index *const *values;
};
const struct index *index_substitute(struct ir *ir, const struct index *index,
                                     const struct substitution *substitution);
/* address.c: an index where some axes are 0. */
const struct index *without_axes(struct ir *ir, const struct index *index, int count,
                                 const struct axis *const *axes);

#endif
