/* libtcc, where there is one: backend.h has what builds by it. */
#ifndef EIGENTENSOR_JIT_H
#define EIGENTENSOR_JIT_H

#include "compiler/base/error.h"

/* Whether this build has libtcc. */
bool jit_is_built(void);
/* Whether machine code can be made and run here; false and an error that says why not. */
bool jit_allowed(struct et_error *error);

#endif
