/* The emitted file: header comment, index of kernels, prelude, kernels, entry points. */
#include "compiler/emit/emit.h"

#include "compiler/lower/lower.h"
#include "compiler/plan/plan.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names ---- */

/* Words that a tensor's name must not be in C: keywords, and the names that emitted text uses. */
static const char *const reserved_words[] = {"auto",
                                             "break",
                                             "case",
                                             "char",
                                             "const",
                                             "continue",
                                             "default",
                                             "do",
                                             "double",
                                             "else",
                                             "enum",
                                             "extern",
                                             "float",
                                             "for",
                                             "goto",
                                             "if",
                                             "inline",
                                             "int",
                                             "long",
                                             "register",
                                             "restrict",
                                             "return",
                                             "short",
                                             "signed",
                                             "sizeof",
                                             "static",
                                             "struct",
                                             "switch",
                                             "typedef",
                                             "union",
                                             "unsigned",
                                             "void",
                                             "volatile",
                                             "while",
                                             "asm",
                                             "typeof",
                                             "bool",
                                             "true",
                                             "false",
                                             "class",
                                             "new",
                                             "this",
                                             "template",
                                             "sums",
                                             "walk",
                                             "k",
                                             "m",
                                             "n",
                                             "c",
                                             "row",
                                             "rows",
                                             "strip",
                                             "columns",
                                             "tile",
                                             "vector",
                                             "fmaf",
                                             "fma",
                                             "sqrtf",
                                             "floorf",
                                             "ceilf",
                                             "rintf",
                                             "fmodf",
                                             "fabsf",
                                             "memcpy",
                                             "INFINITY",
                                             "NAN",
                                             "ALIGNED_ARRAY",
                                             "tile_walk",
                                             "inputs",
                                             "outputs",
                                             "weights",
                                             "arena",
                                             "ptrdiff_t",
                                             "part",
                                             "parts",
                                             "step",
                                             "begin",
                                             "end"};

/* Letters and then digits, as our locals are: v0, i1, lanes2, t12. */
static bool looks_local(const char *name) {
    size_t letters = strspn(name, "abcdefghijklmnopqrstuvwxyz");
    size_t digits = strspn(name + letters, "0123456789");
    return digits > 0 && name[letters + digits] == 0;
}

static bool is_reserved(const char *name) {
    for (size_t i = 0; i < sizeof reserved_words / sizeof *reserved_words; i++)
        if (strcmp(reserved_words[i], name) == 0)
            return true;
    return looks_local(name) || strncmp(name, "tile_", 5) == 0 || strncmp(name, "walk_", 5) == 0 ||
           strncmp(name, "row_", 4) == 0 || strncmp(name, "vector_", 7) == 0 ||
           strncmp(name, "pool_", 5) == 0 || strncmp(name, "STEP_", 5) == 0 ||
           strncmp(name, "CHAIN_", 6) == 0 || strncmp(name, "ahead", 5) == 0;
}

static bool is_section_or_scalar(const struct emitter *emitter, const char *name) {
    return sections_have(&emitter->sections, name);
}

static char *identifier(struct ir *ir, const char *name) {
    char *text = arena_format(ir->arena, "%s%s", isdigit((unsigned char)name[0]) ? "_" : "", name);
    for (char *at = text; *at; at++)
        if (!(isalnum((unsigned char)*at) && (unsigned char)*at < 128) && *at != '_')
            *at = '_';
    while (text[0] == '_') /* names of the implementation begin so */
        text++;
    if (!text[0] || isdigit((unsigned char)text[0]))
        text = arena_format(ir->arena, "tensor_%s", text);
    return text;
}

/* The names of buffers so far, by hash, open addressing. */
struct names {
    size_t capacity; /* a power of two, at least twice the buffers */
    const char **names;
};

/* Where a name is or belongs. */
static const char **name_place(const struct names *names, const char *name) {
    size_t hash = 0;
    for (const char *at = name; *at; at++)
        hash = hash * 31 + (unsigned char)*at;
    const char **place = &names->names[hash & (names->capacity - 1)];
    while (*place && strcmp(*place, name) != 0)
        place = &names->names[++hash & (names->capacity - 1)];
    return place;
}

static const char *free_name(const struct emitter *emitter, const struct names *names,
                             const char *original) {
    struct ir *ir = emitter->ir;
    const char *first = identifier(ir, original), *name = first;
    if (is_reserved(name) || is_section_or_scalar(emitter, name))
        name = arena_format(ir->arena, "%s_", name);
    for (int k = 2; *name_place(names, name); k++)
        name = arena_format(ir->arena, "%s_%d", first, k);
    return name;
}

/* Every buffer gets a C identifier of its own, as near to the graph's name as can be. */
static void name_buffers(struct emitter *emitter) {
    struct ir *ir = emitter->ir;
    struct names names = {.capacity = 16};
    while (names.capacity < 2 * (size_t)ir->buffer_count)
        names.capacity *= 2;
    names.names = arena_array(ir->arena, const char *, names.capacity);
    for (int i = 0; i < ir->buffer_count; i++) {
        struct buffer *buffer = ir->buffers[i];
        if (buffer->kind != BUFFER_LOCAL &&
            !(buffer->kind == BUFFER_TEMPORARY && looks_local(buffer->name))) /* t12 */
            buffer->name = free_name(emitter, &names, buffer->name);
        *name_place(&names, buffer->name) = buffer->name;
    }
}

static const char *upper_case(struct ir *ir, const char *name) {
    char *text = arena_copy_text(ir->arena, name);
    for (char *at = text; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return text;
}

/* ---- Header ---- */

static void add_tensor_fields(struct emitter *emitter, struct text *text, enum buffer_kind kind,
                              const char *constant) {
    const struct ir *ir = emitter->ir;
    int count = 0;
    text_add(text, "struct %s_%s {\n", emitter->prefix,
             kind == BUFFER_INPUT ? "inputs" : "outputs");
    for (int i = 0; i < ir->buffer_count; i++) {
        const struct buffer *buffer = ir->buffers[i];
        if (buffer->kind != kind)
            continue;
        count++;
        const char *description = tensor_description(emitter, buffer);
        text_add(text, "    %s%s *%s; /* %s */\n", constant, dtype_facts[buffer->dtype].c_type,
                 buffer->name, strchr(description, ' ') + 1);
    }
    if (!count)
        text_add(text, "    char none; /* the graph has none */\n");
    text_add(text, "};\n\n");
}

static void add_sizes(struct emitter *emitter, struct text *text, const struct compiled *compiled) {
    const char *upper = upper_case(emitter->ir, emitter->prefix);
    text_add(text, "#define %s_WEIGHTS_BYTES %zu\n", upper, compiled->weights_bytes);
    text_add(text, "#define %s_ARENA_BYTES %zu\n", upper, compiled->arena_bytes);
    text_add(text, "#define %s_INPUT_COUNT %d\n", upper, emitter->ir->graph->input_count);
    text_add(text, "#define %s_OUTPUT_COUNT %d\n", upper, emitter->ir->graph->output_count);
    if (compiled->block_count)
        text_add(text, "#define %s_BLOCK_IMAGES %" PRId64 " /* fastest are multiples of it */\n",
                 upper, compiled->blocks[0].images);
    text_add(text, "\n");
}

static void add_interface(struct emitter *emitter, struct text *text,
                          const struct compiled *compiled) {
    const char *prefix = emitter->prefix;
    add_sizes(emitter, text, compiled);
    add_tensor_fields(emitter, text, BUFFER_INPUT, "const ");
    add_tensor_fields(emitter, text, BUFFER_OUTPUT, "");
    const char *batch = compiled->block_count ? ", long batch" : "";
    text_add(
        text,
        *batch
            ? "/* Computes all outputs of `batch` images, the N of the tensors; an image has the "
              "same bits\n * in every batch. Tensors are contiguous and row-major; outputs "
              "overlap nothing else.\n"
            : "/* Computes all outputs. Tensors are contiguous and row-major; outputs overlap "
              "nothing else.\n");
    text_add(text,
             " * `weights` is the block that was written beside this file, `arena` is scratch\n"
             " * memory; both 64-byte aligned. Touches nothing else: threads may run at once, an\n"
             " * arena each. */\n");
    text_add(text,
             "void %s_run(const struct %s_inputs *inputs, const struct %s_outputs *outputs,\n"
             "        const void *weights, void *arena%s);\n\n",
             prefix, prefix, prefix, batch);
    text_add(text,
             "/* The same by position. */\n"
             "void %s_run_array(const void *const *inputs, void *const *outputs, "
             "const void *weights,\n        void *arena%s);\n",
             prefix, batch);
    if (emitter->threads)
        emit_step_interface(emitter, text, upper_case(emitter->ir, prefix));
    if (emitter->pool)
        emit_pool_interface(emitter, text, upper_case(emitter->ir, prefix));
}

static void add_header(struct emitter *emitter, struct text *text, const struct compiled *compiled,
                       const struct compile_options *options) {
    const char *guard =
        arena_format(emitter->ir->arena, "%s_H", upper_case(emitter->ir, emitter->prefix));
    text_add(text, "/* %s.h: how to run the graph \"%s\", compiled to C by Eigentensor.",
             emitter->prefix, identifier(emitter->ir, emitter->ir->graph->name));
    if (options->digest)
        text_add(text, "\n * Graph %s", options->digest);
    text_add(text, " */\n#ifndef %s\n#define %s\n\n#include <stdint.h>\n\n", guard, guard);
    add_interface(emitter, text, compiled);
    text_add(
        text,
        "\n/* What was compiled: \"eigentensor 1; graph DIGEST; inputs ...; outputs ...\". */\n"
        "const char *%s_metadata(void);\n\n#endif\n",
        emitter->prefix);
}

/* ---- The top of the file ---- */

static void add_index(struct text *text, const struct compiled *compiled) {
    text_add(text, " *\n * kernel, what it stores, arithmetic operations, bytes read and written, "
                   "nodes of the graph:\n");
    for (int i = 0; i < compiled->kernel_count; i++) {
        const struct kernel_facts *facts = &compiled->kernels[i];
        if (i ? facts->images != facts[-1].images : facts->images > 0)
            text_add(text, " *  in blocks of %" PRId64 ":\n", facts->images);
        text_add(text, " *   %s\n *     %s  %" PRId64 " flop  %" PRId64 " + %" PRId64 " bytes\n",
                 facts->name, facts->output, facts->flops, facts->bytes_read, facts->bytes_written);
    }
}

static void add_title(struct emitter *emitter, struct text *text, const struct compiled *compiled,
                      const struct compile_options *options) {
    text_add(text, "/* %s.c: the graph \"%s\", compiled to C by Eigentensor. Do not edit.\n",
             emitter->prefix, identifier(emitter->ir, emitter->ir->graph->name));
    if (options->digest)
        text_add(text, " *\n * graph    %s\n", options->digest);
    if (options->command)
        text_add(text, " * command  %s\n", options->command);
    add_index(text, compiled);
    text_add(text, " */\n");
}

/* ---- Prelude ---- */

static int compare_tiles(const struct wanted_tile *a, const struct wanted_tile *b) {
    if (a->lanes != b->lanes)
        return a->lanes - b->lanes;
    return a->columns != b->columns ? a->columns - b->columns : a->rows - b->rows;
}

void emit_want_tile(struct emitter *emitter, bool lanes, int rows, int columns) {
    struct wanted_tile wanted = {lanes, rows, columns}, *tiles = emitter->tiles;
    int place = 0;
    while (place < emitter->tile_count && compare_tiles(&tiles[place], &wanted) < 0)
        place++;
    if (place < emitter->tile_count && compare_tiles(&tiles[place], &wanted) == 0)
        return;
    if (emitter->tile_count == MAX_TILES)
        unreachable();
    memmove(&tiles[place + 1], &tiles[place],
            (size_t)(emitter->tile_count - place) * sizeof *tiles);
    tiles[place] = wanted;
    emitter->tile_count++;
}

static void add_tile_wrappers(struct emitter *emitter, struct text *text) {
    bool calls = emitter->backend == &emit_calls;
    for (int i = 0; i < emitter->tile_count; i++) {
        const struct wanted_tile *tile = &emitter->tiles[i];
        text_add(text,
                 "%s tile_%s%dx%d(float *restrict sums, const float *stream, const float *panel,\n"
                 "        const struct tile_walk *walk, int resume, const float *ahead)",
                 calls ? "void" : "TILE_INLINE", tile->lanes ? "lanes_" : "", tile->rows,
                 tile->columns);
        if (calls)
            text_add(text, ";\n\n");
        else
            text_add(text,
                     " {\n    tile(%d, %d, %d, sums, stream, panel, walk, resume, ahead);\n}\n\n",
                     tile->lanes, tile->rows, tile->columns);
    }
}

static void add_prelude(struct emitter *emitter, struct text *text) {
    struct sections *sections = &emitter->sections;
    bool calls = emitter->backend == &emit_calls;
    bool tiles = emitter->tile_count > 0;
    if (calls) {
        sections_want(sections, "calls");
    } else {
        text_add(text, "%s", emitter->pool ? "#define _POSIX_C_SOURCE 200809L\n\n" : "");
        text_add(text,
                 "#include \"%s.h\"\n\n#include <math.h>\n#include <stddef.h>\n"
                 "#include <stdint.h>\n#include <string.h>\n\n",
                 emitter->prefix);
    }
    if (tiles)
        sections_want(sections, calls ? "tile_walk" : "tile");
    if (emitter->pool)
        sections_want(sections, "pool");
    sections_print(sections, text);
    text_add(text, "\n");
    emit_scalar_functions(emitter, text);
    for (int i = 0; i < emitter->row_function_count; i++)
        text_add(text, "%s", emitter->row_functions[i].declaration);
    add_tile_wrappers(emitter, text);
}

/* ---- Entry points ---- */

static bool has_offset(const struct emitter *emitter, const struct buffer *buffer,
                       enum buffer_kind kind) {
    return buffer->kind == kind && emitter->offset_wanted[buffer->id];
}

/* Where the constants or temporaries lie, in bytes; false if there are none. Beyond what an enum
 * can hold, macros. */
static bool add_offsets(struct emitter *emitter, struct text *text, enum buffer_kind kind,
                        const char *comment, const char *indent) {
    const char *large_form = *indent ? "static const long AT_%s = %zu;" : "#define AT_%s %zu";
    const struct ir *ir = emitter->ir;
    int count = 0;
    bool large = false;
    for (int i = 0; i < ir->buffer_count; i++)
        large |= has_offset(emitter, ir->buffers[i], kind) && ir->buffers[i]->offset > INT32_MAX;
    for (int i = 0; i < ir->buffer_count; i++) {
        const struct buffer *buffer = ir->buffers[i];
        if (!has_offset(emitter, buffer, kind))
            continue;
        if (!count++)
            text_add(text, "%s/* %s */\n%s%s", indent, comment, large ? "" : indent,
                     large ? "" : "enum {\n");
        text_add(text, "%s", indent);
        text_add(text, large ? large_form : "    AT_%s = %zu,", buffer->name, buffer->offset);
        text_add(text, " /* %s", strchr(buffer_description(emitter->ir, buffer), ' ') + 1);
        if (kind == BUFFER_TEMPORARY)
            text_add(text, ", alive from k%02d to k%02d",
                     ir->first_number + buffer->first_kernel + 1,
                     ir->first_number + buffer->last_kernel + 1);
        text_add(text, " */\n");
    }
    if (count)
        text_add(text, "%s%s\n", large ? "" : indent, large ? "" : "};\n");
    return count > 0;
}

static const char *argument(struct emitter *emitter, const struct buffer *buffer, bool written) {
    struct arena *arena = emitter->ir->arena;
    const char *type = dtype_facts[buffer->dtype].c_type;
    switch (buffer->kind) {
    case BUFFER_INPUT:
        return arena_format(arena, "inputs->%s", emitter->fields[BUFFER_INPUT][buffer->position]);
    case BUFFER_OUTPUT:
        return arena_format(arena, "outputs->%s", emitter->fields[BUFFER_OUTPUT][buffer->position]);
    case BUFFER_CONSTANT:
        emitter->offset_wanted[buffer->id] = true;
        return arena_format(arena, "(const %s *)(constants + AT_%s)", type, buffer->name);
    case BUFFER_TEMPORARY:
        emitter->offset_wanted[buffer->id] = true;
        if (buffer->apart)
            return arena_format(arena, "(%s%s *)(scratch + AT_%s + %zu * part)",
                                written ? "" : "const ", type, buffer->name, aligned_bytes(buffer));
        return arena_format(arena, "(%s%s *)(scratch + AT_%s)", written ? "" : "const ", type,
                            buffer->name);
    case BUFFER_LOCAL:
        break;
    }
    unreachable();
}

static void add_call(struct emitter *emitter, struct text *text, const struct kernel *kernel,
                     int indent) {
    text_add(text, "%*s%s(", indent, "", kernel->name);
    size_t column = (size_t)indent + strlen(kernel->name) + 1;
    for (int i = 0; i < kernel->buffer_count + kernel->parallel; i++) {
        const char *next = i == kernel->buffer_count ? "part, parts"
                                                     : argument(emitter, kernel->buffers[i].buffer,
                                                                kernel->buffers[i].written);
        if (i > 0) {
            bool breaks = column + strlen(next) + 4 > 100;
            if (breaks)
                text_add(text, ",\n%*s", indent + 8, "");
            else
                text_add(text, ", ");
            column = breaks ? (size_t)indent + 8 : column + 2;
        }
        text_add(text, "%s", next);
        column += strlen(next);
    }
    text_add(text, ");\n");
}

/* A case for each step; kernels that nobody shares in blocks for the first part. */
static void add_steps(struct emitter *emitter, struct text *text) {
    const struct ir *ir = emitter->ir;
    bool alone = false;
    text_add(text, "    switch (step) {\n");
    for (int i = 0; i < ir->kernel_count; i++) {
        const struct kernel *kernel = ir->kernels[i];
        bool first = i == 0 || kernel->step > ir->kernels[i - 1]->step;
        bool last = i + 1 == ir->kernel_count || kernel->step < ir->kernels[i + 1]->step;
        if (first)
            text_add(text, "    case %d:\n", kernel->step);
        if (!kernel->parallel && !alone)
            text_add(text, "        if (part == 0) {\n");
        alone = !kernel->parallel;
        add_call(emitter, text, kernel, alone ? 12 : 8);
        if (alone && (last || ir->kernels[i + 1]->parallel)) {
            text_add(text, "        }\n");
            alone = false;
        }
        if (last)
            text_add(text, "        break;\n");
    }
    text_add(text, "    }\n");
}

static void add_calls(struct emitter *emitter, struct text *text) {
    if (emitter->threads) {
        add_steps(emitter, text);
        return;
    }
    for (int i = 0; i < emitter->ir->kernel_count; i++)
        add_call(emitter, text, emitter->ir->kernels[i], 4);
}

/* Whether kernels read any input. */
static bool reads_inputs(const struct ir *ir) {
    for (int g = 0; g < ir->kernel_count; g++)
        for (int i = 0; i < ir->kernels[g]->buffer_count; i++)
            if (ir->kernels[g]->buffers[i].buffer->kind == BUFFER_INPUT)
                return true;
    return false;
}

struct run_text emit_run_text(struct emitter *emitter, const char *indent) {
    struct run_text run = {0};
    add_calls(emitter, &run.calls);
    run.constants =
        add_offsets(emitter, &run.offsets, BUFFER_CONSTANT,
                    "Constants, in bytes from the beginning of the weights block.", indent);
    run.scratch = add_offsets(emitter, &run.offsets, BUFFER_TEMPORARY,
                              "Temporaries, in bytes from the beginning of the arena.", indent);
    return run;
}

void emit_run_body(struct emitter *emitter, struct text *text, struct run_text *run) {
    text_add(text,
             run->constants ? "    const char *constants = weights;\n" : "    (void)weights;\n");
    text_add(text, run->scratch ? "    char *scratch = arena;\n" : "    (void)arena;\n");
    if (!reads_inputs(emitter->ir))
        text_add(text, "    (void)inputs;\n");
    text_add(text, "%s}\n\n", run->calls.bytes ? run->calls.bytes : "");
    text_free(&run->calls);
    text_free(&run->offsets);
}

/* PREFIX_run, or a step of it. */
static void add_run(struct emitter *emitter, struct text *text) {
    const char *prefix = emitter->prefix;
    struct run_text run = emit_run_text(emitter, "");
    text_add(text,
             "%svoid %s_run%s(const struct %s_inputs *inputs, const struct %s_outputs *outputs,\n"
             "        const void *weights, void *arena",
             run.offsets.bytes ? run.offsets.bytes : "", prefix, emitter->threads ? "_step" : "",
             prefix, prefix);
    text_add(text, emitter->threads ? ", long step, long part, long parts) {\n" : ") {\n");
    if (emitter->threads && emitter->compiled->threads == 1)
        text_add(text, "    (void)parts;\n");
    emit_run_body(emitter, text, &run);
}

/* PREFIX_run`what`_array; `more` parameters and `values` for them follow. */
static void add_run_array(struct emitter *emitter, struct text *text, const char *what,
                          const char *more, const char *values) {
    const char *prefix = emitter->prefix;
    const struct ir *ir = emitter->ir;
    text_add(text,
             "void %s_run%s_array(const void *const *inputs, void *const *outputs, "
             "const void *weights,\n        void *arena%s) {\n",
             prefix, what, more);
    for (int kind = BUFFER_INPUT; kind <= BUFFER_OUTPUT; kind++) {
        const char *plural = kind == BUFFER_INPUT ? "inputs" : "outputs";
        text_add(text, "    struct %s_%s named_%s;\n", prefix, plural, plural);
        for (int i = 0; i < ir->buffer_count; i++)
            if (ir->buffers[i]->kind == (enum buffer_kind)kind)
                text_add(text, "    named_%s.%s = %s[%d];\n", plural,
                         emitter->fields[kind][ir->buffers[i]->position], plural,
                         ir->buffers[i]->position);
    }
    if (!ir->graph->input_count)
        text_add(text, "    (void)inputs;\n    named_inputs.none = 0;\n");
    text_add(text, "    %s_run%s(&named_inputs, &named_outputs, weights, arena%s);\n}\n", prefix,
             what, values);
}

/* The entries of a text whose runs can be shared. */
static void add_step_entries(struct emitter *emitter, struct text *text) {
    emit_run_alone(emitter, text);
    text_add(text, "\n");
    add_run_array(emitter, text, "_step", ", long step, long part, long parts",
                  ", step, part, parts");
    text_add(text, "\n");
}

static void add_pool(struct emitter *emitter, struct text *text) {
    const bool batched = emitter->graph->batched;
    const char *more = arena_format(emitter->ir->arena, "%s, struct %s_pool *pool",
                                    batched ? ", long batch" : "", emitter->prefix);
    emit_pool(emitter, text, upper_case(emitter->ir, emitter->prefix));
    text_add(text, "\n");
    add_run_array(emitter, text, "_on", more, batched ? ", batch, pool" : ", pool");
}

static void add_metadata(struct emitter *emitter, struct text *text,
                         const struct compile_options *options) {
    const struct ir *ir = emitter->ir;
    text_add(text, "\nconst char *%s_metadata(void) {\n    return \"eigentensor 1; graph %s\"",
             emitter->prefix, options->digest ? options->digest : "unknown");
    for (int i = 0; i < ir->buffer_count; i++)
        if (ir->buffers[i]->kind <= BUFFER_OUTPUT)
            text_add(text, "\n           \"; %s %s\"",
                     ir->buffers[i]->kind == BUFFER_INPUT ? "input" : "output",
                     tensor_description(emitter, ir->buffers[i]));
    text_add(text, ";\n}\n");
}

/* ---- All together ---- */

static const char *kernel_source(struct emitter *emitter, const struct kernel *kernel,
                                 const struct kernel_facts *facts) {
    struct text function = {0};
    text_add(&function, "/* ");
    add_wrapped(&function, facts->formula);
    if (facts->nodes[0]) {
        text_add(&function, "\n * nodes ");
        add_wrapped(&function, facts->nodes);
    }
    text_add(&function, " */\n");
    emitter->text = &function;
    emit_kernel(emitter, kernel);
    const char *source = arena_copy_text(emitter->ir->arena, function.bytes ? function.bytes : "");
    text_free(&function);
    return source;
}

/* The kernels of the ir at hand: facts[kernel_count]. */
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

/* Takes an ir to hand, the first or that of another block. */
static void begin_ir(struct emitter *emitter, struct ir *ir) {
    emitter->ir = ir;
    emitter->uses = arena_array(ir->arena, int, (size_t)ir->expression_count + 1);
    emitter->marks = arena_array(ir->arena, int, (size_t)ir->expression_count + 1);
    emitter->mark = 0;
    emitter->offset_wanted = arena_array(ir->arena, bool, (size_t)ir->buffer_count + 1);
}

static const char *keep(struct ir *ir, struct text *text, size_t *bytes) {
    *bytes = text->length;
    const char *copy = arena_copy_text(ir->arena, text->bytes ? text->bytes : "");
    text_free(text);
    return copy;
}

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
    emitter->prefix = identifier(ir, options->prefix ? options->prefix : ir->graph->name);
    if (emitter->backend == &emit_calls) {
        sections_add_file(&emitter->sections, template_calls);
        sections_add_file(&emitter->sections, template_chain);
    }
    sections_add_file(&emitter->sections, template_math);
    sections_add_file(&emitter->sections, template_strip);
    sections_add_file(&emitter->sections, template_convert);
    sections_add_file(&emitter->sections, template_lanes);
    sections_add_file(&emitter->sections, template_branch);
    sections_add_file(&emitter->sections, template_tile);
    sections_add_file(&emitter->sections, template_pool);
    return emitter;
}

/* The functions that call kernels. */
static void add_runs(struct emitter *emitter, struct text *text, struct ir *const *irs, int count) {
    if (!emitter->graph->batched) {
        add_run(emitter, text);
        return;
    }
    for (int i = 0; i < count; i++) {
        begin_ir(emitter, irs[i]);
        emit_run_block(emitter, text, &emitter->compiled->blocks[i]);
    }
    begin_ir(emitter, irs[0]);
    emit_run_batch(emitter, text);
}

void emit(struct ir *const *irs, int count, const struct graph *graph,
          const struct compile_options *options, struct compiled *compiled) {
    struct arena *arena = irs[0]->arena;
    struct emitter *emitter = emitter_new(irs[0], graph, options, compiled);
    compiled->prefix = emitter->prefix;
    compiled->kernel_count = irs[count - 1]->first_number + irs[count - 1]->kernel_count;
    compiled->kernels = arena_array(arena, struct kernel_facts, (size_t)compiled->kernel_count);
    for (int i = 0; i < count; i++) {
        begin_ir(emitter, irs[i]);
        name_buffers(emitter);
        if (i == 0)
            name_fields(emitter);
        add_kernels(emitter, compiled->kernels + irs[i]->first_number,
                    graph->batched ? compiled->blocks[i].images : 0);
    }
    begin_ir(emitter, irs[0]);
    compiled->kernel_dot = kernels_dot(irs[0]);
    if (graph->batched)
        compiled->arena_bytes += staging_bytes(graph, compiled);
    struct text file = {0}, header = {0};
    add_title(emitter, &file, compiled, options);
    add_prelude(emitter, &file);
    if (emitter->backend == &emit_calls)
        add_interface(emitter, &file, compiled);
    for (int i = 0; i < compiled->kernel_count; i++)
        text_add(&file, "%s\n", compiled->kernels[i].source);
    add_runs(emitter, &file, irs, count);
    if (emitter->threads)
        add_step_entries(emitter, &file);
    add_run_array(emitter, &file, "", graph->batched ? ", long batch" : "",
                  graph->batched ? ", batch" : "");
    if (emitter->pool)
        add_pool(emitter, &file);
    if (emitter->backend != &emit_calls)
        add_metadata(emitter, &file, options);
    compiled->source = keep(irs[0], &file, &compiled->source_bytes);
    add_header(emitter, &header, compiled, options);
    compiled->header = keep(irs[0], &header, &compiled->header_bytes);
}
