/* Compiled graphs by the machine's C compiler, beyond what backend.h has: executables that need
 * nothing of us. */
#ifndef EIGENTENSOR_AOT_H
#define EIGENTENSOR_AOT_H

#include "runtime/backend/backend.h"

/* One more file of an executable. Only names that end in .c are compiled by themselves. */
struct aot_text {
    const char *name; /* "main.c"; with folders where others include it so: "a/b.h" */
    const char *text;
    size_t bytes; /* of it; 0: it ends with a zero byte */
};

enum aot_kind {
    AOT_PROGRAM,
    AOT_STATIC, /* it needs not even a C library */
    AOT_SHARED, /* a library, which backends load */
    AOT_MODULE, /* of WebAssembly, without a C library: the texts have what it needs of one */
    AOT_OBJECT, /* a file for a linker, of the target's compiler */
};

struct aot_program {
    const char *path;
    const struct aot_text *texts;
    int count;
    enum aot_kind kind;
};

/* Builds a stripped executable of the compiled graph and the texts, which find PREFIX.h beside them
 * and the weights block, 64-byte aligned, as
 *   extern const unsigned char PREFIX_weights[];
 * It appears at its path only when everything went well. `options` may be NULL. */
bool aot_build_program(const struct compiled *compiled, const struct aot_program *program,
                       const struct build_options *options, struct et_error *error);

/* Compiles the graph alone, whose weights the text has by the assembler (WEIGHTS_ASSEMBLER), to an
 * object file, by the compiler of the options' target. It appears as above. */
bool aot_build_object(const struct compiled *compiled, const char *path,
                      const struct build_options *options, struct et_error *error);

/* Whether this process can load what is built: static programs of some C libraries cannot. */
bool aot_allowed(struct et_error *error);

/* Loads a library that was built so. */
bool aot_load(const char *path, const char *prefix, struct executable *executable,
              struct et_error *error);

#endif
