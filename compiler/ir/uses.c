/* How often each expression of a statement is evaluated, and what stands around it. */
#include "compiler/ir/ir.h"

#include <stdlib.h>
#include <string.h>

bool is_contraction(const struct expression *e) {
    return e->kind == EXPRESSION_REDUCE && e->op == OP_CONTRACT;
}

static void list_expression(void *context, const struct expression *e) {
    struct listing *listing = context;
    listing->expressions = arena_extend(listing->ir->arena, listing->expressions, listing->count,
                                        &listing->capacity, sizeof *listing->expressions);
    listing->expressions[listing->count++] = e;
}

static int by_id(const void *a, const void *b) {
    const struct expression *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static struct scope *scope_of(const struct listing *listing, const struct expression *e) {
    const struct expression **found =
        bsearch(&e, listing->expressions, (size_t)listing->count, sizeof(void *), by_id);
    return &listing->scopes[found - listing->expressions];
}

static void widen(const struct listing *listing, const struct expression *e, struct scope outer) {
    struct scope *scope = scope_of(listing, e);
    if (outer.points > scope->points)
        scope->points = outer.points;
    if (outer.pool > scope->pool)
        scope->pool = outer.pool;
    scope->guarded |= outer.guarded;
    scope->in_contraction |= outer.in_contraction;
}

static void widen_index(const struct listing *listing, const struct index *index,
                        struct scope outer) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_VALUE)
            widen(listing, atom->value, outer);
        else if (atom->kind != ATOM_AXIS)
            widen_index(listing, atom->operand, outer);
    }
}

/* Hands the scope of an expression down to what stands in it. */
static void widen_below(const struct listing *listing, const struct expression *e) {
    struct scope scope = *scope_of(listing, e);
    for (int i = 0; i < e->index_count; i++)
        widen_index(listing, e->indices[i], scope);
    if (e->index)
        widen_index(listing, e->index, scope);
    for (int i = 0; i < e->predicate_count; i++)
        widen_index(listing, e->predicates[i].index, scope);
    for (int i = 0; i < e->axis_count; i++) {
        scope.points *= (double)e->axes[i]->extent;
        scope.pool *= e->axes[i]->extent;
    }
    scope.in_contraction |= is_contraction(e);
    scope.guarded |= e->kind == EXPRESSION_GUARD;
    for (int i = 0; i < e->source_count; i++)
        widen(listing, e->sources[i], scope);
}

struct listing list_scopes(struct ir *ir, const struct statement *statement) {
    struct listing listing = {.ir = ir};
    expression_walk(ir, statement->value, list_expression, &listing);
    qsort(listing.expressions, (size_t)listing.count, sizeof(void *), by_id);
    listing.scopes = arena_array(ir->arena, struct scope, (size_t)listing.count);
    struct scope whole = {.points = (double)statement->points, .pool = 1};
    widen(&listing, statement->value, whole);
    for (int i = listing.count - 1; i >= 0; i--)
        widen_below(&listing, listing.expressions[i]);
    return listing;
}
