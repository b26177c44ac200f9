/* The command line tool `eigentensor`: one file a subcommand, and what they share. */
#ifndef EIGENTENSOR_CLI_H
#define EIGENTENSOR_CLI_H

#include "runtime/cli/tensors.h"
#include "runtime/et_program.h"

#include <argp.h>

/* COMMAND(name, what it does), in the order of --help. */
#define COMMANDS(COMMAND)                                                                          \
    COMMAND(run, "run a model on files")                                                           \
    COMMAND(build, "make a program that needs nothing but its own file")                           \
    COMMAND(emit, "write a model as C: source, header, weights")                                   \
    COMMAND(check, "show that every way of running a model gives the same bits")                   \
    COMMAND(bench, "measure how long a run takes, in every mode")                                  \
    COMMAND(batch, "make a model run any number of images at once")                                \
    COMMAND(tune, "measure which schedules are fast here, and keep them for later runs")           \
    COMMAND(rewrite, "make another graph of a model: faster, rounded otherwise")                   \
    COMMAND(machine, "measure what this machine can do at most")                                   \
    COMMAND(inspect, "show what is in a model and what the compiler makes of it")

/* The entry of each: values[0] is "eigentensor NAME". Returns the exit status. */
#define DECLARE_COMMAND(name, summary) int name##_command(int count, char **values);
COMMANDS(DECLARE_COMMAND)
#undef DECLARE_COMMAND

enum { EXIT_USAGE = 2 };

/* main.c */

/* Says what went wrong on standard error; returns EXIT_FAILURE. */
int report(const struct et_error *error);
/* Copies of texts, ended by NULL, for options that may be given again and again. */
struct list {
    char **items;
    int count;
};
void list_add(struct list *list, const char *item, struct argp_state *state);
void list_free(struct list *list);
/* The option's value as a number of that range; a usage error otherwise. */
int64_t parse_number(struct argp_state *state, const char *text, int64_t least, int64_t most);
/* Splits flags as a shell does, quotes and all, and adds them; a usage error otherwise. */
void split_flags(struct argp_state *state, const char *text, struct list *flags);

/* model.c: the one argument and the options that every subcommand has, or many */

struct model {
    const char *path, *weights;
    const char *tuning;         /* a file; NULL: the kept one, if there is any */
    bool untuned;               /* not even that */
    struct et_program *program; /* model_open sets it */
};
#define MODEL_OPTIONS                                                                              \
    { "weights", 'w', "FILE", 0, "Take the weights from FILE, not from the one the model names", 0 }
/* The option of subcommands that run or emit models for several threads. */
enum { KEY_THREADS = 300 };
#define THREADS_OPTION(what)                                                                       \
    { "threads", KEY_THREADS, "N", 0, what, 0 }
/* True when `key` was --threads: sets the number, 0 becomes one for each core. */
bool threads_option(int *threads, int key, const char *argument, struct argp_state *state);
enum { KEY_TUNED = 310, KEY_NO_TUNED };
#define TUNED_OPTION(what)                                                                         \
    { "tuned", KEY_TUNED, "FILE", 0, what, 0 }
#define TUNED_OPTIONS                                                                              \
    TUNED_OPTION(                                                                                  \
        "Take the choices in FILE, which `eigentensor tune -o` wrote (default: those that "        \
        "`eigentensor tune` keeps for this CPU, if any)"),                                         \
    {                                                                                              \
        "no-tuned", KEY_NO_TUNED, NULL, 0, "Leave all choices to the cost model", 0                \
    }
/* True when `key` was an argument behind the model: a FILE, which is added. To be asked before
 * model_option, which takes one argument only. */
bool file_option(const struct model *model, struct list *files, int key, char *argument,
                 struct argp_state *state);
/* True when `key` was --weights, --tuned or --no-tuned, or the one argument; ends with a usage
 * error when there are more or none. */
bool model_option(struct model *model, int key, const char *argument, struct argp_state *state);
bool model_open(struct model *model, struct et_error *error);
void model_close(struct model *model);
/* Tensors for `batch` images; 1 for a model without a batch axis. */
bool model_inputs(const struct et_program *program, int64_t batch, struct tensors *inputs,
                  struct et_error *error);
bool model_outputs(const struct et_program *program, int64_t batch, struct tensors *outputs,
                   struct et_error *error);
/* How many images the files hold, as tensors_batch says. */
bool model_batch(const struct et_program *program, char *const *files, int count, int64_t *batch,
                 struct et_error *error);
/* The option --batch, of models that have the axis. */
#define BATCH_OPTION(what)                                                                         \
    { "batch", 'b', "N", 0, what, 0 }
bool model_check_batch(const struct et_program *program, int64_t batch, struct et_error *error);
/* Fills inputs from a seed: the same elements on every machine, within a few units of 0. */
void model_randomise(uint64_t seed, struct tensors *inputs);
/* Arithmetic operations of one run; where there is a batch, of one image. */
int64_t compiled_flops(const struct compiled *compiled);

/* standalone.c */

enum standalone_kind {
    STANDALONE_AUTO,       /* a classifier if the model is one, otherwise a runner */
    STANDALONE_CLASSIFIER, /* pictures of digits and IDX files in; classes out */
    STANDALONE_RUNNER,     /* files of tensors in and out, as `eigentensor run` has it */
};
struct standalone_options {
    enum standalone_kind kind;
    const char *cc;           /* NULL: "gcc" */
    const char *const *flags; /* ends with NULL; NULL: none */
    bool link_static;
    int threads; /* that share a run; 0: one */
};
/* Builds the executable `path`; NULL: here, under the prefix of the compiled model's names. */
bool standalone_build(const struct et_program *program, const struct standalone_options *options,
                      const char *path, struct et_error *error);

/* dot.c: Graphviz */

void graph_dot(const struct graph *graph, struct text *text);

/* peak.c */

/* The highest rate of float32 fused multiply-adds that one core was seen to reach, two operations
 * each, in GFLOP/s; takes about `seconds`. */
double peak_gflops(double seconds);

/* bandwidth.c */

/* Of one core, in GB/s. */
struct bandwidth {
    double read;
    double copy; /* every byte counted twice, as it is read and written */
};
/* Takes about twice `seconds`, in `bytes` of memory: little stays in a cache, and is measured
 * there. */
bool bandwidth_measure(size_t bytes, double seconds, struct bandwidth *found,
                       struct et_error *error);

#endif
