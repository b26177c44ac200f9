/* Reductions that remain as loops of C.
 *
 * A contraction is one accumulator and fused multiply-adds; so are reductions of integers one.
 * Others follow the sixteen lanes of ops.def: where the innermost axis is a multiple of the lanes
 * long or the only one, a loop over lanes stands inside, which C compilers turn into vectors. */
#include "compiler/emit/emit.h"
#include "compiler/lower/lower.h"

#include <inttypes.h>
#include <string.h>

enum { WIDE_FACTOR = 28 }; /* characters */

/* Opens a loop over one bound axis. */
static void open_axis(struct emitter *emitter, const struct axis *axis) {
    const char *name = emit_local_name(emitter, "r");
    emit_name_axis(emitter, axis, name);
    emit_open_for(emitter, name, "0", arena_format(emitter->ir->arena, "%" PRId64, axis->extent),
                  axis->extent, 1);
}

void emit_open_axes(struct emitter *emitter, const struct expression *e, int count) {
    for (int i = 0; i < count; i++)
        open_axis(emitter, e->axes[i]);
}

/* ---- Contraction ---- */

const char *emit_multiply_add(struct emitter *emitter, enum dtype dtype) {
    if (dtype != DTYPE_FLOAT32 && dtype != DTYPE_FLOAT64)
        return emit_scalar_call(emitter, OP_CONTRACT, dtype);
    const char *name = dtype == DTYPE_FLOAT32 ? "f32_fma" : "f64_fma";
    sections_want(&emitter->sections, name);
    return name;
}

/* A cast gets a line of its own; so does what leaves no room for another, where loops may stand as
 * deep as those of a whole product. */
static const char *emit_factor(struct emitter *emitter, const struct expression *e) {
    const char *text = is_widening(e) ? emit_local(emitter, e) : emit_expression(emitter, e);
    const bool wide = strlen(text) > WIDE_FACTOR && emitter->backend->threads;
    return wide ? emit_local(emitter, e) : text;
}

static const char *emit_contraction(struct emitter *emitter, const struct expression *e) {
    const char *sum = emit_local_name(emitter, "sum");
    emit_line(emitter, "%s %s = %s;", dtype_facts[e->dtype].c_type, sum,
              emit_constant(emitter, e->dtype, 0));
    emit_open_axes(emitter, e, e->axis_count);
    const char *a = emit_factor(emitter, e->sources[0]);
    const char *b = emit_factor(emitter, e->sources[1]);
    emit_line(emitter, "%s = %s(%s, %s, %s);", sum, emit_multiply_add(emitter, e->dtype), a, b,
              sum);
    emit_close_loops(emitter, e->axis_count);
    return sum;
}

/* ---- Positions ---- */

static const char *emit_position(struct emitter *emitter, const struct expression *e) {
    bool greatest = e->op == OP_ARGMAX;
    enum dtype dtype = e->sources[0]->dtype;
    const char *best = emit_local_name(emitter, "best"), *where = emit_local_name(emitter, "where");
    const char *position = emit_local_name(emitter, "position");
    emit_line(emitter, "%s %s = %s;", dtype_facts[dtype].c_type, best,
              emit_constant(emitter, dtype,
                            identity_bits(greatest ? OP_REDUCE_MAX : OP_REDUCE_MIN, dtype)));
    emit_line(emitter, "int32_t %s = 0, %s = 0;", where, position);
    emit_open_axes(emitter, e, e->axis_count);
    const char *value = emit_local_name(emitter, "v");
    emit_line(emitter, "const %s %s = %s;", dtype_facts[dtype].c_type, value,
              emit_expression(emitter, e->sources[0]));
    if (dtype_is_real(dtype))
        emit_open(emitter, "if (%s(%s, %s)) {", emit_scalar_call(emitter, e->op, dtype), best,
                  value);
    else
        emit_open(emitter, "if (%s %c %s) {", value, greatest ? '>' : '<', best);
    emit_line(emitter, "%s = %s;", best, value);
    emit_line(emitter, "%s = %s;", where, position);
    emit_close(emitter);
    emit_line(emitter, "%s++;", position);
    emit_close_loops(emitter, e->axis_count);
    return where;
}

/* ---- Lanes ---- */

void emit_accumulate(struct emitter *emitter, const struct expression *e, const char *lane,
                     const char *element) {
    bool real = dtype_is_real(e->dtype);
    if (real && e->op == OP_REDUCE_SUM)
        emit_line(emitter, "%s += %s;", lane, element);
    else if (real && e->op == OP_REDUCE_PROD)
        emit_line(emitter, "%s *= %s;", lane, element);
    else
        emit_line(emitter, "%s = %s(%s, %s);", lane,
                  emit_scalar_call(emitter, combining_op(e->op), e->dtype), lane, element);
}

/* Whether elements are dealt to lanes in order along the innermost axis. */
bool emit_deals_in_order(const struct expression *e) {
    return e->axis_count == 1 ||
           (e->axis_count > 1 && e->axes[e->axis_count - 1]->extent % REDUCTION_LANES == 0);
}

struct directions {
    const struct axis *along, *down;
    int along_count, down_count;
};

static void note_direction(void *context, const struct expression *e) {
    struct directions *directions = context;
    bool plain = true;
    int64_t down =
        e->kind == EXPRESSION_LOAD ? index_coefficient(e->index, directions->down, &plain) : 0;
    if (down == 0)
        return;
    directions->down_count += down == 1;
    directions->along_count += index_coefficient(e->index, directions->along, &plain) == 1;
}

bool emit_reduces_down(struct ir *ir, const struct expression *e, const struct axis *results) {
    struct directions directions = {.along = e->axes[e->axis_count - 1], .down = results};
    expression_walk(ir, e->sources[0], note_direction, &directions);
    return directions.down_count > directions.along_count;
}

/* The innermost axis in strides of all lanes. */
static void accumulate_strip(struct emitter *emitter, const struct expression *e,
                             const char *lanes) {
    const struct axis *axis = e->axes[e->axis_count - 1];
    struct arena *arena = emitter->ir->arena;
    const char *strip = emit_local_name(emitter, "r"), *lane = emit_local_name(emitter, "lane");
    int64_t whole = axis->extent / REDUCTION_LANES * REDUCTION_LANES;
    emit_open_for(emitter, strip, "0", arena_format(arena, "%" PRId64, whole), whole,
                  REDUCTION_LANES);
    emit_open(emitter, "for (long %s = 0; %s < %d; %s++) {", lane, lane, REDUCTION_LANES, lane);
    emit_name_axis(emitter, axis, arena_format(arena, "(%s + %s)", strip, lane));
    const char *element = emit_expression(emitter, e->sources[0]);
    emit_accumulate(emitter, e, arena_format(arena, "%s[%s]", lanes, lane), element);
    emit_close(emitter);
    emit_close(emitter);
    if (whole == axis->extent)
        return;
    emit_open(emitter, "for (long %s = 0; %s < %" PRId64 "; %s++) {", lane, lane,
              axis->extent - whole, lane);
    emit_name_axis(emitter, axis, arena_format(arena, "(%" PRId64 " + %s)", whole, lane));
    element = emit_expression(emitter, e->sources[0]);
    emit_accumulate(emitter, e, arena_format(arena, "%s[%s]", lanes, lane), element);
    emit_close(emitter);
}

/* Any axes, one element after the other. */
static void accumulate_dealt(struct emitter *emitter, const struct expression *e,
                             const char *lanes) {
    const char *turn = emit_local_name(emitter, "turn");
    emit_line(emitter, "long %s = 0;", turn);
    emit_open_axes(emitter, e, e->axis_count);
    const char *element = emit_expression(emitter, e->sources[0]);
    emit_accumulate(emitter, e,
                    arena_format(emitter->ir->arena, "%s[%s %% %d]", lanes, turn, REDUCTION_LANES),
                    element);
    emit_line(emitter, "%s++;", turn);
    emit_close_loops(emitter, e->axis_count);
}

static const char *emit_lanes(struct emitter *emitter, const struct expression *e) {
    const char *type = dtype_facts[e->dtype].c_type;
    struct arena *arena = emitter->ir->arena;
    const char *lanes = emit_local_name(emitter, "lanes");
    emit_line(emitter, "%s %s[%d];", type, lanes, REDUCTION_LANES);
    const char *lane = emit_local_name(emitter, "lane");
    emit_open(emitter, "for (long %s = 0; %s < %d; %s++) {", lane, lane, REDUCTION_LANES, lane);
    emit_line(emitter, "%s[%s] = %s;", lanes, lane,
              emit_constant(emitter, e->dtype, identity_bits(e->op, e->dtype)));
    emit_close(emitter);
    int outer = e->axis_count - 1;
    if (emit_deals_in_order(e)) {
        emit_open_axes(emitter, e, outer);
        accumulate_strip(emitter, e, lanes);
        emit_close_loops(emitter, outer);
    } else {
        accumulate_dealt(emitter, e, lanes);
    }
    const char *step = emit_local_name(emitter, "step");
    emit_open(emitter, "for (long %s = %d; %s > 0; %s /= 2) {", step, REDUCTION_LANES / 2, step,
              step);
    emit_open(emitter, "for (long %s = 0; %s < %s; %s++) {", lane, lane, step, lane);
    emit_accumulate(emitter, e, arena_format(arena, "%s[%s]", lanes, lane),
                    arena_format(arena, "%s[%s + %s]", lanes, lane, step));
    emit_close(emitter);
    emit_close(emitter);
    return arena_format(arena, "%s[0]", lanes);
}

/* Integers give the same in any order. gcc 12 adds up lanes of small integers wrongly. */
static const char *emit_in_any_order(struct emitter *emitter, const struct expression *e) {
    const char *total = emit_local_name(emitter, "total");
    emit_line(emitter, "%s %s = %s;", dtype_facts[e->dtype].c_type, total,
              emit_constant(emitter, e->dtype, identity_bits(e->op, e->dtype)));
    emit_open_axes(emitter, e, e->axis_count);
    emit_accumulate(emitter, e, total, emit_expression(emitter, e->sources[0]));
    emit_close_loops(emitter, e->axis_count);
    return total;
}

const char *emit_reduction(struct emitter *emitter, const struct expression *reduction) {
    if (reduction->op == OP_CONTRACT)
        return emit_contraction(emitter, reduction);
    if (reduction->op == OP_ARGMAX || reduction->op == OP_ARGMIN)
        return emit_position(emitter, reduction);
    return dtype_is_real(reduction->dtype) ? emit_lanes(emitter, reduction)
                                           : emit_in_any_order(emitter, reduction);
}
