/* How C text is said for one kind of compiler: a table, and a folder of its own below emit/. */
#ifndef EIGENTENSOR_EMIT_BACKEND_H
#define EIGENTENSOR_EMIT_BACKEND_H

#include "compiler/graph/graph.h"

struct buffer;
struct emit_threads;
struct emitter;
struct epilogue;
struct expression;
struct kernel;
struct launch;
struct statement;
struct store;
struct text;
struct tile_line;
struct wanted_tile;

struct emit_backend {
    const char *name;
    const char *ending;      /* of the text's file: "c" */
    bool inlines_tiles;      /* the text defines tiles; else they are functions of the runtime */
    bool writes_tiles;       /* each by itself, sum by sum, out of no template */
    bool has_pool;           /* the text can have threads of its own */
    bool has_metadata;       /* PREFIX_metadata */
    bool has_system_headers; /* the text includes PREFIX.h and those of C; else it declares all */
    bool keeps_branches;     /* the compiler must be kept from loads that a guard excludes */
    bool computes_ahead;     /* what an iteration begins with may be computed in the one before */
    bool hides_zeros;        /* of a greater or lesser of two, where templates/zero.h says why */
    bool gathers_sums;       /* those of several short tiles go through one epilogue */
    bool encloses_nests;     /* each of several nests in a kernel declares arrays of its own */
    const char *outlined;    /* says of a function that it is not inlined: "" or words */
    const char *const *templates; /* texts of templates/ before those of all backends; ends: NULL */
    /* What stands before the sections. */
    void (*prelude)(struct emitter *emitter, struct text *text);
    /* One tile that the text calls: its definition, or its declaration. */
    void (*declare_tile)(struct emitter *emitter, struct text *text,
                         const struct wanted_tile *tile);
    /* A local array that begins a cache line; `count` is C text. */
    void (*declare_array)(struct emitter *emitter, const char *type, const char *name,
                          const char *count);
    /* All nests of a kernel in a way of its own, if it has one for them; else false, and nothing is
     * printed. May be NULL. */
    bool (*whole_kernel)(struct emitter *emitter, const struct kernel *kernel);
    /* A nest of statements that share their loops, none tiled. Requires emit_begin_statements(). */
    void (*statements)(struct emitter *emitter, struct statement *const *statements, int count);
    /* What is stored of a tile's sums. */
    void (*epilogue)(struct emitter *emitter, const struct store *store,
                     const struct epilogue *epilogue);
    /* The same, with the sums themselves: of all tiles along a line, where the backend gathers
     * sums. If it has no way of its own for that: false, and nothing is printed. May be NULL. */
    bool (*line)(struct emitter *emitter, const struct store *store,
                 const struct epilogue *epilogue, const struct tile_line *line);
    /* All elements of a buffer into an output, as they leave the graph: with one NaN. */
    void (*copy_out)(struct emitter *emitter, const struct buffer *from, const struct buffer *to);
    /* A reduction within an expression; gives the name of the result. */
    const char *(*reduction)(struct emitter *emitter, const struct expression *reduction);
    /* A max or min of floats within an expression, in a way of its own: gives the name of the
     * result, or NULL where it is said as other operations are. May be NULL. */
    const char *(*extreme)(struct emitter *emitter, const struct expression *e);
    /* Where many threads run a kernel, on a GPU; else NULL, all of them. Up to the name of a
     * function over buffers that is no entry; all of a kernel that is neither scan, sort nor
     * scatter; one that is a sort or scatter; what stands before the arguments where a kernel is
     * called from outside; what all of them stand in, and its end. */
    const struct emit_threads *threads;
};

struct emit_threads {
    const char *(*function)(struct emitter *emitter, const char *name);
    void (*begin)(struct emitter *emitter); /* of any function's body */
    void (*kernel)(struct emitter *emitter, const struct kernel *kernel);
    void (*whole)(struct emitter *emitter, const struct kernel *kernel);
    const char *(*launch)(struct emitter *emitter, const struct kernel *kernel,
                          struct launch *launch);
    /* A constant within an expression. */
    const char *(*constant)(struct emitter *emitter, enum dtype dtype, uint64_t bits);
    const char *begin_host, *end_host;
    /* Of the threads that run the body of a scan: how one of them begins what it alone does; the
     * loop in which they share what is done so many times; where they wait for each other. */
    void (*open_alone)(struct emitter *emitter);
    void (*open_shared)(struct emitter *emitter, const char *name, int64_t count);
    void (*wait)(struct emitter *emitter);
};

/* gcc, clang and their cross compilers: self-contained, fused loops, tiles inlined. */
extern const struct emit_backend emit_loops;
/* The same for machines without vectors, in place of emit_loops. */
extern const struct emit_backend emit_small;
/* libtcc: loops around calls of the runtime's precompiled tiles and row operations. */
extern const struct emit_backend emit_calls;
/* NVRTC, nvcc and clang for GPUs: kernels in CUDA C++, and what launches them. */
extern const struct emit_backend emit_cuda;

#endif
