/* Reductions by threads: the lanes of ops.def are sixteen threads of a warp, each of which takes
 * every sixteenth element, and the tree that combines them goes by shuffles. What is the same in
 * any order, integers and positions, goes that way too. Contractions are one chain of additions,
 * and small reductions, or those whose neighbouring results lie side by side, have a thread each.
 */
#include "compiler/emit/cuda/cuda.h"
#include "compiler/lower/lower.h"

#include <inttypes.h>

enum {
    FEWEST_REDUCED = 32,    /* elements, for which several threads are worth it */
    MANY_RESULTS = 1 << 15, /* for as many there are threads enough */
    STEPS_AT_ONCE = 16,     /* of a lane, whose loads are under way together; */
    ALONE_AT_ONCE = 64,     /* where no other threads do anything meanwhile */
};

static int64_t reduced_elements(const struct expression *e) {
    int64_t count = 1;
    for (int i = 0; i < e->axis_count; i++)
        count *= e->axes[i]->extent;
    return count;
}

/* ---- How many threads ---- */

struct reduction_choice {
    struct ir *ir;
    const struct statement *statement;
    bool worth_it, down;
};

static void look_at(void *context, const struct expression *e) {
    struct reduction_choice *choice = context;
    const struct statement *statement = choice->statement;
    if (e->kind != EXPRESSION_REDUCE || e->op == OP_CONTRACT)
        return;
    choice->worth_it |= reduced_elements(e) >= FEWEST_REDUCED;
    choice->down |= statement->loop_count > 0 &&
                    emit_reduces_down(choice->ir, e, statement->loops[statement->loop_count - 1]);
}

int emit_reducing_threads(struct emitter *emitter, const struct statement *statement) {
    struct reduction_choice choice = {.ir = emitter->ir, .statement = statement};
    int64_t points = 1;
    for (int i = 0; i < statement->loop_count; i++)
        points *= statement->loops[i]->extent;
    expression_walk(emitter->ir, statement->value, look_at, &choice);
    return choice.worth_it && !(choice.down && points >= MANY_RESULTS) ? REDUCTION_LANES : 1;
}

/* ---- Sixteen threads ---- */

/* What another lane has. */
static const char *other_lane(struct emitter *emitter, const char *value, const char *step) {
    return arena_format(emitter->ir->arena, "__shfl_down_sync(%s, %s, %s, %d)", emitter->lanes_mask,
                        value, step, REDUCTION_LANES);
}

/* All have what the first has. */
static void share_first(struct emitter *emitter, const char *value) {
    emit_line(emitter, "%s = __shfl_sync(%s, %s, 0, %d);", value, emitter->lanes_mask, value,
              REDUCTION_LANES);
}

/* Names the axes of what is reduced, where a lane is at that position of all of them: by quotients,
 * since NVRTC 13.0.88 ends the process at some loops that take remainders. */
static void name_reduced(struct emitter *emitter, const struct expression *e, int64_t inner,
                         const char *position) {
    const char *before = NULL; /* the position without the axes from this one on */
    for (int i = 0; i < e->axis_count; i++) {
        const int64_t extent = e->axes[i]->extent;
        inner /= extent;
        const char *whole = position;
        if (inner > 1) {
            whole = emit_local_name(emitter, i ? "q" : "r");
            emit_line(emitter, "const long %s = %s / %" PRId64 ";", whole, position, inner);
        }
        const char *name = whole;
        if (i > 0) {
            name = emit_local_name(emitter, "r");
            emit_line(emitter, "const long %s = %s - %" PRId64 " * %s;", name, whole, extent,
                      before);
        }
        emit_name_axis(emitter, e->axes[i], name);
        before = whole;
    }
}

/* How many steps a lane takes at once: where a block has one result at a time, the other threads
 * wait for it. */
static int steps_at_once(const struct emitter *emitter) {
    const bool alone = emitter->group == BLOCK_THREADS || !emitter->is_entry;
    return alone ? ALONE_AT_ONCE : STEPS_AT_ONCE;
}

/* Whether some lanes have an element less than others, but few: they check their last step. */
static bool checks_last(const struct emitter *emitter, const struct expression *e) {
    const int64_t inner = reduced_elements(e);
    return inner % REDUCTION_LANES && inner / REDUCTION_LANES < steps_at_once(emitter);
}

/* Opens the loop over the elements of the lane at hand; gives the name of the position. What is
 * reduced within an element one thread does. */
static const char *open_elements(struct emitter *emitter, const struct expression *e) {
    const char *position = emit_local_name(emitter, "p");
    const int64_t inner = reduced_elements(e);
    const bool checks = checks_last(emitter, e);
    if (inner % REDUCTION_LANES == 0 || checks)
        emit_open_dealt(emitter, position, inner, emitter->lane, steps_at_once(emitter));
    else
        emit_open(emitter, "for (long %s = %s; %s < %" PRId64 "; %s += %d) {", position,
                  emitter->lane, position, inner, position, REDUCTION_LANES);
    if (checks)
        emit_open(emitter, "if (%s < %" PRId64 ") {", position, inner);
    name_reduced(emitter, e, inner, position);
    emit_name_staged(emitter, e->sources[0], e->axes[0], position);
    return position;
}

static void close_elements(struct emitter *emitter, const struct expression *e) {
    if (checks_last(emitter, e))
        emit_close(emitter);
    emit_close(emitter);
}

/* The element that the lane takes next, which it computes by itself. */
static const char *element_of(struct emitter *emitter, const struct expression *e) {
    const char *lane = emitter->lane;
    emitter->lane = NULL;
    const char *element = emit_expression(emitter, e->sources[0]);
    emitter->lane = lane;
    return element;
}

static const char *reduce_in_lanes(struct emitter *emitter, const struct expression *e) {
    const char *own = emit_local_name(emitter, "part"), *step = emit_local_name(emitter, "step");
    emit_line(emitter, "%s %s = %s;", dtype_facts[e->dtype].c_type, own,
              emit_constant(emitter, e->dtype, identity_bits(e->op, e->dtype)));
    open_elements(emitter, e);
    emit_accumulate(emitter, e, own, element_of(emitter, e));
    close_elements(emitter, e);
    emit_open(emitter, "for (int %s = %d; %s > 0; %s /= 2) {", step, REDUCTION_LANES / 2, step,
              step);
    emit_accumulate(emitter, e, own, other_lane(emitter, own, step));
    emit_close(emitter);
    share_first(emitter, own);
    return own;
}

/* Whether one value goes before another, as C text. */
static const char *goes_before(struct emitter *emitter, const struct expression *e, const char *a,
                               const char *b) {
    enum dtype dtype = e->sources[0]->dtype;
    if (dtype_is_real(dtype))
        return arena_format(emitter->ir->arena, "%s(%s, %s)",
                            emit_scalar_call(emitter, e->op, dtype), b, a);
    return arena_format(emitter->ir->arena, "%s %c %s", a, e->op == OP_ARGMAX ? '>' : '<', b);
}

/* Each lane has the first of its best ones; of all those the first of the best stays. A lane starts
 * with its first position, which counts only where no element goes before the identity. */
static const char *find_in_lanes(struct emitter *emitter, const struct expression *e) {
    const bool greatest = e->op == OP_ARGMAX;
    const enum dtype dtype = e->sources[0]->dtype;
    const char *type = dtype_facts[dtype].c_type;
    const char *best = emit_local_name(emitter, "best"), *where = emit_local_name(emitter, "where");
    const char *value = emit_local_name(emitter, "v"), *step = emit_local_name(emitter, "step");
    emit_line(emitter, "%s %s = %s;", type, best,
              emit_constant(emitter, dtype,
                            identity_bits(greatest ? OP_REDUCE_MAX : OP_REDUCE_MIN, dtype)));
    emit_line(emitter, "int32_t %s = %s;", where, emitter->lane);
    const char *position = open_elements(emitter, e);
    emit_line(emitter, "const %s %s = %s;", type, value, element_of(emitter, e));
    emit_open(emitter, "if (%s) {", goes_before(emitter, e, value, best));
    emit_line(emitter, "%s = %s;", best, value);
    emit_line(emitter, "%s = (int32_t)%s;", where, position);
    emit_close(emitter);
    close_elements(emitter, e);
    emit_open(emitter, "for (int %s = %d; %s > 0; %s /= 2) {", step, REDUCTION_LANES / 2, step,
              step);
    const char *other = emit_local_name(emitter, "v"), *there = emit_local_name(emitter, "where");
    emit_line(emitter, "const %s %s = %s;", type, other, other_lane(emitter, best, step));
    emit_line(emitter, "const int32_t %s = %s;", there, other_lane(emitter, where, step));
    emit_open(emitter, "if (%s || (!(%s) && %s < %s)) {", goes_before(emitter, e, other, best),
              goes_before(emitter, e, best, other), there, where);
    emit_line(emitter, "%s = %s;", best, other);
    emit_line(emitter, "%s = %s;", where, there);
    emit_close(emitter);
    emit_close(emitter);
    share_first(emitter, where);
    return where;
}

const char *emit_thread_reduction(struct emitter *emitter, const struct expression *reduction) {
    if (!emitter->lane || reduction->op == OP_CONTRACT ||
        reduced_elements(reduction) < FEWEST_REDUCED)
        return emit_reduction(emitter, reduction);
    const bool position = reduction->op == OP_ARGMAX || reduction->op == OP_ARGMIN;
    return (position ? find_in_lanes : reduce_in_lanes)(emitter, reduction);
}
