/* The modes: their names, and what each is built by. */
#include "runtime/et_program.h"

#include <string.h>

#include "runtime/backend/aot.h"
#include "runtime/backend/cuda.h"
#include "runtime/backend/jit.h"

/* A mode for each backend, in the same order. */
#define BACKEND(id, ...)                                                                           \
    _Static_assert((int)ET_##id == (int)BACKEND_##id + 1, "modes and backends");
#define DEVICE_BACKEND BACKEND
#include "runtime/backend/backends.def"
#undef BACKEND
#undef DEVICE_BACKEND
_Static_assert((int)ET_ALL_MODES == (int)ALL_BACKENDS + 1, "modes and backends");

static bool is_mode(enum et_mode mode) {
    return (unsigned)mode < ET_ALL_MODES;
}

const struct backend *mode_backend(enum et_mode mode) {
    return mode == ET_EAGER ? NULL : &backends[mode - 1];
}

const char *et_mode_name(enum et_mode mode) {
    return !is_mode(mode) ? NULL : mode == ET_EAGER ? "eager" : mode_backend(mode)->name;
}

bool et_mode_from_name(const char *name, enum et_mode *mode) {
    for (int i = 0; i < ET_ALL_MODES; i++) {
        if (strcmp(name, et_mode_name((enum et_mode)i)) != 0)
            continue;
        *mode = (enum et_mode)i;
        return true;
    }
    return false;
}

bool et_mode_allowed(enum et_mode mode, struct et_error *error) {
    return mode == ET_JIT    ? jit_allowed(error)
           : mode == ET_AOT  ? aot_allowed(error)
           : mode == ET_CUDA ? cuda_allowed(error)
                             : true;
}
