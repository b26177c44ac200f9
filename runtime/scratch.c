#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool scratch_make(struct scratch *scratch, struct et_error *error) {
    const char *parent = getenv("TMPDIR");
    if (!parent || !*parent)
        parent = "/tmp";
    if (strpbrk(parent, "\"\\\n"))
        return et_fail(error, "TMPDIR: %s: expected no quote, backslash or line end in it", parent);
    struct text path = {0};
    text_add(&path, "%s/eigentensor-XXXXXX", parent);
    if (path.failed) {
        text_free(&path);
        return et_fail(error, "out of memory");
    }
    if (!mkdtemp(path.bytes)) {
        et_fail(error, "%s: cannot make a temporary directory in it: %s", parent, strerror(errno));
        text_free(&path);
        return false;
    }
    scratch->path = path.bytes;
    return true;
}

void scratch_remove(struct scratch *scratch) {
    if (!scratch->path)
        return;
    DIR *directory = opendir(scratch->path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    rmdir(scratch->path);
    et_release(scratch->path);
    scratch->path = NULL;
}
