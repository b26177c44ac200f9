/* What the rest of the house may know of a program, beyond eigentensor.h. */
#ifndef EIGENTENSOR_ET_PROGRAM_H
#define EIGENTENSOR_ET_PROGRAM_H

#include "compiler/store/store.h"
#include "runtime/backend/backend.h"

#include "runtime/eigentensor.h" /* after base.h, which has struct et_error too */

/* A program of a graph that was not read from a file. Takes `graph` and `weights` (which may be
 * NULL), also when it fails. */
struct et_program *program_from_graph(struct graph *graph, struct weights *weights,
                                      struct et_error *error);

/* As program_from_graph, of one that et_program_open_kept() opens. */
struct et_program *program_from_graph_kept(struct graph *graph, struct weights *weights,
                                           struct et_error *error);

/* A program of what rewrites made, whose graph and weights it takes, also when it fails. */
struct rewritten;
struct et_program *program_from_rewritten(struct rewritten *rewritten, struct et_error *error);

/* Sets of inputs, for rewrites that look at values. */
struct program_samples {
    int64_t count;
    void *context;
    /* Fills the inputs with those of sample `index`. */
    bool (*fill)(void *context, int64_t index, void *const *inputs, struct et_error *error);
    const int64_t *labels; /* by sample: the place of the greatest element that the first output
                              should have; NULL: not known */
};
/* The entry of `all` that the `index`th of `count` evenly spread ones is; count <= all. */
static inline int64_t spread_evenly(int64_t index, int64_t count, int64_t all) {
    return (int64_t)((double)index * (double)all / (double)count);
}
/* Runs graphs on the samples, by ET_JIT where the system allows it. The samples must outlive it. */
struct rewrite_data program_data(struct program_samples *samples);

/* Whether an input or output begins with a batch axis. */
static inline bool tensor_is_batched(const struct et_tensor *facts) {
    return facts->rank > 0 && facts->shape[0] == ET_BATCH;
}
/* Where image `index` of its elements begins: at their beginning, where there is no batch axis. */
static inline const void *tensor_image(const struct et_tensor *facts, const void *elements,
                                       int64_t index) {
    return (const char *)elements + (tensor_is_batched(facts) ? (size_t)index * facts->bytes : 0);
}

const struct graph *program_graph(const struct et_program *program);
const struct weights *program_weights(const struct et_program *program); /* NULL: it has none */

/* Where et_program_save puts the weights of a graph: "a/mnist.json" -> "a/mnist.safetensors". The
 * caller frees the text. */
bool program_weights_path(const char *path, struct text *text, struct et_error *error);

/* Takes back what was prepared: the program is as it was opened. Nothing of it may run meanwhile.
 */
void program_forget(struct et_program *program);

/* Fills so many bytes of a dtype, by its name ("float32"), from a state, the same on every machine:
 * floats within a few units of 0, integers of -3 to 15, uint8 and bool of their whole range. */
void random_input_elements(uint64_t *state, const char *name, size_t bytes, void *elements);

/* Stores an open graph (or one without axes) and its weights, which may be NULL, as
 * et_program_save does. */
struct open_graph;
bool open_graph_save(const struct open_graph *open, const struct weights *weights, const char *path,
                     struct et_error *error);

/* et_model_open() of a model whose programs are kept as et_program_open_kept() keeps one. */
struct et_model *model_open_kept(const char *path, const char *weights_path,
                                 struct et_error *error);

/* The stored graph of a model; NULL: it is one to import. */
const struct open_graph *model_stored(const struct et_model *model);

/* What makes a mode's code; NULL for ET_EAGER. */
const struct backend *mode_backend(enum et_mode mode);

/* What bounds each compile of the program (default: the usual limits); what program_compile is told
 * of them is not heeded. CALL IT BEFORE ANYTHING IS PREPARED OR RUN. */
void program_set_limits(struct et_program *program, const struct compile_limits *limits);
struct compile_limits program_limits(const struct et_program *program);
/* What ET_AOT builds of it is kept for later processes (backend/aot_cache.h). CALL IT BEFORE
 * ANYTHING IS PREPARED OR RUN. */
void program_keep_builds(struct et_program *program);
/* et_program_set_tuning() of that one of the programs which the file's tuning was made for; an
 * error where that is none of them. */
bool programs_set_tuning(int count, struct et_program *const *programs, const char *path,
                         struct et_error *error);
/* The tuning of a compile for that target, NULL: the default one; NULL if there is none. Where it
 * is not the program's own it is in *kept, too, and the caller's to free. */
const struct tuning *program_tuning(const struct et_program *program, const struct backend *backend,
                                    const struct target *target, struct tuning **kept);
/* compile() for a backend, which the options need not name, with the tuning that was set, or else,
 * where the options are for this CPU, the one that is kept for it and the backend; one that is kept
 * and does not fit is done without. */
struct compiled *program_compile(const struct et_program *program, const struct backend *backend,
                                 const struct compile_options *options, struct et_error *error);

/* A program as a backend runs it. All zero: none. */
struct build {
    struct compiled *compiled;
    struct executable executable;
};

/* program_compile(), and what the backend makes of that. The weights are those of a mode that is
 * prepared, where they are the same: the program must live longer. False and an error when it
 * fails; there is nothing to free then. */
bool program_build(const struct et_program *program, const struct backend *backend,
                   const struct compile_options *compiling, const struct build_options *building,
                   struct build *build, struct et_error *error);
void build_free(struct build *build); /* all zero afterwards */

/* What compile() made for a mode; NULL before it was prepared, and for ET_EAGER. */
const struct compiled *program_compiled(const struct et_program *program, enum et_mode mode);

#endif
