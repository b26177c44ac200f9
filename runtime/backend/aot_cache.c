#include "runtime/backend/aot_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/backend/aot.h"
#include "runtime/backend/cache.h"
#include "runtime/kernels/cpu.h"

enum { MOST_BYTES = 1 << 30 };      /* of a library */
enum { MOST_KEPT_BYTES = 1 << 29 }; /* of all that are kept */

/* Where things lie, in the arena; `path` is NULL when there is no cache. */
struct cache {
    struct arena arena;
    const char *folder, *path, *unfinished;
};

/* Everything that the library depends on. */
static bool cache_key(const struct compiled *compiled, const struct build_options *options,
                      struct digest_hex *key, struct et_error *error) {
    const char *cpu = cpu_compiler_option(options->target, error);
    if (!cpu)
        return false;
    struct digest_stream stream;
    digest_begin(&stream);
    cache_add_word(&stream, "eigentensor aot 2");
    cache_add_word(&stream, cpu);
    if (!cache_add_cpu(&stream))
        return et_fail(error, "cannot read /proc/cpuinfo: %s", strerror(errno));
    cache_add_word(&stream, options->cc ? options->cc : "gcc");
    for (const char *const *flag = options->flags; flag && *flag; flag++)
        cache_add_word(&stream, *flag);
    digest_add(&stream, compiled->source, compiled->source_bytes);
    struct digest digest = digest_end(&stream);
    *key = digest_hex(&digest);
    return true;
}

static bool cache_find(struct cache *cache, const struct compiled *compiled,
                       const struct build_options *options, struct et_error *error) {
    struct digest_hex key;
    if (!cache_key(compiled, options, &key, error))
        return false;
    struct text folder = text_in(&cache->arena);
    const char *place = cache_folder(&folder, true) ? text_read(&folder, NULL) : NULL;
    if (!place)
        return text_check(&folder, error); /* no folder, no cache */
    cache->folder = place;
    cache->path =
        arena_format(&cache->arena, "%s/%.16s-%.32s.so", place, options->keep_for, key.text);
    if (!cache->path)
        return et_fail(error, "out of memory");
    sweep_parts(place, "");
    struct text unfinished = text_in(&cache->arena);
    if (!begin_part(cache->path, &unfinished, error))
        return false;
    cache->unfinished = text_read(&unfinished, error);
    return cache->unfinished != NULL;
}

static bool is_whole(const char *path) {
    char *bytes;
    size_t count;
    bool whole = cache_read(path, MOST_BYTES, &bytes, &count);
    if (whole)
        et_release(bytes);
    return whole;
}

/* Makes the file end with its SHA-256, which loaders do not look at, and gives it its name. */
static bool keep(const struct cache *cache) {
    char *bytes;
    size_t count;
    if (!read_file(cache->unfinished, MOST_BYTES, &bytes, &count, NULL))
        return false;
    struct digest digest = digest_bytes(bytes, count);
    et_release(bytes);
    int file = open(cache->unfinished, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0)
        return false;
    bool good = write(file, digest.bytes, sizeof digest.bytes) == sizeof digest.bytes &&
                fchmod(file, 0700) == 0 && fsync(file) == 0;
    close(file);
    return good && rename(cache->unfinished, cache->path) == 0;
}

static bool load(const struct cache *cache, const char *prefix, struct executable *executable) {
    if (!is_whole(cache->path) || !aot_load(cache->path, prefix, executable, NULL))
        return false;
    cache_touch(cache->path);
    return true;
}

/* A library is an executable without a main; the weights are not put into it. */
static bool build_into_cache(const struct cache *cache, const struct compiled *compiled,
                             const struct build_options *options) {
    struct aot_program library = {.path = cache->unfinished, .kind = AOT_SHARED};
    struct compiled bare = *compiled;
    bare.weights_bytes = 0;
    bool good = aot_build_program(&bare, &library, options, NULL) && keep(cache);
    unlink(cache->unfinished);
    if (good)
        cache_trim(cache->folder, ".so", NULL, MOST_KEPT_BYTES);
    return good;
}

static bool build_without_cache(const struct compiled *compiled,
                                const struct build_options *options, struct executable *executable,
                                struct et_error *error) {
    struct build_options once = *options;
    once.keep_for = NULL;
    return aot_build(compiled, &once, executable, error);
}

bool aot_cache_build(const struct compiled *compiled, const struct build_options *options,
                     struct executable *executable, struct et_error *error) {
    struct cache cache = {0};
    bool good = cache_find(&cache, compiled, options, error);
    if (good) {
        bool usable = cache.path != NULL;
        executable->from_cache = usable && load(&cache, compiled->prefix, executable);
        good = executable->from_cache ||
               (usable && build_into_cache(&cache, compiled, options) &&
                load(&cache, compiled->prefix, executable)) ||
               build_without_cache(compiled, options, executable, error);
    }
    arena_free(&cache.arena);
    return good;
}
