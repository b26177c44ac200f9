/* Floats that are stored as 8-bit integers, side by side: templates/narrow.h takes a strip of them
 * with fewer instructions than what compilers make of a loop. */
#include "compiler/emit/loops/loops.h"

#include <inttypes.h>

/* Functions of strips; `nearest`: rounded before. */
static const struct {
    const char *towards_zero, *nearest;
} narrowing[DTYPE_COUNT] = {
    [DTYPE_UINT8] = {"f32_to_u8_strip", "f32_round_to_u8_strip"},
    [DTYPE_INT8] = {"f32_to_i8_strip", "f32_round_to_i8_strip"},
};

bool emit_narrows(const struct axis *axis, const struct store *store) {
    const struct expression *e = store->value;
    bool plain = true;
    return e->kind == EXPRESSION_OP && e->op == OP_CAST && narrowing[e->dtype].nearest &&
           e->sources[0]->dtype == DTYPE_FLOAT32 &&
           index_coefficient(store->address, axis, &plain) == 1 && plain;
}

/* Whether the cast is of what was rounded for it, so that it can round. */
static bool rounds(const struct emitter *emitter, const struct expression *cast) {
    const struct expression *e = cast->sources[0];
    return e->kind == EXPRESSION_OP && e->op == OP_ROUND && emitter->uses[e->id] == 1;
}

/* Where the floats lie: in memory, or in an array that they are computed into. */
static const char *emit_floats(struct emitter *emitter, const struct strip *strip,
                               const struct expression *e) {
    const char *from = e->kind == EXPRESSION_LOAD && !emit_named(emitter, e)
                           ? emit_strip_address(emitter, strip, e->buffer, e->index)
                           : NULL;
    if (from)
        return from;
    emit_strip_functions(emitter, strip, e, NULL);
    const char *reals = emit_local_name(emitter, "reals");
    emit_line(emitter, "_Alignas(64) float %s[%" PRId64 "];", reals, strip->length);
    emit_line(emitter, "NARROW_LOOP");
    emit_open_lanes(emitter, strip);
    emit_line(emitter, "%s[%s] = %s;", reals, strip->lane, emit_expression_within(emitter, e, 80));
    emit_close(emitter);
    return reals;
}

void emit_narrowed(struct emitter *emitter, const struct strip *strip, const struct store *store) {
    const struct expression *cast = store->value;
    const bool nearest = rounds(emitter, cast);
    const struct expression *e = nearest ? cast->sources[0]->sources[0] : cast->sources[0];
    const char *name =
        nearest ? narrowing[cast->dtype].nearest : narrowing[cast->dtype].towards_zero;
    sections_want(&emitter->sections, name);
    const char *from = emit_floats(emitter, strip, e);
    emit_line(emitter, "%s(%s, %s, %s);", name,
              emit_strip_address(emitter, strip, store->output, store->address), from,
              strip->count);
}
