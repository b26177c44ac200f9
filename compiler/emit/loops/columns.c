/* Reductions down columns: neighbours in memory belong to neighbouring results, all of which are
 * reduced side by side. Each result has the sixteen lanes of ops.def; a lane of all results is a
 * row of an array, to which a whole row of elements is added at once.
 *
 * Contractions of float64, for which there are no tiles, have one sum a result.
 *
 * What is the same for all results, such as the position of a row that is looked up, is computed
 * once for each row, and where it decides whether there is a row at all, one branch does. */
#include "compiler/emit/loops/loops.h"
#include "compiler/lower/lower.h"

#include <inttypes.h>

enum {
    LEAST_COLUMNS = 16,
    MOST_COLUMNS = 128, /* their lanes stay in L1 */
};

/* ---- What is reduced ---- */

/* The only reduction in a value, and one that is computed for each of its elements. */
struct only_reduction {
    const struct expression *found;
    int count;
};

static void note_reduction(void *context, const struct expression *e) {
    struct only_reduction *only = context;
    if (e->kind != EXPRESSION_REDUCE)
        return;
    only->found = e;
    only->count++;
}

static bool stands_unguarded(struct emitter *emitter, const struct expression *in,
                             const struct expression *e) {
    if (in == e)
        return true;
    if (in->kind != EXPRESSION_OP || !emit_mark(emitter, in))
        return false;
    for (int i = 0; i < in->source_count; i++)
        if (stands_unguarded(emitter, in->sources[i], e))
            return true;
    return false;
}

static const struct expression *
find_reduction(struct emitter *emitter, const struct expression *value, const struct axis *column) {
    struct only_reduction only = {0};
    expression_walk(emitter->ir, value, note_reduction, &only);
    const struct expression *e = only.found;
    if (only.count != 1 || e->op == OP_ARGMAX || e->op == OP_ARGMIN || e->axis_count == 0)
        return NULL;
    if (e->op == OP_CONTRACT ? e->dtype != DTYPE_FLOAT64
                             : !emit_reduces_down(emitter->ir, e, column))
        return NULL;
    emitter->mark++;
    return stands_unguarded(emitter, value, e) ? e : NULL;
}

/* ---- What is the same for all results ---- */

enum steadiness { UNKNOWN, STEADY, VARYING };

struct steady_search {
    struct emitter *emitter;
    const struct axis *column;
    unsigned char *known; /* by expression id: a steadiness */
    int count, capacity;
    const struct expression **steady; /* the largest of them, outside of guards */
};

static bool varies(struct steady_search *search, const struct expression *e, bool guarded);

static void add_steady(struct steady_search *search, const struct expression *e) {
    if (e->kind == EXPRESSION_CONSTANT || emit_named(search->emitter, e))
        return;
    search->steady = arena_extend(search->emitter->ir->arena, search->steady, search->count,
                                  &search->capacity, sizeof *search->steady);
    search->steady[search->count++] = e;
}

static bool index_varies(struct steady_search *search, const struct index *index, bool guarded) {
    bool found = false;
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_AXIS)
            found |= atom->axis == search->column;
        else if (atom->kind == ATOM_VALUE)
            found |= varies(search, atom->value, guarded);
        else
            found |= index_varies(search, atom->operand, guarded);
    }
    return found;
}

static void add_steady_values(struct steady_search *search, const struct index *index) {
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_VALUE && search->known[atom->value->id] == STEADY)
            add_steady(search, atom->value);
        else if (atom->kind == ATOM_DIV || atom->kind == ATOM_MOD)
            add_steady_values(search, atom->operand);
    }
}

/* Of an expression that varies. What stands behind a guard may be read only there. */
static void add_steady_parts(struct steady_search *search, const struct expression *e) {
    bool guard = e->kind == EXPRESSION_GUARD;
    for (int i = 0; !guard && i < e->source_count; i++)
        if (search->known[e->sources[i]->id] == STEADY)
            add_steady(search, e->sources[i]);
    if (e->index)
        add_steady_values(search, e->index);
    for (int i = 0; i < e->predicate_count; i++)
        add_steady_values(search, e->predicates[i].index);
}

static bool varies(struct steady_search *search, const struct expression *e, bool guarded) {
    if (search->known[e->id] != UNKNOWN)
        return search->known[e->id] == VARYING;
    bool found = false;
    for (int i = 0; i < e->source_count; i++)
        found |= varies(search, e->sources[i], guarded || e->kind == EXPRESSION_GUARD);
    if (e->index)
        found |= index_varies(search, e->index, guarded);
    for (int i = 0; i < e->predicate_count; i++)
        found |= index_varies(search, e->predicates[i].index, guarded);
    search->known[e->id] = found ? VARYING : STEADY;
    if (found && !guarded)
        add_steady_parts(search, e);
    return found;
}

/* Whether the guard is open or closed for all results at once. */
static bool decides_for_all(struct steady_search *search, const struct expression *guard) {
    for (int i = 0; i < guard->predicate_count; i++)
        if (index_varies(search, guard->predicates[i].index, true))
            return false;
    return guard->predicate_count > 0;
}

/* Computes it first. */
static struct steady_search name_steady(struct emitter *emitter, const struct expression *element,
                                        const struct axis *column) {
    struct steady_search search = {.emitter = emitter, .column = column};
    search.known =
        arena_array(emitter->ir->arena, unsigned char, (size_t)emitter->ir->expression_count + 1);
    if (!varies(&search, element, false))
        add_steady(&search, element);
    for (int i = 0; i < search.count; i++)
        emit_local(emitter, search.steady[i]);
    return search;
}

/* ---- Rows ---- */

/* One reduction over the results of a strip. */
struct columns {
    struct emitter *emitter;
    const struct expression *reduction;
    const struct strip *strip;
    const char *lanes, *row; /* C text: the array, and the row of it to add to */
};

/* Adds a row of elements. */
static void take_row(const struct columns *columns, const struct expression *element) {
    struct emitter *emitter = columns->emitter;
    struct steady_search search = name_steady(emitter, element, columns->strip->axis);
    if (element->kind == EXPRESSION_GUARD && decides_for_all(&search, element)) {
        emit_open(emitter, "if (%s) {", emit_predicates(emitter, element));
        take_row(columns, element->sources[0]);
        emit_else(emitter);
        take_row(columns, element->sources[1]);
        emit_close(emitter);
        return;
    }
    emit_strip_functions(emitter, columns->strip, element, NULL);
    emit_open_lanes(emitter, columns->strip);
    const char *text = emit_expression_within(emitter, element, 60);
    emit_accumulate(emitter, columns->reduction,
                    arena_format(emitter->ir->arena, "%s[%s]", columns->row, columns->strip->lane),
                    text);
    emit_close(emitter);
}

/* All rows, dealt to the lanes in turn. */
static void take_rows(struct columns *columns) {
    struct emitter *emitter = columns->emitter;
    struct arena *arena = emitter->ir->arena;
    const struct expression *e = columns->reduction;
    const struct axis *inner = e->axes[e->axis_count - 1];
    const char *turn = NULL;
    if (!emit_deals_in_order(e)) {
        turn = emit_local_name(emitter, "turn");
        emit_line(emitter, "long %s = 0;", turn);
    }
    emit_open_axes(emitter, e, e->axis_count);
    columns->row = emit_local_name(emitter, "row");
    emit_line(emitter, "%s *%s = %s + %s %% %d * %" PRId64 ";", dtype_facts[e->dtype].c_type,
              columns->row, columns->lanes,
              turn ? arena_format(arena, "%s++", turn) : axis_text(emitter, inner), REDUCTION_LANES,
              columns->strip->length);
    take_row(columns, e->sources[0]);
    emit_close_loops(emitter, e->axis_count);
}

/* ---- Sums of products ---- */

static void add_products(const struct columns *columns) {
    struct emitter *emitter = columns->emitter;
    const struct expression *e = columns->reduction;
    const char *text[2];
    emit_open_axes(emitter, e, e->axis_count);
    for (int i = 0; i < 2; i++)
        name_steady(emitter, e->sources[i], columns->strip->axis);
    emit_open_lanes(emitter, columns->strip);
    for (int i = 0; i < 2; i++)
        text[i] = emit_expression_within(emitter, e->sources[i], 40);
    emit_line(emitter, "%s[%s] = %s(%s, %s, %s[%s]);", columns->lanes, columns->strip->lane,
              emit_multiply_add(emitter, e->dtype), text[0], text[1], columns->lanes,
              columns->strip->lane);
    emit_close(emitter);
    emit_close_loops(emitter, e->axis_count);
}

/* ---- Lanes ---- */

/* `each`: how many a result has. */
static void begin_lanes(const struct columns *columns, int each) {
    struct emitter *emitter = columns->emitter;
    const struct expression *e = columns->reduction;
    uint64_t identity = e->op == OP_CONTRACT ? 0 : identity_bits(e->op, e->dtype);
    int64_t count = each * columns->strip->length;
    const char *at = emit_local_name(emitter, "at");
    emit_line(emitter, "_Alignas(64) %s %s[%" PRId64 "];", dtype_facts[e->dtype].c_type,
              columns->lanes, count);
    emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s++) {", at, at, count, at);
    emit_line(emitter, "%s[%s] = %s;", columns->lanes, at,
              emit_constant(emitter, e->dtype, identity));
    emit_close(emitter);
}

/* The tree of ops.def, for all results. */
static void combine_rows(const struct columns *columns) {
    struct emitter *emitter = columns->emitter;
    struct arena *arena = emitter->ir->arena;
    const char *lanes = columns->lanes, *at = emit_local_name(emitter, "at");
    for (int step = REDUCTION_LANES / 2; step > 0; step /= 2) {
        int64_t apart = step * columns->strip->length;
        emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s++) {", at, at, apart, at);
        emit_accumulate(emitter, columns->reduction, arena_format(arena, "%s[%s]", lanes, at),
                        arena_format(arena, "%s[%s + %" PRId64 "]", lanes, at, apart));
        emit_close(emitter);
    }
}

bool emit_in_columns(struct emitter *emitter, const struct statement *statement,
                     const struct store *store) {
    const int outer = statement->loop_count - 1;
    const struct axis *axis = outer < 0 ? NULL : statement->loops[outer];
    if (!axis || axis->extent < LEAST_COLUMNS)
        return false;
    const struct expression *reduction = find_reduction(emitter, store->value, axis);
    if (!reduction)
        return false;
    emit_open_loops(emitter, statement, outer);
    const struct strip strip =
        emit_open_strip(emitter, axis, emit_local_name(emitter, "lane"), MOST_COLUMNS);
    struct columns columns = {.emitter = emitter,
                              .reduction = reduction,
                              .strip = &strip,
                              .lanes = emit_local_name(emitter, "lanes")};
    if (reduction->op == OP_CONTRACT) {
        begin_lanes(&columns, 1);
        add_products(&columns);
    } else {
        begin_lanes(&columns, REDUCTION_LANES);
        take_rows(&columns);
        combine_rows(&columns);
    }
    emit_name_expression(emitter, reduction,
                         arena_format(emitter->ir->arena, "%s[%s]", columns.lanes, strip.lane));
    emit_strip_functions(emitter, &strip, store->value, NULL);
    emit_open_lanes(emitter, &strip);
    emit_store(emitter, store);
    emit_close(emitter);
    emit_close_loops(emitter, statement->loop_count);
    return true;
}
