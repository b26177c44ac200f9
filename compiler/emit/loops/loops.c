/* The backend for gcc, clang and their cross compilers. */
#include "compiler/emit/backend.h"

const struct emit_backend emit_loops = {.name = "loops", .has_pool = true};
