/* In the place of jit.c where there is no libtcc: it does not compile for every machine. */
#include "runtime/backend/backend.h"

bool jit_build(const struct compiled *compiled, const struct build_options *options,
               struct executable *executable, struct et_error *error) {
    (void)compiled, (void)options, (void)executable;
    return et_fail(error, "this build of Eigentensor has no libtcc, so no mode \"jit\"; the mode "
                          "\"aot\" needs a C compiler");
}

void jit_release(void *code) {
    (void)code;
}
