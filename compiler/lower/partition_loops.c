/* Loop partitioning: statements are cut into boxes in which guards are decided.
 *
 * A guard tests whether an index lies between bounds: inside or outside of padding, in this or that
 * part of a concatenation. Where the index runs along one loop, the loop is cut where the answer
 * changes, and each part becomes a statement of its own that stores its part of the buffer: the
 * inside of a padded tensor is a plain copy, its border a constant. Around windows, as pooling
 * reads them, only the parts at the edges keep the guard. Where a division does not divide a loop,
 * what is over is cut off, so that the rest can be split into axes. */
#include "compiler/lower/lower.h"

#include <string.h>

enum {
    MAX_CUTS = 8,       /* of one loop */
    MAX_PARTS = 128,    /* of one statement; with more, guards stay */
    MAX_GUARDS = 256,   /* of one statement: more, as of long concatenations, make too many parts */
    FEWEST_POINTS = 64, /* a statement of fewer is not worth a second loop, */
    FEWEST_COSTLY = 16, /* unless it computes what takes long: within a branch that is no vector */
};

/* ---- Where to cut a loop ---- */

struct loop_cuts {
    const struct statement *statement;
    const struct axis *axis;
    int count;
    int64_t at[MAX_CUTS]; /* ascending, each inside the loop */
};

static bool is_loop(const struct statement *statement, const struct axis *axis) {
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i] == axis)
            return true;
    return false;
}

static void add_cut(struct loop_cuts *cuts, int64_t at) {
    int place = 0;
    if (at <= 0 || at >= cuts->axis->extent)
        return;
    while (place < cuts->count && cuts->at[place] < at)
        place++;
    if (cuts->count == MAX_CUTS || (place < cuts->count && cuts->at[place] == at))
        return;
    memmove(&cuts->at[place + 1], &cuts->at[place],
            (size_t)(cuts->count - place) * sizeof *cuts->at);
    cuts->at[place] = at;
    cuts->count++;
}

/* The least x with factor * x >= bound. */
static int64_t first_at_least(int64_t bound, int64_t factor) {
    return bound / factor + (bound % factor > 0);
}

/* lower <= factor * axis + rest < upper, where the rest stays within bounds, and in it is no loop.
 */
struct test {
    int64_t factor, minimum, maximum, lower, upper;
};

static bool find_test(const struct loop_cuts *cuts, const struct predicate *predicate,
                      struct test *test) {
    const struct index *index = predicate->index;
    *test = (struct test){.minimum = index->constant,
                          .maximum = index->constant,
                          .lower = predicate->lower,
                          .upper = predicate->upper};
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        int64_t factor = index->terms[i].coefficient;
        if (atom->kind != ATOM_AXIS)
            return false;
        if (atom->axis == cuts->axis) {
            test->factor = factor;
            continue;
        }
        if (is_loop(cuts->statement, atom->axis))
            return false;
        test->minimum += factor * (factor > 0 ? atom->minimum : atom->maximum);
        test->maximum += factor * (factor > 0 ? atom->maximum : atom->minimum);
    }
    if (test->factor < 0)
        *test = (struct test){-test->factor, -test->maximum, -test->minimum, 1 - test->upper,
                              1 - test->lower};
    return test->factor != 0;
}

static int64_t within_loop(const struct loop_cuts *cuts, int64_t x) {
    return x < 0 ? 0 : x > cuts->axis->extent ? cuts->axis->extent : x;
}

/* Cuts where a test begins and ceases to hold for some and for all of what the rest can be, if that
 * decides it for most of the loop. */
static void cut_at_test(struct loop_cuts *cuts, const struct test *test) {
    int64_t possible = first_at_least(test->lower - test->maximum, test->factor);
    int64_t certain = first_at_least(test->lower - test->minimum, test->factor);
    int64_t doubtful = first_at_least(test->upper - test->maximum, test->factor);
    int64_t over = first_at_least(test->upper - test->minimum, test->factor);
    int64_t undecided = within_loop(cuts, certain) - within_loop(cuts, possible) +
                        within_loop(cuts, over) - within_loop(cuts, doubtful);
    if (2 * undecided > cuts->axis->extent)
        return;
    add_cut(cuts, possible);
    add_cut(cuts, certain);
    add_cut(cuts, doubtful);
    add_cut(cuts, over);
}

static void cut_at_predicates(void *context, const struct expression *e) {
    struct loop_cuts *cuts = context;
    struct test test;
    for (int i = 0; i < e->predicate_count; i++)
        if (find_test(cuts, &e->predicates[i], &test))
            cut_at_test(cuts, &test);
}

/* The outermost loop that guards cut. */
static bool find_guard_cuts(struct ir *ir, const struct statement *statement,
                            struct loop_cuts *cuts, int *loop) {
    for (*loop = 0; *loop < statement->loop_count; ++*loop) {
        *cuts = (struct loop_cuts){.statement = statement, .axis = statement->loops[*loop]};
        expression_walk(ir, statement->value, cut_at_predicates, cuts);
        if (cuts->count)
            return true;
    }
    return false;
}

/* The outermost loop that a division does not divide. */
static bool find_period_cut(struct ir *ir, const struct statement *statement,
                            struct loop_cuts *cuts, int *loop) {
    for (*loop = 0; *loop < statement->loop_count; ++*loop) {
        *cuts = (struct loop_cuts){.statement = statement, .axis = statement->loops[*loop]};
        add_cut(cuts, whole_periods(ir, statement, cuts->axis));
        if (cuts->count)
            return true;
    }
    return false;
}

/* ---- Cutting ---- */

struct loop_parts {
    int count;
    struct statement *statements[MAX_PARTS];
};

/* The statement for begin <= loop < end only. */
static struct statement *cut_out(struct ir *ir, const struct statement *statement, int loop,
                                 int64_t begin, int64_t end) {
    struct statement *part = arena_new(ir->arena, struct statement);
    *part = *statement;
    const struct axis *axis = statement->loops[loop], *shorter = ir_axis(ir, end - begin);
    const struct index *value = index_add(ir, index_axis(ir, shorter), index_constant(ir, begin));
    struct substitution substitution = {.count = 1, .axes = &axis, .values = &value};
    statement_substitute(ir, part, &substitution);
    part->loops[loop] = shorter;
    part->points = statement->points / axis->extent * shorter->extent;
    split_statement_axes(ir, part, false);
    return part;
}

/* Adds the statement's parts; false when there are too many. */
static bool cut_statement(struct ir *ir, struct statement *statement, struct loop_parts *parts) {
    struct loop_cuts cuts;
    int loop;
    if (!find_guard_cuts(ir, statement, &cuts, &loop) &&
        !find_period_cut(ir, statement, &cuts, &loop)) {
        if (split_statement_axes(ir, statement, true))
            return cut_statement(ir, statement, parts);
        if (parts->count == MAX_PARTS)
            return false;
        parts->statements[parts->count++] = statement;
        return true;
    }
    for (int i = 0; i <= cuts.count; i++) {
        int64_t begin = i ? cuts.at[i - 1] : 0;
        int64_t end = i < cuts.count ? cuts.at[i] : cuts.axis->extent;
        if (!cut_statement(ir, cut_out(ir, statement, loop, begin, end), parts))
            return false;
    }
    return true;
}

struct worth {
    bool contraction, parts, costly; /* an operand of the contraction is made of parts */
    int guards;
};

static void note_worth(void *context, const struct expression *e) {
    struct worth *worth = context;
    worth->contraction |= is_contraction(e);
    for (int i = 0; is_contraction(e) && i < 2; i++)
        worth->parts |= e->sources[i]->kind == EXPRESSION_GUARD;
    worth->guards += e->kind == EXPRESSION_GUARD;
    worth->costly |= e->kind == EXPRESSION_OP && op_facts[e->op].cost == COST_COSTLY;
}

static bool is_worth_cutting(struct ir *ir, const struct statement *statement) {
    struct worth worth = {0};
    expression_walk(ir, statement->value, note_worth, &worth);
    return (!worth.contraction || worth.parts) && worth.guards <= MAX_GUARDS &&
           statement->output->elements >= (worth.costly ? FEWEST_COSTLY : FEWEST_POINTS);
}

void partition_loops(struct ir *ir) {
    struct statement **statements = ir->statements;
    int count = ir->statement_count;
    ir->statements = NULL;
    ir->statement_count = ir->statement_capacity = 0;
    for (int i = 0; i < count; i++) {
        struct loop_parts parts = {0};
        struct statement *whole = arena_new(ir->arena, struct statement); /* cutting changes it */
        *whole = *statements[i];
        if (!is_worth_cutting(ir, whole) || !cut_statement(ir, whole, &parts)) {
            split_statement_axes(ir, statements[i], true);
            parts.count = 1;
            parts.statements[0] = statements[i];
        }
        for (int k = 0; k < parts.count; k++) {
            parts.statements[k]->partial |= parts.count > 1;
            ir_add_statement(ir, parts.statements[k]);
        }
    }
}
