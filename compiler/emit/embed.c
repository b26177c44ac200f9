/* Weights and arena that the text brings along, for machines that load nothing and allocate
 * nothing: the weights as an array, or as a symbol that a file of assembler defines; the arena as a
 * static array. What PREFIX_run would be given for them its callers leave out. */
#include "compiler/emit/emit.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char section_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$,";

bool check_embedding(const struct compile_options *options, bool sized, struct et_error *error) {
    const char *section = options->section;
    const bool embeds = options->weights_form != WEIGHTS_FILE || options->static_arena;
    if (section && options->weights_form == WEIGHTS_FILE)
        return et_fail(error, "a section is for weights that the text has: as array or assembler");
    if (section && (!*section || section[strspn(section, section_letters)]))
        return et_fail(error, "section \"%s\": expected letters, digits and _.$,", section);
    if (options->weights_form == WEIGHTS_ARRAY && options->big_endian)
        return et_fail(error,
                       "weights as an array in big-endian order: expected a file or assembler");
    if (!embeds)
        return true;
    if (options->backend && !options->backend->has_system_headers)
        return et_fail(error, "weights or an arena of its own: the backend \"%s\" has none",
                       options->backend->name);
    if (options->backend && options->backend->threads)
        return et_fail(error, "weights or an arena of its own: no text for a GPU has them");
    if (options->threads > 1)
        return et_fail(error, "weights or an arena of its own: not for %d threads, expected one",
                       options->threads);
    if (sized)
        return et_fail(error, "weights or an arena of its own: not for several sizes of an axis; "
                              "give each a text");
    return true;
}

bool emit_embeds(const struct emitter *emitter) {
    return emitter->weights_form != WEIGHTS_FILE || emitter->static_arena;
}

const char *emit_memory_parameters(const struct emitter *emitter) {
    const bool weights = emitter->weights_form == WEIGHTS_FILE, arena = !emitter->static_arena;
    return weights && arena ? ",\n        const void *weights, void *arena"
           : weights        ? ",\n        const void *weights"
           : arena          ? ",\n        void *arena"
                            : "";
}

const char *emit_memory_arguments(const struct emitter *emitter) {
    const bool weights = emitter->weights_form == WEIGHTS_FILE, arena = !emitter->static_arena;
    return weights && arena ? ", weights, arena" : weights ? ", weights" : arena ? ", arena" : "";
}

const char *emit_own_memory(const struct emitter *emitter) {
    const struct compiled *compiled = emitter->compiled;
    const char *prefix = emitter->prefix;
    const char *weights = emitter->weights_form == WEIGHTS_FILE ? "weights"
                          : !compiled->weights_bytes            ? "0"
                          : emitter->weights_form == WEIGHTS_ARRAY
                              ? arena_format(emitter->ir->arena, "&%s_weights", prefix)
                              : arena_format(emitter->ir->arena, "%s_weights", prefix);
    const char *arena = !emitter->static_arena ? "arena"
                        : !compiled->arena_bytes
                            ? "0"
                            : arena_format(emitter->ir->arena, "%s_arena", prefix);
    return arena_format(emitter->ir->arena, "%s, %s", weights, arena);
}

/* ---- Weights as an array ---- */

/* Constants that lie in the block of weights, each once. */
struct constants {
    struct arena *arena;
    int count, capacity;
    const struct buffer **buffers;
};

static void add_constants(struct constants *constants, const struct ir *ir) {
    for (int i = 0; i < ir->body_count; i++)
        add_constants(constants, ir->bodies[i]);
    for (int k = 0; k < ir->kernel_count; k++)
        for (int i = 0; i < ir->kernels[k]->buffer_count; i++) {
            const struct buffer *buffer = ir->kernels[k]->buffers[i].buffer;
            if (buffer->kind != BUFFER_CONSTANT || !buffer->elements)
                continue;
            constants->buffers =
                arena_extend(constants->arena, constants->buffers, constants->count,
                             &constants->capacity, sizeof *constants->buffers);
            constants->buffers[constants->count++] = buffer;
        }
}

static int compare_offsets(const void *a, const void *b) {
    const struct buffer *const *left = a, *const *right = b;
    return ((*left)->offset > (*right)->offset) - ((*left)->offset < (*right)->offset);
}

static void sort_constants(struct constants *constants) {
    int kept = 0;
    if (constants->count)
        qsort(constants->buffers, (size_t)constants->count, sizeof *constants->buffers,
              compare_offsets);
    for (int i = 0; i < constants->count; i++)
        if (!kept || constants->buffers[kept - 1]->offset != constants->buffers[i]->offset)
            constants->buffers[kept++] = constants->buffers[i];
    constants->count = kept;
}

/* Several graphs may have a name in common, and what stands under it lies at different places. */
static const char *member_name(struct emitter *emitter, const struct buffer *buffer) {
    return arena_format(emitter->ir->arena, "%s_%zu", buffer->name, buffer->offset);
}

/* A float as a constant of C; NaN by builtins, which keep its bits. */
static void add_float(struct text *text, double value, bool negative, uint64_t payload, bool quiet,
                      const char *ending) {
    if (isnan(value))
        text_add(text, "%s__builtin_nan%s%s(\"0x%" PRIx64 "\")", negative ? "-" : "",
                 quiet ? "" : "s", ending, payload);
    else if (isinf(value))
        text_add(text, "%sINFINITY", negative ? "-" : "");
    else
        text_add(text, "%a%s", value, ending);
}

static void add_element(struct text *text, enum dtype dtype, const char *at) {
    uint64_t bits = 0;
    float single;
    double real;
    memcpy(&bits, at, dtype_facts[dtype].bytes); /* this machine is little-endian, as the block */
    switch (dtype) {
    case DTYPE_FLOAT32:
        memcpy(&single, at, sizeof single);
        add_float(text, (double)single, bits >> 31, bits & 0x3fffff, bits >> 22 & 1, "f");
        break;
    case DTYPE_FLOAT64:
        memcpy(&real, at, sizeof real);
        add_float(text, real, bits >> 63, bits & 0x7ffffffffffff, bits >> 51 & 1, "");
        break;
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16:
        text_add(text, "0x%04" PRIx64, bits);
        break;
    case DTYPE_INT32:
        if (bits == 0x80000000u)
            text_add(text, "-2147483647 - 1");
        else
            text_add(text, "%" PRId32, (int32_t)bits);
        break;
    case DTYPE_INT64:
        if (bits == (uint64_t)1 << 63)
            text_add(text, "-9223372036854775807 - 1");
        else
            text_add(text, "%" PRId64, (int64_t)bits);
        break;
    case DTYPE_UINT32:
    case DTYPE_UINT64:
        text_add(text, "%su", integer_text(dtype, bits).text);
        break;
    default:
        text_add(text, "%s", integer_text(dtype, bits).text);
    }
}

/* As many elements a line as fit. */
static void add_elements(struct emitter *emitter, struct text *text, const struct buffer *buffer) {
    enum { INDENT = 8, LINE = 100 };
    const size_t bytes = dtype_facts[buffer->dtype].bytes;
    const char *at = (const char *)emitter->compiled->weights + buffer->offset;
    struct text element = text_in(emitter->ir->arena);
    size_t column = LINE;
    for (int64_t i = 0; i < buffer->elements; i++) {
        text_shorten(&element, 0);
        add_element(&element, buffer->dtype, at + (size_t)i * bytes);
        const bool breaks = column + element.length + 2 > LINE;
        if (breaks)
            text_add(text, "%s%*s", i ? ",\n" : "", INDENT, "");
        else
            text_add(text, ", ");
        column = (breaks ? INDENT : column + 2) + element.length;
        text_add(text, "%s", text_keep(&element));
    }
    text_add(text, "\n");
}

static const char *placed(struct emitter *emitter) {
    return emitter->section ? arena_format(emitter->ir->arena, " __attribute__((section(\"%s\")))",
                                           emitter->section)
                            : "";
}

static void add_array(struct emitter *emitter, struct text *text, struct ir *const *irs,
                      int count) {
    struct constants constants = {.arena = emitter->ir->arena};
    for (int i = 0; i < count; i++)
        add_constants(&constants, irs[i]);
    sort_constants(&constants);
    text_add(text,
             "// The weights: each constant begins a line of 64 bytes.\nstatic const struct {\n");
    for (int i = 0; i < constants.count; i++)
        text_add(text, "    _Alignas(64) %s %s[%" PRId64 "];\n",
                 dtype_facts[constants.buffers[i]->dtype].c_type,
                 member_name(emitter, constants.buffers[i]), constants.buffers[i]->elements);
    text_add(text, "} %s_weights%s = {\n", emitter->prefix, placed(emitter));
    for (int i = 0; i < constants.count; i++) {
        text_add(text, "    .%s = {\n", member_name(emitter, constants.buffers[i]));
        add_elements(emitter, text, constants.buffers[i]);
        text_add(text, "    },\n");
    }
    text_add(text, "};\n\n");
}

void emit_memory(struct emitter *emitter, struct text *text, struct ir *const *irs, int count) {
    const struct compiled *compiled = emitter->compiled;
    const char *prefix = emitter->prefix;
    if (emitter->weights_form == WEIGHTS_ARRAY && compiled->weights_bytes)
        add_array(emitter, text, irs, count);
    if (emitter->weights_form == WEIGHTS_ASSEMBLER && compiled->weights_bytes)
        text_add(text,
                 "extern __attribute__((visibility(\"hidden\")))\n"
                 "const unsigned char %s_weights[%zu]; // of %s.S\n\n",
                 prefix, compiled->weights_bytes, prefix);
    if (emitter->static_arena && compiled->arena_bytes)
        text_add(text, "_Alignas(64) static unsigned char %s_arena[%zu];\n\n", prefix,
                 compiled->arena_bytes);
}

/* ---- Weights by the assembler ---- */

const char *emit_assembly(struct emitter *emitter) {
    const struct compiled *compiled = emitter->compiled;
    const char *prefix = emitter->prefix;
    struct text text = text_in(emitter->ir->arena);
    if (emitter->weights_form != WEIGHTS_ASSEMBLER)
        return NULL;
    text_add(&text,
             "/* %s.S: the weights of %s.c, which the assembler takes from %s.weights: in this\n"
             " * folder, or in one that an option -I names. */\n",
             prefix, prefix, prefix);
    if (compiled->weights_bytes)
        text_add(&text,
                 "#ifndef __ELF__\n#error \"sections are said as in ELF files; elsewhere take "
                 "the weights as an array\"\n#endif\n"
                 "    .section %s, \"a\", %%progbits\n    .balign 64\n    .globl %s_weights\n"
                 "    .hidden %s_weights\n    .type %s_weights, %%object\n"
                 "    .size %s_weights, %zu\n%s_weights:\n    .incbin \"%s.weights\"\n",
                 emitter->section ? emitter->section
                                  : arena_format(emitter->ir->arena, ".rodata.%s_weights", prefix),
                 prefix, prefix, prefix, prefix, compiled->weights_bytes, prefix, prefix);
    text_add(&text, "#ifdef __linux__\n    .section .note.GNU-stack, \"\", %%progbits\n#endif\n");
    return text_keep(&text);
}
