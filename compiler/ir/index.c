/* Index expressions under known bounds.
 *
 * Every index is a sum  constant + c1 * atom1 + c2 * atom2 + ...  whose atoms are axes, divisions,
 * remainders and run-time values. Sums are built canonical: equal ones compare equal, and a
 * division or remainder remains only where bounds cannot remove it. Division rounds down. Where an
 * index is evaluated, guards have made its divisions' operands non-negative, so that C's division
 * serves. */
#include "compiler/ir/ir.h"

#include <string.h>

static int64_t floor_modulo(int64_t a, int64_t b) {
    return a - floor_divide(a, b) * b;
}

static int compare_integers(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int atom_compare(const struct atom *a, const struct atom *b) {
    if (a == b)
        return 0;
    if (a->kind != b->kind)
        return compare_integers(a->kind, b->kind);
    switch (a->kind) {
    case ATOM_AXIS:
        return compare_integers(a->axis->id, b->axis->id);
    case ATOM_VALUE: {
        int order = compare_integers(a->value->id, b->value->id);
        return order ? order : compare_integers(a->maximum, b->maximum);
    }
    case ATOM_DIV:
    case ATOM_MOD: {
        int order = compare_integers(a->divisor, b->divisor);
        return order ? order : index_compare(a->operand, b->operand);
    }
    }
    unreachable();
}

int index_compare(const struct index *a, const struct index *b) {
    if (a == b)
        return 0;
    if (a->count != b->count)
        return compare_integers(a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        int order = atom_compare(a->terms[i].atom, b->terms[i].atom);
        if (!order)
            order = compare_integers(a->terms[i].coefficient, b->terms[i].coefficient);
        if (order)
            return order;
    }
    return compare_integers(a->constant, b->constant);
}

bool index_is_constant(const struct index *index, int64_t value) {
    return index->count == 0 && index->constant == value;
}

/* And its size. */
static void find_bounds(struct index *index) {
    index->minimum = index->maximum = index->constant;
    index->size = index->count;
    for (int i = 0; i < index->count; i++) {
        int64_t factor = index->terms[i].coefficient;
        const struct atom *atom = index->terms[i].atom;
        index->size += atom->operand ? atom->operand->size : 0;
        index->minimum += factor * (factor > 0 ? atom->minimum : atom->maximum);
        index->maximum += factor * (factor > 0 ? atom->maximum : atom->minimum);
    }
}

static struct index *index_new(struct ir *ir, int terms) {
    budget_count_node(ir->budget, ir->arena);
    return arena_allocate(ir->arena, 1,
                          sizeof(struct index) + (size_t)terms * sizeof(struct index_term));
}

const struct index *index_constant(struct ir *ir, int64_t value) {
    struct index *index = index_new(ir, 0);
    index->constant = index->minimum = index->maximum = value;
    return index;
}

static const struct index *index_of_atom(struct ir *ir, const struct atom *atom) {
    if (atom->minimum == atom->maximum)
        return index_constant(ir, atom->minimum);
    struct index *index = index_new(ir, 1);
    index->count = 1;
    index->terms[0] = (struct index_term){.coefficient = 1, .atom = atom};
    find_bounds(index);
    return index;
}

const struct index *index_axis(struct ir *ir, const struct axis *axis) {
    struct atom *atom = arena_new(ir->arena, struct atom);
    *atom = (struct atom){.kind = ATOM_AXIS, .maximum = axis->extent - 1, .axis = axis};
    return index_of_atom(ir, atom);
}

const struct index *index_value(struct ir *ir, const struct expression *value, int64_t minimum,
                                int64_t maximum) {
    struct atom *atom = arena_new(ir->arena, struct atom);
    *atom =
        (struct atom){.kind = ATOM_VALUE, .minimum = minimum, .maximum = maximum, .value = value};
    struct index *index = index_new(ir, 1); /* kept even where it can only be one value */
    index->count = 1;
    index->terms[0] = (struct index_term){.coefficient = 1, .atom = atom};
    find_bounds(index);
    return index;
}

/* a + factor * b, terms merged. */
static struct index *merge(struct ir *ir, const struct index *a, const struct index *b,
                           int64_t factor) {
    struct index *sum = index_new(ir, a->count + b->count);
    sum->constant = a->constant + factor * b->constant;
    int i = 0, j = 0;
    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : atom_compare(a->terms[i].atom, b->terms[j].atom);
        struct index_term term = order <= 0 ? a->terms[i] : b->terms[j];
        if (order > 0)
            term.coefficient *= factor;
        if (order == 0)
            term.coefficient += factor * b->terms[j].coefficient;
        i += order <= 0;
        j += order >= 0;
        if (term.coefficient)
            sum->terms[sum->count++] = term;
    }
    find_bounds(sum);
    return sum;
}

static int find_term(const struct index *index, const struct atom *atom) {
    for (int i = 0; i < index->count; i++)
        if (atom_compare(index->terms[i].atom, atom) == 0)
            return i;
    return -1;
}

/* f * (x mod m) + f * m * (x / m) is f * x: what reshaping there and back leaves behind. */
static const struct index *recombine(struct ir *ir, const struct index *sum) {
    for (int i = 0; i < sum->count; i++) {
        const struct atom *modulo = sum->terms[i].atom;
        if (modulo->kind != ATOM_MOD)
            continue;
        const struct index *quotient = index_divide(ir, modulo->operand, modulo->divisor);
        if (quotient->count != 1 || quotient->constant || quotient->terms[0].coefficient != 1)
            continue;
        int j = find_term(sum, quotient->terms[0].atom);
        int64_t factor = sum->terms[i].coefficient;
        if (j < 0 || sum->terms[j].coefficient != factor * modulo->divisor)
            continue;
        const struct index *parts = merge(ir, index_scale(ir, index_of_atom(ir, modulo), factor),
                                          quotient, factor * modulo->divisor);
        const struct index *rest = merge(ir, sum, parts, -1);
        return recombine(ir, merge(ir, rest, modulo->operand, factor));
    }
    return sum;
}

const struct index *index_add(struct ir *ir, const struct index *a, const struct index *b) {
    return recombine(ir, merge(ir, a, b, 1));
}

const struct index *index_scale(struct ir *ir, const struct index *a, int64_t factor) {
    return merge(ir, index_constant(ir, 0), a, factor);
}

/* Splits a = divisor * quotient + rest, with the minimum of the rest in 0 .. divisor - 1. The
 * coefficients of the rest are smaller than the divisor; with `positive` none is negative. */
static void split_by(struct ir *ir, const struct index *a, int64_t divisor, bool positive,
                     const struct index **quotient, const struct index **rest) {
    struct index *q = index_new(ir, a->count), *r = index_new(ir, a->count);
    r->constant = a->constant;
    for (int i = 0; i < a->count; i++) {
        struct index_term inner = a->terms[i], outer = inner;
        outer.coefficient =
            positive ? floor_divide(inner.coefficient, divisor) : inner.coefficient / divisor;
        inner.coefficient -= outer.coefficient * divisor;
        if (outer.coefficient)
            q->terms[q->count++] = outer;
        if (inner.coefficient)
            r->terms[r->count++] = inner;
    }
    find_bounds(r);
    q->constant = floor_divide(r->minimum, divisor);
    r->constant -= q->constant * divisor;
    find_bounds(q);
    find_bounds(r);
    *quotient = q;
    *rest = r;
}

/* The split that leaves a rest below the divisor, if there is one: then it is the remainder. */
static bool split(struct ir *ir, const struct index *a, int64_t divisor,
                  const struct index **quotient, const struct index **rest) {
    split_by(ir, a, divisor, true, quotient, rest);
    if ((*rest)->maximum < divisor)
        return true;
    split_by(ir, a, divisor, false, quotient, rest);
    return (*rest)->maximum < divisor;
}

/* Divides the rest and the divisor by what all coefficients share; the constant's remainder, which
 * cannot carry, is given back. */
static const struct index *reduce_fraction(struct ir *ir, const struct index *rest,
                                           int64_t *divisor, int64_t *factor, int64_t *left_over) {
    int64_t common = *divisor;
    for (int i = 0; i < rest->count; i++)
        common = greatest_common_divisor(rest->terms[i].coefficient, common);
    *factor = common;
    *left_over = floor_modulo(rest->constant, common);
    if (common == 1)
        return rest;
    struct index *reduced = index_new(ir, rest->count);
    reduced->constant = floor_divide(rest->constant, common);
    reduced->count = rest->count;
    for (int i = 0; i < rest->count; i++)
        reduced->terms[i] = (struct index_term){.coefficient = rest->terms[i].coefficient / common,
                                                .atom = rest->terms[i].atom};
    find_bounds(reduced);
    *divisor /= common;
    return reduced;
}

static const struct atom *only_atom(const struct index *index) {
    return index->count == 1 && index->constant == 0 && index->terms[0].coefficient == 1
               ? index->terms[0].atom
               : NULL;
}

static const struct index *division_atom(struct ir *ir, enum atom_kind kind,
                                         const struct index *operand, int64_t divisor) {
    struct atom *atom = arena_new(ir->arena, struct atom);
    *atom = (struct atom){.kind = kind, .operand = operand, .divisor = divisor};
    atom->minimum = kind == ATOM_MOD ? 0 : floor_divide(operand->minimum, divisor);
    atom->maximum = floor_divide(operand->maximum, divisor);
    if (kind == ATOM_MOD)
        atom->maximum =
            operand->minimum >= 0 && operand->maximum < divisor ? operand->maximum : divisor - 1;
    return index_of_atom(ir, atom);
}

const struct index *index_divide(struct ir *ir, const struct index *a, int64_t divisor) {
    const struct index *quotient, *rest;
    int64_t factor, left_over;
    if (divisor == 1)
        return a;
    if (split(ir, a, divisor, &quotient, &rest))
        return quotient;
    rest = reduce_fraction(ir, rest, &divisor, &factor, &left_over);
    if (factor > 1)
        return index_add(ir, quotient, index_divide(ir, rest, divisor));
    const struct atom *atom = only_atom(rest);
    if (atom && atom->kind == ATOM_DIV)
        return index_add(ir, quotient, index_divide(ir, atom->operand, atom->divisor * divisor));
    if (atom && atom->kind == ATOM_MOD && atom->divisor % divisor == 0)
        return index_add(
            ir, quotient,
            index_modulo(ir, index_divide(ir, atom->operand, divisor), atom->divisor / divisor));
    return index_add(ir, quotient, division_atom(ir, ATOM_DIV, rest, divisor));
}

const struct index *index_modulo(struct ir *ir, const struct index *a, int64_t divisor) {
    const struct index *quotient, *rest;
    int64_t factor, left_over;
    if (divisor == 1)
        return index_constant(ir, 0);
    if (split(ir, a, divisor, &quotient, &rest))
        return rest;
    rest = reduce_fraction(ir, rest, &divisor, &factor, &left_over);
    if (factor > 1)
        return index_add(ir, index_scale(ir, index_modulo(ir, rest, divisor), factor),
                         index_constant(ir, left_over));
    const struct atom *atom = only_atom(rest);
    if (atom && atom->kind == ATOM_MOD && atom->divisor % divisor == 0)
        return index_modulo(ir, atom->operand, divisor);
    return division_atom(ir, ATOM_MOD, rest, divisor);
}

bool index_uses(const struct index *index, const struct axis *axis) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_AXIS && atom->axis == axis)
            return true;
        if ((atom->kind == ATOM_DIV || atom->kind == ATOM_MOD) && index_uses(atom->operand, axis))
            return true;
        if (atom->kind == ATOM_VALUE) /* may depend on anything */
            return true;
    }
    return false;
}

const struct axis *index_only_axis(const struct index *index) {
    bool plain = index->count == 1 && index->constant == 0 && index->terms[0].coefficient == 1 &&
                 index->terms[0].atom->kind == ATOM_AXIS;
    return plain ? index->terms[0].atom->axis : NULL;
}

int64_t index_coefficient(const struct index *index, const struct axis *axis, bool *plain) {
    int64_t coefficient = 0;
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_AXIS && atom->axis == axis)
            coefficient = index->terms[i].coefficient;
        else if (atom->kind == ATOM_VALUE ||
                 (atom->kind != ATOM_AXIS && index_uses(atom->operand, axis)))
            *plain = false;
    }
    return coefficient;
}

static bool has_values(const struct index *index) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_VALUE || (atom->kind != ATOM_AXIS && has_values(atom->operand)))
            return true;
    }
    return false;
}

static const struct index *rewrite_atom(struct ir *ir, const struct atom *atom,
                                        const struct rewrite *rewrite) {
    const struct substitution *substitution = rewrite->substitution;
    switch (atom->kind) {
    case ATOM_AXIS:
        for (int i = 0; substitution && i < substitution->count; i++)
            if (substitution->axes[i] == atom->axis)
                return substitution->values[i];
        return index_of_atom(ir, atom);
    case ATOM_DIV:
        return index_divide(ir, index_rewrite(ir, atom->operand, rewrite), atom->divisor);
    case ATOM_MOD:
        return index_modulo(ir, index_rewrite(ir, atom->operand, rewrite), atom->divisor);
    case ATOM_VALUE:
        return index_value(ir, expression_rewrite(ir, atom->value, rewrite), atom->minimum,
                           atom->maximum);
    }
    unreachable();
}

const struct index *index_rewrite(struct ir *ir, const struct index *index,
                                  const struct rewrite *rewrite) {
    if (!rewrite->substitution && !has_values(index))
        return index;
    const struct index *result = index_constant(ir, index->constant);
    for (int i = 0; i < index->count; i++) {
        const struct index *value = rewrite_atom(ir, index->terms[i].atom, rewrite);
        result = index_add(ir, result, index_scale(ir, value, index->terms[i].coefficient));
    }
    return result;
}

const struct index *index_substitute(struct ir *ir, const struct index *index,
                                     const struct substitution *substitution) {
    struct rewrite rewrite = {.substitution = substitution};
    return index_rewrite(ir, index, &rewrite);
}
