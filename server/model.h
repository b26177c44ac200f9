/* A model that is served: a program, and the fastest code for it, built in the background. */
#ifndef EIGENTENSOR_SERVER_MODEL_H
#define EIGENTENSOR_SERVER_MODEL_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/backend/limit.h"
#include "runtime/et_program.h"

enum aot_state { AOT_ABSENT, AOT_BUILDING, AOT_READY, AOT_FAILED };

struct sizes;

/* What one model may take, less than the server's own limits allow; 0: as much. Field, name, least
 * and most. */
#define MODEL_LIMITS(LIMIT)                                                                        \
    LIMIT(max_memory, "max-memory", 1048576, 1099511627776) /* bytes of one request */             \
    LIMIT(run_timeout, "run-timeout", 1, 86400)             /* seconds of one request */           \
    LIMIT(threads, "threads", 1, 256)                       /* requests at the same time */
struct model_limits {
#define MODEL_LIMIT(field, key, least, most) long field;
    MODEL_LIMITS(MODEL_LIMIT)
#undef MODEL_LIMIT
};

/* What `aot_state` guards is written before it becomes AOT_READY or AOT_FAILED, and never again. */
struct model {
    char *name; /* by which it is asked for */
    struct et_program *program;
    struct sizes *sizes;  /* of a model with open axes, whose first size this is; or NULL */
    int index;            /* among the models that are served: also of other sizes of one */
    uint64_t serial;      /* no two that ever had that index have the same */
    int holders, built;   /* for models.c, under its lock */
    const int *cancelled; /* set once what is being built is not wanted any more */
    struct model_limits limits;
    atomic_int running; /* requests that it is at work on */
    struct graph *one;  /* of a program with a batch axis: its graph for one image */
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
/* The same for those of its sizes that are known from the beginning. */
void model_build_sizes(struct model *model);
/* Then measures its kernels. */
void model_measure_kernels(struct model *model);
/* Builds a program with gcc, or takes what an earlier process built; with laps (compiled.h) if
 * `profile`; until *cancelled is set. */
bool model_build_aot(const struct et_program *program, bool profile, const int *cancelled,
                     struct build *build, struct et_error *error);
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
