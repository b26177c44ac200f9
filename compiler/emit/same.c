/* Kernels whose text is the same at several sizes: what does not depend on an axis, and the steps
 * of scans along it. They are emitted once. */
#include "compiler/emit/emit.h"

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

static uint64_t hash_of(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

bool emit_same_text(struct kernel_texts *texts, struct kernel_facts *kernel) {
    const char *plain = plain_text(texts->arena, kernel);
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
