/* Kernels in CUDA C++ become machine code, by NVRTC, in this process. */
#include "runtime/backend/cuda.h"

#include "runtime/backend/cache.h"
#include "runtime/backend/cuda_library.h"

#include <stdio.h>
#include <string.h>

enum {
    MOST_BYTES = 1 << 28,      /* of code */
    MOST_KEPT_BYTES = 1 << 28, /* of all that is kept */
};

/* What the compiler says, up to the first lines of it. */
static bool fail_to_compile(const struct cuda_compiler *compiler, void *program,
                            struct et_error *error) {
    size_t bytes = 0;
    char *log = NULL;
    bool told = !compiler->nvrtcGetProgramLogSize(program, &bytes) && bytes > 1 &&
                bytes <= MOST_BYTES && (log = et_allocate(bytes + 1, 1)) &&
                !compiler->nvrtcGetProgramLog(program, log);
    et_fail(error, "NVRTC: %.700s", told ? log : "it does not say what is wrong");
    et_release(log);
    return false;
}

static char *code_of(const struct cuda_compiler *compiler, void *program, size_t *bytes,
                     struct et_error *error) {
    const bool sized =
        !compiler->nvrtcGetCUBINSize(program, bytes) && *bytes > 0 && *bytes <= MOST_BYTES;
    char *code = sized ? et_allocate_unset(*bytes) : NULL;
    if (code && !compiler->nvrtcGetCUBIN(program, code))
        return code;
    et_fail(error, sized && !code ? "out of memory" : "NVRTC gave no code");
    et_release(code);
    return NULL;
}

/* None of the options changes a bit of any result: they keep the compiler from what would. */
static char *compile_text(const struct compiled *compiled, int compute, size_t *bytes,
                          struct et_error *error) {
    const struct cuda_compiler *compiler = cuda_compiler(error);
    char architecture[32];
    snprintf(architecture, sizeof architecture, "-arch=sm_%d", compute);
    const char *const options[] = {architecture, "-std=c++17",     "-fmad=false",
                                   "-ftz=false", "-prec-div=true", "-prec-sqrt=true"};
    void *program = NULL;
    if (!compiler)
        return NULL;
    if (compiler->nvrtcCreateProgram(&program, compiled->source, compiled->prefix, 0, NULL, NULL)) {
        et_fail(error, "NVRTC: out of memory");
        return NULL;
    }
    char *code = NULL;
    if (!compiler->nvrtcCompileProgram(program, (int)(sizeof options / sizeof *options), options))
        code = code_of(compiler, program, bytes, error);
    else
        fail_to_compile(compiler, program, error);
    compiler->nvrtcDestroyProgram(&program);
    return code;
}

/* Where the code is kept, in the arena; NULL where there is no cache. Everything that the code
 * depends on is in the name. */
static const char *cache_path(const struct compiled *compiled, const struct cuda_device *device,
                              const char *keep_for, struct arena *arena, const char **folder) {
    const struct cuda_compiler *compiler = cuda_compiler(NULL);
    int major = 0, minor = 0;
    if (compiler)
        compiler->nvrtcVersion(&major, &minor);
    char facts[96];
    snprintf(facts, sizeof facts, "eigentensor cuda 1, sm_%d, driver %d, nvrtc %d.%d",
             device->compute, device->version, major, minor);
    struct digest_stream stream;
    digest_begin(&stream);
    cache_add_word(&stream, facts);
    digest_add(&stream, compiled->source, compiled->source_bytes);
    struct digest digest = digest_end(&stream);
    struct digest_hex key = digest_hex(&digest);
    struct text text = text_in(arena);
    *folder = cache_folder(&text, true) ? text_read(&text, NULL) : NULL;
    return *folder ? arena_format(arena, "%s/%.16s-%.32s.cubin", *folder, keep_for, key.text)
                   : NULL;
}

void *cuda_compile(const struct compiled *compiled, const struct cuda_device *device,
                   const char *keep_for, size_t *bytes, bool *from_cache, struct et_error *error) {
    struct arena arena = {0};
    const char *folder = NULL;
    const char *path = keep_for ? cache_path(compiled, device, keep_for, &arena, &folder) : NULL;
    char *code = NULL;
    *from_cache = path && cache_read(path, MOST_BYTES, &code, bytes);
    if (*from_cache) {
        cache_touch(path);
    } else {
        code = compile_text(compiled, device->compute, bytes, error);
        if (code && path && cache_write(path, code, *bytes))
            cache_trim(folder, ".cubin", NULL, MOST_KEPT_BYTES);
    }
    arena_free(&arena);
    return code;
}
