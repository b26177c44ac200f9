/* What runs a batch of images: a function for each block, and the loop over them. Blocks depend on
 * nothing but their own images, so they may run in any order, or at once with an arena each.
 *
 * Where fewer images are left than a block has, its tensors are copies behind its arena: the images
 * that are there, then zeros. */
#include "compiler/emit/emit.h"

#include <inttypes.h>
#include <string.h>

bool is_batched(const struct emitter *emitter, const struct buffer *buffer) {
    const struct graph *graph = emitter->graph;
    return buffer->kind == BUFFER_INPUT ? graph->inputs[buffer->position]->batched
                                        : graph->outputs[buffer->position].node->batched;
}

const char *tensor_description(struct emitter *emitter, const struct buffer *buffer) {
    const char *description = buffer_description(emitter->ir, buffer);
    if (emitter->compiled->axis_count)
        return arena_format(emitter->ir->arena, "%s %s%s", buffer->name,
                            dtype_facts[buffer->dtype].name, emit_extents(emitter, buffer));
    if (!is_batched(emitter, buffer))
        return description;
    const char *bracket = strrchr(description, '[') + 1;
    return arena_format(emitter->ir->arena, "%.*s" BATCH_SYMBOL "%s", (int)(bracket - description),
                        description, bracket + strspn(bracket, "0123456789"));
}

/* The largest block that runs too few images; 0: there is none. */
static int64_t staged_images(const struct sized_variant *variant) {
    for (int i = 0; i < variant->block_count; i++)
        if (variant->blocks[i].least < variant->blocks[i].images)
            return variant->blocks[i].images;
    return 0;
}

static size_t staged_bytes(const struct node *node, int64_t images) {
    return whole_lines(node->batched ? (size_t)(image_bytes(node) * images) : 0);
}

size_t staging_bytes(const struct graph *graph, const struct sized_variant *variant) {
    int64_t images = staged_images(variant);
    size_t bytes = 0;
    for (int i = 0; i < graph->input_count; i++)
        bytes += staged_bytes(graph->inputs[i], images);
    for (int i = 0; i < graph->output_count; i++)
        bytes += staged_bytes(graph->outputs[i].node, images);
    return bytes;
}

static const char *run_parameters(struct emitter *emitter, const char *memory) {
    return arena_format(emitter->ir->arena,
                        "const struct %s_inputs *inputs, const struct %s_outputs *outputs%s",
                        emitter->prefix, emitter->prefix, memory);
}

const char *emit_run_parameters(struct emitter *emitter) {
    return run_parameters(emitter, ",\n        const void *weights, void *arena");
}

const char *emit_entry_parameters(struct emitter *emitter) {
    return run_parameters(emitter, emit_memory_parameters(emitter));
}

void emit_run_block(struct emitter *emitter, struct text *text, const struct block *block) {
    struct run_text run = emit_run_text(emitter, "    ");
    text_add(text, "/* A block of %" PRId64 ". */\n", block->images);
    text_add(text, "static void run_block_%" PRId64 "%s(%s) {\n%s", block->images,
             emitter->variant->suffix, emit_run_parameters(emitter), text_keep(&run.offsets));
    emit_run_body(emitter, text, &run);
    emit_own_name(emitter, arena_format(emitter->ir->arena, "run_block_%" PRId64 "%s",
                                        block->images, emitter->variant->suffix));
}

/* ---- Too few images ---- */

/* The copies of inputs, or of outputs (only pointers), from *offset on. */
static void add_staged(struct emitter *emitter, struct text *text, bool output, int64_t images,
                       size_t *offset) {
    const struct graph *graph = emitter->graph;
    for (int i = 0; i < (output ? graph->output_count : graph->input_count); i++) {
        const struct node *node = output ? graph->outputs[i].node : graph->inputs[i];
        const char *field = emitter->fields[output ? BUFFER_OUTPUT : BUFFER_INPUT][i];
        int64_t bytes = image_bytes(node);
        if (!node->batched)
            continue;
        if (output)
            text_add(text, "    out.%s = (%s *)(staged + %zu);\n", field,
                     dtype_facts[node->dtype].c_type, *offset);
        else
            text_add(text,
                     "    in.%s = (const %s *)memcpy(staged + %zu, inputs->%s, count * %" PRId64
                     ");\n"
                     "    memset(staged + %zu + count * %" PRId64 ", 0, (images - count) * %" PRId64
                     ");\n",
                     field, dtype_facts[node->dtype].c_type, *offset, field, bytes, *offset, bytes,
                     bytes);
        *offset += staged_bytes(node, images);
    }
}

static void add_run_few(struct emitter *emitter, struct text *text, int64_t images) {
    const struct graph *graph = emitter->graph;
    size_t staging = staging_bytes(graph, emitter->variant), offset = 0;
    if (!emitter->block_declared) {
        text_add(text, "typedef void run_block(%s);\n\n", emit_run_parameters(emitter));
        emit_own_name(emitter, "run_block");
    }
    emitter->block_declared = true;
    text_add(text,
             "/* Runs a block of `images`, of which only `count` are there. */\n"
             "static void run_few%s(run_block *run, long images, long count,\n"
             "        %s) {\n"
             "    char *staged = (char *)arena + %zu; /* behind the block's own */\n"
             "    struct %s_inputs in = *inputs;\n    struct %s_outputs out = *outputs;\n",
             emitter->variant->suffix, emit_run_parameters(emitter),
             emitter->variant->arena_bytes - staging, emitter->prefix, emitter->prefix);
    add_staged(emitter, text, false, images, &offset);
    add_staged(emitter, text, true, images, &offset);
    emit_own_name(emitter, arena_format(emitter->ir->arena, "run_few%s", emitter->variant->suffix));
    text_add(text, "    run(&in, &out, weights, arena);\n");
    for (int i = 0; i < graph->output_count; i++)
        text_add(text, "    memcpy(outputs->%s, out.%s, count * %" PRId64 ");\n",
                 emitter->fields[BUFFER_OUTPUT][i], emitter->fields[BUFFER_OUTPUT][i],
                 image_bytes(graph->outputs[i].node));
    text_add(text, "}\n\n");
}

/* ---- All images ---- */

static void add_run_next(struct emitter *emitter, struct text *text) {
    const struct sized_variant *variant = emitter->variant;
    const char *suffix = variant->suffix;
    text_add(text,
             "/* Runs the first of the `left` images that are left; returns how many. */\n"
             "static long run_next%s(%s, long left) {\n",
             suffix, emit_run_parameters(emitter));
    for (int i = 0; i < variant->block_count; i++) {
        const struct block *block = &variant->blocks[i];
        bool last = i == variant->block_count - 1;
        if (last && i == 0)
            text_add(text, "    (void)left;\n");
        if (!last)
            text_add(text, "    if (left >= %" PRId64 ") {\n", block->images);
        text_add(text,
                 "%s    run_block_%" PRId64 "%s(inputs, outputs, weights, arena);\n"
                 "%s    return %" PRId64 ";\n%s",
                 last ? "" : "    ", block->images, suffix, last ? "" : "    ", block->images,
                 last ? "" : "    }\n");
        if (block->least < block->images)
            text_add(text,
                     "    if (left >= %" PRId64 ") {\n        run_few%s(run_block_%" PRId64
                     "%s, %" PRId64
                     ", left, inputs, outputs, weights, arena);\n        return left;\n    }\n",
                     block->least, suffix, block->images, suffix, block->images);
    }
    text_add(text, "}\n\n");
    emit_own_name(emitter, arena_format(emitter->ir->arena, "run_next%s", suffix));
}

static void add_advance(struct emitter *emitter, struct text *text) {
    const struct graph *graph = emitter->graph;
    for (int i = 0; i < graph->input_count; i++)
        if (graph->inputs[i]->batched)
            text_add(text, "        in.%s += at * %" PRId64 ";\n", emitter->fields[BUFFER_INPUT][i],
                     image_elements(graph->inputs[i]));
    for (int i = 0; i < graph->output_count; i++)
        text_add(text, "        out.%s += at * %" PRId64 ";\n", emitter->fields[BUFFER_OUTPUT][i],
                 image_elements(graph->outputs[i].node));
}

void emit_run_images(struct emitter *emitter, struct text *text) {
    const char *suffix = emitter->variant->suffix;
    int64_t staged = staged_images(emitter->variant);
    if (staged && !emitter->block_declared && !emitter->backend->has_system_headers)
        text_add(text, "void *memset(void *to, int byte, unsigned long bytes);\n\n");
    if (staged)
        add_run_few(emitter, text, staged);
    add_run_next(emitter, text);
    text_add(text,
             "/* Images `at` to `end`, the last not included. */\n"
             "static void run_images%s(%s, long at, long end) {\n"
             "    while (at < end) {\n"
             "        struct %s_inputs in = *inputs;\n        struct %s_outputs out = *outputs;\n",
             suffix, emit_run_parameters(emitter), emitter->prefix, emitter->prefix);
    add_advance(emitter, text);
    text_add(text, "        at += run_next%s(&in, &out, weights, arena, end - at);\n    }\n}\n\n",
             suffix);
    emit_own_name(emitter, arena_format(emitter->ir->arena, "run_images%s", suffix));
}

void emit_run_batch(struct emitter *emitter, struct text *text) {
    const char *suffix = emitter->variant->suffix;
    const char *run = arena_format(emitter->ir->arena, "run_images%s", suffix);
    text_add(text, *suffix ? "static void run%s(" : "void %s_run(",
             *suffix ? suffix : emitter->prefix);
    text_add(text, "%s, long batch) {\n    %s(inputs, outputs, %s, 0, batch);\n}\n\n",
             emit_entry_parameters(emitter), emit_for_this_cpu(emitter, run),
             emit_own_memory(emitter));
}
