#include "compiler/base/file.h"

#include "compiler/base/allocate.h"
#include "compiler/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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
    void *pages = et_allocation_fails()
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
    const char *part = text_read(&sibling, error);
    bool good = part ? write_all(part, bytes, count, error) : et_fail_within(error, "%s", path);
    if (good && rename(part, path) != 0) {
        good = et_fail(error, "%s: %s", path, strerror(errno));
        unlink(part);
    }
    text_free(&sibling);
    return good;
}
