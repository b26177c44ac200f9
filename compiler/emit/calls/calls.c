/* The backend for libtcc. */
#include "compiler/emit/backend.h"

const struct emit_backend emit_calls = {.name = "calls"};
