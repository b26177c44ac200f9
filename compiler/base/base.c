#include "compiler/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool et_fail(struct et_error *error, const char *format, ...) {
    if (!error)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return false;
}

bool et_fail_within(struct et_error *error, const char *format, ...) {
    if (!error)
        return false;
    struct et_error inner = *error;
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof error->message)
        snprintf(error->message + used, sizeof error->message - (size_t)used, ": %s",
                 inner.message);
    return false;
}

_Noreturn void et_unreachable(const char *file, int line) {
    fprintf(stderr, "eigentensor: internal error at %s:%d; please report it\n", file, line);
    abort();
}

static atomic_ulong allocations_until_failure;

static bool allocation_fails(void) {
    return atomic_load_explicit(&allocations_until_failure, memory_order_relaxed) != 0 &&
           atomic_fetch_sub(&allocations_until_failure, 1) == 1;
}

void et_fail_allocation(unsigned long nth) {
    atomic_store(&allocations_until_failure, nth);
}

void *et_allocate(size_t count, size_t size) {
    if (allocation_fails())
        return NULL;
    return calloc(count ? count : 1, size ? size : 1);
}

/* Large blocks lie in huge pages where the system has them: there are fewer to be had, and found
 * again at every access. */
#define HUGE_PAGE ((size_t)2 << 20)

void *et_allocate_unset(size_t bytes) {
    if (allocation_fails() || bytes > SIZE_MAX / 2)
        return NULL;
    size_t rounded = bytes ? whole_lines(bytes) : 64;
    if (rounded < HUGE_PAGE)
        return aligned_alloc(64, rounded);
    void *memory;
    if (posix_memalign(&memory, HUGE_PAGE, rounded) != 0) /* of any size, not only whole pages */
        return NULL;
    madvise(memory, rounded / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a wish only */
    return memory;
}

void *et_allocate_aligned(size_t bytes) {
    void *memory = et_allocate_unset(bytes);
    return memory ? memset(memory, 0, bytes ? whole_lines(bytes) : 64) : NULL;
}

void et_release(void *memory) {
    free(memory);
}

#define ARENA_BLOCK_BYTES ((size_t)64 * 1024)

struct arena_block {
    struct arena_block *next;
    size_t used, capacity;
    _Alignas(16) unsigned char bytes[];
};

static struct arena_block *arena_grow(struct arena *arena, size_t bytes) {
    size_t capacity = bytes > ARENA_BLOCK_BYTES / 4 ? bytes : ARENA_BLOCK_BYTES;
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

static void *arena_exhausted(struct arena *arena) {
    if (arena->escape)
        longjmp(*arena->escape, 1);
    return NULL;
}

void *arena_allocate(struct arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return arena_exhausted(arena);
    bytes = (bytes + 15) / 16 * 16;
    struct arena_block *block = arena->blocks;
    if (!block || block->capacity - block->used < bytes)
        block = arena_grow(arena, bytes);
    if (!block)
        return arena_exhausted(arena);
    void *piece = block->bytes + block->used;
    block->used += bytes;
    return piece;
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

bool checked_multiply(int64_t a, int64_t b, int64_t *result) {
    return !__builtin_mul_overflow(a, b, result);
}

bool checked_add(int64_t a, int64_t b, int64_t *result) {
    return !__builtin_add_overflow(a, b, result);
}

static bool text_reserve(struct text *text, size_t more) {
    if (text->failed || text->capacity - text->length > more)
        return !text->failed;
    size_t capacity = (text->length + more + 1) * 2;
    char *bytes = et_allocate(capacity, 1);
    if (!bytes) {
        text->failed = true;
        return false;
    }
    if (text->bytes)
        memcpy(bytes, text->bytes, text->length + 1);
    et_release(text->bytes);
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void text_add_bytes(struct text *text, const char *bytes, size_t count) {
    if (!text_reserve(text, count))
        return;
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
    text->bytes[text->length] = 0;
}

void text_add(struct text *text, const char *format, ...) {
    va_list arguments, again;
    if (!text_reserve(text, 120)) /* most pieces fit, and are formatted only once */
        return;
    size_t room = text->capacity - text->length;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length >= room && text_reserve(text, (size_t)length))
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
    va_end(again);
    if (length >= 0 && !text->failed)
        text->length += (size_t)length;
}

void text_free(struct text *text) {
    et_release(text->bytes);
    *text = (struct text){0};
}

static bool check_size(int descriptor, const char *path, size_t limit, struct stat *facts,
                       struct et_error *error) {
    if (fstat(descriptor, facts) != 0)
        return et_fail(error, "%s: %s", path, strerror(errno));
    if (!S_ISREG(facts->st_mode))
        return et_fail(error, "%s: expected a regular file", path);
    return (uintmax_t)facts->st_size <= limit ||
           et_fail(error, "%s: %jd bytes, expected at most %zu", path, (intmax_t)facts->st_size,
                   limit);
}

static bool read_all(FILE *file, const char *path, size_t limit, char **bytes, size_t *count,
                     struct et_error *error) {
    struct stat facts;
    if (!check_size(fileno(file), path, limit, &facts, error))
        return false;
    size_t size = (size_t)facts.st_size;
    char *memory = et_allocate(size + 1, 1);
    if (!memory)
        return et_fail(error, "%s: out of memory reading %zu bytes", path, size);
    if (fread(memory, 1, size, file) != size) {
        et_release(memory);
        return et_fail(error, "%s: cannot read %zu bytes: %s", path, size,
                       ferror(file) ? strerror(errno) : "the file became shorter");
    }
    *bytes = memory;
    *count = size;
    return true;
}

bool read_file(const char *path, size_t limit, char **bytes, size_t *count,
               struct et_error *error) {
    FILE *file = fopen(path, "rbe");
    if (!file)
        return et_fail(error, "%s: %s", path, strerror(errno));
    bool good = read_all(file, path, limit, bytes, count, error);
    fclose(file);
    return good;
}

static bool map_all(int descriptor, const char *path, size_t limit, struct mapped_file *file,
                    struct et_error *error) {
    struct stat facts;
    if (!check_size(descriptor, path, limit, &facts, error))
        return false;
    *file = (struct mapped_file){.bytes = "", .count = (size_t)facts.st_size};
    if (!file->count)
        return true;
    void *pages = allocation_fails()
                      ? MAP_FAILED
                      : mmap(NULL, file->count, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (pages == MAP_FAILED)
        return et_fail(error, "%s: out of memory mapping %zu bytes", path, file->count);
    file->bytes = pages;
    return true;
}

bool map_file(const char *path, size_t limit, struct mapped_file *file, struct et_error *error) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return et_fail(error, "%s: %s", path, strerror(errno));
    bool good = map_all(descriptor, path, limit, file, error);
    close(descriptor);
    return good;
}

void unmap_file(struct mapped_file *file) {
    if (file->count)
        munmap((void *)file->bytes, file->count);
    *file = (struct mapped_file){0};
}

void forget_pages(const struct mapped_file *file, const void *begin, size_t count) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)begin + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)begin + count) / page * page;
    bool within = (uintptr_t)begin >= (uintptr_t)file->bytes &&
                  (uintptr_t)begin + count <= (uintptr_t)file->bytes + file->count;
    if (within && first < end)
        madvise((void *)first, end - first, MADV_DONTNEED);
}

static bool write_all(const char *path, const void *bytes, size_t count, struct et_error *error) {
    FILE *file = fopen(path, "wbe");
    if (!file)
        return et_fail(error, "%s: %s", path, strerror(errno));
    bool written = fwrite(bytes, 1, count, file) == count;
    int problem = errno;
    if (fclose(file) != 0 && written) {
        written = false;
        problem = errno;
    }
    if (!written) {
        unlink(path);
        return et_fail(error, "%s: cannot write %zu bytes: %s", path, count, strerror(problem));
    }
    return true;
}

bool write_file(const char *path, const void *bytes, size_t count, struct et_error *error) {
    struct stat facts;
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode)) /* /dev/stdout and the like */
        return write_all(path, bytes, count, error);
    struct text sibling = {0};
    text_add(&sibling, "%s.%ld.part", path, (long)getpid());
    if (sibling.failed)
        return et_fail(error, "%s: out of memory", path);
    bool good = write_all(sibling.bytes, bytes, count, error);
    if (good && rename(sibling.bytes, path) != 0) {
        good = et_fail(error, "%s: %s", path, strerror(errno));
        unlink(sibling.bytes);
    }
    text_free(&sibling);
    return good;
}
