/* Reductions of float32 in the sixteen lanes of ops.def, as vectors, by templates/lanes.h. */
#include "compiler/emit/loops/loops.h"
#include "compiler/lower/lower.h"

#include <inttypes.h>

const char *emit_lanes_op(enum op op) {
    return op == OP_REDUCE_SUM    ? "LANES_SUM"
           : op == OP_REDUCE_PROD ? "LANES_PROD"
           : op == OP_REDUCE_MAX  ? "LANES_MAX"
                                  : "LANES_MIN";
}

static bool reduces_in_lanes(const struct expression *e) {
    return e->op != OP_CONTRACT && e->op != OP_ARGMAX && e->op != OP_ARGMIN;
}

static bool has_vectors(const struct expression *e) {
    return reduces_in_lanes(e) && e->dtype == DTYPE_FLOAT32 && emit_deals_in_order(e);
}

static void take(struct emitter *emitter, const struct expression *e, const char *lanes,
                 const char *from, const char *count) {
    emit_line(emitter, "%s = lanes_take(%s, %s, %s, %s);", lanes, emit_lanes_op(e->op), lanes, from,
              count);
}

/* Computes a strip's elements into an array. */
static void emit_elements(struct emitter *emitter, const struct strip *strip,
                          const struct expression *element, const char *part) {
    const bool function = emit_is_strip_function(element);
    if (!function)
        emit_strip_functions(emitter, strip, element, NULL);
    emit_line(emitter, "_Alignas(64) float %s[%" PRId64 "];", part, strip->length);
    if (function) {
        emit_strip_functions(emitter, strip, element, part);
        return;
    }
    emit_open_lanes(emitter, strip);
    emit_line(emitter, "%s[%s] = %s;", part, strip->lane,
              emit_expression_within(emitter, element, 80));
    emit_close(emitter);
}

/* The innermost axis: at once, or strip after strip. */
static void take_axis(struct emitter *emitter, const struct expression *e, const char *lanes) {
    struct arena *arena = emitter->ir->arena;
    const struct axis *axis = e->axes[e->axis_count - 1];
    const struct expression *element = e->sources[0];
    if (element->kind == EXPRESSION_LOAD) {
        const struct strip all = {.axis = axis};
        const char *row = emit_strip_address(emitter, &all, element->buffer, element->index);
        if (row) {
            take(emitter, e, lanes, row, arena_format(arena, "%" PRId64, axis->extent));
            return;
        }
    }
    const char *lane = emit_local_name(emitter, "lane"), *part = emit_local_name(emitter, "part");
    struct strip strip = emit_open_strip(emitter, axis, lane, MOST_STRIP);
    emit_elements(emitter, &strip, element, part);
    take(emitter, e, lanes, part, strip.count);
    emit_close(emitter);
}

static void begin_lanes(struct emitter *emitter, const struct expression *e, const char *lanes) {
    sections_want(&emitter->sections, "lanes");
    emit_line(emitter, "struct lanes %s = lanes_begin(%s);", lanes,
              emit_constant(emitter, e->dtype, identity_bits(e->op, e->dtype)));
}

static const char *emit_vector_lanes(struct emitter *emitter, const struct expression *e) {
    const char *lanes =
        e == emitter->taken ? emitter->taken_lanes : emit_local_name(emitter, "lanes");
    const int outer = e->axis_count - 1;
    if (e != emitter->taken) {
        begin_lanes(emitter, e, lanes);
        emit_open_axes(emitter, e, outer);
        take_axis(emitter, e, lanes);
        emit_close_loops(emitter, outer);
    }
    const char *result = emit_local_name(emitter, "result");
    emit_line(emitter, "const float %s = lanes_end(%s, %s);", result, emit_lanes_op(e->op), lanes);
    return result;
}

/* ---- While the elements are stored ---- */

struct reduction_search {
    struct emitter *emitter;
    const struct statement *statement;
    const struct expression *found;
};

static void match_reduction(void *context, const struct expression *e) {
    struct reduction_search *search = context;
    const struct statement *statement = search->statement;
    if (search->found || e->kind != EXPRESSION_REDUCE || e->axis_count != 1 || !has_vectors(e))
        return;
    const struct expression *element = e->sources[0];
    struct ir *ir = search->emitter->ir;
    bool plain = true;
    if (element->kind != EXPRESSION_LOAD || element->buffer != statement->output ||
        e->axes[0]->extent != statement->loops[0]->extent ||
        index_coefficient(element->index, e->axes[0], &plain) != 1)
        return;
    const struct index *loop = index_axis(ir, statement->loops[0]);
    const struct substitution same = {.count = 1, .axes = e->axes, .values = &loop};
    if (index_compare(index_substitute(ir, element->index, &same), statement->address) == 0)
        search->found = e;
}

const struct expression *emit_following_reduction(struct emitter *emitter,
                                                  const struct statement *statement) {
    const struct statement *following = emitter->following;
    struct reduction_search search = {.emitter = emitter, .statement = statement};
    if (following && statement->loop_count == 1 && following->loop_count == 0 && !following->tile)
        expression_walk(emitter->ir, following->value, match_reduction, &search);
    return search.found;
}

void emit_begin_taking(struct emitter *emitter, const struct expression *reduction) {
    const struct buffer *buffer = reduction->sources[0]->buffer;
    emitter->taken = reduction;
    emitter->taken_lanes = arena_format(emitter->ir->arena, "lanes_of_%s", buffer->name);
    begin_lanes(emitter, reduction, emitter->taken_lanes);
}

void emit_take(struct emitter *emitter, const struct strip *strip, const char *from) {
    take(emitter, emitter->taken, emitter->taken_lanes, from, strip->count);
}

const char *emit_vector_reduction(struct emitter *emitter, const struct expression *reduction) {
    return has_vectors(reduction) ? emit_vector_lanes(emitter, reduction)
                                  : emit_reduction(emitter, reduction);
}
