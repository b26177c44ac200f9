/* Scans: a function that does one step, which is the body's run, and the kernel, which is a loop of
 * its calls. States lie one behind another in what the kernel stores: a step reads the one before
 * its own, and writes its own there at once. Where a body says whether there is another step, its
 * states are copied on once there is none.
 *
 * Within a step these two are not the same, as `restrict` says, but from step to step they are.
 * clang forgets where a call ended once it is inlined into a loop, and would read a state before it
 * is written: so the calls stay calls. On a GPU the threads of one block run all steps, and wait
 * for each other behind every kernel of a step; nothing is `restrict` there, since what is read
 * through such pointers may come from a cache that does not see what other threads store. */
#include "compiler/emit/emit.h"
#include "compiler/lower/lower.h"

#include <inttypes.h>
#include <string.h>

static struct ir *body_of(const struct emitter *emitter, const struct kernel *kernel) {
    return emitter->ir->bodies[kernel->statements[0]->value->bits];
}

/* "step07": no buffer has such a name. */
static const char *step_name(struct emitter *emitter, const struct kernel *kernel) {
    return arena_format(emitter->ir->arena, "step%02d", emitter->ir->first_number + kernel->id + 1);
}

/* Whether a body, or a body within it, has buffers of that kind. */
static bool uses(const struct ir *body, enum buffer_kind kind) {
    for (int g = 0; g < body->kernel_count; g++)
        for (int i = 0; i < body->kernels[g]->buffer_count; i++)
            if (body->kernels[g]->buffers[i].buffer->kind == kind)
                return true;
    for (int i = 0; i < body->body_count; i++)
        if (uses(body->bodies[i], kind))
            return true;
    return false;
}

static bool needs_arena(const struct ir *body);

/* Whether a step keeps anything in the arena: temporaries, or what a sort needs. */
static bool step_needs_arena(const struct ir *body) {
    if (uses(body, BUFFER_TEMPORARY))
        return true;
    for (int g = 0; g < body->kernel_count; g++)
        if (runs_sort(body->kernels[g]->statements[0]))
            return true;
    for (int i = 0; i < body->body_count; i++)
        if (needs_arena(body->bodies[i]))
            return true;
    return false;
}

static bool needs_arena(const struct ir *body) {
    return body->scan->last || step_needs_arena(body);
}

int emit_scan_arguments(struct emitter *emitter, const struct kernel *kernel,
                        const char **arguments) {
    const struct ir *body = body_of(emitter, kernel);
    int count = 0;
    if (uses(body, BUFFER_CONSTANT))
        arguments[count++] = "(const char *)weights";
    if (needs_arena(body))
        arguments[count++] = arena_format(emitter->ir->arena, "(char *)arena + %zu",
                                          emitter->ir->memory.room_offset);
    return count;
}

void emit_scan_launch(struct emitter *emitter, const struct kernel *kernel, struct launch *launch) {
    const struct ir *body = body_of(emitter, kernel);
    if (uses(body, BUFFER_CONSTANT))
        launch->arguments[launch->count++] = (struct launch_argument){LAUNCH_WEIGHTS, 0};
    if (needs_arena(body))
        launch->arguments[launch->count++] =
            (struct launch_argument){LAUNCH_ARENA, emitter->ir->memory.room_offset};
}

bool emit_turns(const struct emitter *emitter, const struct kernel *kernel) {
    const struct ir *ir = emitter->ir;
    const struct tile *tile = kernel->statements[0]->tile;
    if (!ir->scan || emitter->backend->threads || ir->target->lanes == 1 || !tile ||
        kernel->statement_count > 1 || tile->panel->kind != BUFFER_CONSTANT || tile->prefetch.count)
        return false;
    int loops = 0;
    for (int i = 0; i < tile->loop_count; i++)
        loops += tile->loops[i].axis == tile->column_loop;
    const int64_t bytes = tile->panel->elements * (int64_t)dtype_facts[tile->panel->dtype].bytes;
    return loops == 1 && tile->loops[0].axis == tile->column_loop && bytes > ir->target->l2 / 2;
}

/* Whether a step is given its number. */
static bool step_turns(struct emitter *emitter, struct ir *body) {
    struct ir *outer = emitter->ir;
    bool turns = false;
    emitter->ir = body;
    for (int g = 0; g < body->kernel_count; g++)
        turns |= emit_turns(emitter, body->kernels[g]);
    emitter->ir = outer;
    return turns;
}

/* What stands behind the buffers in both functions. */
static const char *more_parameters(struct emitter *emitter, const struct ir *body, bool arena,
                                   bool turns, bool looks) {
    return arena_format(
        emitter->ir->arena, "%s%s%s%s) {",
        uses(body, BUFFER_CONSTANT) ? ", const char *weights" : "", arena ? ", char *arena" : "",
        turns ? ", long step" : "",
        looks ? arena_format(emitter->ir->arena, ", %s *stop", emit_stop_type(emitter)) : "");
}

/* Whether a step looks by itself whether the run has to end. */
static bool step_looks(struct emitter *emitter, const struct kernel *kernel) {
    double steps = (double)scan_step_count(body_of(emitter, kernel)->scan);
    return emitter->stop_every && emit_kernel_work(emitter, kernel) > steps * emitter->stop_every;
}

/* ---- One step ---- */

static struct buffer *output_of(const struct ir *body, int position) {
    for (int i = 0; i < body->buffer_count; i++)
        if (body->buffers[i]->kind == BUFFER_OUTPUT && body->buffers[i]->position == position)
            return body->buffers[i];
    unreachable();
}

/* The body's inputs, then its outputs. */
static int list_parameters(struct ir *body, struct kernel_buffer **parameters) {
    struct buffer **inputs;
    int count = list_body_inputs(body, &inputs);
    const int outputs = body->graph->output_count;
    *parameters = arena_array(body->arena, struct kernel_buffer, (size_t)(count + outputs));
    for (int i = 0; i < count; i++)
        (*parameters)[i] = (struct kernel_buffer){.buffer = inputs[i], .read = true};
    for (int i = 0; i < outputs; i++)
        (*parameters)[count++] =
            (struct kernel_buffer){.buffer = output_of(body, i), .written = true};
    return count;
}

void emit_scan_step(struct emitter *emitter, const struct kernel *kernel) {
    struct ir *outer = emitter->ir, *body = body_of(emitter, kernel);
    struct kernel_buffer *parameters;
    if (emit_is_of_number(emitter, body))
        return;
    const bool entry = emitter->is_entry;
    emitter->is_entry = false;
    int count = list_parameters(body, &parameters);
    text_add(emitter->text,
             scan_may_end(body->scan) ? "/* One of at most %" PRId64 " steps. */\n"
                                      : "/* One of %" PRId64 " steps. */\n",
             scan_step_count(body->scan));
    emit_own_name(emitter, step_name(emitter, kernel));
    emit_signature(emitter, emitter->backend->outlined, step_name(emitter, kernel), count,
                   parameters,
                   more_parameters(emitter, body, step_needs_arena(body), step_turns(emitter, body),
                                   step_looks(emitter, kernel)));
    emit_begin_ir(emitter, body);
    struct run_text run = emit_run_text(emitter, "    ");
    text_add(emitter->text, "%s%s", text_keep(&run.offsets), text_keep(&run.calls));
    emit_begin_ir(emitter, outer);
    emit_close(emitter);
    text_add(emitter->text, "\n");
    emitter->is_entry = entry;
}

/* ---- All steps ---- */

/* Where the state of a step is. Of the last state alone the two places are in `states`. */
static const char *state_place(struct emitter *emitter, const struct ir *body,
                               const struct buffer *states, const char *step) {
    if (body->scan->last)
        return arena_format(emitter->ir->arena, "states[%s %% 2]", step);
    return arena_format(emitter->ir->arena, "%s + %" PRId64 " * %s", states->name,
                        output_of(body, 0)->elements, step);
}

/* What a step is given for an input of the body, in terms of the kernel's buffers. */
static const char *step_argument(struct emitter *emitter, const struct ir *body,
                                 const struct buffer *input, const struct buffer *source,
                                 const struct buffer *states) {
    struct arena *arena = emitter->ir->arena;
    if (input->position == 0)
        return arena_format(
            arena, "step ? %s : %s",
            state_place(emitter, body, states, body->scan->last ? "(step + 1)" : "(step - 1)"),
            source->name);
    if (input->position <= body->scan->scanned)
        return arena_format(arena, "%s + %" PRId64 " * step", source->name, input->elements);
    return source->name;
}

static void add_step_call(struct emitter *emitter, const struct kernel *kernel) {
    struct ir *body = body_of(emitter, kernel);
    const struct statement *statement = kernel->statements[0];
    const char *name = step_name(emitter, kernel);
    struct buffer **inputs;
    int count = list_body_inputs(body, &inputs);
    const char **arguments = arena_array(body->arena, const char *, (size_t)count + 6);
    for (int i = 0; i < count; i++)
        arguments[i] = step_argument(emitter, body, inputs[i], statement->value->sources[i]->buffer,
                                     statement->output);
    arguments[count++] = state_place(emitter, body, statement->output, "step");
    if (scan_may_end(body->scan))
        arguments[count++] = "&another";
    if (uses(body, BUFFER_CONSTANT))
        arguments[count++] = "weights";
    if (step_needs_arena(body))
        arguments[count++] = "arena";
    if (step_turns(emitter, body))
        arguments[count++] = "step";
    if (step_looks(emitter, kernel))
        arguments[count++] = "stop";
    text_add(emitter->text, "%*s%s(", 4 * emitter->indent, "", name);
    emit_arguments(emitter->text, 4 * emitter->indent, strlen(name), count, arguments);
}

/* One state, by all threads there are. */
static void copy_state(struct emitter *emitter, const char *to, const char *from, int64_t elements,
                       const char *states) {
    const struct emit_threads *threads = emitter->backend->threads;
    if (!threads) {
        emit_line(emitter, "memcpy(%s, %s, %" PRId64 " * sizeof *%s);", to, from, elements, states);
        return;
    }
    threads->open_shared(emitter, "k", elements);
    emit_line(emitter, "(%s)[k] = (%s)[k];", to, from);
    emit_close(emitter);
    threads->wait(emitter);
}

/* Opens what is done if there is another step: all threads have read that before one of them may
 * write it. */
static void emit_ask_for_another(struct emitter *emitter) {
    if (!emitter->backend->threads) {
        emit_open(emitter, "if (another) {");
        return;
    }
    emit_line(emitter, "const bool goes_on = another;");
    emitter->backend->threads->wait(emitter);
    emit_open(emitter, "if (goes_on) {");
}

/* As long as there is another step; else the state stays what it is. */
static void add_step_or_copy(struct emitter *emitter, const struct kernel *kernel) {
    const char *states = kernel->statements[0]->output->name;
    const struct ir *body = body_of(emitter, kernel);
    const int64_t elements = output_of(body, 0)->elements;
    struct arena *arena = emitter->ir->arena;
    emit_ask_for_another(emitter);
    add_step_call(emitter, kernel);
    if (body->scan->last) {
        emit_line(emitter, "taken++;");
    } else {
        emit_else(emitter);
        copy_state(emitter, arena_format(arena, "%s + %" PRId64 " * step", states, elements),
                   arena_format(arena, "%s + %" PRId64 " * (step - 1)", states, elements), elements,
                   states);
    }
    emit_close(emitter);
}

/* States lie in turn in the result and in the arena. Where all steps are taken the last one is in
 * the result; else it is copied there if it is not. */
static void declare_states(struct emitter *emitter, const struct kernel *kernel) {
    const struct ir *body = body_of(emitter, kernel);
    const struct buffer *output = kernel->statements[0]->output;
    const char *type = dtype_facts[output->dtype].c_type;
    const size_t offset = body->memory.state_offset;
    const char *spare = offset
                            ? arena_format(emitter->ir->arena, "(%s *)(arena + %zu)", type, offset)
                            : arena_format(emitter->ir->arena, "(%s *)arena", type);
    const bool first = scan_may_end(body->scan) || scan_step_count(body->scan) % 2;
    emit_line(emitter, "%s *const states[2] = {%s, %s};", type, first ? output->name : spare,
              first ? spare : output->name);
    if (scan_may_end(body->scan))
        emit_line(emitter, "long taken = 0;");
}

static void copy_last_state(struct emitter *emitter, const struct kernel *kernel) {
    const struct buffer *output = kernel->statements[0]->output;
    if (!emitter->backend->threads) {
        emit_line(emitter, "if (taken %% 2 == 0)");
        emit_line(emitter, "    memcpy(%s, states[1], %" PRId64 " * sizeof *%s);", output->name,
                  output->elements, output->name);
        return;
    }
    emit_open(emitter, "if (taken %% 2 == 0) {");
    copy_state(emitter, output->name, "states[1]", output->elements, output->name);
    emit_close(emitter);
}

/* Whether there is another step: of a GPU's threads one may find that out, and all go by it. */
static void declare_another(struct emitter *emitter) {
    const struct emit_threads *threads = emitter->backend->threads;
    if (!threads) {
        emit_line(emitter, "%s another = 1;", dtype_facts[DTYPE_BOOL].c_type);
        return;
    }
    emit_line(emitter, "__shared__ %s another;", dtype_facts[DTYPE_BOOL].c_type);
    threads->open_alone(emitter);
    emit_line(emitter, "another = 1;");
    emit_close(emitter);
    threads->wait(emitter);
}

static void add_steps(struct emitter *emitter, const struct kernel *kernel) {
    const struct node *scan = body_of(emitter, kernel)->scan;
    const int64_t steps = scan_step_count(scan);
    const bool may_end = scan_may_end(scan), last = scan->last;
    if (last)
        declare_states(emitter, kernel);
    if (may_end)
        declare_another(emitter);
    emit_open_for(emitter, "step", "0", arena_format(emitter->ir->arena, "%" PRId64, steps), steps,
                  1);
    (may_end ? add_step_or_copy : add_step_call)(emitter, kernel);
    emit_close(emitter);
    if (last && may_end)
        copy_last_state(emitter, kernel);
}

/* One number has one thread. */
static void add_number(struct emitter *emitter, const struct kernel *kernel, struct ir *body) {
    const struct emit_threads *threads = emitter->backend->threads;
    if (threads)
        threads->open_alone(emitter);
    emit_number_scan(emitter, kernel, body);
    if (!threads)
        return;
    emit_close(emitter);
    if (!emitter->is_entry)
        threads->wait(emitter);
}

void emit_scan(struct emitter *emitter, const struct kernel *kernel) {
    struct ir *body = body_of(emitter, kernel);
    emit_begin_work(emitter, kernel);
    emit_signature(emitter, "", kernel->name, kernel->buffer_count, kernel->buffers,
                   more_parameters(emitter, body, needs_arena(body), false, emitter->work > 0));
    if (emit_is_of_number(emitter, body))
        add_number(emitter, kernel, body);
    else
        add_steps(emitter, kernel);
    emit_close(emitter);
    emitter->work = 0;
}
