/* Kernels whose text is the same at several sizes: what does not depend on an axis, and the steps
 * of scans along it. They are emitted once. So are those of a GPU that differ by what their
 * operands are called, as in the layers of a transformer: a multiprocessor has loaded the code
 * then. */
#include "compiler/emit/emit.h"

#include <ctype.h>
#include <string.h>

struct kernel_texts {
    struct arena *arena;
    int count;
    struct kernel_text {
        const char *name;
        const char *plain; /* its text without names of its own */
        uint64_t hash;
    } * texts;
};

struct kernel_texts *emit_texts_new(struct emitter *emitter, int capacity) {
    struct arena *arena = emitter->ir->arena;
    struct kernel_texts *texts = arena_new(arena, struct kernel_texts);
    texts->arena = arena;
    texts->texts = arena_array(arena, struct kernel_text, (size_t)capacity + 1);
    return texts;
}

/* Adds the text up to where `name` stands next; what comes behind that, or NULL. */
static const char *add_until(struct text *plain, const char *at, const char *name) {
    const char *found = strstr(at, name);
    text_add_bytes(plain, at, found ? (size_t)(found - at) : strlen(at));
    return found ? found + strlen(name) : NULL;
}

static const char *without(struct arena *arena, const char *source, const char *name) {
    struct text plain = text_in(arena);
    while (source)
        source = add_until(&plain, source, name);
    return text_keep(&plain);
}

/* A scan has a second function, "step07" beside "k07_scan". */
static const char *plain_text(struct arena *arena, const struct kernel_facts *kernel) {
    const char *number = kernel->name + 1;
    const char *step = arena_format(arena, "step%.*s(", (int)strspn(number, "0123456789"), number);
    return without(arena, without(arena, kernel->source, kernel->name), step);
}

/* ---- Without the names of operands ---- */

struct operand_names {
    int count;
    const char **names; /* of buffers, in an order that the kernel's text has too */
};

static struct operand_names names_of(struct arena *arena, const struct kernel *kernel) {
    struct operand_names operands = {0};
    operands.names = arena_array(arena, const char *,
                                 (size_t)kernel->buffer_count + (size_t)kernel->statement_count);
    for (int i = 0; i < kernel->buffer_count; i++)
        operands.names[operands.count++] = kernel->buffers[i].buffer->name;
    for (int i = 0; i < kernel->statement_count; i++)
        if (kernel->statements[i]->output->kind == BUFFER_LOCAL)
            operands.names[operands.count++] = kernel->statements[i]->output->name;
    return operands;
}

static size_t word_length(const char *at) {
    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_')
        length++;
    return length;
}

static int place_of(const struct operand_names *operands, const char *word, size_t length) {
    for (int i = 0; i < operands->count; i++)
        if (strlen(operands->names[i]) == length && memcmp(operands->names[i], word, length) == 0)
            return i;
    return -1;
}

/* The text behind its first comment, which says what it is of the graph, with numbers in the place
 * of names; of what follows a point none is a name of a buffer. */
static const char *without_operands(struct arena *arena, const char *source,
                                    const struct kernel *kernel) {
    const struct operand_names operands = names_of(arena, kernel);
    struct text plain = text_in(arena);
    const char *at = strstr(source, " */\n");
    for (size_t length; at && *at; at += length) {
        length = word_length(at);
        const int place = length && at[-1] != '.' ? place_of(&operands, at, length) : -1;
        length += length == 0;
        if (isspace((unsigned char)*at)) /* lines break where names are long */
            text_add(&plain, "%s", isspace((unsigned char)at[1]) ? "" : " ");
        else if (place < 0)
            text_add_bytes(&plain, at, length);
        else
            text_add(&plain, "$%d", place);
    }
    return text_keep(&plain);
}

/* ---- The same ---- */

static uint64_t hash_of(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

bool emit_same_text(struct kernel_texts *texts, struct kernel_facts *kernel,
                    const struct kernel *entry) {
    const char *plain = plain_text(texts->arena, kernel);
    if (entry)
        plain = without_operands(texts->arena, plain, entry);
    uint64_t hash = hash_of(plain);
    for (int i = 0; i < texts->count; i++) {
        const struct kernel_text *other = &texts->texts[i];
        if (other->hash != hash || strcmp(other->plain, plain) != 0)
            continue;
        kernel->name = other->name;
        kernel->source = "";
        return true;
    }
    texts->texts[texts->count++] = (struct kernel_text){kernel->name, plain, hash};
    return false;
}
