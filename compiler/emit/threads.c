/* Runs that threads share: the types and entries for it, and a pool inside the text. */
#include "compiler/emit/emit.h"

#include <inttypes.h>

static int step_count(const struct ir *ir) {
    return ir->kernel_count ? ir->kernels[ir->kernel_count - 1]->step + 1 : 0;
}

void emit_step_interface(struct emitter *emitter, struct text *text, const char *upper) {
    const char *prefix = emitter->prefix;
    text_add(
        text,
        "\n/* A run in pieces, for threads that share it. Each of its steps has `parts` parts,\n"
        " * which any threads may do in any order; all of them must be done before a part of the\n"
        " * next step begins. */\n"
        "#define %s_STEPS %d\n#define %s_MOST_PARTS %" PRId64 "\n",
        upper, step_count(emitter->ir), upper, emitter->ir->threads);
    text_add(text,
             "void %s_run_step(const struct %s_inputs *inputs, const struct %s_outputs *outputs,\n"
             "        const void *weights, void *arena, long step, long part, long parts);\n"
             "void %s_run_step_array(const void *const *inputs, void *const *outputs,\n"
             "        const void *weights, void *arena, long step, long part, long parts);\n",
             prefix, prefix, prefix, prefix);
}

void emit_run_alone(struct emitter *emitter, struct text *text) {
    const char *prefix = emitter->prefix;
    text_add(text,
             "void %s_run(const struct %s_inputs *inputs, const struct %s_outputs *outputs,\n"
             "        const void *weights, void *arena) {\n"
             "    for (long step = 0; step < %d; step++)\n"
             "        %s_run_step(inputs, outputs, weights, arena, step, 0, 1);\n}\n",
             prefix, prefix, prefix, step_count(emitter->ir), prefix);
}

void emit_pool_interface(struct emitter *emitter, struct text *text, const char *upper) {
    const char *prefix = emitter->prefix, *batch = emitter->graph->batched ? " long batch," : "";
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
             "void %s_run_on(const struct %s_inputs *inputs, const struct %s_outputs *outputs,\n"
             "        const void *weights, void *arena,%s struct %s_pool *pool);\n"
             "void %s_run_on_array(const void *const *inputs, void *const *outputs,\n"
             "        const void *weights, void *arena,%s struct %s_pool *pool);\n",
             prefix, prefix, prefix, batch, prefix, prefix, batch, prefix);
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
                 "run->parts,\n            run->batch * (part + 1) / run->parts);\n}\n\n",
                 emit_for_this_cpu(emitter, "run_images"), upper);
    else
        text_add(
            text,
            "    %s_run_step(run->inputs, run->outputs, run->weights, run->arena, step, part,\n"
            "            run->parts);\n}\n\n",
            emitter->prefix);
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
             "    void *arena;\n    long %sparts;\n};\n\n",
             prefix, prefix, batched ? "batch, " : "");
    add_take_part(emitter, text, upper);
    text_add(text,
             "void %s_run_on(const struct %s_inputs *inputs, const struct %s_outputs *outputs,\n"
             "        const void *weights, void *arena,%s struct %s_pool *pool) {\n"
             "    struct pool *threads = (struct pool *)pool;\n"
             "    struct run run = {inputs, outputs, weights, arena, %sthreads->parts};\n"
             "    pool_share(threads, take_part, &run, %d);\n}\n",
             prefix, prefix, prefix, batched ? " long batch," : "", prefix,
             batched ? "batch, " : "", batched ? 1 : step_count(emitter->ir));
}
