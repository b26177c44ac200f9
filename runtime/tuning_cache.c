#include "runtime/tuning_cache.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/backend/cache.h"

static const char tuned[] = "tuned-";

/* FOLDER/tuned-DIGEST/CPU-MODE.json. The CPU is looked at only where the graph has any. */
static bool find_path(const char *digest, const struct target *target, const char *mode, bool make,
                      struct text *path) {
    if (!cache_folder(path, make))
        return false;
    text_add(path, "/%s%.32s", tuned, digest);
    const char *folder = text_read(path, NULL);
    if (folder && make)
        mkdir(folder, 0700);
    if (!folder || !cache_folder_is_ours(folder))
        return false;
    struct digest_stream stream;
    digest_begin(&stream);
    cache_add_word(&stream, "eigentensor tuning 1");
    cache_add_word(&stream, target->name);
    if (!cache_add_cpu(&stream))
        return false;
    struct digest key = digest_end(&stream);
    text_add(path, "/%.32s-%s.json", digest_hex(&key).text, mode);
    return text_check(path, NULL);
}

bool tuning_cache_has_any(void) {
    struct text path = {0};
    const char *place = cache_folder(&path, false) ? text_read(&path, NULL) : NULL;
    DIR *folder = place ? opendir(place) : NULL;
    bool found = false;
    for (struct dirent *entry; folder && !found && (entry = readdir(folder));)
        found = strncmp(entry->d_name, tuned, strlen(tuned)) == 0;
    if (folder)
        closedir(folder);
    text_free(&path);
    return found;
}

struct tuning *tuning_cache_load(const char *digest, const struct target *target,
                                 const char *mode) {
    struct text path = {0};
    struct tuning *tuning = NULL;
    const char *file =
        find_path(digest, target, mode, false, &path) ? text_read(&path, NULL) : NULL;
    if (file && cache_file_is_ours(file))
        tuning = tuning_load(file, NULL);
    text_free(&path);
    if (!tuning || strcmp(tuning->digest, digest) == 0)
        return tuning;
    tuning_free(tuning);
    return NULL;
}

bool tuning_cache_save(const struct tuning *tuning, const struct target *target, struct text *path,
                       struct et_error *error) {
    struct text own = {0}, *place = path ? path : &own;
    bool good = find_path(tuning->digest, target, tuning->mode, true, place);
    if (!good && text_check(place, error))
        et_fail(error, "there is no folder to keep a tuning in: set XDG_CACHE_HOME, or name a "
                       "file");
    good = good && tuning_save(tuning, text_read(place, NULL), error);
    text_free(&own);
    return good;
}

void cpu_model_name(char *name, size_t capacity) {
    FILE *facts = fopen("/proc/cpuinfo", "re");
    char line[256];
    snprintf(name, capacity, "unknown");
    while (facts && fgets(line, sizeof line, facts) && *line != '\n') {
        char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (colon) {
            colon += 1 + strspn(colon + 1, " \t");
            snprintf(name, capacity, "%.*s", (int)strcspn(colon, "\n"), colon);
        }
    }
    if (facts)
        fclose(facts);
}
