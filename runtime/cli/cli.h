/* The command line tool `eigentensor`: one file a subcommand, and what they share. */
#ifndef EIGENTENSOR_CLI_H
#define EIGENTENSOR_CLI_H

#include "compiler/import/model_file.h"
#include "runtime/cli/tensors.h"
#include "runtime/et_program.h"

#include <argp.h>

/* COMMAND(name, what it does), in the order of --help. */
#define COMMANDS(COMMAND)                                                                          \
    COMMAND(run, "run a model on files")                                                           \
    COMMAND(build, "make a program that needs nothing but its own file")                           \
    COMMAND(emit, "write a model as C: source, header, weights")                                   \
    COMMAND(verify, "repeat a run that somebody has a receipt of, and compare")                    \
    COMMAND(check, "show that every way of running a model gives the same bits")                   \
    COMMAND(bench, "measure how long a run takes, in every mode")                                  \
    COMMAND(import, "make a stored model of an .onnx file")                                        \
    COMMAND(batch, "make a model run any number of images at once")                                \
    COMMAND(tune, "measure which schedules are fast here, and keep them for later runs")           \
    COMMAND(rewrite, "make another graph of a model: faster, with other rounding")                 \
    COMMAND(machine, "measure what this machine can do at most")                                   \
    COMMAND(inspect, "show what is in a model and what the compiler makes of it")

/* The entry of each: values[0] is "eigentensor NAME". Returns the exit status. */
#define DECLARE_COMMAND(name, summary) int name##_command(int count, char **values);
COMMANDS(DECLARE_COMMAND)
#undef DECLARE_COMMAND

enum { EXIT_USAGE = 2 };

/* command.c: what the subcommands share */

/* Says what went wrong on standard error; returns EXIT_FAILURE. */
int report(const struct et_error *error);
/* What a help_filter of argp returns: the bytes, which argp frees. Ends the process when memory ran
 * out. */
char *help_of(struct text *text);
/* Copies of texts, ended by NULL, for options that may be given again and again. */
struct list {
    char **items;
    int count;
};
void list_add(struct list *list, const char *item, struct argp_state *state);
void list_free(struct list *list); /* empty afterwards */
/* The option's value as a number of that range; anything else is a usage error. */
int64_t parse_number(struct argp_state *state, const char *text, int64_t least, int64_t most);
/* The option's value as a mode; anything else is a usage error. */
enum et_mode parse_mode(struct argp_state *state, const char *text);
/* A usage error that says which targets there are, behind others that the command takes. */
void refuse_target(struct argp_state *state, const char *name, const char *others);

struct cli_model {
    const char *path, *weights;
    struct list tuned;    /* files; none: what is kept, if there is any */
    bool untuned;         /* not even that */
    bool kept;            /* for later processes: model_open_kept, by model_open_for */
    bool optional;        /* the command can do without */
    struct et_axis *axes; /* AXIS_OPTION, of one size */
    int axis_count;
    struct axis_sizes *sets; /* and of several */
    int set_count;
    double fast;                 /* FAST_OPTION: the bound of the error; 0: none was asked for */
    bool on_gpu;                 /* which runs the graph itself fastest */
    struct et_model *open;       /* of an .onnx model; `program` is one of its programs */
    struct et_program *original; /* what `program` was made of by FAST_OPTION; NULL: nothing */
    struct compile_limits limits;
    struct et_program *program; /* model_open sets it */
};

/* What several commands can be told; each command's own arguments begin with it. A command lists
 * those of the options below that it takes. */
struct common {
    struct cli_model model;
    int threads;          /* THREADS_OPTION: that share a run */
    int64_t batch, index; /* BATCH_OPTION: images; INDEX_OPTION: the entry of IDX files */
    const char *cc;       /* NULL: "gcc" */
    struct list flags;    /* COMPILER_OPTIONS: for it */
    struct list files;    /* arguments behind the model, or given by an option */
    struct list outputs;  /* "[NAME=]FILE" */
};
enum { KEY_THREADS = 300, KEY_AXIS, KEY_FAST, KEY_TUNED = 310, KEY_NO_TUNED };
#define FAST_OPTION                                                                                \
    {                                                                                              \
        "fast", KEY_FAST, "BOUND", OPTION_ARG_OPTIONAL,                                            \
            "Take another graph of the model: fold-batchnorm and winograd (`eigentensor "          \
            "rewrite`), as far as they keep the "                                                  \
            "error within BOUND, measured against float64 on random inputs, as a share of the "    \
            "output's largest element (default: 1e-4). Its digest is another one. A GPU keeps "    \
            "the graph, which it runs faster",                                                     \
            0                                                                                      \
    }
#define AXIS_OPTION                                                                                \
    {                                                                                              \
        "axis", KEY_AXIS, "NAME=SIZE", 0,                                                          \
            "The size of an open axis, by the name that the model gives it; in an .onnx model "    \
            "also "                                                                                \
            "of axis K of its input X as X.K, and N for the axis of images leaves it open. To be " \
            "given for each",                                                                      \
            0                                                                                      \
    }
#define AXES_OPTION                                                                                \
    {                                                                                              \
        "axis", KEY_AXIS, "NAME=SIZES", 0,                                                         \
            "The size of an open axis, by the name that the model gives it, or several: 1,16,128 " \
            "or 1..8; in an .onnx model also of axis K of its input X as X.K, and N for the axis " \
            "of images leaves it open. To be given for each",                                      \
            0                                                                                      \
    }
#define WEIGHTS_OPTION                                                                             \
    { "weights", 'w', "FILE", 0, "Take the weights from FILE, not from the one the model names", 0 }
#define MODEL_OPTIONS WEIGHTS_OPTION, AXIS_OPTION
#define THREADS_OPTION(what)                                                                       \
    { "threads", KEY_THREADS, "N", 0, what, 0 }
#define TUNED_OPTION(what)                                                                         \
    { "tuned", KEY_TUNED, "FILE", 0, what, 0 }
#define TUNED_OPTIONS                                                                              \
    TUNED_OPTION(                                                                                  \
        "Take the choices in FILE, which `eigentensor tune -o` wrote (default: those that "        \
        "`eigentensor tune` keeps for this CPU, if any)"),                                         \
    {                                                                                              \
        "no-tuned", KEY_NO_TUNED, NULL, 0, "Leave all choices to the cost model", 0                \
    }
#define BATCH_OPTION(what)                                                                         \
    { "batch", 'b', "N", 0, what, 0 }
#define INDEX_OPTION                                                                               \
    { "index", 'i', "N", 0, "Which entry of IDX files to take, from 0 (the default)", 0 }
#define COMPILER_OPTIONS                                                                           \
    {"cc", 'c', "COMPILER", 0, "The C compiler of aot (default: gcc)", 0}, {                       \
        "cflags", 'f', "FLAGS", 0, "Flags for it, after ours", 0                                   \
    }

/* The command line of a subcommand. */
struct command_line {
    const struct argp_option *options; /* ends with an empty one */
    /* Takes a key of argp before the common options do, unless it returns ARGP_ERR_UNKNOWN;
     * NULL: there are only common ones. `arguments` is what command_parse was given. */
    error_t (*parse)(void *arguments, int key, char *argument, struct argp_state *state);
    const char *arguments, *about; /* for --help, as argp's args_doc and doc */
    char *(*help_filter)(int key, const char *text, void *input);
    bool compiles;   /* it takes --compile-limit-... */
    bool takes_sets; /* AXES_OPTION */
    enum { TAKES_MODEL, TAKES_MODEL_AND_FILES, TAKES_NOTHING } takes;
};
/* Ends the process for --help, --version and wrong usage. */
void command_parse(const struct command_line *line, int count, char **values,
                   struct common *common);
/* Closes the model, frees the lists, and says what went wrong unless all was good; returns the exit
 * status. */
int command_end(struct common *common, bool good, const struct et_error *error);
/* Errors where the file is one that this command reads: the open model and its weights, the tuning,
 * the files. Links and other names of the same file are seen through. */
bool command_check_output(const struct common *common, const char *path, struct et_error *error);
/* The same for what et_program_save writes. */
bool command_check_saved(const struct common *common, const char *path, struct et_error *error);

/* model.c: the model, and tensors for it */

/* Adds an axis; the name must outlive the model. False: out of memory. */
bool model_add_axis(struct cli_model *model, const char *name, int64_t size);
bool model_add_sizes(struct cli_model *model, const struct axis_sizes *sizes);
/* Sets model->program, to one of model->open where that is set. */
bool model_open(struct cli_model *model, struct et_error *error);
/* What a program of the model needs before anything is made of it; NULL is an error already said.
 */
bool model_set_up(const struct cli_model *model, struct et_program *program);
/* The same for files, of which each is for an input: open axes that were given no size get those of
 * the arrays in them. */
bool model_open_for(struct cli_model *model, const struct list *files, struct et_error *error);
/* Gives the tunings in the model's files to those of these programs that they were made for; an
 * error where a file is for none of them. */
bool model_take_tunings(const struct cli_model *model, int count,
                        struct et_program *const *programs, struct et_error *error);
void model_close(struct cli_model *model);
/* Tensors for `batch` images; 1 for a model without a batch axis. */
bool model_inputs(const struct et_program *program, int64_t batch, struct tensors *inputs,
                  struct et_error *error);
bool model_outputs(const struct et_program *program, int64_t batch, struct tensors *outputs,
                   struct et_error *error);
/* How many images the files hold, as tensors_batch says. */
bool model_batch(const struct et_program *program, char *const *files, int count, int64_t *batch,
                 struct et_error *error);
bool model_check_batch(const struct et_program *program, int64_t batch, struct et_error *error);
/* Fills inputs from a seed: the same elements on every machine, within a few units of 0. */
void model_randomise(uint64_t seed, struct tensors *inputs);
/* Arithmetic operations of one run; where there is a batch, of one image. */
int64_t compiled_flops(const struct compiled *compiled);

/* sizes.c: a model at each of several sizes */

struct cli_sizes {
    int axis_count; /* of several sizes; 0: the model has one size, and no program is here */
    const char **axes;
    int count;
    struct cli_size {
        const int64_t *sizes;       /* by axis */
        const char *name;           /* "seq_len=16, width=4" */
        struct et_program *program; /* of the model that is open */
    } * items;                      /* the largest first */
    struct arena arena;
};
/* Opens the model at all sizes that it was given; model->program is the largest then. */
bool sizes_open(struct cli_sizes *sizes, struct cli_model *model, struct et_error *error);
/* All programs but model->program, which model_close() gives back. */
void sizes_close(struct cli_sizes *sizes, struct cli_model *model);
/* How many there are, 1 where the model has one size, and the program at each. */
int sizes_count(const struct cli_sizes *sizes);
const struct et_program *sizes_program(const struct cli_sizes *sizes, const struct cli_model *model,
                                       int size);
/* program_compile() of model->program, or of all sizes in one text. */
struct compiled *sizes_compile(const struct cli_sizes *sizes, const struct cli_model *model,
                               const struct backend *backend, const struct compile_options *options,
                               struct et_error *error);

/* standalone.c */

enum standalone_kind {
    STANDALONE_AUTO,       /* a classifier if the model is one, else a runner */
    STANDALONE_CLASSIFIER, /* pictures of digits and IDX files in; classes out */
    STANDALONE_RUNNER,     /* files of tensors in and out, as `eigentensor run` has it */
};
struct standalone_options {
    enum standalone_kind kind;
    const char *cc;           /* NULL: "gcc" */
    const char *const *flags; /* ends with NULL; NULL: none */
    bool link_static;
    int threads;                 /* that share a run; 0: one */
    const struct target *target; /* of a module or an object; of a program NULL: this CPU */
    bool cuda;                   /* a program for a GPU: the target, or NULL: all */
};
/* The file of a program when none is named: the model's name, as far as it is letters and digits.
 * NULL: out of memory. */
const char *standalone_path(const struct et_program *program, struct arena *arena);
/* Builds the executable `path`; of several sizes it takes the one that its files have. */
bool standalone_build(const struct cli_sizes *sizes, const struct cli_model *model,
                      const struct standalone_options *options, const char *path,
                      struct et_error *error);

/* A string of C, in quotes. */
void standalone_add_string(struct text *text, const char *string);

/* standalone_cuda.c */

/* A C file that has the model's cuda_program (runtime/backend/cuda_program.h), and what it takes in
 * from a file of that name. The rest is on the way there. */
#define CUDA_PROGRAM_CODES "stored_model.codes"
struct cuda_program_text {
    struct text source, codes, tables, rows;
    int code_count;
};
/* For one GPU, or for all (NULL). To be freed even when it fails. */
bool standalone_cuda(const struct cli_sizes *sizes, const struct cli_model *model,
                     const struct compiled *compiled, const struct target *target,
                     struct cuda_program_text *text, struct et_error *error);
void cuda_program_text_free(struct cuda_program_text *text);

/* module.c: a model for browsers, Node and Deno */

enum module_file { MODULE_WASM, MODULE_JS, MODULE_TYPES, MODULE_PACKAGE, MODULE_FILES };
struct module_files {
    const char *name, *folder, *paths[MODULE_FILES];
};
/* What is written, named as standalone_path() would; the folder is called so, too, unless one is
 * given. */
bool module_files(const struct et_program *program, const char *folder, struct arena *arena,
                  struct module_files *files, struct et_error *error);
/* Builds the files, by clang unless the options say otherwise; the folder is made if it is not
 * there. */
bool module_build(const struct cli_sizes *sizes, const struct cli_model *model,
                  const struct standalone_options *options, const struct module_files *files,
                  struct et_error *error);

/* object.c: a model for a linker, of another machine */

struct object_files {
    const char *folder, *object, *header;
};
/* One size, one thread. */
struct compiled *object_compile(const struct cli_sizes *sizes, const struct cli_model *model,
                                const struct standalone_options *options, struct et_error *error);
/* What is written, named by the prefix; the folder is called so, too, unless one is given. */
bool object_files(const struct compiled *compiled, const char *folder, struct arena *arena,
                  struct object_files *files, struct et_error *error);
/* Builds the files, by the target's compiler unless the options say otherwise; the folder is made
 * if it is not there. */
bool object_build(const struct compiled *compiled, const struct standalone_options *options,
                  const struct object_files *files, struct et_error *error);

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
/* The highest rates of any pass; takes about twice `seconds`, in `bytes` of memory: little stays in
 * a cache, and is measured there. */
bool bandwidth_measure(size_t bytes, double seconds, struct bandwidth *found,
                       struct et_error *error);

/* room.c: --budget */

/* Bytes of a machine; 0: not said. */
struct room {
    int64_t ram, flash;
};
/* Of "ram=64K,flash=256K", either or both; false: it is no such text. */
bool room_parse(const char *text, struct room *room);
/* An error that says what does not fit, and which rewrite would make it fit. */
bool room_check(const struct room *room, const struct et_program *program,
                const struct compiled *compiled, struct et_error *error);

#endif
