#include "runtime/backend/code_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U /* of Linux 6.3: "it will be executed", whatever vm.memfd_noexec prefers */
#endif

static bool refuse(const char *what, struct et_error *error) {
    return et_fail(error, "the system refuses memory for machine code: %s: %s", what,
                   strerror(errno));
}

static int open_file(void) {
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int file = memfd_create("eigentensor-code", flags | MFD_EXEC);
    return file >= 0 || errno != EINVAL ? file : memfd_create("eigentensor-code", flags);
}

/* Beyond its limit for files the process would get a signal that ends it. */
static bool set_length(int file, size_t bytes) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < bytes) {
        errno = EFBIG;
        return false;
    }
    return ftruncate(file, (off_t)bytes) == 0 &&
           fcntl(file, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0;
}

bool code_pages_open(struct code_pages *pages, size_t bytes, struct et_error *error) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bytes = (bytes + page - 1) / page * page;
    int file = open_file();
    if (file < 0)
        return refuse("memfd_create", error);
    void *start = MAP_FAILED;
    bool good = set_length(file, bytes) || refuse("ftruncate", error);
    if (good) {
        start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        good = start != MAP_FAILED || refuse("mmap", error);
    }
    if (good)
        *pages = (struct code_pages){start, bytes, file};
    else
        close(file);
    return good;
}

/* Each mapping takes the place of the one before, so that no other thread's can come in between. A
 * private one is what a file sealed against writing can be mapped with. */
bool code_pages_close(struct code_pages *pages, struct et_error *error) {
    int file = pages->file;
    bool good =
        mmap(pages->start, pages->bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED &&
        fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0 &&
        mmap(pages->start, pages->bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, 0) !=
            MAP_FAILED;
    if (!good)
        return refuse("mmap for executing", error);
    close(file);
    pages->file = -1;
    __builtin___clear_cache(pages->start, (char *)pages->start + pages->bytes);
    return true;
}

void code_pages_free(struct code_pages *pages) {
    if (pages->start)
        munmap(pages->start, pages->bytes);
    if (pages->start && pages->file >= 0)
        close(pages->file);
    *pages = (struct code_pages){0};
}

bool code_pages_allowed(struct et_error *error) {
    struct code_pages pages = {0};
    bool allowed = code_pages_open(&pages, 1, error) && code_pages_close(&pages, error);
    code_pages_free(&pages);
    return allowed;
}
