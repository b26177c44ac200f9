#include "runtime/backend/cache.h"

#include <errno.h>
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
    free(line);
    fclose(facts);
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
