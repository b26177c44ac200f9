/* Reductions down columns: neighbours in memory belong to neighbouring results, all of which are
 * reduced side by side. Each result has the sixteen lanes of ops.def; a lane of all results is a
 * row of an array, to which a whole row of elements is added at once.
 *
 * Contractions of float64, for which there are no tiles, have one sum a result.
 *
 * What is the same for all results, such as the position of a row that is looked up, is computed
 * once for each row, and where it decides whether there is a row at all, one branch does.
 *
 * Rows of float32 that are looked up, few enough that their addresses do not take much, are found
 * first and then reduced in registers, by templates/lanes_rows.h. */
#include "compiler/emit/loops/loops.h"
#include "compiler/lower/lower.h"

#include <inttypes.h>

enum {
    LEAST_COLUMNS = 16,
    MOST_COLUMNS = 128, /* their lanes stay in L1 */
    MOST_ADDRESSED_COLUMNS = 256,
    MOST_ADDRESSED_ROWS = 64,
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

/* ---- Rows in registers ---- */

/* How many rows there are for a result; 0: more than are addressed. */
static int64_t addressed_rows(const struct expression *e) {
    int64_t rows = 1;
    for (int i = 0; i < e->axis_count; i++)
        if (rows == 0 || e->axes[i]->extent > MOST_ADDRESSED_ROWS / rows)
            return 0;
        else
            rows *= e->axes[i]->extent;
    return rows;
}

/* Whether results that are neighbours read neighbours, wherever those lie. */
static bool reads_row(struct steady_search *search, const struct index *index) {
    bool found = false;
    for (int i = 0; i < index->count; i++) {
        const struct atom *atom = index->terms[i].atom;
        if (atom->kind == ATOM_AXIS && atom->axis == search->column)
            found = index->terms[i].coefficient == 1;
        else if (atom->kind == ATOM_VALUE
                     ? varies(search, atom->value, true)
                     : atom->kind != ATOM_AXIS && index_varies(search, atom->operand, true))
            return false;
    }
    return found;
}

/* Whether all that a reduction takes are rows that are looked up, or zeros where there is none. Of
 * rows that follow each other, lanes in memory are no slower, which visit each but once. */
static bool takes_addresses(struct emitter *emitter, const struct expression *e,
                            const struct axis *column) {
    struct steady_search search = {.emitter = emitter, .column = column};
    const struct expression *element = e->sources[0];
    if (e->op == OP_CONTRACT || e->dtype != DTYPE_FLOAT32 || !addressed_rows(e) ||
        element->kind != EXPRESSION_GUARD)
        return false;
    search.known =
        arena_array(emitter->ir->arena, unsigned char, (size_t)emitter->ir->expression_count + 1);
    const struct expression *load = element->sources[0], *none = element->sources[1];
    bool plain = true;
    if (load->kind == EXPRESSION_LOAD)
        index_coefficient(load->index, column, &plain);
    return load->kind == EXPRESSION_LOAD && !plain && none->kind == EXPRESSION_CONSTANT &&
           !none->bits && decides_for_all(&search, element) && reads_row(&search, load->index);
}

/* C text of where the strip of a row begins. */
static const char *row_address(const struct columns *columns, const struct expression *load) {
    struct ir *ir = columns->emitter->ir;
    const struct strip *strip = columns->strip;
    const struct index *row =
        index_add(ir, load->index, index_scale(ir, index_axis(ir, strip->axis), -1));
    return arena_format(ir->arena, "%s%s%s + %s", load->buffer->name, strip->first ? " + " : "",
                        strip->first ? strip->first : "", emit_index(columns->emitter, row));
}

static void address_row(const struct columns *columns, const char *to) {
    struct emitter *emitter = columns->emitter;
    const struct expression *element = columns->reduction->sources[0];
    name_steady(emitter, element, columns->strip->axis);
    emit_line(emitter, "%s = none;", to);
    emit_open(emitter, "if (%s) {", emit_predicates(emitter, element));
    emit_line(emitter, "%s = %s;", to, row_address(columns, element->sources[0]));
    emit_close(emitter);
}

/* Results go to columns->lanes. */
static void reduce_addresses(const struct columns *columns) {
    struct emitter *emitter = columns->emitter;
    struct arena *arena = emitter->ir->arena;
    const struct expression *e = columns->reduction;
    const int64_t rows = addressed_rows(e), length = columns->strip->length;
    sections_want(&emitter->sections, "lanes_of_rows");
    sections_want(&emitter->sections, "fetch_strip");
    emit_line(emitter, "static const float none[%" PRId64 "] = {0};", length);
    const char *from = emit_local_name(emitter, "from"), *row = emit_local_name(emitter, "row");
    emit_line(emitter, "const float *%s[%" PRId64 "];", from, rows);
    emit_line(emitter, "_Alignas(64) float %s[%" PRId64 "];", columns->lanes, length);
    emit_line(emitter, "long %s = 0;", row);
    emit_open_axes(emitter, e, e->axis_count);
    address_row(columns, arena_format(arena, "%s[%s]", from, row));
    emit_line(emitter, "fetch_strip(%s[%s++], %s);", from, row, columns->strip->count);
    emit_close_loops(emitter, e->axis_count);
    emit_line(emitter, "lanes_of_rows(%s, %s, %s, %s, %" PRId64 ", %s);", emit_lanes_op(e->op),
              emit_constant(emitter, e->dtype, identity_bits(e->op, e->dtype)), columns->lanes,
              from, rows, columns->strip->count);
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
    const bool addresses = takes_addresses(emitter, reduction, axis);
    const struct strip strip = emit_open_strip(emitter, axis, emit_local_name(emitter, "lane"),
                                               addresses ? MOST_ADDRESSED_COLUMNS : MOST_COLUMNS);
    struct columns columns = {.emitter = emitter,
                              .reduction = reduction,
                              .strip = &strip,
                              .lanes = emit_local_name(emitter, "lanes")};
    if (addresses) {
        reduce_addresses(&columns);
    } else if (reduction->op == OP_CONTRACT) {
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
