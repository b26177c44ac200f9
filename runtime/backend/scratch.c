#include "runtime/backend/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool scratch_make(struct scratch *scratch, struct et_error *error) {
    const char *parent = getenv("TMPDIR");
    if (!parent || !*parent)
        parent = "/tmp";
    if (strpbrk(parent, "\"\\\n"))
        return et_fail(error, "TMPDIR: %s: expected no quote, backslash or line end in it", parent);
    struct text path = {0};
    text_add(&path, "%s/eigentensor-XXXXXX", parent);
    char *folder = text_take(&path);
    if (!folder)
        return et_fail(error, "out of memory");
    if (!mkdtemp(folder)) {
        et_fail(error, "%s: cannot make a temporary directory in it: %s", parent, strerror(errno));
        et_release(folder);
        return false;
    }
    scratch->path = folder;
    return true;
}

static bool make_folders(char *path, size_t after, struct et_error *error) {
    for (char *slash = path + after; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
        if (!made)
            et_fail(error, "%s: %s", path, strerror(errno));
        *slash = '/';
        if (!made)
            return false;
    }
    return true;
}

bool scratch_write(const struct scratch *scratch, const char *name, const void *bytes, size_t count,
                   struct et_error *error) {
    struct text path = {0};
    text_add(&path, "%s/%s", scratch->path, name);
    char *file = text_take(&path);
    bool good = file ? make_folders(file, strlen(scratch->path) + 1, error) &&
                           write_file(file, bytes, count, error)
                     : et_fail(error, "out of memory");
    et_release(file);
    return good;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status, (void)kind, (void)place;
    remove(path);
    return 0;
}

void scratch_remove(struct scratch *scratch) {
    if (!scratch->path)
        return;
    nftw(scratch->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    et_release(scratch->path);
    scratch->path = NULL;
}
