/* A text for several sizes: a function for each, and in front of them one that chooses. */
#include "compiler/emit/emit.h"

#include "compiler/base/json_read.h"

#include <inttypes.h>
#include <string.h>

/* ---- Names ---- */

const char *emit_size_text(const struct compiled *compiled, const struct sized_variant *variant,
                           struct arena *arena) {
    const char *text = "";
    for (int i = 0; i < compiled->axis_count; i++)
        text = arena_format(arena, "%s%s%s=%" PRId64, text, i ? ", " : "",
                            compiled->parameters ? compiled->parameters[i]
                                                 : quoted(compiled->axes[i]).text,
                            variant->sizes[i]);
    return text;
}

static bool is_taken(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

void emit_name_sizes(struct emitter *emitter, struct compiled *compiled) {
    struct arena *arena = emitter->ir->arena;
    const char **names = arena_array(arena, const char *, (size_t)compiled->axis_count);
    for (int i = 0; i < compiled->axis_count; i++) {
        const char *first = emit_parameter_name(emitter, compiled->axes[i]);
        names[i] = first;
        for (int k = 2; is_taken(names, i, names[i]); k++)
            names[i] = emit_parameter_name(emitter, arena_format(arena, "%s_%d", first, k));
    }
    compiled->parameters = names;
    for (int i = 0; i < compiled->variant_count; i++) {
        struct sized_variant *variant = &compiled->variants[i];
        variant->suffix = "_at";
        for (int k = 0; k < compiled->axis_count; k++)
            variant->suffix =
                arena_format(arena, "%s_%" PRId64, variant->suffix, variant->sizes[k]);
    }
}

/* ", BEFOREseq_len" for each parameter. */
static const char *join(struct emitter *emitter, const char *before) {
    const char *text = "";
    for (int i = 0; i < emitter->compiled->axis_count; i++)
        text = arena_format(emitter->ir->arena, "%s, %s%s", text, before,
                            emitter->compiled->parameters[i]);
    return text;
}

const char *emit_size_parameters(struct emitter *emitter) {
    return join(emitter, "long ");
}

const char *emit_size_arguments(struct emitter *emitter) {
    return join(emitter, "");
}

/* ---- Extents ---- */

/* The input or output of a variant that the buffer is at the first. */
static const struct node *tensor_of(const struct sized_variant *variant, enum buffer_kind kind,
                                    int position) {
    return kind == BUFFER_INPUT ? variant->graph->inputs[position]
                                : variant->graph->outputs[position].node;
}

static bool is_fixed(const struct compiled *compiled, const struct buffer *buffer, int axis) {
    for (int i = 0; i < compiled->variant_count; i++)
        if (tensor_of(&compiled->variants[i], buffer->kind, buffer->position)->shape[axis] !=
            buffer->shape[axis])
            return false;
    return true;
}

/* The parameter that the extent always is, or "?". */
static const char *name_extent(const struct compiled *compiled, const struct buffer *buffer,
                               int axis) {
    for (int i = 0; i < compiled->axis_count; i++) {
        bool same = true;
        for (int k = 0; k < compiled->variant_count; k++) {
            const struct sized_variant *variant = &compiled->variants[k];
            same &= tensor_of(variant, buffer->kind, buffer->position)->shape[axis] ==
                    variant->sizes[i];
        }
        if (same)
            return compiled->parameters[i];
    }
    return "?";
}

const char *emit_extents(struct emitter *emitter, const struct buffer *buffer) {
    const struct compiled *compiled = emitter->compiled;
    struct text text = text_in(emitter->ir->arena);
    for (int i = 0; i < buffer->rank; i++) {
        text_add(&text, "%s", i ? "," : "[");
        if (i == 0 && is_batched(emitter, buffer))
            text_add(&text, BATCH_SYMBOL);
        else if (is_fixed(compiled, buffer, i))
            text_add(&text, "%" PRId64, buffer->shape[i]);
        else
            text_add(&text, "%s", name_extent(compiled, buffer, i));
    }
    text_add(&text, "%s", buffer->rank ? "]" : "[]");
    return text_keep(&text);
}

/* ---- What the header says ---- */

/* "{1, 16}" of one size. */
static const char *size_list(struct emitter *emitter, const struct sized_variant *variant) {
    const char *text = "";
    for (int i = 0; i < emitter->compiled->axis_count; i++)
        text = arena_format(emitter->ir->arena, "%s%s%" PRId64, text, i ? ", " : "{",
                            variant->sizes[i]);
    return arena_format(emitter->ir->arena, "%s}", text);
}

/* Separated by commas, in lines that end in `end` and begin at `indent`. The least comes first. */
static void add_size_lists(struct emitter *emitter, struct text *text, int indent,
                           const char *end) {
    const struct compiled *compiled = emitter->compiled;
    size_t column = 100;
    for (int i = compiled->variant_count - 1; i >= 0; i--) {
        const char *list = size_list(emitter, &compiled->variants[i]);
        if (column + strlen(list) > 94) {
            text_add(text, "%s\n%*s", end, indent, "");
            column = (size_t)indent;
        }
        text_add(text, "%s%s", list, i ? ", " : "");
        column += strlen(list) + 2;
    }
}

void emit_size_interface(struct emitter *emitter, struct text *text, const char *upper) {
    const struct compiled *compiled = emitter->compiled;
    const char *prefix = emitter->prefix, *parameters = emit_size_parameters(emitter) + 2;
    text_add(text, "/* What it was compiled for: sizes of %s. */\n",
             emit_size_arguments(emitter) + 2);
    text_add(text, "#define %s_AXIS_COUNT %d\n#define %s_SIZE_COUNT %d\n", upper,
             compiled->axis_count, upper, compiled->variant_count);
    text_add(text, "#define %s_SIZES", upper);
    add_size_lists(emitter, text, 4, " \\");
    text_add(text,
             "\n\n/* The bytes that a run at these sizes works in, and the elements of an input or "
             "output%s.\n * -1 where the file was not compiled for them. */\n"
             "long %s_arena_bytes(%s);\nlong %s_input_elements(int input, %s);\n"
             "long %s_output_elements(int output, %s);\n\n",
             compiled->block_count ? ",\n * of one image" : "", prefix, parameters, prefix,
             parameters, prefix, parameters);
}

/* ---- Functions ---- */

void emit_run_size(struct emitter *emitter, struct text *text) {
    struct run_text run = emit_run_text(emitter, "    ");
    text_add(text, "static void run%s(%s%s) {\n%s", emitter->variant->suffix,
             emit_run_parameters(emitter), emitter->threads ? STEP_PARAMETERS : "",
             text_keep(&run.offsets));
    if (emitter->threads && emitter->variant->threads == 1)
        text_add(text, "    (void)parts;\n");
    emit_run_body(emitter, text, &run);
    emit_own_name(emitter, arena_format(emitter->ir->arena, "run%s", emitter->variant->suffix));
}

static void add_find_size(struct emitter *emitter, struct text *text) {
    const struct compiled *compiled = emitter->compiled;
    text_add(text,
             "/* The position of these sizes, or -1. */\nstatic int find_size(%s) {\n"
             "    static const long sizes[%d][%d] = {",
             emit_size_parameters(emitter) + 2, compiled->variant_count, compiled->axis_count);
    add_size_lists(emitter, text, 8, "");
    text_add(text, "};\n    for (int i = 0; i < %d; i++)\n        if (", compiled->variant_count);
    for (int i = 0; i < compiled->axis_count; i++)
        text_add(text, "%ssizes[i][%d] == %s", i ? " && " : "", i, compiled->parameters[i]);
    text_add(text, ")\n            return i;\n    return -1;\n}\n\n");
}

/* A function that calls the one of the size which it is given. */
struct choice {
    const char *storage, *name;
    const char *parameters, *arguments; /* behind those of every run */
    const char *of_size;                /* what the functions of sizes are called before "_at" */
    bool once;                          /* they are not in each version */
};

static void add_choice(struct emitter *emitter, struct text *text, const struct choice *choice) {
    const struct compiled *compiled = emitter->compiled;
    text_add(text, "%sint %s(%s%s%s) {\n    switch (find_size(%s)) {\n", choice->storage,
             choice->name, emit_run_parameters(emitter), choice->parameters,
             emit_size_parameters(emitter), emit_size_arguments(emitter) + 2);
    for (int i = compiled->variant_count - 1; i >= 0; i--) {
        const char *name =
            arena_format(emitter->ir->arena, "%s%s", choice->of_size, compiled->variants[i].suffix);
        text_add(text,
                 "    case %d:\n        %s(inputs, outputs, weights, arena%s);\n"
                 "        return 0;\n",
                 compiled->variant_count - 1 - i,
                 choice->once ? name : emit_for_this_cpu(emitter, name), choice->arguments);
    }
    text_add(text, "    }\n    return -1;\n}\n\n");
}

/* Where threads share a batch. */
static void add_run_batch(struct emitter *emitter, struct text *text, const char *run) {
    const struct choice images = {.storage = "static ",
                                  .name = "run_images",
                                  .parameters = ", long at, long end",
                                  .arguments = ", at, end",
                                  .of_size = "run_images"};
    text_add(text, "/* Images `at` to `end`, the last not included. */\n");
    add_choice(emitter, text, &images);
    text_add(text,
             "int %s(%s, long batch%s) {\n"
             "    return run_images(inputs, outputs, weights, arena, 0, batch%s);\n}\n\n",
             run, emit_run_parameters(emitter), emit_size_parameters(emitter),
             emit_size_arguments(emitter));
}

/* PREFIX_run, or a step of it. */
static void add_run(struct emitter *emitter, struct text *text) {
    const bool batched = emitter->compiled->block_count > 0, steps = emitter->threads;
    const char *run =
        arena_format(emitter->ir->arena, "%s_run%s", emitter->prefix, steps ? "_step" : "");
    if (batched && emitter->pool) {
        add_run_batch(emitter, text, run);
        return;
    }
    const struct choice choice = {.storage = "",
                                  .name = run,
                                  .parameters = steps     ? STEP_PARAMETERS
                                                : batched ? ", long batch"
                                                          : "",
                                  .arguments = steps     ? ", step, part, parts"
                                               : batched ? ", batch"
                                                         : "",
                                  .of_size = "run",
                                  .once = batched};
    add_choice(emitter, text, &choice);
}

static size_t arena_bytes_at(const struct sized_variant *variant) {
    return variant->arena_bytes;
}

static size_t steps_at(const struct sized_variant *variant) {
    return (size_t)variant->steps;
}

/* PREFIX_`name`, a number of each size; `what` is the table's name. */
static void add_table(struct emitter *emitter, struct text *text, const char *name,
                      const char *what, size_t (*at)(const struct sized_variant *)) {
    const struct compiled *compiled = emitter->compiled;
    text_add(text, "long %s_%s(%s) {\n    static const long %s[%d] = {\n", emitter->prefix, name,
             emit_size_parameters(emitter) + 2, what, compiled->variant_count);
    for (int i = compiled->variant_count - 1; i >= 0; i--)
        text_add(text, "        %zu,\n", at(&compiled->variants[i]));
    text_add(text,
             "    };\n    const int size = find_size(%s);\n"
             "    return size < 0 ? -1 : %s[size];\n}\n\n",
             emit_size_arguments(emitter) + 2, what);
}

/* Of inputs or outputs. */
static void add_elements(struct emitter *emitter, struct text *text, enum buffer_kind kind) {
    const struct compiled *compiled = emitter->compiled;
    const char *what = kind == BUFFER_INPUT ? "input" : "output";
    const struct graph *graph = emitter->graph;
    const int count = kind == BUFFER_INPUT ? graph->input_count : graph->output_count;
    text_add(text, "long %s_%s_elements(int %s%s) {\n    static const long elements[%d][%d] = {\n",
             emitter->prefix, what, what, emit_size_parameters(emitter), compiled->variant_count,
             count);
    for (int i = compiled->variant_count - 1; i >= 0; i--) {
        size_t column = 100;
        for (int k = 0; k < count; k++) {
            const char *each =
                arena_format(emitter->ir->arena, "%s%" PRId64, k ? ", " : "{",
                             image_elements(tensor_of(&compiled->variants[i], kind, k)));
            if (column + strlen(each) > 90) {
                text_add(text, "%s%*s", k ? ",\n" : "", k ? 9 : 8, "");
                each += k ? 2 : 0;
                column = 8;
            }
            text_add(text, "%s", each);
            column += strlen(each);
        }
        text_add(text, "},\n");
    }
    text_add(text,
             "    };\n    const int size = find_size(%s);\n"
             "    return size < 0 || %s < 0 || %s >= %d ? -1 : elements[size][%s];\n}\n\n",
             emit_size_arguments(emitter) + 2, what, what, count, what);
}

void emit_run_sizes(struct emitter *emitter, struct text *text) {
    add_find_size(emitter, text);
    add_run(emitter, text);
    if (emitter->threads)
        add_table(emitter, text, "steps", "steps", steps_at);
    add_table(emitter, text, "arena_bytes", "bytes", arena_bytes_at);
    add_elements(emitter, text, BUFFER_INPUT);
    add_elements(emitter, text, BUFFER_OUTPUT);
}
