/* The emitted file: title, index of kernels, prelude, kernels, entry points. */
#include "compiler/emit/emit.h"
#include "compiler/schedule/tile_kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The top of the file ---- */

static void add_kernel_line(struct text *text, const struct kernel_facts *facts) {
    text_add(text, " *   %s\n *     %s  %" PRId64 " flop  %" PRId64 " + %" PRId64 " bytes",
             facts->name, facts->output, facts->flops, facts->bytes_read, facts->bytes_written);
    if (facts->steps)
        text_add(text, "  in each of %s%" PRId64 " steps", facts->may_end ? "at most " : "",
                 facts->steps);
    text_add(text, "\n");
}

static bool is_named_before(const struct kernel_facts *kernels, int place) {
    for (int i = 0; i < place; i++)
        if (!kernels[i].source[0] && strcmp(kernels[i].name, kernels[place].name) == 0)
            return true;
    return false;
}

/* Names of kernels that stand at another size, or run again. */
static void add_same_kernels(struct emitter *emitter, struct text *text,
                             const struct kernel_facts *kernels, int count) {
    struct text line = text_in(emitter->ir->arena);
    for (int i = 0; i < count; i++)
        if (!kernels[i].source[0] && !is_named_before(kernels, i))
            text_add(&line, "%s%s", line.length ? " " : "   and ", kernels[i].name);
    if (!line.length)
        return;
    text_add(text, " *");
    add_wrapped(text, text_keep(&line));
    text_add(text, "\n");
}

static void add_variant_index(struct emitter *emitter, struct text *text,
                              const struct compiled *compiled,
                              const struct sized_variant *variant) {
    const struct kernel_facts *kernels = compiled->kernels + variant->first_kernel;
    if (compiled->axis_count)
        text_add(text, " *  at %s:\n", emit_size_text(compiled, variant, emitter->ir->arena));
    for (int i = 0; i < variant->kernel_count; i++) {
        if (i ? kernels[i].images != kernels[i - 1].images : kernels[i].images > 0)
            text_add(text, " *  in blocks of %" PRId64 ":\n", kernels[i].images);
        if (kernels[i].source[0])
            add_kernel_line(text, &kernels[i]);
    }
    add_same_kernels(emitter, text, kernels, variant->kernel_count);
}

static void add_index(struct emitter *emitter, struct text *text, const struct compiled *compiled) {
    text_add(text, " *\n * kernel, what it stores, arithmetic operations, bytes read and written, "
                   "nodes of the graph:\n");
    for (int i = 0; i < compiled->variant_count; i++)
        add_variant_index(emitter, text, compiled, &compiled->variants[i]);
}

/* The digests of all graphs. */
static void add_graphs(struct emitter *emitter, struct text *text,
                       const struct compiled *compiled) {
    for (int i = 0; i < compiled->variant_count; i++) {
        const struct sized_variant *variant = &compiled->variants[i];
        if (!variant->digest)
            continue;
        text_add(text, "%s * graph    %s", i ? "" : " *\n", variant->digest);
        if (compiled->axis_count)
            text_add(text, "\n *          at %s",
                     emit_size_text(compiled, variant, emitter->ir->arena));
        text_add(text, "\n");
    }
}

static void add_title(struct emitter *emitter, struct text *text, const struct compiled *compiled,
                      const struct compile_options *options) {
    text_add(text, "/* %s.%s: the graph \"%s\", compiled to %s by Eigentensor. Do not edit.\n",
             emitter->prefix, emitter->backend->ending,
             emit_identifier(emitter->ir, emitter->ir->graph->name),
             emitter->backend->threads ? "CUDA C++" : "C");
    add_graphs(emitter, text, compiled);
    if (options->command)
        text_add(text, " * command  %s\n", options->command);
    add_index(emitter, text, compiled);
    text_add(text, " */\n");
}

/* ---- Prelude ---- */

void emit_prelude(struct emitter *emitter, struct text *text) {
    emitter->backend->prelude(emitter, text);
    if (emitter->portable) { /* the user's options are looked at before gcc gets others */
        sections_print_one(&emitter->sections, emit_byte_order(emitter), text);
        sections_print_one(&emitter->sections, "exact_floats", text);
        sections_print_one(&emitter->sections,
                           emitter->backend->writes_tiles ? "small_optimize" : "gcc_optimize",
                           text);
        sections_print_one(&emitter->sections, "mve_floats", text);
    }
    if (emitter->pool)
        sections_want(&emitter->sections, "pool");
}

/* Functions for kernels of a GPU say that they are, by a macro. */
static const char *of_device(struct emitter *emitter, const char *functions) {
    static const char plain[] = "static inline ";
    struct text text = text_in(emitter->ir->arena);
    for (const char *next; (next = strstr(functions, plain)); functions = next + sizeof plain - 1) {
        text_add_bytes(&text, functions, (size_t)(next - functions));
        text_add(&text, "DEVICE ");
    }
    text_add(&text, "%s", functions);
    return text_keep(&text);
}

/* The section that must stand before a tile of that kind. */
static const char *tile_section(struct emitter *emitter, const struct tile_kind *kind) {
    if (emitter->backend->writes_tiles)
        return arena_format(emitter->ir->arena, "small_%s", kind->name);
    return emitter->backend->inlines_tiles ? kind->section : kind->walk;
}

/* What kernels need. */
static void add_declarations(struct emitter *emitter, struct text *text) {
    const struct emit_backend *backend = emitter->backend;
    struct sections *sections = &emitter->sections;
    for (int i = 0; i < emitter->tile_count; i++)
        sections_want(sections, tile_section(emitter, emitter->tiles[i].kind));
    if (emitter->calls_inside)
        sections_want(sections, backend->inlines_tiles ? "tile_inside" : "tile_steps");
    if (emitter->calls_inside && !backend->inlines_tiles)
        emit_runtime_function(emitter, "tile_inside", TILE_INSIDE_PARAMETERS);
    if (emitter->calls_dot_inside)
        sections_want(sections, backend->inlines_tiles ? "dot_inside" : "dot_steps");
    if (emitter->calls_dot_inside && !backend->inlines_tiles)
        emit_runtime_function(emitter, "dot_inside", DOT_INSIDE_PARAMETERS);
    struct text functions = text_in(emitter->ir->arena);
    sections_print(sections, &functions);
    text_add(&functions, "\n");
    emit_scalar_functions(emitter, &functions);
    text_add(text, "%s",
             backend->threads ? of_device(emitter, text_keep(&functions)) : text_keep(&functions));
    for (int i = 0; i < emitter->function_count; i++)
        text_add(text, "%s", emitter->functions[i].declaration);
    for (int i = 0; i < emitter->tile_count; i++) {
        backend->declare_tile(emitter, text, &emitter->tiles[i]);
        emit_own_name(emitter, emit_tile_name(emitter, &emitter->tiles[i]));
    }
}

/* ---- Kernels ---- */

static const char *kernel_source(struct emitter *emitter, const struct kernel *kernel,
                                 const struct kernel_facts *facts) {
    struct text function = text_in(emitter->ir->arena);
    const struct emit_threads *threads = emitter->backend->threads;
    const bool scan = runs_scan(kernel->statements[0]);
    emitter->changes_operands = emitter->ir->scan || scan;
    emitter->is_entry = !emitter->ir->scan;
    emitter->text = &function;
    const bool of_number = emit_is_of_number(emitter, emitter->ir);
    if (scan)
        emit_scan_step(emitter, kernel);
    text_add(&function, "/* ");
    add_wrapped(&function, facts->formula);
    if (facts->nodes[0]) {
        text_add(&function, "\n * nodes ");
        add_wrapped(&function, facts->nodes);
    }
    text_add(&function, " */\n");
    if (of_number)
        emit_number_step(emitter, kernel);
    else if (scan)
        emit_scan(emitter, kernel);
    else if (runs_alone(kernel->statements[0]))
        (threads ? threads->whole : emit_whole)(emitter, kernel);
    else
        (threads ? threads->kernel : emit_kernel)(emitter, kernel);
    return threads ? of_device(emitter, text_keep(&function)) : text_keep(&function);
}

/* The kernels of the ir at hand, whose bodies have theirs: facts[kernel_count]. */
static void add_kernels(struct emitter *emitter, struct kernel_facts *facts, int64_t images) {
    struct ir *ir = emitter->ir;
    for (int i = 0; i < ir->kernel_count; i++) {
        ir->kernels[i]->name = kernel_name(ir, ir->kernels[i]);
        facts[i] = describe_kernel(ir, ir->kernels[i]);
        facts[i].images = images;
    }
    for (int i = 0; i < ir->kernel_count; i++) {
        facts[i].source = kernel_source(emitter, ir->kernels[i], &facts[i]);
        const bool entry = emitter->backend->threads && emitter->is_entry &&
                           !runs_scan(ir->kernels[i]->statements[0]);
        if (emitter->texts &&
            emit_same_text(emitter->texts, &facts[i], entry ? ir->kernels[i] : NULL))
            ir->kernels[i]->name = facts[i].name;
    }
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
    template_byte_order,
    template_exact,
    template_bits,
    template_zero,
    template_fma,
    template_round,
    template_math,
    template_math64,
    template_strip,
    template_convert,
    template_narrow,
    template_unordered,
    template_lanes,
    template_lanes_rows,
    template_branch,
    template_sort,
    template_tile,
    template_tile_shape,
    template_tile_dot,
    template_tile_dot_quads,
    template_tile_dot_lanes,
    template_tile_codes,
    template_transpose,
    template_pool,
    template_vector,
    template_versions,
};

/* Machines without vectors have loops of their own. */
static const struct emit_backend *backend_for(const struct target *target,
                                              const struct emit_backend *asked) {
    const struct emit_backend *backend = asked ? asked : &emit_loops;
    return backend == &emit_loops && target_is_small(target) ? &emit_small : backend;
}

static struct emitter *emitter_new(struct ir *ir, const struct compile_options *options,
                                   const struct compiled *compiled) {
    struct emitter *emitter = arena_new(ir->arena, struct emitter);
    emitter->ir = ir;
    emitter->compiled = compiled;
    emit_begin_variant(emitter, compiled->variants);
    emitter->backend = backend_for(ir->target, options->backend);
    emitter->threads = ir->threads > 1;
    emitter->pool =
        emitter->backend->has_pool && options->pool && options->threads > 1 ? options->threads : 0;
    emitter->portable =
        options->portable && emitter->backend->has_system_headers && !emitter->backend->threads;
    emitter->versions = emitter->portable && options->versions && !options->big_endian;
    emitter->weights_form = options->weights_form;
    emitter->static_arena = options->static_arena;
    emitter->section = options->section;
    emitter->big_endian = options->big_endian;
    emitter->own_names = text_in(ir->arena);
    const bool gpu = emitter->backend->threads != NULL;
    emitter->profile = options->profile && !emitter->threads && !emitter->pool && !gpu;
    if (!emitter->profile && !emitter->pool && !gpu)
        emitter->stop_every = (double)options->stop_every;
    emitter->prefix = options->prefix ? emit_identifier(ir, options->prefix)
                                      : emit_prefix_of(ir, ir->graph->name);
    for (const char *const *file = emitter->backend->templates; *file; file++)
        sections_add_file(&emitter->sections, *file);
    for (size_t i = 0; i < sizeof templates_of_all / sizeof *templates_of_all; i++)
        sections_add_file(&emitter->sections, templates_of_all[i]);
    return emitter;
}

void emit_begin_variant(struct emitter *emitter, const struct sized_variant *variant) {
    emitter->variant = variant;
    emitter->graph = variant->graph;
}

/* The kernels of a variant, from irs[0] on; how many irs it has. */
static int add_variant(struct emitter *emitter, struct ir *const *irs,
                       struct sized_variant *variant, struct compiled *compiled) {
    const bool batched = variant->graph->batched;
    const int count = batched ? variant->block_count : 1;
    emit_begin_variant(emitter, variant);
    for (int i = 0; i < count; i++) {
        add_program(emitter, irs[i], compiled->kernels, batched ? variant->blocks[i].images : 0);
        if (variant == compiled->variants && i == 0)
            emit_name_fields(emitter);
    }
    if (batched)
        variant->arena_bytes += staging_bytes(variant->graph, variant);
    if (variant->arena_bytes > compiled->arena_bytes)
        compiled->arena_bytes = variant->arena_bytes;
    return count;
}

static void add_variants(struct emitter *emitter, struct ir *const *irs,
                         struct compiled *compiled) {
    const struct sized_variant *last = &compiled->variants[compiled->variant_count - 1];
    compiled->kernel_count = last->first_kernel + last->kernel_count;
    compiled->kernels =
        arena_array(irs[0]->arena, struct kernel_facts, (size_t)compiled->kernel_count);
    if (compiled->axis_count || emitter->backend->threads)
        emitter->texts = emit_texts_new(emitter, compiled->kernel_count);
    if (compiled->axis_count)
        emit_name_sizes(emitter, compiled);
    for (int i = 0, first = 0; i < compiled->variant_count; i++)
        first += add_variant(emitter, irs + first, &compiled->variants[i], compiled);
    emit_begin_variant(emitter, compiled->variants);
    emit_begin_ir(emitter, irs[0]);
}

/* Kernels, what they need, and what calls them. */
static void add_all_kernels(struct emitter *emitter, struct text *text, struct ir *const *irs) {
    const struct compiled *compiled = emitter->compiled;
    add_declarations(emitter, text);
    if (!emitter->backend->has_system_headers) /* nor the one beside the text */
        emit_interface(emitter, text, compiled);
    for (int i = 0; i < compiled->kernel_count; i++) {
        if (!compiled->kernels[i].source[0])
            continue;
        emit_own_name(emitter, compiled->kernels[i].name);
        text_add(text, "%s\n", compiled->kernels[i].source);
    }
    if (emitter->backend->threads)
        text_add(text, "%s", emitter->backend->threads->begin_host);
    emit_runs(emitter, text, irs);
}

/* Bytes of text for one of code, at the least: networks of all kinds had 3.1 to 17 (gcc -O2 and -Os
 * for Cortex-M4). */
enum { TEXT_OF_CODE = 3 };

/* One for each variant or, where these are batched, for each block of one. */
static int ir_count(const struct compiled *compiled) {
    int count = 0;
    for (int i = 0; i < compiled->variant_count; i++)
        count += compiled->variants[i].block_count ? compiled->variants[i].block_count : 1;
    return count;
}

void emit(struct ir *const *irs, const struct compile_options *options, struct compiled *compiled) {
    struct arena *arena = irs[0]->arena;
    struct emitter *emitter = emitter_new(irs[0], options, compiled);
    compiled->prefix = emitter->prefix;
    add_variants(emitter, irs, compiled);
    compiled->kernel_dot = kernels_dot(irs[0]);
    struct text file = text_in(arena), header = text_in(arena);
    add_title(emitter, &file, compiled, options);
    if (emitter->versions) {
        struct text each = text_in(arena);
        add_all_kernels(emitter, &each, irs);
        emit_versions(emitter, &file, text_keep(&each));
    } else {
        emit_prelude(emitter, &file);
        add_all_kernels(emitter, &file, irs);
    }
    if (target_is_small(irs[0]->target))
        compiled->code_bytes = file.length / TEXT_OF_CODE;
    emit_memory(emitter, &file, irs, ir_count(compiled));
    emit_entries(emitter, &file);
    if (emitter->backend->threads)
        text_add(&file, "%s", emitter->backend->threads->end_host);
    text_add(&file, "%s", emitter->versions ? "#endif // once\n" : "");
    compiled->runtime_function_count = emitter->function_count;
    compiled->runtime_functions = names_of_functions(emitter);
    compiled->source = text_keep(&file);
    compiled->source_bytes = file.length;
    compiled->assembly = emit_assembly(emitter);
    emit_needs(irs, ir_count(compiled), compiled);
    emit_header(emitter, &header, compiled);
    compiled->header = text_keep(&header);
    compiled->header_bytes = header.length;
}
