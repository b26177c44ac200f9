/* The emitted file: title, index of kernels, prelude, kernels, entry points. */
#include "compiler/emit/emit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The top of the file ---- */

static void add_index(struct text *text, const struct compiled *compiled) {
    text_add(text, " *\n * kernel, what it stores, arithmetic operations, bytes read and written, "
                   "nodes of the graph:\n");
    for (int i = 0; i < compiled->kernel_count; i++) {
        const struct kernel_facts *facts = &compiled->kernels[i];
        if (i ? facts->images != facts[-1].images : facts->images > 0)
            text_add(text, " *  in blocks of %" PRId64 ":\n", facts->images);
        text_add(text, " *   %s\n *     %s  %" PRId64 " flop  %" PRId64 " + %" PRId64 " bytes",
                 facts->name, facts->output, facts->flops, facts->bytes_read, facts->bytes_written);
        if (facts->steps)
            text_add(text, "  in each of %" PRId64 " steps", facts->steps);
        text_add(text, "\n");
    }
}

static void add_title(struct emitter *emitter, struct text *text, const struct compiled *compiled,
                      const struct compile_options *options) {
    text_add(text, "/* %s.c: the graph \"%s\", compiled to C by Eigentensor. Do not edit.\n",
             emitter->prefix, emit_identifier(emitter->ir, emitter->ir->graph->name));
    if (options->digest)
        text_add(text, " *\n * graph    %s\n", options->digest);
    if (options->command)
        text_add(text, " * command  %s\n", options->command);
    add_index(text, compiled);
    text_add(text, " */\n");
}

/* ---- Prelude ---- */

static void add_prelude(struct emitter *emitter, struct text *text) {
    const struct emit_backend *backend = emitter->backend;
    struct sections *sections = &emitter->sections;
    backend->prelude(emitter, text);
    if (emitter->tile_count > 0)
        sections_want(sections, backend->tile_section);
    if (emitter->pool)
        sections_want(sections, "pool");
    sections_print(sections, text);
    text_add(text, "\n");
    emit_scalar_functions(emitter, text);
    for (int i = 0; i < emitter->function_count; i++)
        text_add(text, "%s", emitter->functions[i].declaration);
    for (int i = 0; i < emitter->tile_count; i++)
        backend->declare_tile(emitter, text, &emitter->tiles[i]);
}

/* ---- Kernels ---- */

static const char *kernel_source(struct emitter *emitter, const struct kernel *kernel,
                                 const struct kernel_facts *facts) {
    struct text function = text_in(emitter->ir->arena);
    const bool scan = runs_scan(kernel->statements[0]);
    emitter->text = &function;
    if (scan)
        emit_scan_step(emitter, kernel);
    text_add(&function, "/* ");
    add_wrapped(&function, facts->formula);
    if (facts->nodes[0]) {
        text_add(&function, "\n * nodes ");
        add_wrapped(&function, facts->nodes);
    }
    text_add(&function, " */\n");
    if (scan)
        emit_scan(emitter, kernel);
    else
        emit_kernel(emitter, kernel);
    return text_keep(&function);
}

/* The kernels of the ir at hand, whose bodies have theirs: facts[kernel_count]. */
static void add_kernels(struct emitter *emitter, struct kernel_facts *facts, int64_t images) {
    struct ir *ir = emitter->ir;
    for (int i = 0; i < ir->kernel_count; i++) {
        ir->kernels[i]->name = kernel_name(ir, ir->kernels[i]);
        facts[i] = describe_kernel(ir, ir->kernels[i]);
        facts[i].images = images;
    }
    for (int i = 0; i < ir->kernel_count; i++)
        facts[i].source = kernel_source(emitter, ir->kernels[i], &facts[i]);
}

/* Of an ir and, before them, of its bodies; `facts` are those of the whole file. */
static void add_program(struct emitter *emitter, struct ir *ir, struct kernel_facts *facts,
                        int64_t images) {
    for (int i = 0; i < ir->body_count; i++)
        add_program(emitter, ir->bodies[i], facts, images);
    emit_begin_ir(emitter, ir);
    emit_name_buffers(emitter);
    add_kernels(emitter, facts + ir->first_number, images);
}

/* ---- All together ---- */

void emit_begin_ir(struct emitter *emitter, struct ir *ir) {
    emitter->ir = ir;
    emitter->uses = arena_array(ir->arena, int, (size_t)ir->expression_count + 1);
    emitter->marks = arena_array(ir->arena, int, (size_t)ir->expression_count + 1);
    emitter->mark = 0;
    emitter->offset_wanted = arena_array(ir->arena, bool, (size_t)ir->buffer_count + 1);
}

static const char *const *names_of_functions(struct emitter *emitter) {
    const char **names =
        arena_array(emitter->ir->arena, const char *, (size_t)emitter->function_count + 1);
    for (int i = 0; i < emitter->function_count; i++)
        names[i] = emitter->functions[i].name;
    return names;
}

/* Files whose sections every backend's text can carry, in the order in which they are printed. */
static const char *const templates_of_all[] = {
    template_exact, template_math,   template_strip, template_convert,
    template_lanes, template_branch, template_tile,  template_pool,
};

static struct emitter *emitter_new(struct ir *ir, const struct graph *graph,
                                   const struct compile_options *options,
                                   const struct compiled *compiled) {
    struct emitter *emitter = arena_new(ir->arena, struct emitter);
    emitter->ir = ir;
    emitter->graph = graph;
    emitter->compiled = compiled;
    emitter->backend = options->backend ? options->backend : &emit_loops;
    emitter->threads = ir->threads > 1;
    emitter->pool =
        emitter->backend->has_pool && options->pool && options->threads > 1 ? options->threads : 0;
    emitter->profile = options->profile && !emitter->threads && !emitter->pool;
    if (!emitter->profile && !emitter->pool)
        emitter->stop_every = (double)options->stop_every;
    emitter->prefix = options->prefix ? emit_identifier(ir, options->prefix)
                                      : emit_prefix_of(ir, ir->graph->name);
    for (const char *const *file = emitter->backend->templates; *file; file++)
        sections_add_file(&emitter->sections, *file);
    for (size_t i = 0; i < sizeof templates_of_all / sizeof *templates_of_all; i++)
        sections_add_file(&emitter->sections, templates_of_all[i]);
    return emitter;
}

void emit(struct ir *const *irs, int count, const struct graph *graph,
          const struct compile_options *options, struct compiled *compiled) {
    struct arena *arena = irs[0]->arena;
    struct emitter *emitter = emitter_new(irs[0], graph, options, compiled);
    compiled->prefix = emitter->prefix;
    compiled->kernel_count = irs[count - 1]->first_number + irs[count - 1]->kernel_count;
    compiled->kernels = arena_array(arena, struct kernel_facts, (size_t)compiled->kernel_count);
    for (int i = 0; i < count; i++) {
        add_program(emitter, irs[i], compiled->kernels,
                    graph->batched ? compiled->blocks[i].images : 0);
        if (i == 0)
            emit_name_fields(emitter);
    }
    emit_begin_ir(emitter, irs[0]);
    compiled->kernel_dot = kernels_dot(irs[0]);
    if (graph->batched)
        compiled->arena_bytes += staging_bytes(graph, compiled);
    struct text file = text_in(arena), header = text_in(arena);
    add_title(emitter, &file, compiled, options);
    add_prelude(emitter, &file);
    if (!emitter->backend->has_system_headers) /* nor the one beside the text */
        emit_interface(emitter, &file, compiled);
    for (int i = 0; i < compiled->kernel_count; i++)
        text_add(&file, "%s\n", compiled->kernels[i].source);
    emit_entries(emitter, &file, irs, count, options);
    compiled->runtime_function_count = emitter->function_count;
    compiled->runtime_functions = names_of_functions(emitter);
    compiled->source = text_keep(&file);
    compiled->source_bytes = file.length;
    emit_header(emitter, &header, compiled, options);
    compiled->header = text_keep(&header);
    compiled->header_bytes = header.length;
}
