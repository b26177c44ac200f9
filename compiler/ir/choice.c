/* The greater and the lesser of two floats, in one instruction where that gives the same bits: max
 * and min ask whether b is NaN, greater_of and lesser_of do not. */
#include "compiler/ir/ir.h"

#include <math.h>

enum { DEEPEST = 8 }; /* that an operand is looked into: enough for clips, activations and scales */

static bool is_number_within(const struct expression *e, int depth);

static bool are_numbers(const struct expression *e, int first, int depth) {
    for (int i = first; i < e->source_count; i++)
        if (!is_number_within(e->sources[i], depth))
            return false;
    return true;
}

static bool op_gives_number(const struct expression *e, int depth) {
    switch (e->op) {
    case OP_GREATER_OF:
    case OP_LESSER_OF: /* b is given only where it compared */
        return is_number_within(e->sources[0], depth);
    case OP_CAST:
        return dtype_is_integer(e->sources[0]->dtype) || is_number_within(e->sources[0], depth);
    case OP_WHERE:
        return are_numbers(e, 1, depth);
    case OP_MAX:
    case OP_MIN:
    case OP_NEG:
    case OP_ABS:
    case OP_FLOOR:
    case OP_CEIL:
    case OP_ROUND:
    case OP_EXP:
    case OP_TANH:
    case OP_ERF:
        return are_numbers(e, 0, depth);
    default:
        return false;
    }
}

static bool is_number_within(const struct expression *e, int depth) {
    if (depth == 0 || !dtype_is_real(e->dtype))
        return false;
    switch (e->kind) {
    case EXPRESSION_CONSTANT:
        return !isnan(constant_value(e));
    case EXPRESSION_INDEX:
        return true;
    case EXPRESSION_OP:
        return op_gives_number(e, depth - 1);
    case EXPRESSION_GUARD:
        return are_numbers(e, 0, depth - 1);
    default:
        return false;
    }
}

bool expression_is_number(const struct expression *e) {
    return is_number_within(e, DEEPEST);
}

/* A constant of which no other float of other bits is the equal. */
static bool is_nonzero_constant(const struct expression *e) {
    return e->kind == EXPRESSION_CONSTANT && !isnan(constant_value(e)) && constant_value(e) != 0;
}

/* where(p < q, q, p) and where(p < q, p, q). */
static bool find_choice_of_where(const struct expression *const *sources,
                                 struct float_choice *choice) {
    const struct expression *mask = sources[0];
    if (mask->kind != EXPRESSION_OP || mask->op != OP_LT)
        return false;
    const struct expression *p = mask->sources[0], *q = mask->sources[1];
    if (sources[1] == q && sources[2] == p)
        *choice = (struct float_choice){OP_GREATER_OF, {p, q}};
    else if (sources[1] == p && sources[2] == q)
        *choice = (struct float_choice){OP_LESSER_OF, {q, p}};
    else
        return false;
    return true;
}

bool find_choice(enum op op, enum dtype dtype, const struct expression *const *sources,
                 struct float_choice *choice) {
    if (!dtype_is_real(dtype))
        return false;
    if (op == OP_WHERE)
        return find_choice_of_where(sources, choice);
    if (op != OP_MAX && op != OP_MIN)
        return false;
    bool last = expression_is_number(sources[1]);
    if (!last && !is_nonzero_constant(sources[0]))
        return false;
    *choice = (struct float_choice){op == OP_MAX ? OP_GREATER_OF : OP_LESSER_OF,
                                    {sources[!last], sources[last]}};
    return true;
}
