#include "runtime/backend/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool cache_add_cpu(struct digest_stream *stream) {
    FILE *facts = fopen("/proc/cpuinfo", "re");
    if (!facts)
        return errno == ENOENT;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, facts)) > 0 && *line != '\n') {
        static const char *const kinds[] = {"model name", "flags", "Features", "CPU part"};
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (strncmp(line, kinds[i], strlen(kinds[i])) == 0)
                digest_add(stream, line, strlen(line));
    }
    bool whole = length > 0 || feof(facts);
    int reason = errno;
    free(line);
    fclose(facts);
    errno = reason;
    return whole;
}

void cache_add_word(struct digest_stream *stream, const char *word) {
    digest_add(stream, word, strlen(word) + 1);
}

static bool is_ours(const char *path, mode_t kind) {
    struct stat facts;
    return lstat(path, &facts) == 0 && (facts.st_mode & S_IFMT) == kind &&
           facts.st_uid == geteuid() && !(facts.st_mode & (S_IWGRP | S_IWOTH));
}

bool cache_folder_is_ours(const char *path) {
    return is_ours(path, S_IFDIR);
}

bool cache_file_is_ours(const char *path) {
    return is_ours(path, S_IFREG);
}

/* Makes the folder, unless it is there or cannot be made. */
static void make_folder(const struct text *folder) {
    const char *path = text_read(folder, NULL);
    if (path)
        mkdir(path, 0700);
}

bool cache_folder(struct text *folder, bool make) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/')
        text_add(folder, "%s", cache);
    else if (home && *home == '/')
        text_add(folder, "%s/.cache", home);
    else
        return false;
    if (make)
        make_folder(folder);
    text_add(folder, "/eigentensor");
    if (make)
        make_folder(folder);
    const char *path = text_read(folder, NULL);
    return path && cache_folder_is_ours(path);
}

/* ---- The bound ---- */

struct cached_file {
    struct timespec used;
    int64_t bytes;
    char name[NAME_MAX + 1];
};

void cache_touch(const char *path) {
    utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

static int by_use(const void *a, const void *b) {
    const struct timespec *one = &((const struct cached_file *)a)->used;
    const struct timespec *other = &((const struct cached_file *)b)->used;
    if (one->tv_sec != other->tv_sec)
        return one->tv_sec < other->tv_sec ? 1 : -1;
    return one->tv_nsec < other->tv_nsec ? 1 : one->tv_nsec > other->tv_nsec ? -1 : 0;
}

static bool ends_with(const char *name, const char *ending) {
    size_t length = strlen(name), count = strlen(ending);
    return length > count && strcmp(name + length - count, ending) == 0;
}

/* The plain files of that ending; what cannot be seen is left out. */
static int list_files(DIR *folder, const char *ending, struct cached_file **files) {
    int count = 0, capacity = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat facts;
        if (!ends_with(entry->d_name, ending) ||
            fstatat(dirfd(folder), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(facts.st_mode))
            continue;
        if (count == capacity) {
            capacity = 2 * capacity + 16;
            struct cached_file *grown = realloc(*files, (size_t)capacity * sizeof *grown);
            if (!grown)
                return count;
            *files = grown;
        }
        struct cached_file *file = &(*files)[count++];
        *file = (struct cached_file){.used = facts.st_mtim, .bytes = facts.st_size};
        snprintf(file->name, sizeof file->name, "%s", entry->d_name);
    }
    return count;
}

void cache_trim(const char *folder, const char *ending, int64_t most_bytes) {
    DIR *opened = opendir(folder);
    struct cached_file *files = NULL;
    int64_t bytes = 0;
    if (!opened)
        return;
    int count = list_files(opened, ending, &files);
    if (count)
        qsort(files, (size_t)count, sizeof *files, by_use);
    for (int i = 0; i < count; i++) {
        bytes += files[i].bytes;
        if (bytes > most_bytes)
            unlinkat(dirfd(opened), files[i].name, 0);
    }
    free(files);
    closedir(opened);
}
