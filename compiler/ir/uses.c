/* How often each expression of a statement is evaluated, and what stands around it. */
#include "compiler/ir/uses.h"

#include <stdlib.h>
#include <string.h>

static void list_expression(void *context, const struct expression *e) {
    struct uses *uses = context;
    uses->expressions = arena_extend(uses->ir->arena, uses->expressions, uses->count,
                                     &uses->capacity, sizeof *uses->expressions);
    uses->expressions[uses->count++] = e;
}

static int by_id(const void *a, const void *b) {
    const struct expression *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static struct use *use_of(const struct uses *uses, const struct expression *e) {
    const struct expression **found =
        bsearch(&e, uses->expressions, (size_t)uses->count, sizeof(void *), by_id);
    return &uses->items[found - uses->expressions];
}

static void widen(const struct uses *uses, const struct expression *e, struct use outer) {
    struct use *use = use_of(uses, e);
    if (outer.points > use->points)
        use->points = outer.points;
    if (outer.pool > use->pool)
        use->pool = outer.pool;
    use->guarded |= outer.guarded;
    use->in_contraction |= outer.in_contraction;
}

static void widen_index(const struct uses *uses, const struct index *index, struct use outer) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_VALUE)
            widen(uses, atom->value, outer);
        else if (atom->kind != ATOM_AXIS)
            widen_index(uses, atom->operand, outer);
    }
}

/* Hands the use of an expression down to what stands in it. */
static void widen_below(const struct uses *uses, const struct expression *e) {
    struct use use = *use_of(uses, e);
    for (int i = 0; i < e->index_count; i++)
        widen_index(uses, e->indices[i], use);
    if (e->index)
        widen_index(uses, e->index, use);
    for (int i = 0; i < e->predicate_count; i++)
        widen_index(uses, e->predicates[i].index, use);
    for (int i = 0; i < e->axis_count; i++) {
        use.points *= (double)e->axes[i]->extent;
        use.pool *= e->axes[i]->extent;
    }
    use.in_contraction |= is_contraction(e);
    use.guarded |= e->kind == EXPRESSION_GUARD;
    for (int i = 0; i < e->source_count; i++)
        widen(uses, e->sources[i], use);
}

struct uses list_uses(struct ir *ir, const struct statement *statement) {
    struct uses uses = {.ir = ir};
    expression_walk(ir, statement->value, list_expression, &uses);
    qsort(uses.expressions, (size_t)uses.count, sizeof(void *), by_id);
    uses.items = arena_array(ir->arena, struct use, (size_t)uses.count);
    struct use whole = {.points = (double)statement->points, .pool = 1};
    widen(&uses, statement->value, whole);
    for (int i = uses.count - 1; i >= 0; i--)
        widen_below(&uses, uses.expressions[i]);
    return uses;
}
