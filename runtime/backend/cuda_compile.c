/* The machine code of a text: compiled by NVRTC, or kept from a process before. */
#include "runtime/backend/cuda.h"

#include "runtime/backend/cache.h"
#include "runtime/backend/cuda_library.h"

#include <stdio.h>
#include <string.h>

enum {
    MOST_BYTES = 1 << 28,      /* of code */
    MOST_KEPT_BYTES = 1 << 28, /* of all that is kept */
};

/* Where the code is kept, in the arena; NULL where there is no cache. Everything that the code
 * depends on is in the name. */
static const char *cache_path(const struct compiled *compiled, const struct cuda_device *device,
                              const char *keep_for, struct arena *arena, const char **folder) {
    const struct cuda_compiler *compiler = cuda_compiler(NULL);
    int major = 0, minor = 0;
    if (compiler)
        compiler->nvrtcVersion(&major, &minor);
    char facts[96];
    snprintf(facts, sizeof facts, "eigentensor cuda 2, sm_%d, driver %d, nvrtc %d.%d",
             device->compute, device->version, major, minor);
    struct digest_stream stream;
    digest_begin(&stream);
    cache_add_word(&stream, facts);
    digest_add(&stream, compiled->source, compiled->source_bytes);
    struct digest digest = digest_end(&stream);
    struct digest_hex key = digest_hex(&digest);
    struct text text = text_in(arena);
    *folder = cache_folder(&text, true) ? text_read(&text, NULL) : NULL;
    return *folder ? arena_format(arena, "%s/%.16s-%.32s.cubins", *folder, keep_for, key.text)
                   : NULL;
}

/* ---- The file: how many modules, how long each is, and their bytes ---- */

static bool unpack(const char *bytes, size_t count, struct cuda_modules *modules) {
    uint64_t lengths[1 + MOST_CUDA_MODULES];
    if (count < sizeof *lengths)
        return false;
    memcpy(lengths, bytes, sizeof *lengths);
    const uint64_t modules_there = lengths[0];
    size_t at = (1 + modules_there) * sizeof *lengths;
    if (modules_there < 1 || modules_there > MOST_CUDA_MODULES || count < at)
        return false;
    memcpy(lengths, bytes, at);
    *modules = (struct cuda_modules){0};
    for (uint64_t i = 0; i < modules_there; i++) {
        const uint64_t length = lengths[1 + i];
        char *code = length > 0 && length <= count - at ? et_allocate_unset(length) : NULL;
        if (!code) {
            cuda_modules_free(modules);
            return false;
        }
        memcpy(code, bytes + at, length);
        modules->codes[i] = code;
        modules->bytes[i] = length;
        modules->count++;
        at += length;
    }
    return true;
}

static void keep(const char *path, const char *folder, const struct cuda_modules *modules) {
    uint64_t lengths[1 + MOST_CUDA_MODULES] = {(uint64_t)modules->count};
    struct text text = {0};
    for (int i = 0; i < modules->count; i++)
        lengths[1 + i] = modules->bytes[i];
    text_add_bytes(&text, (const char *)lengths, (1 + (size_t)modules->count) * sizeof *lengths);
    for (int i = 0; i < modules->count; i++)
        text_add_bytes(&text, modules->codes[i], modules->bytes[i]);
    const size_t bytes = text.length;
    char *all = text_take(&text);
    if (all && cache_write(path, all, bytes))
        cache_trim(folder, ".cubins", NULL, MOST_KEPT_BYTES);
    et_release(all);
}

bool cuda_compile(const struct compiled *compiled, const struct cuda_device *device,
                  const char *keep_for, struct cuda_modules *modules, bool *from_cache,
                  struct et_error *error) {
    struct arena arena = {0};
    const char *folder = NULL;
    const char *path = keep_for ? cache_path(compiled, device, keep_for, &arena, &folder) : NULL;
    char *kept = NULL;
    size_t bytes = 0;
    *from_cache =
        path && cache_read(path, MOST_BYTES, &kept, &bytes) && unpack(kept, bytes, modules);
    et_release(kept);
    bool good = *from_cache;
    if (good) {
        cache_touch(path);
    } else {
        good = cuda_nvrtc(compiled, device->compute, modules, error);
        if (good && path)
            keep(path, folder, modules);
    }
    arena_free(&arena);
    return good;
}
