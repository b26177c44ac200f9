/* What every other file stands on: errors, the one door to the allocator, arenas, checked sizes. */
#ifndef EIGENTENSOR_BASE_H
#define EIGENTENSOR_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef ET_ERROR_BYTES /* eigentensor.h, the public header, has the same lines */
#define ET_ERROR_BYTES 1024

/* What went wrong, for people: names the file, the place, what was expected and what was found. */
struct et_error {
    char message[ET_ERROR_BYTES]; /* empty: no error */
};
#endif

/* Writes the message (unless `error` is NULL) and returns false, so that callers can return it. */
bool et_fail(struct et_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the message that is already there; returns false. */
bool et_fail_within(struct et_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A bug of ours, never a user's mistake: says where and aborts. */
#define unreachable() et_unreachable(__FILE__, __LINE__)
_Noreturn void et_unreachable(const char *file, int line);

/* The quotient rounded up; a >= 0, b > 0. */
static inline int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* Bytes, rounded up to whole cache lines: where blocks begin, and how far vectors may read. */
static inline size_t whole_lines(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* The door to the allocator: zeroed memory or NULL. Sizes are counted so that tests can make the
 * n-th allocation fail (`et_fail_allocation`, 0: never). */
void *et_allocate(size_t count, size_t size);
void *et_allocate_aligned(size_t bytes); /* 64-byte aligned, zeroed */
void *et_allocate_unset(size_t bytes);   /* the same, not zeroed: for what is written as a whole */
void et_release(void *memory);           /* for all three; NULL is fine */
void et_fail_allocation(unsigned long nth);

/* An arena: many small pieces, freed together. Pieces are zeroed and 16-byte aligned. When memory
 * runs out, `arena_allocate` jumps to `escape` if there is one, and otherwise returns NULL. */
struct arena_block;
struct arena {
    struct arena_block *blocks;
    jmp_buf *escape;
};
void *arena_allocate(struct arena *arena, size_t count, size_t size);
/* Room for one more element behind `count`: the array itself, or a larger copy of it; *capacity is
 * kept. NULL when memory ran out and there is no escape. */
void *arena_extend(struct arena *arena, void *array, int count, int *capacity, size_t size);
char *arena_copy_text(struct arena *arena, const char *text);
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *arena);

#define arena_new(arena, type) ((type *)arena_allocate((arena), 1, sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_allocate((arena), (count), sizeof(type)))

/* a * b or a + b in *result; false when it does not fit. */
bool checked_multiply(int64_t a, int64_t b, int64_t *result);
bool checked_add(int64_t a, int64_t b, int64_t *result);

/* Text that grows; `failed` stays set once memory ran out. */
struct text {
    char *bytes; /* always terminated once something was written */
    size_t length, capacity;
    bool failed;
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *text, const char *bytes, size_t count);
void text_free(struct text *text);

/* Reads a whole file of at most `limit` bytes (terminated by a zero byte that is not counted).
 * The caller releases *bytes with et_release. */
bool read_file(const char *path, size_t limit, char **bytes, size_t *count, struct et_error *error);

/* A file's bytes, in pages that the system reads when they are first looked at. */
struct mapped_file {
    const char *bytes;
    size_t count;
};
/* Requires that nobody writes into the file while it is mapped; another may take its name. The
 * caller gives it back with unmap_file. */
bool map_file(const char *path, size_t limit, struct mapped_file *file, struct et_error *error);
void unmap_file(struct mapped_file *file);
/* Gives back the memory of those pages of a file that lie within begin .. begin + count - 1, until
 * they are looked at again. What lies outside of the file is left alone. */
void forget_pages(const struct mapped_file *file, const void *begin, size_t count);

/* Writes a whole file: into a sibling first, then renamed over `path`, so that no reader ever sees
 * half of it. */
bool write_file(const char *path, const void *bytes, size_t count, struct et_error *error);

#endif
