/* One graph, its inputs and the outputs that the eager interpreter gave: what compiled code is
 * held against, in memory that notices every step beside its buffers. */
#ifndef EIGENTENSOR_TRIAL_H
#define EIGENTENSOR_TRIAL_H

#include "compiler/compile.h"
#include "compiler/target/target.h"
#include "runtime/backend/backend.h"

/* A way of running graphs. */
struct mode {
    const char *name;
    const char *cc;             /* NULL: libtcc, in this process */
    bool threads;               /* two to eight share the run, and kernels however short */
    const char *const flags[8]; /* after our own; ends with NULL */
    bool tuned;                 /* to choices that the seed picks among all candidates */
    bool batched;               /* the graph gets a batch axis first, and runs several images */
    bool cuda;                  /* emitted CUDA on this CPU, where threads run in shuffled order */
};
enum { MODE_JIT, MODE_COUNT = 16 };
extern const struct mode modes[MODE_COUNT];
/* "jit", "gcc-O0", ...; NULL: none. */
const struct mode *mode_find(const char *name);

struct trial {
    const struct graph *graph;
    struct graph *batched, *fixed; /* its own: the graph with a batch axis, which is compiled, and
                                      `graph`, which is that at `batch`; NULL: there is no axis */
    int64_t batch;
    bool portable;                  /* as emit's text is: with versions */
    enum weights_form weights_form; /* of emitted text, as its options have them */
    bool static_arena;
    bool big_endian;             /* for other machines than this one */
    const struct target *target; /* compiled for; each seed takes the next */
    int threads;                 /* in modes with threads, chosen likewise */
    int64_t stop_every;          /* of compile_options; each seed takes the next: 0, little, more */
    uint64_t seed;
    void **inputs;   /* in the graph's order */
    void **expected; /* outputs */
};

/* Fills the inputs (random_elements of `seed` and their names) and runs the interpreter. The graph
 * must outlive the trial. False, an error and nothing to end when that fails. */
bool trial_begin(struct trial *trial, const struct graph *graph, uint64_t seed,
                 struct et_error *error);
/* The same of the graph with a batch axis, for a number of images that the seed chooses. Of those
 * that cannot have one a trial without. */
bool trial_begin_batch(struct trial *trial, const struct graph *graph, uint64_t seed,
                       struct et_error *error);
void trial_end(struct trial *trial);

/* NULL: memory is exhausted or the compiler fails or crashes. Passes are verified. */
struct compiled *trial_compile(const struct trial *trial, const struct mode *mode,
                               const char *prefix, struct et_error *error);

/* Runs the entry of the compiled graph on copies of everything, each buffer between pages that
 * cannot be touched, first up to one of the questions whether to stop, then all of it, and compares
 * the outputs by their bits. False when one differs (the error names it, the index of its first
 * wrong element, and both elements in hex and decimal), when the code touches what is not its own,
 * changes an input or weight, or does not end. */
bool trial_run(const struct trial *trial, run_array *entry, const struct compiled *compiled,
               struct et_error *error);

/* The same, shared by the trial's number of threads; NULL is no mistake of a text without steps. */
bool trial_run_steps(const struct trial *trial, run_step_array *entry,
                     const struct compiled *compiled, struct et_error *error);

/* One of these or both, as the mode has it. CUDA runs by several orders of its threads; false, too,
 * when some of them wait in vain (on_cpu.h). */
bool trial_run_mode(const struct trial *trial, const struct mode *mode, run_array *entry,
                    run_step_array *step_entry, const struct compiled *compiled,
                    struct et_error *error);

/* Whether texts of the mode are built. Sanitizers do not see into what other compilers make, so
 * sanitized programs leave that to the others: they make the texts alone. */
bool mode_is_built(const struct mode *mode);

/* All of it: compiles the graph, builds the code as the mode does if that is built, runs it. */
bool trial_check(const struct trial *trial, const struct mode *mode, struct et_error *error);

/* Calls a function so that crashing, aborting, running for longer than 20 seconds or filling the
 * memory is a mistake of the function's and not the end of the process: false and an error then. */
typedef bool fallible(void *context, struct et_error *error);
bool call_guarded(fallible *function, void *context, struct et_error *error);

#endif
