/* How C text is said for one kind of compiler: a table each, and one folder below emit/. */
#ifndef EIGENTENSOR_EMIT_BACKEND_H
#define EIGENTENSOR_EMIT_BACKEND_H

#include <stdbool.h>

struct emit_backend {
    const char *name;
    bool has_pool; /* the text can have threads of its own */
};

/* gcc, clang and their cross compilers: self-contained, fused loops, tiles inlined. */
extern const struct emit_backend emit_loops;
/* libtcc: loops around calls of the runtime's precompiled tiles and row operations. */
extern const struct emit_backend emit_calls;

#endif
