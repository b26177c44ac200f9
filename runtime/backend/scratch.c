#include "runtime/backend/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "eigentensor-" /* and the process, "-", six letters */

/* Removing needs no memory: it is done when there is none. */

static void empty(int folder);

/* A file, or a folder with all that is in it. */
static bool remove_one(int folder, const char *name) {
    if (unlinkat(folder, name, 0) == 0)
        return true;
    int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0)
        return false;
    empty(inner);
    close(inner);
    return unlinkat(folder, name, AT_REMOVEDIR) == 0;
}

/* One turn over the entries: true when any was removed. */
static bool remove_entries(int folder) {
    _Alignas(struct dirent64) char entries[4096];
    ssize_t count;
    bool removed = false;
    lseek(folder, 0, SEEK_SET);
    void *room = entries; /* of which musl says that it is for an entry, glibc for bytes */
    while ((count = getdents64(folder, room, sizeof entries)) > 0)
        for (char *at = entries; at < entries + count;) {
            const struct dirent64 *entry = (const struct dirent64 *)at;
            at += entry->d_reclen;
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                removed |= remove_one(folder, entry->d_name);
        }
    return removed;
}

/* Entries may be passed over while others go. */
static void empty(int folder) {
    while (remove_entries(folder))
        ;
}

/* The process that made the directory of that name; 0: it is none of ours. */
static long process_of(const char *name) {
    if (strncmp(name, NAME, strlen(NAME)) != 0)
        return 0;
    char *end;
    errno = 0;
    long process = strtol(name + strlen(NAME), &end, 10);
    return errno == 0 && end[0] == '-' && strlen(end) == strlen("-XXXXXX") ? process : 0;
}

/* Removes the directories of processes that were killed. */
static void sweep(const char *parent) {
    enum { MOST = 1 << 16 };
    DIR *entries = opendir(parent);
    const struct dirent *entry;
    for (int i = 0; entries && i < MOST && (entry = readdir(entries)); i++) {
        long process = process_of(entry->d_name);
        if (process && is_left_behind(dirfd(entries), entry->d_name, process, S_IFDIR))
            remove_one(dirfd(entries), entry->d_name);
    }
    if (entries)
        closedir(entries);
}

bool scratch_make(struct scratch *scratch, struct et_error *error) {
    const char *parent = getenv("TMPDIR");
    if (!parent || !*parent)
        parent = "/tmp";
    if (strpbrk(parent, "\"\\\n"))
        return et_fail(error, "TMPDIR: %s: expected no quote, backslash or line end in it", parent);
    sweep(parent);
    struct text path = {0};
    text_add(&path, "%s/" NAME "%ld-XXXXXX", parent, (long)getpid());
    char *folder = text_take(&path);
    if (!folder)
        return et_fail(error, "out of memory");
    bool made = mkdtemp(folder);
    scratch->folder = made ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (scratch->folder < 0) {
        et_fail(error, "%s: cannot make a temporary directory in it: %s", parent, strerror(errno));
        if (made)
            rmdir(folder);
        et_release(folder);
        return false;
    }
    scratch->path = folder;
    return true;
}

bool scratch_write(const struct scratch *scratch, const char *name, const void *bytes, size_t count,
                   struct et_error *error) {
    struct text path = {0};
    text_add(&path, "%s/%s", scratch->path, name);
    char *file = text_take(&path);
    bool good = file ? write_file(file, bytes, count, error) : et_fail(error, "out of memory");
    et_release(file);
    return good;
}

void scratch_remove(struct scratch *scratch) {
    if (!scratch->path)
        return;
    empty(scratch->folder);
    close(scratch->folder);
    rmdir(scratch->path);
    et_release(scratch->path);
    scratch->path = NULL;
}
