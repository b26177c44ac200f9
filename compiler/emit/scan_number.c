/* Scans whose state is one number, as a running sum has it: the body is one expression, which is a
 * function of numbers here, and the state stays in a register from step to step. What is stored of
 * it has the one NaN of what leaves a graph; the register may hold another, as between operations
 * of any expression. */
#include "compiler/emit/emit.h"
#include "compiler/lower/lower.h"

#include <inttypes.h>
#include <string.h>

static bool is_plain(enum dtype dtype) {
    return dtype == DTYPE_FLOAT32 || dtype == DTYPE_FLOAT64 || dtype == DTYPE_INT32 ||
           dtype == DTYPE_INT64;
}

struct number_body {
    bool fits, reads_state;
};

static void look_at(void *context, const struct expression *e) {
    struct number_body *found = context;
    if (e->kind == EXPRESSION_LOAD) {
        found->fits &= e->buffer->kind == BUFFER_INPUT && e->buffer->elements == 1;
        found->reads_state |= e->buffer->position == 0;
    } else {
        found->fits &= e->kind == EXPRESSION_CONSTANT || e->kind == EXPRESSION_OP;
    }
    found->fits &= is_plain(e->dtype) || e->dtype == DTYPE_BOOL;
}

/* The only statement of the body, or NULL. */
static const struct statement *only_statement(const struct ir *body) {
    const bool one =
        body->kernel_count == 1 && body->body_count == 0 && body->kernels[0]->statement_count == 1;
    return one ? body->kernels[0]->statements[0] : NULL;
}

bool emit_is_of_number(const struct emitter *emitter, struct ir *body) {
    const struct statement *only = body->scan ? only_statement(body) : NULL;
    struct number_body found = {true, false};
    if (!only || emitter->profile || scan_may_end(body->scan) || body->scan->last || only->tile ||
        only->output->kind != BUFFER_OUTPUT || only->output->elements != 1 ||
        !is_plain(only->output->dtype))
        return false;
    expression_walk(body, only->value, look_at, &found);
    return found.fits && found.reads_state;
}

static void name_load(void *context, const struct expression *e) {
    if (e->kind == EXPRESSION_LOAD)
        emit_name_expression(context, e, e->buffer->name);
}

void emit_number_step(struct emitter *emitter, const struct kernel *kernel) {
    const struct statement *only = kernel->statements[0];
    struct arena *arena = emitter->ir->arena;
    const char **parameters = arena_array(arena, const char *, (size_t)kernel->buffer_count + 1);
    int count = 0;
    for (int i = 0; i < kernel->buffer_count; i++) {
        const struct buffer *buffer = kernel->buffers[i].buffer;
        if (buffer->kind == BUFFER_INPUT)
            parameters[count++] =
                arena_format(arena, "%s %s", dtype_facts[buffer->dtype].c_type, buffer->name);
    }
    emit_open_function(emitter,
                       arena_format(arena, "static inline %s %s(",
                                    dtype_facts[only->output->dtype].c_type, kernel->name),
                       count, parameters, ") {");
    emit_begin_value(emitter, only->value);
    expression_walk(emitter->ir, only->value, name_load, emitter);
    emit_line(emitter, "return %s;", emit_expression_within(emitter, only->value, 88));
    emit_close(emitter);
}

/* What a step is given for one of its buffers. */
static const char *argument(struct emitter *emitter, const struct ir *body,
                            const struct buffer *input, const struct buffer *source) {
    if (input->position == 0)
        return "carried";
    return arena_format(emitter->ir->arena, "%s[%s]", source->name,
                        input->position <= body->scan->scanned ? "step" : "0");
}

void emit_number_scan(struct emitter *emitter, const struct kernel *kernel, struct ir *body) {
    const struct statement *statement = kernel->statements[0];
    const struct kernel *step = body->kernels[0];
    const struct buffer *states = statement->output;
    struct buffer **inputs;
    const int count = list_body_inputs(body, &inputs);
    const char **arguments = arena_array(body->arena, const char *, (size_t)count + 1);
    const char *call = arena_format(body->arena, "carried = %s", step->name);
    int given = 0;
    emit_line(emitter, "%s carried = %s[0];", dtype_facts[states->dtype].c_type,
              statement->value->sources[0]->buffer->name);
    const int64_t steps = scan_step_count(body->scan);
    emit_open_for(emitter, "step", "0", arena_format(body->arena, "%" PRId64, steps), steps, 1);
    for (int i = 0; i < step->buffer_count; i++)
        for (int k = 0; k < count; k++)
            if (inputs[k] == step->buffers[i].buffer)
                arguments[given++] =
                    argument(emitter, body, inputs[k], statement->value->sources[k]->buffer);
    text_add(emitter->text, "%*s%s(", 4 * emitter->indent, "", call);
    emit_arguments(emitter->text, 4 * emitter->indent, strlen(call), given, arguments);
    emit_line(emitter, "%s[step] = %s;", states->name,
              emit_canonical(emitter, states->dtype, "carried"));
    emit_close(emitter);
}
