/* From a graph to C text: the compiler's one entry, and what comes out of it. */
#ifndef EIGENTENSOR_COMPILE_H
#define EIGENTENSOR_COMPILE_H

#include "compiler/graph/batch.h"
#include "compiler/schedule/tuning.h"

struct emit_backend;

/* Called after each pass with the state as text; `milliseconds` is what the pass took. */
typedef void pass_dump(void *context, const char *pass, const char *text, bool changed,
                       double milliseconds);

struct compile_options {
    const struct emit_backend *backend; /* what the text is for (emit/backend.h); NULL: loops */
    const struct target *target; /* what to plan for; NULL: avx512. The bits are the same for all */
    const char *prefix;          /* of the exported names; NULL: made from the graph's name */
    const char *digest;  /* hex digest of the graph for the header comment; NULL: left out */
    const char *command; /* command line for the header comment; NULL: left out */
    pass_dump *dump;     /* NULL: none */
    void *dump_context;
    bool verify;          /* run the verifier after every pass */
    int threads;          /* that may share a run; 0, 1: one, and the text knows of no others */
    bool pool;            /* the text has threads of its own, if the backend can have them */
    int64_t least_cycles; /* of a kernel that threads share; 0: as many as make it worth while */
    const struct tuning *tuning; /* made for this graph and target; NULL: the cost model chooses */
    bool list_candidates;        /* fill compiled->contractions; a dump has them as "cost" */
};

/* One way of several, in words (tuning.h), and what the cost model thinks of it. */
struct candidate {
    const char *text;
    double cost;
};
struct candidates {
    int count, taken;
    const struct candidate *items; /* the cheapest first */
};

/* A contraction that runs as tiles. */
struct contraction_facts {
    const char *contraction;  /* tuning.h's name of it */
    int first_kernel, kernel; /* where it runs, and where its operands are packed before that:
                                 positions among compiled->kernels */
    struct candidates tiles, blockings;
};

/* One kernel, for people. */
struct kernel_facts {
    const char *name;                  /* "k02_contract_relu_pool": the C function's name */
    const char *formula;               /* "y[32,10,10] = max{..}(..)" */
    const char *nodes;                 /* ids of the graph's nodes in it: "12 13 14" */
    const char *source;                /* the emitted C of its function */
    const char *output;                /* what it stores, "t3 float32[32,10,10]" */
    int64_t images;                    /* of the block that it is part of; 0: there is no batch */
    int64_t flops;                     /* arithmetic operations, a multiply-add counted as two */
    int64_t bytes_read, bytes_written; /* each tensor counted once */
};

/* A compiled graph. Everything is owned by it. */
struct compiled {
    struct arena arena;
    const char *prefix; /* C identifier: PREFIX_run, PREFIX_run_array, ... */
    const char *source; /* the C file */
    size_t source_bytes;
    const char *header; /* the .h file */
    size_t header_bytes;
    void *weights; /* the block PREFIX_run expects, 64-byte aligned */
    size_t weights_bytes;
    bool shares_weights;             /* they belong to another */
    int block_count;                 /* of a batched graph; 0: the graph has no batch axis */
    struct block blocks[MAX_BLOCKS]; /* the largest first; kernels are in this order */
    size_t arena_bytes;              /* of the block PREFIX_run works in, 64-byte aligned */
    size_t arena_lower_bound;        /* largest sum of intermediate buffers alive at once */
    int threads; /* that find work in a run, at most; 1: more than one do not help */
    int steps;   /* of a run that threads share */
    int kernel_count;
    struct kernel_facts *kernels;
    bool tuned;            /* by options.tuning */
    int contraction_count; /* where options.list_candidates asked for them */
    const struct contraction_facts *contractions;
    const char *plan;       /* the memory plan as a table, for `inspect` */
    const char *kernel_dot; /* the kernels as Graphviz */
};

/* Compiles a verified graph whose weights are bound. NULL and an error when it cannot: only memory
 * or a limit can be in the way, since every graph of the operation set compiles.
 *
 * The emitted file exports, for a graph named "mnist":
 *   struct mnist_inputs, struct mnist_outputs: typed pointers by name
 *   MNIST_WEIGHTS_BYTES, MNIST_ARENA_BYTES, MNIST_INPUT_COUNT, MNIST_OUTPUT_COUNT
 *   void mnist_run(const struct mnist_inputs *, const struct mnist_outputs *, const void *weights,
 * void *arena); void mnist_run_array(const void *const *inputs, void *const *outputs, const void
 * *weights, void *arena); Inputs and outputs are contiguous, row-major, in the graph's order;
 * weights and arena are 64-byte aligned; inputs and outputs may have any alignment of their
 * element. No globals: re-entrant.
 *
 * Of a batched graph both functions have one parameter more, `long batch`, and run that many images
 * in blocks: the arena is that of one block. */
struct compiled *compile(const struct graph *graph, const struct compile_options *options,
                         struct et_error *error);
void compiled_free(struct compiled *compiled);
/* Takes the weights of another, if they are the same bytes, and gives its own back. The other must
 * not be freed while this one runs. */
void compiled_share_weights(struct compiled *compiled, const struct compiled *other);

/* tuning.c: the candidates as a table, for people. */
void print_costs(const struct compiled *compiled, struct text *text);

#endif
