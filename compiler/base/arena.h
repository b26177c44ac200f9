/* Arenas: many small pieces, freed together. */
#ifndef EIGENTENSOR_ARENA_H
#define EIGENTENSOR_ARENA_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

/* Pieces are zeroed and 16-byte aligned. When memory runs out, or a limit, if there is one, allows
 * no more, the functions below jump to `escape` if there is one, and return NULL if not. */
struct arena_block;
struct arena_limit {
    /* Takes bytes, or with a negative number gives them back; false: no more are allowed. */
    bool (*take)(struct arena_limit *limit, double bytes);
};
struct arena {
    struct arena_block *blocks;
    jmp_buf *escape;
    struct arena_limit *limit; /* NULL: none */
};
void *arena_allocate(struct arena *arena, size_t count, size_t size);
/* Room for one more element behind `count`: the array itself, or a larger copy of it; *capacity is
 * kept. */
void *arena_extend(struct arena *arena, void *array, int count, int *capacity, size_t size);
/* Room for the element at `index`: the array itself, or a larger copy of it, whose new elements are
 * zeroed; *count, how many there are, is kept. */
void *arena_reach(struct arena *arena, void *array, int *count, int index, size_t size);
/* The piece with another size, perhaps in another place; NULL: a new one. What it gains is zeroed.
 */
void *arena_resize(struct arena *arena, void *piece, size_t before, size_t bytes);
char *arena_copy_text(struct arena *arena, const char *text);
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What the others do when there is no memory: jumps to the escape, or returns NULL. */
void *arena_exhausted(struct arena *arena);
void arena_free(struct arena *arena);

#define arena_new(arena, type) ((type *)arena_allocate((arena), 1, sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_allocate((arena), (count), sizeof(type)))

#endif
