/* Lines of C, and which names stand for what in the block at hand. */
#include "compiler/emit/emit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Lines and blocks ---- */

static void add_line(struct emitter *emitter, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *line = arena_allocate(emitter->ir->arena, (size_t)length + 1, 1);
    vsnprintf(line, (size_t)length + 1, format, again);
    va_end(again);
    text_add(emitter->text, "%*s%s\n", length ? 4 * emitter->indent : 0, "", line);
}

void emit_line(struct emitter *emitter, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_line(emitter, format, arguments);
    va_end(arguments);
}

void emit_begin_scope(struct emitter *emitter) {
    emitter->works = arena_extend(emitter->ir->arena, emitter->works, emitter->indent,
                                  &emitter->works_capacity, sizeof *emitter->works);
    emitter->works[emitter->indent] = emitter->work;
    emitter->indent++;
    emitter->depth++;
}

void emit_end_scope(struct emitter *emitter) {
    while (emitter->named_count && emitter->named[emitter->named_count - 1].depth == emitter->depth)
        emitter->named_count--;
    emitter->indent--;
    emitter->depth--;
    emitter->work = emitter->works[emitter->indent];
}

void emit_open(struct emitter *emitter, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_line(emitter, format, arguments);
    va_end(arguments);
    emit_begin_scope(emitter);
}

void emit_close(struct emitter *emitter) {
    emit_end_scope(emitter);
    emit_line(emitter, "}");
}

void emit_else(struct emitter *emitter) {
    emit_end_scope(emitter);
    emit_open(emitter, "} else {");
}

/* ---- Names of expressions and axes ---- */

void emit_name_expression(struct emitter *emitter, const struct expression *expression,
                          const char *text) {
    emitter->named = arena_extend(emitter->ir->arena, emitter->named, emitter->named_count,
                                  &emitter->named_capacity, sizeof *emitter->named);
    emitter->named[emitter->named_count++] =
        (struct named){.expression = expression, .text = text, .depth = emitter->depth};
}

const char *emit_named(const struct emitter *emitter, const struct expression *expression) {
    for (int i = emitter->named_count - 1; i >= 0; i--)
        if (emitter->named[i].expression == expression)
            return emitter->named[i].text;
    return NULL;
}

void emit_name_axis(struct emitter *emitter, const struct axis *axis, const char *name) {
    if (axis->id >= emitter->axis_capacity) {
        int capacity = 2 * axis->id + 64;
        const char **names = arena_array(emitter->ir->arena, const char *, (size_t)capacity);
        if (emitter->axis_capacity)
            memcpy(names, emitter->axis_names, (size_t)emitter->axis_capacity * sizeof *names);
        emitter->axis_names = names;
        emitter->axis_capacity = capacity;
    }
    emitter->axis_names[axis->id] = name;
}

const char *axis_text(const struct emitter *emitter, const struct axis *axis) {
    const char *name = axis->id < emitter->axis_capacity ? emitter->axis_names[axis->id] : NULL;
    if (!name)
        unreachable();
    return name;
}

const char *emit_local_name(struct emitter *emitter, const char *stem) {
    return arena_format(emitter->ir->arena, "%s%d", stem, emitter->value_count++);
}

bool emit_mark(struct emitter *emitter, const struct expression *expression) {
    bool is_new = emitter->marks[expression->id] != emitter->mark;
    emitter->marks[expression->id] = emitter->mark;
    return is_new;
}
