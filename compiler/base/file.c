#include "compiler/base/file.h"

#include "compiler/base/allocate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whatever is there: opening a FIFO does not wait for its writer. */
static int open_at_once(const char *path, struct et_error *error) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        et_fail(error, "%s: %s", path, strerror(errno));
    return descriptor;
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

/* Up to `count` bytes, fewer only at the end of the file; -1 and errno. */
static ssize_t read_up_to(int descriptor, void *bytes, size_t count) {
    size_t got = 0;
    while (got < count) {
        ssize_t more = read(descriptor, (char *)bytes + got, count - got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return -1;
        if (more == 0)
            break;
        got += (size_t)more;
    }
    return (ssize_t)got;
}

static bool read_all(int descriptor, const char *path, size_t limit, char **bytes, size_t *count,
                     struct et_error *error) {
    struct stat facts;
    if (!check_size(descriptor, path, limit, &facts, error))
        return false;
    size_t size = (size_t)facts.st_size;
    char *memory = et_allocate(size + 1, 1);
    if (!memory)
        return et_fail(error, "%s: out of memory reading %zu bytes", path, size);
    ssize_t got = read_up_to(descriptor, memory, size);
    if (got < 0 || (size_t)got != size) {
        et_fail(error, "%s: cannot read %zu bytes: %s", path, size,
                got < 0 ? strerror(errno) : "the file became shorter");
        et_release(memory);
        return false;
    }
    *bytes = memory;
    *count = size;
    return true;
}

bool read_file(const char *path, size_t limit, char **bytes, size_t *count,
               struct et_error *error) {
    int descriptor = open_at_once(path, error);
    if (descriptor < 0)
        return false;
    bool good = read_all(descriptor, path, limit, bytes, count, error);
    close(descriptor);
    return good;
}

bool read_beginning(const char *path, void *bytes, size_t count, size_t *got,
                    struct et_error *error) {
    struct stat facts;
    int descriptor = open_at_once(path, error);
    if (descriptor < 0)
        return false;
    bool good = check_size(descriptor, path, SIZE_MAX, &facts, error);
    ssize_t length = good ? read_up_to(descriptor, bytes, count) : 0;
    if (length < 0)
        good = et_fail(error, "%s: %s", path, strerror(errno));
    close(descriptor);
    *got = good ? (size_t)length : 0;
    return good;
}

bool is_same_file(const char *path, const char *other) {
    struct stat one, two;
    return stat(path, &one) == 0 && stat(other, &two) == 0 && S_ISREG(one.st_mode) &&
           one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static bool map_all(int descriptor, const char *path, size_t limit, struct mapped_file *file,
                    struct et_error *error) {
    struct stat facts;
    if (!check_size(descriptor, path, limit, &facts, error))
        return false;
    size_t count = (size_t)facts.st_size;
    *file = (struct mapped_file){.bytes = "",
                                 .device = facts.st_dev,
                                 .inode = facts.st_ino,
                                 .modified = facts.st_mtim,
                                 .changed = facts.st_ctim};
    if (!count)
        return true;
    void *pages = et_allocation_fails() ? MAP_FAILED
                                        : mmap(NULL, count, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (pages == MAP_FAILED)
        return et_fail(error, "%s: out of memory mapping %zu bytes", path, count);
    file->bytes = pages;
    file->count = count; /* only now: what was never mapped must not be unmapped */
    return true;
}

bool map_file(const char *path, size_t limit, struct mapped_file *file, struct et_error *error) {
    int descriptor = open_at_once(path, error);
    if (descriptor < 0)
        return false;
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
