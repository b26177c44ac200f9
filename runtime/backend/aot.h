/* Compiled graphs at full speed, by the machine's C compiler: loaded into this process, or built
 * into an executable that needs nothing of us. */
#ifndef EIGENTENSOR_AOT_H
#define EIGENTENSOR_AOT_H

#include "compiler/compile.h"
#include "runtime/backend/entry.h"

struct aot_options {
    const char *cc;              /* gcc or clang, a name or a path; NULL: "gcc" */
    const struct target *target; /* to compile for; NULL: this CPU, as cpu_compiler_option says */
    const char *const *flags;    /* after our own, so they win; ends with NULL; NULL: none */
    bool link_static;            /* executables: needs nothing, not even a C library */
};

/* One more file of an executable. Only names that end in .c are compiled by themselves. */
struct aot_text {
    const char *name; /* "main.c"; with folders where others include it so: "a/b.h" */
    const char *text;
};

struct aot;

/* Compiles `compiled->source` (of emit_loops) with the C compiler in a temporary directory (below
 * $TMPDIR, else /tmp), loads the result and removes the directory. Needs nothing of `compiled`
 * afterwards. `options` may be NULL. Any number of threads may build at the same time. NULL and an
 * error with the compiler's first messages when it fails. */
struct aot *aot_build(const struct compiled *compiled, const struct aot_options *options,
                      struct et_error *error);

/* PREFIX_run_array; lives as long as `aot`. */
run_array *aot_entry(const struct aot *aot);
/* PREFIX_run_step_array; NULL where the text has none. */
run_step_array *aot_step_entry(const struct aot *aot);

void aot_free(struct aot *aot);

/* Builds the stripped executable `path` from the compiled graph and `count` more texts, which find
 * PREFIX.h beside them and the weights block, 64-byte aligned, as
 *   extern const unsigned char PREFIX_weights[];
 * `path` appears only when everything went well. */
bool aot_build_executable(const struct compiled *compiled, const struct aot_text *texts, int count,
                          const struct aot_options *options, const char *path,
                          struct et_error *error);

#endif
