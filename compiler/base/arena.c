#include "compiler/base/arena.h"

#include "compiler/base/allocate.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BLOCK_BYTES ((size_t)64 * 1024)

struct arena_block {
    struct arena_block *next;
    size_t used, capacity;
    _Alignas(16) unsigned char bytes[];
};

/* Whether a piece is so large that it gets a block for itself, unless another has room. */
static bool is_large(size_t bytes) {
    return bytes > ARENA_BLOCK_BYTES / 4;
}

static struct arena_block *arena_grow(struct arena *arena, size_t bytes) {
    size_t capacity = is_large(bytes) ? bytes : ARENA_BLOCK_BYTES;
    if (arena->limit &&
        !arena->limit->take(arena->limit, (double)(sizeof(struct arena_block) + capacity)))
        return NULL;
    struct arena_block *block = et_allocate(1, sizeof *block + capacity);
    if (!block)
        return NULL;
    block->capacity = capacity;
    /* A block made for one large piece goes behind the current one, which still has room. */
    if (arena->blocks && capacity == bytes) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *arena_exhausted(struct arena *arena) {
    if (arena->escape)
        longjmp(*arena->escape, 1);
    return NULL;
}

/* Pieces are rounded up, so that the next is aligned. */
static size_t whole_pieces(size_t bytes) {
    return (bytes + 15) / 16 * 16;
}

void *arena_allocate(struct arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return arena_exhausted(arena);
    bytes = whole_pieces(bytes);
    struct arena_block *block = arena->blocks;
    if (!block || block->capacity - block->used < bytes)
        block = arena_grow(arena, bytes);
    if (!block)
        return arena_exhausted(arena);
    void *piece = block->bytes + block->used;
    block->used += bytes;
    return piece;
}

/* Releases the block that a large piece had for itself; the newest of these come early. */
static void release_own_block(struct arena *arena, const void *piece, size_t bytes) {
    if (!is_large(bytes))
        return;
    struct arena_block **at = &arena->blocks;
    while (*at && (*at)->bytes != piece)
        at = &(*at)->next;
    struct arena_block *block = *at;
    if (!block || block->capacity != bytes)
        return;
    *at = block->next;
    if (arena->limit)
        arena->limit->take(arena->limit, -(double)(sizeof *block + bytes));
    et_release(block);
}

void *arena_resize(struct arena *arena, void *piece, size_t before, size_t bytes) {
    if (!piece)
        return arena_allocate(arena, bytes, 1);
    if (bytes > SIZE_MAX / 2)
        return arena_exhausted(arena);
    size_t old = whole_pieces(before), new = whole_pieces(bytes);
    struct arena_block *block = arena->blocks;
    unsigned char *begin = piece;
    bool is_last = begin + old == block->bytes + block->used;
    if (is_last && new <= block->capacity - (block->used - old)) {
        if (new < old)
            memset(begin + new, 0, old - new);
        block->used = block->used - old + new;
        return piece;
    }
    if (new <= old)
        return piece;
    void *larger = arena_allocate(arena, new, 1);
    if (!larger)
        return NULL;
    memcpy(larger, piece, before);
    release_own_block(arena, piece, old);
    return larger;
}

void *arena_extend(struct arena *arena, void *array, int count, int *capacity, size_t size) {
    if (count < *capacity)
        return array;
    int larger = *capacity ? *capacity * 2 : 16;
    void *memory = arena_allocate(arena, (size_t)larger, size);
    if (!memory)
        return NULL;
    if (count)
        memcpy(memory, array, (size_t)count * size);
    *capacity = larger;
    return memory;
}

void *arena_reach(struct arena *arena, void *array, int *count, int index, size_t size) {
    if (index < *count)
        return array;
    int larger = index + index / 2 + 64;
    void *memory = arena_resize(arena, array, (size_t)*count * size, (size_t)larger * size);
    if (memory)
        *count = larger;
    return memory;
}

char *arena_copy_text(struct arena *arena, const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = arena_allocate(arena, bytes, 1);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

char *arena_format(struct arena *arena, const char *format, ...) {
    char usual[256]; /* most texts fit, and are formatted only once */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(usual, sizeof usual, format, arguments);
    va_end(arguments);
    if (length < 0) /* vsnprintf found no memory of its own */
        return arena_exhausted(arena);
    char *text = arena_allocate(arena, (size_t)length + 1, 1);
    if (text && (size_t)length < sizeof usual)
        return memcpy(text, usual, (size_t)length + 1);
    va_start(arguments, format);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void arena_free(struct arena *arena) {
    for (struct arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        et_release(block);
    }
    arena->blocks = NULL;
}
