/* The innermost loop in strips.
 *
 * Some functions are best computed for many neighbours at once (templates/strip.h). A strip's
 * arguments are computed into an array, the function goes over the array, and what depends on it is
 * computed from there. What both sides of a function need is kept in an array as well. */
#include "compiler/emit/loops/loops.h"

#include <inttypes.h>

/* ---- Which functions ---- */

static const char *const strip_functions[OP_COUNT] = {
    [OP_EXP] = "f32_exp_strip",
    [OP_SIN] = "f32_sin_strip",
    [OP_COS] = "f32_cos_strip",
    [OP_ERF] = "f32_erf_strip",
};

static const char *strip_function(const struct expression *e) {
    return e->kind == EXPRESSION_OP && e->dtype == DTYPE_FLOAT32 ? strip_functions[e->op] : NULL;
}

bool emit_is_strip_function(const struct expression *e) {
    return strip_function(e) != NULL;
}

static bool is_marked(const struct emitter *emitter, const struct expression *e) {
    return emitter->marks[e->id] == emitter->mark;
}

/* A walk through a value, sources first, that stays outside of guards: what stands within is not
 * computed for every element. */
struct function_walk {
    struct emitter *emitter;
    int function_count, capacity;
    const struct expression **functions;
};

static void find_functions(struct function_walk *walk, const struct expression *e) {
    if (e->kind != EXPRESSION_OP || !emit_mark(walk->emitter, e))
        return;
    for (int i = 0; i < e->source_count; i++)
        find_functions(walk, e->sources[i]);
    if (!strip_function(e))
        return;
    walk->functions = arena_extend(walk->emitter->ir->arena, walk->functions, walk->function_count,
                                   &walk->capacity, sizeof *walk->functions);
    walk->functions[walk->function_count++] = e;
}

static struct function_walk functions_of(struct emitter *emitter, const struct expression *value) {
    struct function_walk walk = {.emitter = emitter};
    emitter->mark++;
    find_functions(&walk, value);
    return walk;
}

bool emit_wants_strips(struct emitter *emitter, const struct axis *axis,
                       const struct expression *value) {
    if (axis->extent < LEAST_STRIP)
        return false;
    return !expression_reduces(emitter->ir, value) &&
           functions_of(emitter, value).function_count > 0;
}

/* ---- The loop ---- */

static int64_t strip_length(const struct emitter *emitter, const struct axis *axis, int64_t most) {
    if (axis->extent <= most && axis != emitter->parallel_loop)
        return axis->extent;
    for (int64_t length = most; length >= most / 4; length /= 2)
        if (axis->extent % length == 0)
            return length;
    return most;
}

struct strip emit_open_strip(struct emitter *emitter, const struct axis *axis, const char *lane,
                             int64_t most) {
    struct arena *arena = emitter->ir->arena;
    struct strip strip = {.axis = axis, .lane = lane, .length = strip_length(emitter, axis, most)};
    if (strip.length == axis->extent) {
        strip.count = arena_format(arena, "%" PRId64, strip.length);
        emit_open(emitter, "{");
        emit_name_axis(emitter, axis, lane);
        return strip;
    }
    const char *at = arena_format(arena, "at%d", emitter->value_count++);
    strip.first = at;
    const char *count = arena_format(arena, "count%d", emitter->value_count++);
    strip.count = emit_open_steps(emitter, at, count, axis, strip.length);
    emit_name_axis(emitter, axis, arena_format(arena, "(%s + %s)", at, lane));
    return strip;
}

void emit_open_lanes(struct emitter *emitter, const struct strip *strip) {
    emit_open(emitter, "for (long %s = 0; %s < %s; %s++) {", strip->lane, strip->lane, strip->count,
              strip->lane);
}

const char *emit_strip_address(struct emitter *emitter, const struct strip *strip,
                               const struct buffer *buffer, const struct index *index) {
    bool plain = true;
    struct arena *arena = emitter->ir->arena;
    if (index_coefficient(index, strip->axis, &plain) != 1 || !plain)
        return NULL;
    const struct axis *axis = strip->axis;
    const struct index *zero = index_constant(emitter->ir, 0);
    const struct substitution none = {.count = 1, .axes = &axis, .values = &zero};
    const struct index *base = index_substitute(emitter->ir, index, &none);
    const char *row = index_is_constant(base, 0)
                          ? buffer->name
                          : arena_format(arena, "%s + %s", buffer->name, emit_index(emitter, base));
    return strip->first ? arena_format(arena, "%s + %s", row, strip->first) : row;
}

/* ---- What comes next ---- */

struct fetches {
    struct emitter *emitter;
    const struct strip *strip;
    const struct axis *around;
};

static void fetch_load(void *context, const struct expression *e) {
    const struct fetches *fetches = context;
    struct emitter *emitter = fetches->emitter;
    bool plain = true;
    if (e->kind != EXPRESSION_LOAD || e->dtype != DTYPE_FLOAT32 ||
        index_coefficient(e->index, fetches->around, &plain) == 0 || !plain)
        return;
    const struct index *next = index_add(emitter->ir, index_axis(emitter->ir, fetches->around),
                                         index_constant(emitter->ir, 1));
    const struct substitution next_iteration = {
        .count = 1, .axes = &fetches->around, .values = &next};
    const char *address =
        emit_strip_address(emitter, fetches->strip, e->buffer,
                           index_substitute(emitter->ir, e->index, &next_iteration));
    if (!address)
        return;
    emit_line(emitter, "fetch_strip(%s, %s);", address, fetches->strip->count);
    sections_want(&emitter->sections, "fetch_strip");
}

void emit_strip_fetches(struct emitter *emitter, const struct strip *strip,
                        const struct axis *around, const struct expression *value) {
    struct fetches fetches = {emitter, strip, around};
    expression_walk(emitter->ir, value, fetch_load, &fetches);
}

/* ---- Stages: a function each, and what remains ---- */

/* What a later stage computes, up to the functions, of which it reads the array. */
static void mark_needed(struct emitter *emitter, const struct expression *e) {
    if (!emit_mark(emitter, e) || strip_function(e))
        return;
    for (int i = 0; i < e->source_count; i++)
        mark_needed(emitter, e->sources[i]);
}

static const char *array(struct emitter *emitter, const struct strip *strip,
                         const struct expression *e, const char *stem) {
    const char *name = arena_format(emitter->ir->arena, "%s%d", stem, emitter->value_count++);
    emit_line(emitter, "_Alignas(64) %s %s[%" PRId64 "];", dtype_facts[e->dtype].c_type, name,
              strip->length);
    return name;
}

/* What is marked is needed again later; of that, `kept` is in arrays. */
struct strip_stage {
    struct emitter *emitter;
    const struct strip *strip;
    int kept_count, capacity;
    struct kept {
        const struct expression *e;
        const char *array;
    } * kept;
};

static void keep(struct strip_stage *stage, const struct expression *e) {
    const char *name = array(stage->emitter, stage->strip, e, "kept");
    stage->kept = arena_extend(stage->emitter->ir->arena, stage->kept, stage->kept_count,
                               &stage->capacity, sizeof *stage->kept);
    stage->kept[stage->kept_count++] = (struct kept){e, name};
}

/* Keeps the largest expressions below that are needed again. */
static void keep_needed(struct strip_stage *stage, const struct expression *e) {
    if (e->kind != EXPRESSION_OP || emit_named(stage->emitter, e))
        return;
    for (int i = 0; i < stage->kept_count; i++)
        if (stage->kept[i].e == e)
            return;
    if (is_marked(stage->emitter, e)) {
        keep(stage, e);
        return;
    }
    for (int i = 0; i < e->source_count; i++)
        keep_needed(stage, e->sources[i]);
}

static const char *element(struct emitter *emitter, const struct strip *strip, const char *array) {
    return arena_format(emitter->ir->arena, "%s[%s]", array, strip->lane);
}

static bool is_same_for_all(const struct strip *strip, const struct expression *e) {
    bool plain = true;
    return e->kind == EXPRESSION_CONSTANT ||
           (e->kind == EXPRESSION_LOAD && index_coefficient(e->index, strip->axis, &plain) == 0 &&
            plain);
}

/* A function whose argument is neighbours in memory less one number, as in a softmax, goes over
 * them as they lie. */
static bool emit_shifted(struct emitter *emitter, const struct strip *strip, const char *name,
                         const struct expression *function, const char *to) {
    const struct expression *argument = function->sources[0];
    if (argument->kind != EXPRESSION_OP || argument->op != OP_SUB ||
        emit_named(emitter, argument) || is_marked(emitter, argument))
        return false;
    const struct expression *from = argument->sources[0], *less = argument->sources[1];
    if (from->kind != EXPRESSION_LOAD || !is_same_for_all(strip, less))
        return false;
    const char *address = emit_strip_address(emitter, strip, from->buffer, from->index);
    if (!address)
        return false;
    const char *result = to ? to : array(emitter, strip, function, op_facts[function->op].name);
    emit_line(emitter, "%s(%s, %s, %s, %s);", name, result, address, emit_expression(emitter, less),
              strip->count);
    if (!to)
        emit_name_expression(emitter, function, element(emitter, strip, result));
    return true;
}

/* The stage's loop, then the function over its array. */
static void emit_stage(struct strip_stage *stage, const struct expression *function,
                       const char *to) {
    struct emitter *emitter = stage->emitter;
    const struct strip *strip = stage->strip;
    const char *name = strip_function(function);
    const struct expression *argument = function->sources[0];
    sections_want(&emitter->sections, name);
    if (emit_shifted(emitter, strip, name, function, to))
        return;
    keep_needed(stage, argument);
    const char *result = array(emitter, strip, function, op_facts[function->op].name);
    emit_open_lanes(emitter, strip);
    for (int i = 0; i < stage->kept_count; i++) {
        const struct expression *e = stage->kept[i].e;
        const char *kept = element(emitter, strip, stage->kept[i].array);
        emit_line(emitter, "%s = %s;", kept, emit_expression_within(emitter, e, 80));
        emit_name_expression(emitter, e, kept);
    }
    emit_line(emitter, "%s = %s;", element(emitter, strip, result),
              emit_expression_within(emitter, argument, 80));
    emit_close(emitter);
    for (int i = 0; i < stage->kept_count; i++)
        emit_name_expression(emitter, stage->kept[i].e,
                             element(emitter, strip, stage->kept[i].array));
    emit_line(emitter, "%s(%s, %s, 0.0f, %s);", name, to ? to : result, result, strip->count);
    emit_name_expression(emitter, function, element(emitter, strip, result));
}

void emit_strip_functions(struct emitter *emitter, const struct strip *strip,
                          const struct expression *value, const char *to) {
    struct function_walk walk = functions_of(emitter, value);
    for (int i = 0; i < walk.function_count; i++) {
        struct strip_stage stage = {.emitter = emitter, .strip = strip};
        emitter->mark++;
        for (int k = i + 1; k < walk.function_count; k++)
            mark_needed(emitter, walk.functions[k]->sources[0]);
        mark_needed(emitter, value);
        emit_stage(&stage, walk.functions[i], walk.functions[i] == value ? to : NULL);
    }
}
