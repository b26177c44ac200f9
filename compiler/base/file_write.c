/* Files appear under their names only when they are whole. */
#include "compiler/base/file.h"

#include "compiler/base/allocate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PART ".part"

enum {
    SWEPT_AFTER = 600,      /* seconds */
    MOST_SWEPT = 1 << 16,   /* entries of a folder that are looked at */
    ENDING_BYTES = 48,      /* room for ".PID-N.part" */
    MOST_PARTS_TRIED = 100, /* names, before one is taken for free */
};

/* ---- Sweeping ---- */

bool is_left_behind(int folder, const char *name, long process, mode_t kind) {
    struct stat facts;
    return process > 0 && process <= INT_MAX && kill((pid_t)process, 0) != 0 && errno == ESRCH &&
           fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
           (facts.st_mode & S_IFMT) == kind && facts.st_uid == geteuid() &&
           time(NULL) - facts.st_mtime >= SWEPT_AFTER;
}

/* The process that made "NAME.PID-N.part", where NAME begins so; 0: it is no such file. */
static long process_of_part(const char *file, const char *name) {
    size_t length = strlen(file), named = strlen(name);
    if (length < sizeof PART || strcmp(file + length - strlen(PART), PART) != 0 ||
        strncmp(file, name, named) != 0)
        return 0;
    const char *at = file + length - strlen(PART), *begin = file + named;
    while (at > begin && at[-1] != '.')
        at--;
    char *end = "";
    errno = 0;
    long process = at > file && at[-1] == '.' ? strtol(at, &end, 10) : 0;
    return process > 0 && errno == 0 && *end == '-' && strspn(end + 1, "0123456789") > 0 &&
                   strcmp(end + 1 + strspn(end + 1, "0123456789"), PART) == 0
               ? process
               : 0;
}

void sweep_parts(const char *folder, const char *name) {
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    for (int i = 0; entries && i < MOST_SWEPT && (entry = readdir(entries)); i++) {
        long process = process_of_part(entry->d_name, name);
        if (process && is_left_behind(dirfd(entries), entry->d_name, process, S_IFREG))
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    if (entries)
        closedir(entries);
}

/* ---- Names of what is not finished ---- */

/* The name of the file without its folders, cut where an ending would make it too long. */
static size_t kept_of(const char *name) {
    size_t length = strlen(name), most = NAME_MAX - ENDING_BYTES;
    return length > most ? most : length;
}

static bool sweep_beside(const char *path, const char *name, size_t kept, struct et_error *error) {
    struct text folder = {0}, begin = {0};
    if (name == path)
        text_add(&folder, ".");
    else
        text_add_bytes(&folder, path, (size_t)(name - path));
    text_add_bytes(&begin, name, kept);
    const char *where = text_read(&folder, error), *what = text_read(&begin, error);
    if (where && what)
        sweep_parts(where, what);
    text_free(&folder);
    text_free(&begin);
    return where && what;
}

bool begin_part(const char *path, struct text *part, struct et_error *error) {
    static atomic_uint numbers;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t kept = kept_of(name);
    struct stat facts;
    if (!*name)
        return et_fail(error, "%s: expected the name of a file", path);
    if (!sweep_beside(path, name, kept, error))
        return et_fail_within(error, "%s", path);
    for (int i = 0; i < MOST_PARTS_TRIED; i++) {
        text_free(part);
        text_add_bytes(part, path, (size_t)(name - path) + kept);
        text_add(part, ".%ld-%u" PART, (long)getpid(), atomic_fetch_add(&numbers, 1));
        const char *free_name = text_read(part, error);
        if (!free_name)
            return et_fail_within(error, "%s", path);
        if (lstat(free_name, &facts) != 0)
            return true;
    }
    return et_fail(error, "%s: there are %d unfinished files beside it", path, MOST_PARTS_TRIED);
}

/* ---- Folders ---- */

static bool make_folder(const char *path, int *made, struct et_error *error) {
    struct stat facts;
    if (mkdir(path, 0777) == 0) {
        ++*made;
        return true;
    }
    const int problem = errno;
    *made = 0; /* those above it hold more than what is made */
    if (stat(path, &facts) != 0)
        return et_fail(error, "%s: %s", path, strerror(problem));
    return S_ISDIR(facts.st_mode) || et_fail(error, "%s: expected a folder, found a file", path);
}

/* Copies are cut at their slashes. The caller releases it; NULL: out of memory. */
static char *copy_of(const char *path) {
    char *copy = et_allocate(strlen(path) + 1, 1);
    return copy ? strcpy(copy, path) : NULL;
}

bool make_folders(const char *path, int *made, struct et_error *error) {
    char *copy = copy_of(path);
    bool good = copy || et_fail(error, "out of memory");
    *made = 0;
    for (char *slash = copy; good && (slash = strchr(slash, '/')); slash++) {
        if (slash == copy || slash[-1] == '/')
            continue;
        *slash = 0;
        good = make_folder(copy, made, error);
        *slash = '/';
    }
    et_release(copy);
    return good;
}

void remove_folders(const char *path, int made) {
    char *copy = made ? copy_of(path) : NULL, *slash;
    while (made && copy && (slash = strrchr(copy, '/'))) {
        *slash = 0;
        made -= rmdir(copy) == 0;
    }
    et_release(copy);
}

/* ---- Writing ---- */

bool write_bytes(int descriptor, const void *bytes, size_t count) {
    const char *at = bytes;
    while (count) {
        ssize_t written = write(descriptor, at, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += written;
        count -= (size_t)written;
    }
    return true;
}

/* To what is open, which is closed. */
static bool write_and_close(int descriptor, const struct new_file *file, struct et_error *error) {
    bool written = write_bytes(descriptor, file->bytes, file->count);
    int problem = errno;
    if (close(descriptor) != 0 && written) {
        written = false;
        problem = errno;
    }
    return written || et_fail(error, "%s: cannot write %zu bytes: %s", file->path, file->count,
                              strerror(problem));
}

static bool write_part(const struct new_file *file, const char *part, struct et_error *error) {
    int descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return et_fail(error, "%s: %s", file->path, strerror(errno));
    if (write_and_close(descriptor, file, error))
        return true;
    unlink(part);
    return false;
}

/* /dev/stdout and the like, and pipes that somebody reads. */
static bool write_special(const struct new_file *file, struct et_error *error) {
    int descriptor = open(file->path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return et_fail(error, "%s: %s", file->path,
                       errno == ENXIO ? "a pipe that nothing reads from" : strerror(errno));
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) != 0) {
        close(descriptor);
        return et_fail(error, "%s: %s", file->path, strerror(errno));
    }
    return write_and_close(descriptor, file, error);
}

static bool is_special(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && !S_ISREG(facts.st_mode);
}

/* A file on the way to its name. */
struct file_part {
    struct text name; /* empty: it is to be written in place, or has its name */
    int made;         /* folders, for it */
};

/* Those that are begun can be read. */
static bool write_parts(const struct new_file *files, struct file_part *parts, int count,
                        struct et_error *error) {
    for (int i = 0; i < count; i++) {
        struct text *name = &parts[i].name;
        if (is_special(files[i].path))
            continue;
        if (!make_folders(files[i].path, &parts[i].made, error) ||
            !begin_part(files[i].path, name, error) ||
            !write_part(&files[i], text_read(name, NULL), error)) {
            text_free(name);
            return false;
        }
    }
    return true;
}

/* Requires that all parts are written. */
static bool name_parts(const struct new_file *files, struct file_part *parts, int count,
                       struct et_error *error) {
    for (int i = 0; i < count; i++)
        if (!parts[i].name.length && !write_special(&files[i], error))
            return false;
    for (int i = 0; i < count; i++) {
        if (!parts[i].name.length)
            continue;
        if (rename(text_read(&parts[i].name, NULL), files[i].path) != 0)
            return et_fail(error, "%s: %s", files[i].path, strerror(errno));
        text_free(&parts[i].name);
    }
    return true;
}

/* Leaves no part, and no folder without a file in it. */
static void drop_parts(const struct new_file *files, struct file_part *parts, int count) {
    for (int i = 0; i < count; i++) {
        if (parts[i].name.length)
            unlink(text_read(&parts[i].name, NULL));
        text_free(&parts[i].name);
    }
    for (int i = 0; i < count; i++)
        remove_folders(files[i].path, parts[i].made);
}

bool write_files(const struct new_file *files, int count, struct et_error *error) {
    struct file_part *parts = et_allocate((size_t)count, sizeof *parts);
    if (!parts)
        return et_fail(error, "out of memory");
    bool good = write_parts(files, parts, count, error) && name_parts(files, parts, count, error);
    if (!good)
        drop_parts(files, parts, count);
    et_release(parts);
    return good;
}

bool write_file(const char *path, const void *bytes, size_t count, struct et_error *error) {
    const struct new_file file = {path, bytes, count};
    return write_files(&file, 1, error);
}
