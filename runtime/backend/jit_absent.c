/* In the place of jit.c where there is no libtcc: it does not compile for every machine. */
#include "runtime/backend/backend.h"
#include "runtime/backend/jit.h"

bool jit_is_built(void) {
    return false;
}

bool jit_allowed(struct et_error *error) {
    return et_fail(error, "this build of Eigentensor has no libtcc");
}

bool jit_build(const struct compiled *compiled, const struct build_options *options,
               struct executable *executable, struct et_error *error) {
    (void)compiled, (void)options, (void)executable;
    return jit_allowed(error);
}

void jit_release(void *code) {
    (void)code;
}
