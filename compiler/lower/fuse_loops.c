/* Loop fusion: plain statements that follow one another become one nest of loops.
 *
 * A matrix transform is many small expressions over the same slices, and each became a statement.
 * Where such statements run over the same loops, and one reads what another reads or computed, or
 * stores beside it, all are computed in the innermost loop of the first: what they share is read
 * and computed once, and what is used at once never goes through memory.
 *
 * A statement may read what the nest stores only at the very point at which it stands, where the
 * value itself takes the place of the load, or in parts that the nest does not store. */
#include "compiler/lower/lower.h"

#include <string.h>

enum {
    MAX_JOINED = 64,       /* statements of a nest */
    MAX_EXPRESSIONS = 400, /* of a statement's value */
    LONGEST_UNROLLED = 8,  /* extent of a loop that the nest has not */
    MAX_UNROLLED = 8,      /* statements that one becomes */
};

struct joined_nest {
    struct ir *ir;
    int count;
    struct statement *statements[MAX_JOINED];
};

/* ---- Which loop of the statement runs along which of the nest ---- */

struct axis_matching {
    const struct joined_nest *nest;
    const struct statement *statement;
    const struct axis *axes[MAX_LOOPS]; /* by the statement's loops: one of the nest, or NULL */
    bool related;                       /* reads or stores what the nest reads or stores */
};

static int find_loop(const struct statement *statement, const struct axis *axis) {
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i] == axis)
            return i;
    return -1;
}

static bool is_taken(const struct axis_matching *matching, const struct axis *axis) {
    for (int i = 0; i < matching->statement->loop_count; i++)
        if (matching->axes[i] == axis)
            return true;
    return false;
}

static void match_axes(struct axis_matching *matching, const struct axis *own,
                       const struct axis *axis) {
    int loop = find_loop(matching->statement, own);
    if (loop >= 0 && !matching->axes[loop] && own->extent == axis->extent &&
        find_loop(matching->nest->statements[0], axis) >= 0 && !is_taken(matching, axis))
        matching->axes[loop] = axis;
}

/* The axis that an index steps along with a given coefficient; NULL where it is none or several. */
static const struct axis *axis_with(const struct index *index, int64_t coefficient) {
    const struct axis *found = NULL;
    for (int i = 0; i < index->count; i++) {
        if (index->terms[i].coefficient != coefficient)
            continue;
        if (found || index->terms[i].atom->kind != ATOM_AXIS)
            return NULL;
        found = index->terms[i].atom->axis;
    }
    return found;
}

/* Two places in one buffer: axes with equal steps run along each other. */
static void match_places(struct axis_matching *matching, int rank, const struct index *const *own,
                         const struct index *const *others) {
    matching->related = true;
    for (int d = 0; d < rank; d++)
        for (int i = 0; i < own[d]->count; i++) {
            const struct axis *mine = axis_with(own[d], own[d]->terms[i].coefficient);
            const struct axis *other = axis_with(others[d], own[d]->terms[i].coefficient);
            if (mine && other)
                match_axes(matching, mine, other);
        }
}

/* What the nest stored decides first. */
static void match_stored(void *context, const struct expression *e) {
    struct axis_matching *matching = context;
    if (e->kind != EXPRESSION_LOAD || e->buffer->kind != BUFFER_TEMPORARY)
        return;
    for (int i = 0; i < matching->nest->count; i++)
        if (matching->nest->statements[i]->output == e->buffer)
            match_places(matching, e->buffer->rank, e->indices,
                         matching->nest->statements[i]->store);
}

static void match_loaded(void *context, const struct expression *e) {
    struct axis_matching *matching = context;
    if (e->kind != EXPRESSION_LOAD || e->buffer->kind == BUFFER_CONSTANT)
        return;
    const struct expression *load =
        expression_find_load(matching->nest->ir, matching->nest->statements[0]->value, e->buffer);
    if (load)
        match_places(matching, e->buffer->rank, e->indices, load->indices);
}

/* The rest in their order. */
static void match_in_order(struct axis_matching *matching) {
    const struct statement *statement = matching->statement, *first = matching->nest->statements[0];
    int from = 0;
    for (int i = 0; i < statement->loop_count; i++) {
        if (matching->axes[i])
            continue;
        for (int k = from; k < first->loop_count && !matching->axes[i]; k++) {
            if (is_taken(matching, first->loops[k]))
                continue;
            match_axes(matching, statement->loops[i], first->loops[k]);
            from = k;
        }
    }
}

static int64_t points_unrolled(const struct axis_matching *matching) {
    int64_t points = 1;
    for (int i = 0; i < matching->statement->loop_count; i++)
        if (!matching->axes[i]) {
            int64_t extent = matching->statement->loops[i]->extent;
            points *= extent > LONGEST_UNROLLED ? MAX_UNROLLED + 1 : extent;
        }
    return points;
}

/* Whether every loop of the nest is matched, and what is not is short enough to be unrolled. */
static bool match(struct axis_matching *matching) {
    const struct statement *statement = matching->statement, *first = matching->nest->statements[0];
    for (int i = 0; i < matching->nest->count; i++)
        if (matching->nest->statements[i]->output == statement->output)
            match_places(matching, statement->output->rank, statement->store,
                         matching->nest->statements[i]->store);
    expression_walk(matching->nest->ir, statement->value, match_stored, matching);
    expression_walk(matching->nest->ir, statement->value, match_loaded, matching);
    match_in_order(matching);
    for (int i = 0; i < first->loop_count; i++)
        if (!is_taken(matching, first->loops[i]))
            return false;
    return matching->related && points_unrolled(matching) <= MAX_UNROLLED;
}

/* ---- A statement as a part of the nest ---- */

/* Puts the nest's loops in the place of the statement's; loops that it has not stand at a given
 * position of theirs. */
static struct statement *within_nest(const struct axis_matching *matching, int64_t position) {
    struct ir *ir = matching->nest->ir;
    const struct statement *first = matching->nest->statements[0], *statement = matching->statement;
    struct statement *part = arena_new(ir->arena, struct statement);
    const struct index *values[MAX_LOOPS];
    for (int i = statement->loop_count - 1; i >= 0; i--) {
        int64_t extent = statement->loops[i]->extent;
        values[i] = matching->axes[i] ? index_axis(ir, matching->axes[i])
                                      : index_constant(ir, position % extent);
        position /= matching->axes[i] ? 1 : extent;
    }
    struct substitution substitution = {
        .count = statement->loop_count, .axes = statement->loops, .values = values};
    *part = *statement;
    statement_substitute(ir, part, &substitution);
    part->points = statement->points / points_unrolled(matching);
    part->partial |= points_unrolled(matching) > 1;
    part->loop_count = first->loop_count;
    memcpy(part->loops, first->loops, sizeof part->loops);
    return part;
}

enum overlap { OVERLAP_NONE, OVERLAP_SAME, OVERLAP_SOME };

/* How a place relates to where a statement of the nest stores. */
static enum overlap overlap(const struct statement *statement, const struct index *const *indices) {
    bool same = true;
    for (int d = 0; d < statement->output->rank; d++) {
        const struct index *a = statement->store[d], *b = indices[d];
        if (a->maximum < b->minimum || b->maximum < a->minimum)
            return OVERLAP_NONE;
        same &= index_compare(a, b) == 0;
    }
    return same ? OVERLAP_SAME : OVERLAP_SOME;
}

/* What the nest computed takes the place of loads. */
struct forwarding {
    const struct joined_nest *nest;
    bool possible;
};

static const struct expression *forward(struct ir *ir, void *context, const struct expression *e) {
    struct forwarding *forwarding = context;
    (void)ir;
    for (int i = 0; e->kind == EXPRESSION_LOAD && i < forwarding->nest->count; i++) {
        const struct statement *statement = forwarding->nest->statements[i];
        if (statement->output != e->buffer)
            continue;
        enum overlap how = overlap(statement, e->indices);
        if (how == OVERLAP_SAME)
            return statement->value;
        forwarding->possible &= how == OVERLAP_NONE;
    }
    return e;
}

static void count_expression(void *context, const struct expression *e) {
    (void)e;
    ++*(int *)context;
}

static bool is_short(struct ir *ir, const struct expression *value) {
    int count = 0;
    expression_walk(ir, value, count_expression, &count);
    struct extent extent = expression_extent(ir, value, NULL, LARGEST_VALUE);
    return count <= MAX_EXPRESSIONS && extent.size < LARGEST_VALUE &&
           extent.depth <= DEEPEST_GUARDS;
}

/* Adds the statement to the nest, in parts if it has loops that the nest has not. */
static bool join(struct joined_nest *nest, const struct statement *statement) {
    struct axis_matching matching = {.nest = nest, .statement = statement};
    if (nest->count == 0 || !match(&matching))
        return false;
    int before = nest->count, parts = (int)points_unrolled(&matching);
    struct forwarding forwarding = {.nest = nest, .possible = true};
    struct rewrite rewrite = {.replace = forward, .context = &forwarding};
    for (int i = 0; i < parts && nest->count < MAX_JOINED; i++) {
        struct statement *part = within_nest(&matching, i);
        part->value = expression_rewrite(nest->ir, part->value, &rewrite);
        if (!forwarding.possible || !is_short(nest->ir, part->value))
            break;
        nest->statements[nest->count++] = part;
    }
    if (nest->count == before + parts)
        return true;
    nest->count = before;
    return false;
}

/* ---- What remains of a nest ---- */

struct joining {
    struct ir *ir;
    const int *last_reader; /* of the old list */
    struct joined_nest nest;
};

static bool nest_reads(const struct joined_nest *nest, const struct buffer *buffer) {
    for (int i = 0; i < nest->count; i++)
        if (expression_find_load(nest->ir, nest->statements[i]->value, buffer))
            return true;
    return false;
}

/* Adds to the new list what is read later on, up to the old statement `last`; the next that remains
 * takes over the nodes of what does not. */
static void end_nest(struct joining *joining, int last) {
    struct joined_nest *nest = &joining->nest;
    const struct statement *first = NULL, *dropped = NULL;
    for (int i = 0; i < nest->count; i++) {
        struct statement *statement = nest->statements[i];
        bool needed = nest->count == 1 || statement->output->kind == BUFFER_OUTPUT ||
                      joining->last_reader[statement->output->id] > last ||
                      nest_reads(nest, statement->output);
        if (dropped)
            statement_take_nodes(joining->ir, statement, dropped);
        dropped = needed ? NULL : statement;
        if (!needed)
            continue;
        statement->joins = first != NULL;
        statement->kernel = nest->statements[0]->kernel;
        ir_add_statement(joining->ir, statement);
        first = first ? first : statement;
    }
    nest->count = 0;
}

/* ---- The list of statements ---- */

static void note_contraction(void *context, const struct expression *e) {
    bool *found = context;
    *found |= is_contraction(e);
}

/* Whether a statement is elementwise, once its small reductions are unrolled. */
static bool make_plain(struct ir *ir, struct statement *statement) {
    bool contraction = false;
    if (statement->value->kind == EXPRESSION_CONSTANT || statement->loop_count == 0)
        return false;
    expression_walk(ir, statement->value, note_contraction, &contraction);
    if (contraction) /* of a pool around it each element would be one */
        return false;
    const struct expression *value = unroll_small_reductions(ir, statement->value);
    if (expression_reduces(ir, value) || !is_short(ir, value))
        return false;
    statement->value = value;
    return true;
}

/* What was to become one function with a statement that has joined follows it. */
static void follow(struct statement *const *statements, int joined, int count,
                   struct kernel *kernel) {
    struct kernel *old = statements[joined]->kernel;
    for (int i = joined + 1; i < count && statements[i]->kernel == old; i++)
        statements[i]->kernel = kernel;
}

void fuse_loops(struct ir *ir) {
    struct joining *joining = arena_new(ir->arena, struct joining);
    *joining = (struct joining){.ir = ir, .last_reader = last_readers(ir), .nest = {.ir = ir}};
    struct statement **statements = ir->statements;
    int count = ir->statement_count;
    ir->statements = NULL;
    ir->statement_count = ir->statement_capacity = 0;
    for (int i = 0; i < count; i++) {
        bool plain = make_plain(ir, statements[i]);
        if (plain && join(&joining->nest, statements[i])) {
            follow(statements, i, count, joining->nest.statements[0]->kernel);
            continue;
        }
        end_nest(joining, i - 1);
        if (plain)
            joining->nest.statements[joining->nest.count++] = statements[i];
        else
            ir_add_statement(ir, statements[i]);
    }
    end_nest(joining, count - 1);
}
