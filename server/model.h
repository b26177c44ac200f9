/* The models that are served: programs, and the fastest code for each, built in the background. */
#ifndef EIGENTENSOR_SERVER_MODEL_H
#define EIGENTENSOR_SERVER_MODEL_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/backend/limit.h"
#include "runtime/et_program.h"

enum { MODELS_MOST = 64 };

enum aot_state { AOT_ABSENT, AOT_BUILDING, AOT_READY, AOT_FAILED };

struct sizes;

/* What `aot_state` guards is written before it becomes AOT_READY or AOT_FAILED, and never again. */
struct model {
    struct et_program *program;
    struct sizes *sizes; /* of a model with open axes, whose first size this is; or NULL */
    int index;           /* among the models that are served: also of other sizes of one */
    uint64_t serial;     /* of other sizes: no two of one model have the same; else 0 */
    struct graph *one;   /* of a program with a batch axis: its graph for one image */
    int64_t parameters, weights_bytes, flops;
    bool gathers; /* images of several requests may run together: all tensors have a batch axis */
    bool on_gpu;  /* it runs by ET_CUDA, too, unless it is asked for another mode */
    bool takes_pictures; /* one float32 input of 28x28 elements; scores as first output */
    enum et_mode first;  /* what runs at once: ET_JIT, or ET_EAGER where the system refuses that */
    struct et_error jit_error;       /* why it does */
    const struct compiled *compiled; /* for ET_JIT, also where that is refused, to tell of */
    struct compiled *unused;         /* it, then */
    double jit_milliseconds;
    double most_memory; /* bytes that one request may take; 0: any */

    atomic_int aot_state;
    struct build aot;
    double aot_milliseconds;
    struct et_error aot_error;
    _Atomic(double *) kernel_microseconds; /* by kernel of aot.compiled; NULL: not measured yet */
};

struct models {
    int count;
    struct model items[MODELS_MOST];
    pthread_t builder;
    bool building;
    double most_memory; /* bytes that one request may take, for models that are opened; 0: any */
    struct compile_limits limits;  /* of compiling each */
    const struct axis_sizes *axes; /* sizes of open axes, of whichever model has one of that name */
    int axis_count;
    bool on_gpu;    /* what each model that is opened is made for */
    int most_sizes; /* programs of one model with open axes; 0: one */
};

/* Opens the graphs, or the shipped models when there are none, and compiles each with libtcc,
 * unless the system refuses memory for machine code: the interpreter runs until gcc is done. */
bool models_open(struct models *models, char *const *paths, int count, struct et_error *error);
/* Makes of the program, which it takes, what can be run: the model's other facts are set before.
 * False, an error and nothing to end. */
bool model_make(struct model *model, struct et_program *program,
                const struct compile_limits *limits, double most_memory, struct et_error *error);
/* Bytes of the inputs and outputs of so many images. */
double model_tensors_bytes(const struct model *model, int64_t batch);
/* Whether so many images can run together within its most_memory. */
bool model_takes_batch(const struct model *model, int64_t batch);
/* Whether a run on one image takes no more than its most_memory. */
bool model_fits(const struct model *model, struct et_error *error);
void model_end(struct model *model);
/* Builds it with gcc, for which its state is AOT_BUILDING; sets that to what came of it. */
void model_build(struct model *model);
/* Begins to build all of them with gcc, in a thread of its own: they are used when they are ready.
 */
void models_build(struct models *models);
/* Waits for the builder, at most so long; false when it is still at work: it reads the models until
 * the process ends. Called once. */
bool models_wait(struct models *models, int seconds);
/* Builds a program with gcc, or takes what an earlier process built; with laps (compiled.h) if
 * `profile`. */
bool model_build_aot(const struct et_program *program, bool profile, struct build *build,
                     struct et_error *error);
void models_free(struct models *models); /* requires that no builder is at work */
struct model *models_find(struct models *models, const char *name);

/* The graph of one image. */
const struct graph *model_graph(const struct model *model);
/* Whether there is that mode: there is ET_CUDA where the server was started so. */
bool model_has(const struct model *model, enum et_mode mode);
/* The name of the state of a mode: "ready", "building", "absent", "failed". */
const char *model_state(const struct model *model, enum et_mode mode);
bool model_is_ready(const struct model *model, enum et_mode mode);
/* The fastest mode that is ready. */
enum et_mode model_fastest(const struct model *model);
/* What runs where no mode is asked for, once it is ready. */
enum et_mode model_usual(const struct model *model);
/* Of ET_AOT and ET_JIT the first that is ready, else ET_JIT: whose kernels there are to tell of. */
enum et_mode model_compiled_mode(const struct model *model);
/* What was compiled for that. */
const struct compiled *model_compiled(const struct model *model);
/* The time of a kernel of model_compiled(), as measured once when it was built; 0: not known. */
double model_kernel_microseconds(const struct model *model, int kernel);

/* A thread's memory to run one model in: a buffer for each input and output, aligned. */
struct model_memory {
    struct et_workspace *workspace;
    void *arena;
    size_t arena_bytes;
    void **inputs, **outputs;
    int input_count, output_count;
    int64_t batch, capacity; /* images to run; images that the buffers have room for */
    uint64_t serial;         /* of the model that they are for */
};
/* Makes it fit for one image. */
bool model_memory_fill(struct model_memory *memory, const struct model *model,
                       struct et_error *error);
/* The same for so many, which the model must be able to run, and which must not need more than its
 * most_memory. What inputs held is lost. */
bool model_memory_fit(struct model_memory *memory, const struct model *model, int64_t batch,
                      struct et_error *error);
/* Buffers alone, to keep inputs and outputs of so many images in. */
bool model_memory_hold(struct model_memory *memory, const struct model *model, int64_t batch,
                       struct et_error *error);
void model_memory_free(struct model_memory *memory);

/* How a run went. */
struct model_run {
    enum et_mode mode;   /* that ran */
    double microseconds; /* that it took */
    enum et_stop stop;   /* what ended it early */
};
/* Runs the model on memory->inputs, whose bools are 0 or 1, into memory->outputs. A mode that is
 * not ready is replaced by the fastest that is. It ends early when `limit` (NULL: never) passes. */
bool model_run(struct model *model, struct model_memory *memory, enum et_mode mode,
               const struct run_limit *limit, struct model_run *run, struct et_error *error);
struct et_digest model_digest(const struct model *model, const struct model_memory *memory);

#endif
