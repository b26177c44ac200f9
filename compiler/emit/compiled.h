/* What the compiler is asked for, and what comes out of it. */
#ifndef EIGENTENSOR_COMPILED_H
#define EIGENTENSOR_COMPILED_H

#include "compiler/base/budget.h"
#include "compiler/ir/describe.h"
#include "compiler/schedule/batch_blocks.h"
#include "compiler/schedule/tuning.h"
#include "compiler/target/target.h"

struct emit_backend;

/* Called after each pass with the state as text; `milliseconds` is what the pass took. */
typedef void pass_dump(void *context, const char *pass, const char *text, bool changed,
                       double milliseconds);

/* For `stop_every`: a few milliseconds of plain code, far more than a question takes. */
enum { STOP_EVERY = 1 << 22 };

/* Where a text has its weights: in a block that its caller loads, in an array of its own, or in one
 * that a file of assembler takes from the block. */
enum weights_form { WEIGHTS_FILE, WEIGHTS_ARRAY, WEIGHTS_ASSEMBLER };

struct compile_options {
    const struct emit_backend *backend; /* what the text is for (emit/backend.h); NULL: loops */
    const struct target *target; /* what to plan for, a GPU for emit_cuda and for no other; NULL:
                                    avx512 or sm_90; one without vectors is baseline to
                                    emit_calls. The bits are the same for all */
    const char *prefix;          /* of the exported names; NULL: made from the graph's name */
    const char *digest;  /* hex digest of the graph for the header comment; NULL: left out */
    const char *command; /* command line for the header comment; NULL: left out */
    pass_dump *dump;     /* NULL: none */
    void *dump_context;
    struct compile_limits limits; /* after which it is an error */
    bool verify;                  /* run the verifier after every pass */
    bool big_endian;              /* text and weights are for big-endian machines */
    bool portable;                /* the text asks gcc for what its user's options may leave out */
    bool versions;        /* and is compiled for each kind of vectors that x86-64 CPUs may have */
    int threads;          /* that may share a run; 0, 1: one, and the text knows of no others */
    bool pool;            /* the text has threads of its own, if the backend can have them */
    int64_t least_cycles; /* of a kernel that threads share; 0: as many as make it worth while */
    enum weights_form weights_form; /* of a text of emit_loops, for one thread and one size: */
    bool static_arena;              /* it has its arena, too: one run at a time */
    const char *section;            /* that its weights are put into; NULL: the compiler's choice */
    const struct tuning *tuning; /* made for this graph and target; NULL: the cost model chooses */
    bool list_candidates;        /* fill compiled->contractions; a dump has them as "cost" */
    bool profile; /* the text calls a `lap`, which PREFIX_run_array takes as one input more; not
                     where threads share a run */
    int64_t stop_every; /* so many operations and elements stored the text asks a `struct stop`
                           (base/stop.h) whether the run has to end, which PREFIX_run_array takes
                           as one input more; 0: it does not. Neither with `profile` nor `pool` */
};

/* A model at several sizes of its axes, for one text. All graphs have the same inputs and outputs,
 * but for the extents, and all have a batch axis or none has. */
enum { MOST_SET_SIZES = 64, MOST_SET_AXES = 8 };
struct size_set {
    int axis_count; /* from 1 on */
    const char *const *axes;
    int count; /* the largest first: others take over how it packs weights, where that is cheap */
    const struct set_size {
        const struct graph *graph;
        const int64_t *sizes;        /* by axis; no two alike */
        const char *digest;          /* for the header comment; NULL: left out */
        const struct tuning *tuning; /* as that of the options, for this graph; NULL: none */
    } * items;
};

/* What was compiled of one graph. */
struct sized_variant {
    const struct graph *graph; /* the caller's */
    const int64_t *sizes;      /* by axis; NULL: it is the only one */
    const char *digest;
    const struct tuning *tuning;
    const char *suffix;              /* of its functions' names: "_at_16", or "" */
    int block_count;                 /* of a batched graph; 0: the graph has no batch axis */
    struct block blocks[MAX_BLOCKS]; /* the largest first; kernels are in this order */
    size_t arena_bytes, arena_lower_bound;
    int threads, steps;             /* as those of compiled */
    int first_kernel, kernel_count; /* among compiled->kernels */
    const char *plan;
};

/* What a profiled text calls before each kernel that it runs, with the position among
 * compiled->kernels, and after the last with their count. */
typedef void lap(int kernel);

/* A compiled graph. Everything is owned by it. */
struct compiled {
    struct arena arena;
    const char *prefix; /* C identifier: PREFIX_run, PREFIX_run_array, ... */
    const char *source; /* the C file */
    size_t source_bytes;
    const char *header; /* the .h file */
    size_t header_bytes;
    const char *assembly;  /* the .S file of WEIGHTS_ASSEMBLER; NULL: there is none */
    size_t stack_bytes;    /* of a run on a machine without vectors, at most; elsewhere 0 */
    size_t code_bytes;     /* the same of its code, about */
    int64_t multiply_adds; /* of a run there: of floats, or of integers */
    const void *weights;   /* the block PREFIX_run expects, 64-byte aligned */
    size_t weights_bytes;
    bool shares_weights;             /* they belong to another */
    struct mapped_file mapped;       /* where they lie; none: in memory of its own */
    int block_count;                 /* of a batched graph; 0: the graph has no batch axis */
    struct block blocks[MAX_BLOCKS]; /* of the first variant */
    size_t arena_bytes;              /* of the block PREFIX_run works in, 64-byte aligned */
    size_t arena_lower_bound;        /* largest sum of intermediate buffers alive at once */
    int threads; /* that find work in a run, at most; 1: more than one do not help */
    int steps;   /* of a run that threads share */
    int kernel_count;
    struct kernel_facts *kernels;
    int axis_count;          /* of a size_set; 0: there is one variant, and no axes are asked for */
    const char *const *axes; /* their names; until the end of the compile also those in C: */
    const char *const *parameters;
    int variant_count;
    struct sized_variant *variants;       /* in the order of the set */
    int runtime_function_count;           /* precompiled, which the text declares and calls: */
    const char *const *runtime_functions; /* "tile_8x32", "row_f32_add", ..., each once */
    bool tuned;                           /* by options.tuning */
    int contraction_count;                /* where options.list_candidates asked for them */
    const struct contraction_facts *contractions;
    double nodes, bytes;    /* that the compile made and took, as its limits count them */
    const char *plan;       /* the memory plan as a table, for `inspect`; of the first variant */
    const char *kernel_dot; /* the kernels as Graphviz */
};

#endif
