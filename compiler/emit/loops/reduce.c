/* Reductions that remain as loops in the emitted C.
 *
 * A contraction is one accumulator and fused multiply-adds. Other reductions follow the sixteen
 * lanes of ops.def: where the innermost axis is a multiple of the lanes long or the only one, a
 * loop over lanes stands inside, which C compilers turn into vectors. */
#include "compiler/emit/emit.h"
#include "compiler/lower/lower.h"

#include <inttypes.h>
#include <string.h>

static const char *local_name(struct emitter *emitter, const char *stem) {
    return arena_format(emitter->ir->arena, "%s%d", stem, emitter->value_count++);
}

/* Opens a loop over one bound axis. */
static void open_axis(struct emitter *emitter, const struct axis *axis) {
    const char *name = local_name(emitter, "r");
    emit_name_axis(emitter, axis, name);
    emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s++) {", name, name, axis->extent,
              name);
}

static void open_axes(struct emitter *emitter, const struct expression *e, int count) {
    for (int i = 0; i < count; i++)
        open_axis(emitter, e->axes[i]);
}

static void close_axes(struct emitter *emitter, int count) {
    for (int i = 0; i < count; i++)
        emit_close(emitter);
}

/* ---- Contraction ---- */

static const char *emit_contraction(struct emitter *emitter, const struct expression *e) {
    const char *sum = local_name(emitter, "sum");
    emit_line(emitter, "%s %s = %s;", dtype_facts[e->dtype].c_type, sum,
              emit_constant(emitter, e->dtype, 0));
    open_axes(emitter, e, e->axis_count);
    const char *a = emit_expression(emitter, e->sources[0]);
    const char *b = emit_expression(emitter, e->sources[1]);
    emit_line(emitter, "%s = %s(%s, %s, %s);", sum,
              e->dtype == DTYPE_FLOAT32 ? "fmaf" : emit_scalar_call(emitter, OP_CONTRACT, e->dtype),
              a, b, sum);
    close_axes(emitter, e->axis_count);
    return sum;
}

/* ---- Positions ---- */

static const char *emit_position(struct emitter *emitter, const struct expression *e) {
    bool greatest = e->op == OP_ARGMAX;
    enum dtype dtype = e->sources[0]->dtype;
    const char *best = local_name(emitter, "best"), *where = local_name(emitter, "where");
    const char *position = local_name(emitter, "position");
    emit_line(emitter, "%s %s = %s;", dtype_facts[dtype].c_type, best,
              emit_constant(emitter, dtype,
                            identity_bits(greatest ? OP_REDUCE_MAX : OP_REDUCE_MIN, dtype)));
    emit_line(emitter, "int32_t %s = 0, %s = 0;", where, position);
    open_axes(emitter, e, e->axis_count);
    const char *value = local_name(emitter, "v");
    emit_line(emitter, "const %s %s = %s;", dtype_facts[dtype].c_type, value,
              emit_expression(emitter, e->sources[0]));
    emit_open(emitter, "if (%s %c %s) {", value, greatest ? '>' : '<', best);
    emit_line(emitter, "%s = %s;", best, value);
    emit_line(emitter, "%s = %s;", where, position);
    emit_close(emitter);
    emit_line(emitter, "%s++;", position);
    close_axes(emitter, e->axis_count);
    return where;
}

/* ---- Lanes ---- */

/* lane = lane (op) element, in C. */
static void accumulate(struct emitter *emitter, const struct expression *e, const char *lane,
                       const char *element) {
    bool real = e->dtype == DTYPE_FLOAT32;
    if (real && e->op == OP_REDUCE_SUM)
        emit_line(emitter, "%s += %s;", lane, element);
    else if (real && e->op == OP_REDUCE_PROD)
        emit_line(emitter, "%s *= %s;", lane, element);
    else
        emit_line(emitter, "%s = %s(%s, %s);", lane,
                  emit_scalar_call(emitter, combining_op(e->op), e->dtype), lane, element);
}

/* Whether elements are dealt to lanes in order along the innermost axis. */
static bool deals_in_order(const struct expression *e) {
    return e->axis_count == 1 ||
           (e->axis_count > 1 && e->axes[e->axis_count - 1]->extent % REDUCTION_LANES == 0);
}

/* The innermost axis in strides of all lanes. */
static void accumulate_strip(struct emitter *emitter, const struct expression *e,
                             const char *lanes) {
    const struct axis *axis = e->axes[e->axis_count - 1];
    struct arena *arena = emitter->ir->arena;
    const char *strip = local_name(emitter, "r"), *lane = local_name(emitter, "lane");
    int64_t whole = axis->extent / REDUCTION_LANES * REDUCTION_LANES;
    emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s += %d) {", strip, strip, whole,
              strip, REDUCTION_LANES);
    emit_open(emitter, "for (long %s = 0; %s < %d; %s++) {", lane, lane, REDUCTION_LANES, lane);
    emit_name_axis(emitter, axis, arena_format(arena, "(%s + %s)", strip, lane));
    const char *element = emit_expression(emitter, e->sources[0]);
    accumulate(emitter, e, arena_format(arena, "%s[%s]", lanes, lane), element);
    emit_close(emitter);
    emit_close(emitter);
    if (whole == axis->extent)
        return;
    emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s++) {", lane, lane,
              axis->extent - whole, lane);
    emit_name_axis(emitter, axis, arena_format(arena, "(%" PRId64 " + %s)", whole, lane));
    element = emit_expression(emitter, e->sources[0]);
    accumulate(emitter, e, arena_format(arena, "%s[%s]", lanes, lane), element);
    emit_close(emitter);
}

/* Any axes, one element after the other. */
static void accumulate_dealt(struct emitter *emitter, const struct expression *e,
                             const char *lanes) {
    const char *turn = local_name(emitter, "turn");
    emit_line(emitter, "long %s = 0;", turn);
    open_axes(emitter, e, e->axis_count);
    const char *element = emit_expression(emitter, e->sources[0]);
    accumulate(emitter, e,
               arena_format(emitter->ir->arena, "%s[%s %% %d]", lanes, turn, REDUCTION_LANES),
               element);
    emit_line(emitter, "%s++;", turn);
    close_axes(emitter, e->axis_count);
}

static const char *emit_lanes(struct emitter *emitter, const struct expression *e) {
    const char *type = dtype_facts[e->dtype].c_type;
    struct arena *arena = emitter->ir->arena;
    const char *lanes = local_name(emitter, "lanes");
    emit_line(emitter, "%s %s[%d];", type, lanes, REDUCTION_LANES);
    const char *lane = local_name(emitter, "lane");
    emit_open(emitter, "for (long %s = 0; %s < %d; %s++) {", lane, lane, REDUCTION_LANES, lane);
    emit_line(emitter, "%s[%s] = %s;", lanes, lane,
              emit_constant(emitter, e->dtype, identity_bits(e->op, e->dtype)));
    emit_close(emitter);
    int outer = e->axis_count - 1;
    if (deals_in_order(e)) {
        open_axes(emitter, e, outer);
        accumulate_strip(emitter, e, lanes);
        close_axes(emitter, outer);
    } else {
        accumulate_dealt(emitter, e, lanes);
    }
    const char *step = local_name(emitter, "step");
    emit_open(emitter, "for (long %s = %d; %s > 0; %s /= 2) {", step, REDUCTION_LANES / 2, step,
              step);
    emit_open(emitter, "for (long %s = 0; %s < %s; %s++) {", lane, lane, step, lane);
    accumulate(emitter, e, arena_format(arena, "%s[%s]", lanes, lane),
               arena_format(arena, "%s[%s + %s]", lanes, lane, step));
    emit_close(emitter);
    emit_close(emitter);
    return arena_format(arena, "%s[0]", lanes);
}

/* ---- Lanes in vectors, by templates/lanes.h ---- */

static const char *vector_op(enum op op) {
    return op == OP_REDUCE_SUM    ? "LANES_SUM"
           : op == OP_REDUCE_PROD ? "LANES_PROD"
           : op == OP_REDUCE_MAX  ? "LANES_MAX"
                                  : "LANES_MIN";
}

static bool reduces_in_lanes(const struct expression *e) {
    return e->op != OP_CONTRACT && e->op != OP_ARGMAX && e->op != OP_ARGMIN;
}

static bool has_vectors(const struct emitter *emitter, const struct expression *e) {
    return emitter->backend != &emit_calls && e->dtype == DTYPE_FLOAT32 && deals_in_order(e);
}

static void take(struct emitter *emitter, const struct expression *e, const char *lanes,
                 const char *from, const char *count) {
    emit_line(emitter, "%s = lanes_take(%s, %s, %s, %s);", lanes, vector_op(e->op), lanes, from,
              count);
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
    const char *lane = local_name(emitter, "lane"), *part = local_name(emitter, "part");
    struct strip strip = emit_open_strip(emitter, axis, lane);
    emit_strip_functions(emitter, &strip, element, NULL);
    emit_line(emitter, "_Alignas(64) float %s[%" PRId64 "];", part, strip.length);
    emit_open_lanes(emitter, &strip);
    emit_line(emitter, "%s[%s] = %s;", part, lane, emit_expression_within(emitter, element, 80));
    emit_close(emitter);
    take(emitter, e, lanes, part, strip.count);
    emit_close(emitter);
}

static void begin_lanes(struct emitter *emitter, const struct expression *e, const char *lanes) {
    sections_want(&emitter->sections, "lanes");
    emit_line(emitter, "struct lanes %s = lanes_begin(%s);", lanes,
              emit_constant(emitter, e->dtype, identity_bits(e->op, e->dtype)));
}

static const char *emit_vector_lanes(struct emitter *emitter, const struct expression *e) {
    const char *lanes = e == emitter->taken ? emitter->taken_lanes : local_name(emitter, "lanes");
    const int outer = e->axis_count - 1;
    if (e != emitter->taken) {
        begin_lanes(emitter, e, lanes);
        open_axes(emitter, e, outer);
        take_axis(emitter, e, lanes);
        close_axes(emitter, outer);
    }
    const char *result = local_name(emitter, "result");
    emit_line(emitter, "const float %s = lanes_end(%s, %s);", result, vector_op(e->op), lanes);
    return result;
}

/* ---- While the elements are stored ---- */

struct search {
    struct emitter *emitter;
    const struct statement *statement;
    const struct expression *found;
};

static void match_reduction(void *context, const struct expression *e) {
    struct search *search = context;
    const struct statement *statement = search->statement;
    if (search->found || e->kind != EXPRESSION_REDUCE || e->axis_count != 1 ||
        !reduces_in_lanes(e) || !has_vectors(search->emitter, e))
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
    struct search search = {.emitter = emitter, .statement = statement};
    if (following && statement->loop_count == 1 && following->loop_count == 0 && !following->tile)
        expression_walk(emitter->ir, following->value, match_reduction, &search);
    return search.found;
}

void emit_begin_taking(struct emitter *emitter, const struct expression *reduction) {
    const struct buffer *buffer = reduction->sources[0]->buffer;
    emitter->taken = reduction;
    emitter->taken_lanes = arena_format(emitter->ir->arena, "lanes_%s", buffer->name);
    begin_lanes(emitter, reduction, emitter->taken_lanes);
}

void emit_take(struct emitter *emitter, const struct strip *strip, const char *from) {
    take(emitter, emitter->taken, emitter->taken_lanes, from, strip->count);
}

const char *emit_reduction(struct emitter *emitter, const struct expression *reduction) {
    if (reduction->op == OP_CONTRACT)
        return emit_contraction(emitter, reduction);
    if (reduction->op == OP_ARGMAX || reduction->op == OP_ARGMIN)
        return emit_position(emitter, reduction);
    if (has_vectors(emitter, reduction))
        return emit_vector_lanes(emitter, reduction);
    return emit_lanes(emitter, reduction);
}
