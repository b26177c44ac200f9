/* Backends: what makes functions in this process of compiled graphs. */
#ifndef EIGENTENSOR_BACKEND_H
#define EIGENTENSOR_BACKEND_H

#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "runtime/backend/entry.h"

/* What a build may be told; each backend heeds what concerns it. All zero: the defaults. */
struct build_options {
    const struct target
        *target;               /* that the code is for, which this CPU must run; NULL: cpu_target(),
                                  and for C compilers the very CPU (cpu_compiler_option); for a GPU
                                  it is always the one that is there */
    const char *cc;            /* C compiler: gcc or clang, a name or a path; NULL: "gcc" */
    const char *const *flags;  /* for it, after our own, so they win; ends with NULL; NULL: none */
    const char *keep_for;      /* the graph's digest, 64 hexadecimal digits: what takes long to
                                  build is kept for the next process; NULL: it is not */
    const struct graph *graph; /* that was compiled; devices ask for it */
    const int *cancelled;      /* any thread may set it, atomically: a C compiler that runs is
                                  ended, and nothing was built; NULL: there is none */
};

/* A run on a device of its own: of so many images, 1 where the graph has no batch axis. */
struct device_run {
    int64_t batch;
    const void *const *inputs;
    void *const *outputs;
    bool there;   /* they are addresses in the device's memory; else in this process's */
    void *stream; /* of the device, which the run is put into if they are there: it is not waited
                     for; NULL: the default one */
};
typedef bool device_run_function(void *code, const struct device_run *run, struct et_error *error);

/* A compiled graph's functions. All zero: none. */
struct executable {
    device_run_function *run;   /* where a device runs it: that takes `code`, and any number of
                                   threads may call it; NULL: there are entries */
    run_array *entry;           /* PREFIX_run_array */
    run_step_array *step_entry; /* PREFIX_run_step_array; NULL where the text has none */
    size_t code_bytes;          /* of machine code and constants; 0: not known */
    bool from_cache;            /* an earlier process built it (keep_for) */
    const struct backend *backend;
    void *code; /* the backend's own */
};

typedef bool backend_build_function(const struct compiled *compiled,
                                    const struct build_options *options,
                                    struct executable *executable, struct et_error *error);
typedef void backend_release_function(void *code);

/* backends.def says what the fields mean. */
struct backend {
    const char *name;
    const struct emit_backend *emits;
    backend_build_function *build;
    backend_release_function *release;
};

enum backend_id {
#define BACKEND(id, ...) BACKEND_##id,
#define DEVICE_BACKEND(...)
#include "runtime/backend/backends.def"
#undef BACKEND
#undef DEVICE_BACKEND
    BACKEND_COUNT, /* of those for CPUs; the others follow */
    BEFORE_DEVICES = BACKEND_COUNT - 1,
#define BACKEND(...)
#define DEVICE_BACKEND(id, ...) BACKEND_##id,
#include "runtime/backend/backends.def"
#undef BACKEND
#undef DEVICE_BACKEND
    ALL_BACKENDS
};
extern const struct backend backends[ALL_BACKENDS];

#define BACKEND(id, name, emits, build, release)                                                   \
    backend_build_function build;                                                                  \
    backend_release_function release;
#define DEVICE_BACKEND BACKEND
#include "runtime/backend/backends.def"
#undef BACKEND
#undef DEVICE_BACKEND

/* Builds a graph that was compiled for `backend->emits`. Needs nothing of `compiled` afterwards but
 * its weights. `options` may be NULL. Any number of threads may build at the same time. False and
 * an error when it fails; the executable is all zero then. */
bool backend_build(const struct backend *backend, const struct compiled *compiled,
                   const struct build_options *options, struct executable *executable,
                   struct et_error *error);

/* Ends the functions; fine for one that is all zero, which it is afterwards. */
void executable_free(struct executable *executable);

#endif
