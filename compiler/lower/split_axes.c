/* Delinearisation: the loops of each statement in their simplest form.
 *
 * A reshape leaves k / 9, k / 3 mod 3 and k mod 3 behind. Where such cuts divide one another and
 * the extent, the axis is split into nested axes, in the same order, and every index is affine
 * again: so whatever way movement took, equal access comes out equal. Axes of extent 1 vanish.
 * Loops that guards test stay whole: partition_loops.c cuts them where the answer changes, and
 * splits the parts. */
#include "compiler/lower/lower.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CUTS = 16, MAX_ROUNDS = 4 };

/* ---- Finding cuts ---- */

struct axis_cuts {
    const struct axis *axis;
    int count;
    int64_t at[MAX_CUTS];
};

static const struct atom *only_atom(const struct index *index) {
    return index->count == 1 && index->constant == 0 && index->terms[0].coefficient == 1
               ? index->terms[0].atom
               : NULL;
}

static void add_cut(struct axis_cuts *cuts, int64_t at) {
    for (int i = 0; i < cuts->count; i++)
        if (cuts->at[i] == at)
            return;
    if (cuts->count < MAX_CUTS && at < cuts->axis->extent)
        cuts->at[cuts->count++] = at;
}

/* Windows over interleaved parts, as in (2x + k) / 4: a cut where x has made a whole step. */
static void cut_terms(const struct atom *atom, struct axis_cuts *cuts) {
    for (int i = 0; i < atom->operand->count; i++) {
        const struct index_term *term = &atom->operand->terms[i];
        if (term->atom->kind == ATOM_AXIS && term->atom->axis == cuts->axis &&
            term->coefficient > 1 && atom->divisor % term->coefficient == 0 &&
            atom->divisor > term->coefficient)
            add_cut(cuts, atom->divisor / term->coefficient);
    }
}

static void find_cuts_in_index(const struct index *index, struct axis_cuts *cuts) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind != ATOM_DIV && atom->kind != ATOM_MOD)
            continue;
        find_cuts_in_index(atom->operand, cuts);
        const struct atom *inner = only_atom(atom->operand);
        if (!inner) {
            cut_terms(atom, cuts);
            continue;
        }
        if (inner->kind == ATOM_AXIS && inner->axis == cuts->axis)
            add_cut(cuts, atom->divisor);
        const struct atom *innermost = inner->kind == ATOM_DIV ? only_atom(inner->operand) : NULL;
        if (innermost && innermost->kind == ATOM_AXIS && innermost->axis == cuts->axis)
            add_cut(cuts, atom->divisor * inner->divisor);
    }
}

static void find_cuts(void *context, const struct expression *e) {
    for (int i = 0; i < e->index_count; i++)
        find_cuts_in_index(e->indices[i], context);
    if (e->index)
        find_cuts_in_index(e->index, context);
    for (int i = 0; i < e->predicate_count; i++)
        find_cuts_in_index(e->predicates[i].index, context);
}

static int ascending(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Keeps a chain in which each cut divides the next and the extent. */
static void keep_chain(struct axis_cuts *cuts) {
    qsort(cuts->at, (size_t)cuts->count, sizeof *cuts->at, ascending);
    int kept = 0;
    for (int i = 0; i < cuts->count; i++) {
        int64_t below = kept ? cuts->at[kept - 1] : 1;
        if (cuts->at[i] % below == 0 && cuts->axis->extent % cuts->at[i] == 0)
            cuts->at[kept++] = cuts->at[i];
    }
    cuts->count = kept;
}

/* ---- Splitting ---- */

/* The axis as a sum over new axes, outermost first in `parts`. */
static const struct index *split_axis(struct ir *ir, const struct axis_cuts *cuts,
                                      const struct axis **parts) {
    const struct index *sum = index_constant(ir, 0);
    int64_t extent = cuts->axis->extent;
    for (int i = cuts->count - 1; i >= -1; i--) {
        int64_t stride = i >= 0 ? cuts->at[i] : 1;
        const struct axis *part = ir_axis(ir, extent / stride);
        *parts++ = part;
        sum = index_add(ir, sum, index_scale(ir, index_axis(ir, part), stride));
        extent = stride;
    }
    return sum;
}

static void replace_loop(struct statement *statement, int loop, int count,
                         const struct axis *const *parts) {
    memmove(&statement->loops[loop + count], &statement->loops[loop + 1],
            (size_t)(statement->loop_count - loop - 1) * sizeof *statement->loops);
    memcpy(&statement->loops[loop], parts, (size_t)count * sizeof *parts);
    statement->loop_count += count - 1;
}

/* The axes that reductions bind, each once. */
struct bound_axes {
    int count;
    const struct axis *axes[MAX_LOOPS];
};

static void note_bound(void *context, const struct expression *e) {
    struct bound_axes *bound = context;
    for (int i = 0; i < e->axis_count; i++) {
        bool known = false;
        for (int k = 0; k < bound->count; k++)
            known |= bound->axes[k] == e->axes[i];
        if (!known && bound->count < MAX_LOOPS)
            bound->axes[bound->count++] = e->axes[i];
    }
}

static struct axis_cuts cuts_of(struct ir *ir, const struct statement *statement,
                                const struct axis *axis) {
    struct axis_cuts cuts = {.axis = axis};
    expression_walk(ir, statement->value, find_cuts, &cuts);
    for (int i = 0; i < statement->output->rank; i++)
        find_cuts_in_index(statement->store[i], &cuts);
    return cuts;
}

int64_t whole_periods(struct ir *ir, const struct statement *statement, const struct axis *axis) {
    struct axis_cuts cuts = cuts_of(ir, statement, axis);
    int64_t longest = 0;
    for (int i = 0; i < cuts.count; i++)
        if (cuts.at[i] > longest)
            longest = cuts.at[i];
    return longest ? axis->extent - axis->extent % longest : axis->extent;
}

static bool split_one(struct ir *ir, struct statement *statement, const struct axis *axis,
                      int loop) {
    struct axis_cuts cuts = cuts_of(ir, statement, axis);
    keep_chain(&cuts);
    if (cuts.count == 0 || statement->loop_count + cuts.count > MAX_LOOPS)
        return false;
    const struct axis *parts[MAX_CUTS + 1];
    const struct index *value = split_axis(ir, &cuts, parts);
    if (loop >= 0)
        replace_loop(statement, loop, cuts.count + 1, parts);
    struct substitution substitution = {.count = 1, .axes = &axis, .values = &value};
    statement_substitute(ir, statement, &substitution);
    return true;
}

/* Whether a guard tests where along an axis an element lies. */
struct testing {
    const struct axis *axis;
    bool found;
};

static void note_test(void *context, const struct expression *e) {
    struct testing *testing = context;
    bool plain = true;
    for (int i = 0; i < e->predicate_count; i++)
        testing->found |= index_coefficient(e->predicates[i].index, testing->axis, &plain) != 0;
}

static bool is_tested(struct ir *ir, const struct statement *statement, const struct axis *axis) {
    struct testing testing = {.axis = axis};
    expression_walk(ir, statement->value, note_test, &testing);
    return testing.found;
}

static bool split_round(struct ir *ir, struct statement *statement, bool tested_too) {
    bool progress = false;
    for (int i = 0; i < statement->loop_count; i++)
        if (tested_too || !is_tested(ir, statement, statement->loops[i]))
            progress |= split_one(ir, statement, statement->loops[i], i);
    struct bound_axes bound = {0};
    expression_walk(ir, statement->value, note_bound, &bound);
    for (int i = 0; i < bound.count; i++)
        progress |=
            bound.count + MAX_CUTS < MAX_LOOPS && split_one(ir, statement, bound.axes[i], -1);
    return progress;
}

static void begin_loops(struct ir *ir, struct statement *statement) {
    statement->loop_count = statement->axis_count;
    for (int i = 0; i < statement->axis_count; i++) {
        statement->loops[i] = statement->axes[i];
        statement->store[i] = index_axis(ir, statement->axes[i]);
    }
    statement->axis_count = 0;
}

bool split_statement_axes(struct ir *ir, struct statement *statement, bool tested_too) {
    int round = 0;
    while (round < MAX_ROUNDS && split_round(ir, statement, tested_too))
        round++;
    ir_drop_unit_loops(statement);
    return round > 0;
}

void split_axes(struct ir *ir) {
    for (int i = 0; i < ir->statement_count; i++) {
        begin_loops(ir, ir->statements[i]);
        split_statement_axes(ir, ir->statements[i], false);
    }
}
