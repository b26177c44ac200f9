/* Names: every buffer of a graph gets an identifier of C, as near to the graph's name as can be. */
#include "compiler/emit/emit.h"

#include <ctype.h>
#include <string.h>

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

char *emit_identifier(struct ir *ir, const char *name) {
    char *text = arena_format(ir->arena, "%s%s", isdigit((unsigned char)name[0]) ? "_" : "", name);
    for (char *at = text; *at; at++)
        if (!(isalnum((unsigned char)*at) && (unsigned char)*at < 128) && *at != '_')
            *at = '_';
    while (text[0] == '_') /* names of the implementation begin so */
        text++;
    if (!text[0] || isdigit((unsigned char)text[0]))
        text = arena_format(ir->arena, "tensor_%s", text);
    cut_name(text);
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
    const char *first = emit_identifier(ir, original), *name = first;
    if (is_reserved(name) || sections_have(&emitter->sections, name) ||
        (emitter->profile && strcmp(name, "lap") == 0))
        name = arena_format(ir->arena, "%s_", name);
    for (int k = 2; *name_place(names, name); k++)
        name = arena_format(ir->arena, "%s_%d", first, k);
    return name;
}

/* Every buffer gets a C identifier of its own, as near to the graph's name as can be. */
void emit_name_buffers(struct emitter *emitter) {
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

const char *emit_upper_case(struct ir *ir, const char *name) {
    char *text = arena_copy_text(ir->arena, name);
    for (char *at = text; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return text;
}

/* Inputs and outputs are fields of structs, which all blocks share. */
void emit_name_fields(struct emitter *emitter) {
    struct ir *ir = emitter->ir;
    for (int kind = BUFFER_INPUT; kind <= BUFFER_OUTPUT; kind++)
        emitter->fields[kind] = arena_array(ir->arena, const char *, (size_t)ir->buffer_count + 1);
    for (int i = 0; i < ir->buffer_count; i++)
        if (ir->buffers[i]->kind <= BUFFER_OUTPUT)
            emitter->fields[ir->buffers[i]->kind][ir->buffers[i]->position] = ir->buffers[i]->name;
}
