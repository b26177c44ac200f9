#include "runtime/backend/backend.h"

const struct backend backends[ALL_BACKENDS] = {
#define BACKEND(id, called, text, builds, releases)                                                \
    [BACKEND_##id] = {.name = #called, .emits = &(text), .build = builds, .release = releases},
#define DEVICE_BACKEND BACKEND
#include "runtime/backend/backends.def"
#undef BACKEND
#undef DEVICE_BACKEND
};

bool backend_build(const struct backend *backend, const struct compiled *compiled,
                   const struct build_options *options, struct executable *executable,
                   struct et_error *error) {
    static const struct build_options defaults = {0};
    *executable = (struct executable){.backend = backend};
    if (backend->build(compiled, options ? options : &defaults, executable, error))
        return true;
    *executable = (struct executable){0};
    return false;
}

void executable_free(struct executable *executable) {
    if (executable->backend)
        executable->backend->release(executable->code);
    *executable = (struct executable){0};
}
