#include "runtime/backend/aot_cache.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/backend/cache.h"
#include "runtime/kernels/cpu.h"

enum { MOST_BYTES = 1 << 30 }; /* of a library */

struct aot_library {
    struct aot *built; /* without a cache */
    void *loaded;      /* from the cache */
    run_array *entry;
};

/* Where things lie; `folder` is empty when there is no cache. */
struct cache {
    struct text folder, path, unfinished;
    char entry[300];
};

/* Everything that the library depends on. */
static bool cache_key(const struct compiled *compiled, const struct aot_options *options,
                      struct digest_hex *key, struct et_error *error) {
    const char *cpu = cpu_compiler_option(options ? options->target : NULL, error);
    if (!cpu)
        return false;
    struct digest_stream stream;
    digest_begin(&stream);
    cache_add_word(&stream, "eigentensor aot 1");
    cache_add_word(&stream, cpu);
    cache_add_cpu(&stream);
    cache_add_word(&stream, options && options->cc ? options->cc : "gcc");
    for (const char *const *flag = options ? options->flags : NULL; flag && *flag; flag++)
        cache_add_word(&stream, *flag);
    digest_add(&stream, compiled->source, compiled->source_bytes);
    struct digest digest = digest_end(&stream);
    *key = digest_hex(&digest);
    return true;
}

static bool cache_find(struct cache *cache, const struct compiled *compiled, const char *digest,
                       const struct aot_options *options, struct et_error *error) {
    struct digest_hex key;
    if (!cache_key(compiled, options, &key, error))
        return false;
    cache_folder(&cache->folder, true);
    if (cache->folder.bytes) {
        text_add(&cache->path, "%s/%.16s-%.32s.so", cache->folder.bytes, digest, key.text);
        text_add(&cache->unfinished, "%s.%ld-%p", cache->path.bytes, (long)getpid(), (void *)cache);
        if (cache->path.failed || cache->unfinished.failed)
            text_free(&cache->folder);
    }
    snprintf(cache->entry, sizeof cache->entry, "%s_run_array", compiled->prefix);
    return true;
}

static void cache_free(struct cache *cache) {
    text_free(&cache->folder);
    text_free(&cache->path);
    text_free(&cache->unfinished);
}

/* Is the file this user's, and does it end with the SHA-256 of what comes before? */
static bool is_whole(const char *path) {
    if (!cache_file_is_ours(path))
        return false;
    char *bytes;
    size_t count;
    struct digest stored, found;
    if (!read_file(path, MOST_BYTES, &bytes, &count, NULL))
        return false;
    bool whole = count > sizeof stored.bytes;
    if (whole) {
        count -= sizeof stored.bytes;
        memcpy(stored.bytes, bytes + count, sizeof stored.bytes);
        found = digest_bytes(bytes, count);
        whole = digest_equal(&stored, &found);
    }
    et_release(bytes);
    return whole;
}

/* Makes the file end with its SHA-256, which loaders do not look at, and gives it its name. */
static bool keep(const struct cache *cache) {
    char *bytes;
    size_t count;
    if (!read_file(cache->unfinished.bytes, MOST_BYTES, &bytes, &count, NULL))
        return false;
    struct digest digest = digest_bytes(bytes, count);
    et_release(bytes);
    int file = open(cache->unfinished.bytes, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0)
        return false;
    bool good = write(file, digest.bytes, sizeof digest.bytes) == sizeof digest.bytes &&
                fchmod(file, 0700) == 0 && fsync(file) == 0;
    close(file);
    return good && rename(cache->unfinished.bytes, cache->path.bytes) == 0;
}

static bool load(struct aot_library *library, const struct cache *cache) {
    if (!is_whole(cache->path.bytes))
        return false;
    library->loaded = dlopen(cache->path.bytes, RTLD_NOW | RTLD_LOCAL);
    if (!library->loaded)
        return false;
    *(void **)&library->entry = dlsym(library->loaded, cache->entry);
    if (library->entry)
        return true;
    dlclose(library->loaded);
    library->loaded = NULL;
    return false;
}

/* A library is an executable without a main; the weights are not put into it. */
static bool build_into_cache(struct aot_library *library, const struct cache *cache,
                             const struct compiled *compiled, const struct aot_options *options) {
    enum { MOST_FLAGS = 64 };
    const char *flags[MOST_FLAGS + 3];
    int count = 0;
    for (const char *const *flag = options ? options->flags : NULL; flag && *flag; flag++) {
        if (count == MOST_FLAGS)
            return false;
        flags[count++] = *flag;
    }
    flags[count++] = "-shared";
    flags[count++] = "-fPIC";
    flags[count] = NULL;
    struct aot_options shared = {.cc = options ? options->cc : NULL,
                                 .target = options ? options->target : NULL,
                                 .flags = flags};
    struct compiled bare = *compiled;
    bare.weights_bytes = 0;
    bool good =
        aot_build_executable(&bare, NULL, 0, &shared, cache->unfinished.bytes, NULL) && keep(cache);
    unlink(cache->unfinished.bytes);
    return good && load(library, cache);
}

static bool open_library(struct aot_library *library, const struct cache *cache,
                         const struct compiled *compiled, const struct aot_options *options,
                         bool *from_cache, struct et_error *error) {
    *from_cache = cache->folder.bytes && load(library, cache);
    if (*from_cache)
        return true;
    if (cache->folder.bytes && build_into_cache(library, cache, compiled, options))
        return true;
    library->built = aot_build(compiled, options, error);
    library->entry = library->built ? aot_entry(library->built) : NULL;
    return library->built != NULL;
}

struct aot_library *aot_cache_open(const struct compiled *compiled, const char *digest,
                                   const struct aot_options *options, bool *from_cache,
                                   struct et_error *error) {
    struct cache cache = {0};
    struct aot_library *library = et_allocate(1, sizeof *library);
    if (!library)
        et_fail(error, "out of memory");
    if (library && (!cache_find(&cache, compiled, digest, options, error) ||
                    !open_library(library, &cache, compiled, options, from_cache, error))) {
        aot_library_free(library);
        library = NULL;
    }
    cache_free(&cache);
    return library;
}

run_array *aot_library_entry(const struct aot_library *library) {
    return library->entry;
}

void aot_library_free(struct aot_library *library) {
    if (!library)
        return;
    if (library->loaded)
        dlclose(library->loaded);
    aot_free(library->built);
    et_release(library);
}
