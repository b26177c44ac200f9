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

/* ---- The file: numbers of modules and of kernels, then for each module how long it is, for each
 * kernel in which it is, and the modules ---- */

static bool unpack_modules(const char *bytes, size_t count, const uint64_t *lengths,
                           struct cuda_modules *modules) {
    size_t at = 0;
    for (; at <= count && modules->count < (int)lengths[0]; modules->count++) {
        const uint64_t length = lengths[2 + modules->count];
        char *code = length > 0 && length <= count - at ? et_allocate_unset(length) : NULL;
        if (!code)
            return false;
        memcpy(code, bytes + at, length);
        modules->codes[modules->count] = code;
        modules->bytes[modules->count] = length;
        at += length;
    }
    return at == count;
}

static bool unpack(const char *bytes, size_t count, int kernel_count,
                   struct cuda_modules *modules) {
    uint64_t lengths[2 + MOST_CUDA_MODULES];
    *modules = (struct cuda_modules){0};
    if (count < 2 * sizeof *lengths)
        return false;
    memcpy(lengths, bytes, 2 * sizeof *lengths);
    if (lengths[0] < 1 || lengths[0] > MOST_CUDA_MODULES || lengths[1] != (uint64_t)kernel_count)
        return false;
    const size_t first = (2 + lengths[0]) * sizeof *lengths;
    const size_t numbers = (size_t)kernel_count * sizeof *modules->module_of;
    if (count < first || count - first < numbers)
        return false;
    memcpy(lengths, bytes, first);
    int32_t *module_of = et_allocate((size_t)kernel_count + 1, sizeof *module_of);
    modules->module_of = module_of;
    modules->kernel_count = kernel_count;
    bool good = module_of != NULL;
    if (good) {
        memcpy(module_of, bytes + first, numbers);
        good = unpack_modules(bytes + first + numbers, count - first - numbers, lengths, modules);
    }
    if (!good)
        cuda_modules_free(modules);
    return good;
}

static void keep(const char *path, const char *folder, const struct cuda_modules *modules) {
    uint64_t lengths[2 + MOST_CUDA_MODULES] = {(uint64_t)modules->count,
                                               (uint64_t)modules->kernel_count};
    struct text text = {0};
    for (int i = 0; i < modules->count; i++)
        lengths[2 + i] = modules->bytes[i];
    text_add_bytes(&text, (const char *)lengths, (2 + (size_t)modules->count) * sizeof *lengths);
    text_add_bytes(&text, (const char *)modules->module_of,
                   (size_t)modules->kernel_count * sizeof *modules->module_of);
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
    char *kept;
    size_t bytes;
    *from_cache = path && cache_read(path, MOST_BYTES, &kept, &bytes);
    if (*from_cache) {
        *from_cache = unpack(kept, bytes, compiled->kernel_count, modules);
        et_release(kept);
    }
    bool good = *from_cache;
    if (good) {
        cache_touch(path);
    } else {
        good = cuda_nvrtc(compiled, device->compute, false, modules, error);
        if (good && path)
            keep(path, folder, modules);
    }
    if (good)
        modules->compute = device->compute;
    arena_free(&arena);
    return good;
}
