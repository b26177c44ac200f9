/* Runs that threads share: the types and entries for it, and a pool inside the text. */
#include "compiler/emit/emit.h"

#include <inttypes.h>

/* Text in the emitter's arena. */
#define FORMAT(...) arena_format(emitter->ir->arena, __VA_ARGS__)

/* What runs return. */
static const char *run_type(const struct emitter *emitter) {
    return emitter->compiled->axis_count ? "int" : "void";
}

void emit_step_interface(struct emitter *emitter, struct text *text, const char *upper) {
    const char *prefix = emitter->prefix, *type = run_type(emitter);
    const char *sizes = emit_size_parameters(emitter);
    text_add(
        text,
        "\n/* A run in pieces, for threads that share it. Each of its steps has `parts` parts,\n"
        " * which any threads may do in any order; all of them must be done before a part of the\n"
        " * next step begins. */\n%s#define %s_MOST_PARTS %" PRId64 "\n",
        *sizes
            ? FORMAT("long %s_steps(%s); /* -1 for sizes not listed above */\n", prefix, sizes + 2)
            : FORMAT("#define %s_STEPS %d\n", upper, emitter->variant->steps),
        upper, emitter->ir->threads);
    text_add(text,
             "%s %s_run_step(const struct %s_inputs *inputs, const struct %s_outputs *outputs,\n"
             "        const void *weights, void *arena, long step, long part, long parts%s);\n"
             "%s %s_run_step_array(const void *const *inputs, void *const *outputs,\n"
             "        const void *weights, void *arena, long step, long part, long parts%s);\n",
             type, prefix, prefix, prefix, sizes, type, prefix, sizes);
}

static void add_run_of_size(struct emitter *emitter, struct text *text) {
    const char *prefix = emitter->prefix, *sizes = emit_size_arguments(emitter);
    text_add(text,
             "int %s_run(%s%s) {\n    const long steps = %s_steps(%s);\n"
             "    for (long step = 0; step < steps; step++)\n"
             "        %s_run_step(inputs, outputs, weights, arena, step, 0, 1%s);\n"
             "    return steps < 0 ? -1 : 0;\n}\n",
             prefix, emit_run_parameters(emitter), emit_size_parameters(emitter), prefix, sizes + 2,
             prefix, sizes);
}

void emit_run_alone(struct emitter *emitter, struct text *text) {
    const char *prefix = emitter->prefix;
    if (emitter->compiled->axis_count) {
        add_run_of_size(emitter, text);
        return;
    }
    text_add(text,
             "void %s_run(const struct %s_inputs *inputs, const struct %s_outputs *outputs,\n"
             "        const void *weights, void *arena) {\n"
             "    for (long step = 0; step < %d; step++)\n"
             "        %s_run_step(inputs, outputs, weights, arena, step, 0, 1);\n}\n",
             prefix, prefix, prefix, emitter->variant->steps, prefix);
}

void emit_pool_interface(struct emitter *emitter, struct text *text, const char *upper) {
    const char *prefix = emitter->prefix, *batch = emitter->graph->batched ? " long batch," : "";
    const char *type = run_type(emitter), *sizes = emit_size_parameters(emitter);
    text_add(text,
             "\n/* Threads for runs: the one that calls, and others that wait for the next. Where\n"
             " * there is no memory or no thread to be had, %s_pool_new returns NULL. */\n"
             "struct %s_pool;\n"
             "struct %s_pool *%s_pool_new(long threads);\n"
             "void %s_pool_free(struct %s_pool *pool);\n\n",
             prefix, prefix, prefix, prefix, prefix, prefix);
    text_add(text,
             "/* %s_run by all threads of a pool, with the same bits; one run on it at a time.",
             prefix);
    if (*batch)
        text_add(text, " Each\n * takes images of its own and %s_ARENA_BYTES of the arena.", upper);
    text_add(text,
             " */\n"
             "%s %s_run_on(const struct %s_inputs *inputs, const struct %s_outputs *outputs,\n"
             "        const void *weights, void *arena,%s struct %s_pool *pool%s);\n"
             "%s %s_run_on_array(const void *const *inputs, void *const *outputs,\n"
             "        const void *weights, void *arena,%s struct %s_pool *pool%s);\n",
             type, prefix, prefix, prefix, batch, prefix, sizes, type, prefix, batch, prefix,
             sizes);
}

/* ", run->seq_len" for each size. */
static const char *sizes_of_run(const struct emitter *emitter) {
    const char *text = "";
    for (int i = 0; i < emitter->compiled->axis_count; i++)
        text = FORMAT("%s, run->%s", text, emitter->compiled->parameters[i]);
    return text;
}

/* A thread's part of a run. */
static void add_take_part(struct emitter *emitter, struct text *text, const char *upper) {
    text_add(text, "static void take_part(void *context, long step, long part) {\n"
                   "    const struct run *run = (const struct run *)context;\n");
    if (emitter->graph->batched)
        text_add(text,
                 "    (void)step;\n"
                 "    %s(run->inputs, run->outputs, run->weights,\n"
                 "            (char *)run->arena + part * %s_ARENA_BYTES, run->batch * part / "
                 "run->parts,\n            run->batch * (part + 1) / run->parts%s);\n}\n\n",
                 emitter->compiled->axis_count ? "run_images"
                                               : emit_for_this_cpu(emitter, "run_images"),
                 upper, sizes_of_run(emitter));
    else
        text_add(
            text,
            "    %s_run_step(run->inputs, run->outputs, run->weights, run->arena, step, part,\n"
            "            run->parts%s);\n}\n\n",
            emitter->prefix, sizes_of_run(emitter));
}

static void add_run_on(struct emitter *emitter, struct text *text) {
    const char *prefix = emitter->prefix, *sizes = emit_size_arguments(emitter);
    const bool batched = emitter->graph->batched, sized = *sizes;
    text_add(text,
             "%s %s_run_on(%s,%s struct %s_pool *pool%s) {\n"
             "    struct pool *threads = (struct pool *)pool;\n"
             "    struct run run = {inputs, outputs, weights, arena, %sthreads->parts%s};\n",
             run_type(emitter), prefix, emit_run_parameters(emitter), batched ? " long batch," : "",
             prefix, emit_size_parameters(emitter), batched ? "batch, " : "", sizes);
    if (sized && batched)
        text_add(text, "    if (find_size(%s) < 0)\n        return -1;\n", sizes + 2);
    else if (sized)
        text_add(text,
                 "    const long steps = %s_steps(%s);\n    if (steps < 0)\n        return -1;\n",
                 prefix, sizes + 2);
    text_add(text, "    pool_share(threads, take_part, &run, %s);\n%s}\n",
             batched ? "1"
             : sized ? "steps"
                     : FORMAT("%d", emitter->variant->steps),
             sized ? "    return 0;\n" : "");
}

void emit_pool(struct emitter *emitter, struct text *text, const char *upper) {
    const char *prefix = emitter->prefix;
    const bool batched = emitter->graph->batched;
    text_add(text,
             "\nstruct %s_pool *%s_pool_new(long threads) {\n"
             "    if (threads < 1 || threads > %d)\n        return NULL;\n"
             "    return (struct %s_pool *)pool_new(threads);\n}\n\n"
             "void %s_pool_free(struct %s_pool *pool) {\n"
             "    pool_free((struct pool *)pool);\n}\n\n",
             prefix, prefix, emitter->pool, prefix, prefix, prefix);
    text_add(text,
             "struct run {\n    const struct %s_inputs *inputs;\n"
             "    const struct %s_outputs *outputs;\n    const void *weights;\n"
             "    void *arena;\n    long %sparts%s;\n};\n\n",
             prefix, prefix, batched ? "batch, " : "", emit_size_arguments(emitter));
    add_take_part(emitter, text, upper);
    add_run_on(emitter, text);
}
