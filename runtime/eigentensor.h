/* Eigentensor: stored tensor graphs, compiled, and run with the same output bits everywhere.
 *
 *     struct et_error error;
 *     struct et_program *program = et_program_open("mnist.json", NULL, &error);
 *     struct et_workspace *workspace = et_workspace_new(program);
 *     et_program_run(program, ET_JIT, inputs, outputs, workspace, &error);
 *     et_workspace_free(workspace);
 *     et_program_free(program);
 *
 * ANY NUMBER OF THREADS MAY USE A PROGRAM AT THE SAME TIME, EACH WITH A WORKSPACE OF ITS OWN.
 * FREE WORKSPACES IN ANY ORDER, A PROGRAM ONLY WHEN NO CALL ON IT IS RUNNING.
 * What a function returns a pointer to belongs to the program, unless it is a new handle. Functions
 * with an `error` return false or NULL when they fail, and say why; `error` may be NULL. */
#ifndef EIGENTENSOR_H
#define EIGENTENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ET_VERSION "1.0.0"

/* The version of the library that is linked: its ET_VERSION. */
const char *et_version(void);

#ifndef ET_ERROR_BYTES
#define ET_ERROR_BYTES 1024
/* Names the file, the place, what was expected and what was found. */
struct et_error {
    char message[ET_ERROR_BYTES];
};
#endif

/* How to run a graph. All give the same bits. */
enum et_mode {
    ET_EAGER, /* one operation at a time: slow, the reference */
    ET_JIT,   /* compiled within milliseconds, in this process, with nothing but this library */
    ET_AOT,   /* compiled by the machine's C compiler, within seconds: the fastest code */
    ET_MODE_COUNT, /* of those that need nothing but a CPU */
    /* On an NVIDIA GPU, compiled by NVRTC within seconds; both must be there (et_mode_allowed). */
    ET_CUDA = ET_MODE_COUNT,
    ET_ALL_MODES
};

/* "eager", "jit", "aot", "cuda"; NULL for no mode. */
const char *et_mode_name(enum et_mode mode);

/* The mode of that name; false when there is none. */
bool et_mode_from_name(const char *name, enum et_mode *mode);

/* The first extent of tensors of a batched program: as many images as a run is given. */
#define ET_BATCH (-1)

/* Whether this system lets the process run what the mode compiles. ET_JIT needs memory that is
 * mapped for executing, which a hardened system may refuse; ET_AOT a C library that loads others,
 * as musl does not in a static program; ET_CUDA a GPU, its driver and NVRTC.
 * False, and an error that says what was refused or is not there. A library keeps quiet: whether
 * to run by another mode then, and to say so, is the caller's. */
bool et_mode_allowed(enum et_mode mode, struct et_error *error);

/* An input or an output: contiguous, row-major, in the machine's byte order. */
struct et_tensor {
    const char *name;
    const char *dtype; /* "float32"; also float64 float16 bfloat16 bool, and int8 to int64, uint8 to
                          uint64 */
    int rank;
    const int64_t *shape; /* `rank` extents; the first may be ET_BATCH */
    size_t bytes;         /* of all elements; where there is a batch, of one image */
};

/* A stored graph with its weights. */
struct et_program;

/* The memory that one thread's runs work in, and the threads that share them. */
struct et_workspace;

/* Reads a graph, and its weights from the file it names, or from `weights_path` unless that is
 * NULL. Checks all of it; compiles nothing yet. The weights' file (of a model in another format
 * also its own) is mapped, not read into memory, for what is prepared later and for ET_EAGER: it
 * MUST NOT BE WRITTEN INTO while the program is there. Another file may take its name. */
struct et_program *et_program_open(const char *path, const char *weights_path,
                                   struct et_error *error);

/* The size of an open axis of a stored graph, by its name; or of a model in another format: of one
 * that the file names ("seq_len"), or of axis K of the input X as "X.K". ET_BATCH where it is the
 * number of images, to stay open. An integer input of one element can be given its value for good
 * in the same way, by its name. */
struct et_axis {
    const char *name;
    int64_t size;
};

/* Reads as et_program_open does, or imports: the model in a file named "NAME.onnx", whose weights
 * are in it or in files beside it. Each open axis needs a size, but for the first of an input of
 * such a model, which is 1 unless it is here. The error of a model that cannot be imported names
 * all of its nodes that are why. (et_program_open does all of this where no size is needed.) */
struct et_program *et_program_open_sized(const char *path, const char *weights_path,
                                         const struct et_axis *axes, int axis_count,
                                         struct et_error *error);

/* Opens as et_program_open_sized does, and keeps on disk what takes time, for the next process that
 * opens the model so, below $XDG_CACHE_HOME, else ~/.cache, in a folder of this user alone: the
 * digests of weights' files, which hold until a file's times tell that it was changed; for each
 * mode that is prepared, what was compiled and the weights as it reads them, which later processes
 * map, from memory that they share; and what ET_AOT builds. What was used longest ago goes: of
 * programs with their weights, when they take more than 4 GiB or a quarter of the space that is
 * free there, of builds, when they take more than 512 MiB. The first time, preparing takes longer,
 * by writing. The bits are the same. */
struct et_program *et_program_open_kept(const char *path, const char *weights_path,
                                        const struct et_axis *axes, int axis_count,
                                        struct et_error *error);

/* A model at any sizes of its open axes: for sizes that are asked for first, a program is made, and
 * kept while it is among those used last (8, unless et_model_keep says how many). Programs of one
 * model share its weights in memory. What ET_AOT builds for them is kept on disk, too, below
 * $XDG_CACHE_HOME, else ~/.cache: 512 MiB of what was used last. Any number of threads may use a
 * model. */
struct et_model;
struct et_model *et_model_open(const char *path, const char *weights_path, struct et_error *error);
void et_model_free(struct et_model *model); /* NULL is fine; once all programs are given back */
void et_model_keep(struct et_model *model, int programs);

/* The inputs that the file declares, and the name of an axis of one: NULL where it is not open, or
 * depends on another. Of a stored graph without open axes, none. A rank of -1: the file does not
 * say. */
int et_model_input_count(const struct et_model *model);
const char *et_model_input_name(const struct et_model *model, int input);
int et_model_input_rank(const struct et_model *model, int input);
const char *et_model_axis(const struct et_model *model, int input, int axis);

/* The program at these sizes, as et_program_open_sized has them. It is the caller's until it is
 * given back. */
struct et_program *et_model_program(struct et_model *model, const struct et_axis *axes,
                                    int axis_count, struct et_error *error);
void et_model_give_back(struct et_model *model, struct et_program *program);

/* Takes a graph that another tool wrote: `bytes` bytes of the stored form, which need not name a
 * weights file; its weights are read from `weights_path` (NULL: it has none). Nodes that say the
 * same become one, nodes without use go, and the order becomes the one of graphs made in C. */
struct et_program *et_program_import(const char *json, size_t bytes, const char *weights_path,
                                     struct et_error *error);

/* Reads as et_program_open does, and gives the graph a batch axis unless it has one: the program
 * then runs any number of images, each with the bits that it would have by itself. It takes the
 * place of the first axis where that has extent 1 in all inputs and outputs; otherwise it is a new
 * first axis. */
struct et_program *et_program_open_batched(const char *path, const char *weights_path,
                                           struct et_error *error);

/* Makes a program of another graph that computes the same over the real numbers, runs faster and
 * rounds elsewhere: it has its own digest, and its own bits, the same in every mode. Of the
 * rewrites fold-batchnorm and winograd, as much is done as keeps the error within a bound: the
 * largest difference from float64 as a share of the output's largest element, measured in one run
 * on seeded random inputs (outputs that are no float32 do not change there). It is in *error_found,
 * if not NULL. *fast is the caller's to free; NULL where nothing can be had within the bound, which
 * is no error. `program` is not needed any more then. False and an error when it fails, or the
 * program has a batch axis: give that to a fast one of one image. */
bool et_program_fast(const struct et_program *program, double bound, struct et_program **fast,
                     double *error_found, struct et_error *error);

/* Sets of inputs, the samples, on which et_program_quantize finds what range each tensor has. */
struct et_samples {
    int64_t count;             /* at least 1 */
    const void *const *inputs; /* of each input the elements of all samples, one after another */
    const int64_t *labels; /* of each sample the place of the greatest element that the first output
                              should have; NULL: not known */
    const char *range;     /* "extremes" (NULL, too), "percentile", "squares" or "entropy": of what
                              was seen of a tensor, what has codes of its own */
    /* What it may cost, at most 1; 0: whatever it costs. Shares: by how much the outputs may
     * change, root mean square, of their size; how many samples may lose their right label. */
    double error, accuracy;
    const char *io; /* "int8" or "uint8": of inputs and outputs, where they can be such integers
                       (et_program_input_scale()); NULL: they stay as they are */
    bool equalise; /* scale channels before ReLU by powers of two first (docs/using.md, quantize) */
};
/* Makes a program of another graph, whose convolutions and linear layers are sums of products of
 * 8-bit integers (docs/using.md, quantize). It has its own digest, and its own bits, the same in
 * every mode. *quantized is the caller's to free; NULL where there is nothing to quantize, or not
 * within the cost, which is no error. Nothing of `program` or the samples is needed any more then.
 * False and an error when it fails, or the program has a batch axis: give that to one of one image.
 */
bool et_program_quantize(const struct et_program *program, const struct et_samples *samples,
                         struct et_program **quantized, struct et_error *error);
/* The same of a quantised model (QDQ), what it says of integers in float32 being done with them
 * (docs/using.md, integers): with `exact` only where every bit stays what it is. `io` as above.
 * *integers is NULL where there is nothing to do. */
bool et_program_integers(const struct et_program *program, const char *io, bool exact,
                         struct et_program **integers, struct et_error *error);

/* Stores a program: "NAME.json", and its weights beside it as "NAME.safetensors". Makes folders on
 * the way to them that are missing. */
bool et_program_save(const struct et_program *program, const char *path, struct et_error *error);

/* Frees a program; NULL is fine. */
void et_program_free(struct et_program *program);

/* The name stored in the graph. */
const char *et_program_name(const struct et_program *program);

/* The identity of graph and weights: SHA-256, 64 hexadecimal digits. The first call reads all
 * weights, unless the program is kept (et_program_open_kept) or ET_AOT was prepared. */
const char *et_program_digest(const struct et_program *program);

/* The same identity as a UUID. */
const char *et_program_uuid(const struct et_program *program);

/* Whether it runs any number of images at once. */
bool et_program_is_batched(const struct et_program *program);

/* How many inputs there are; facts of one of them, by position. */
int et_program_input_count(const struct et_program *program);
struct et_tensor et_program_input(const struct et_program *program, int index);

/* The same of the outputs. */
int et_program_output_count(const struct et_program *program);
struct et_tensor et_program_output(const struct et_program *program, int index);

/* Whether it is said what the integers of an input or output stand for: (integer - *zero) * *scale,
 * where the scale is positive. A run does not heed it. */
bool et_program_input_scale(const struct et_program *program, int index, float *scale,
                            int64_t *zero);
bool et_program_output_scale(const struct et_program *program, int index, float *scale,
                             int64_t *zero);

/* An output whose extent along one axis depends on the data has, as a tensor, the greatest extent
 * that there can be, and another output says, an int64 of rank 0, how many elements along the axis
 * are true: the first ones. True for such an output: the axis, and the position of the output that
 * counts it. (A digest is made of all elements, true or not.) */
bool et_program_output_count_of(const struct et_program *program, int index, int *axis, int *count);

/* Whether an output counts another one: then it need not be shown by itself. */
bool et_program_output_counts(const struct et_program *program, int index);

/* The shape of an output after a run that wrote `outputs`, all of them: its rank of extents, of
 * which a counted one is the true one. It has no batch axis. */
void et_program_true_shape(const struct et_program *program, int index, const void *const *outputs,
                           int64_t *shape);

/* Moves the true elements of an output of that run together, in place: they are contiguous then, in
 * the true shape. ONCE FOR EACH RUN. */
void et_program_cut_output(const struct et_program *program, int index, void *const *outputs);

/* The position of the input or output of that name, or -1. */
int et_program_find_input(const struct et_program *program, const char *name);
int et_program_find_output(const struct et_program *program, const char *name);

/* Which C compiler ET_AOT uses, a name or a path (NULL: "gcc"), and flags for it, as a list that
 * ends with NULL (NULL: none). CALL IT BEFORE ANYTHING IS PREPARED OR RUN. */
bool et_program_set_compiler(struct et_program *program, const char *cc, const char *const *flags,
                             struct et_error *error);

enum { ET_MOST_THREADS = 64 };

/* How many threads share each run (default: 1; ET_EAGER knows of one only), with the same bits for
 * any number; of a batch each runs images of its own. Each workspace then has threads - 1 threads
 * of its own, which wait for its next run: where many runs go on side by side, as in a server, one
 * for each is best. CALL IT BEFORE ANYTHING IS PREPARED OR RUN. */
bool et_program_set_threads(struct et_program *program, int threads, struct et_error *error);

/* The cores that this process may use, at most ET_MOST_THREADS: as many threads as are worth it. */
int et_core_count(void);

/* Runs what ET_JIT and ET_AOT compile by the choices in a file of `eigentensor tune -o`, or, where
 * `path` is NULL, by the compiler's own. Without this call those are taken that `eigentensor tune`
 * keeps for this graph and CPU, if there are any. The bits are always the same. False when it is
 * not such a file, or made for another graph. CALL IT BEFORE ANYTHING IS PREPARED OR RUN. */
bool et_program_set_tuning(struct et_program *program, const char *path, struct et_error *error);

/* Compiles the program for a mode. Returns at once when that was done before; threads that ask for
 * the same mode wait for one compile, and other modes stay usable meanwhile. After a failure it may
 * be tried again. */
bool et_program_prepare(struct et_program *program, enum et_mode mode, struct et_error *error);

/* True once et_program_prepare has succeeded, so that a run of this mode starts at once. */
bool et_program_is_prepared(const struct et_program *program, enum et_mode mode);

/* The C text that the mode compiled; NULL before it was prepared, and for ET_EAGER. */
const char *et_program_source(const struct et_program *program, enum et_mode mode);

/* A workspace for runs of this program, which grows to what its first run needs. NULL when memory
 * is exhausted. USE IT IN ONE THREAD AT A TIME. */
struct et_workspace *et_workspace_new(const struct et_program *program);

/* Why a run was ended early. */
enum et_stop { ET_NOT_STOPPED, ET_CANCELLED, ET_TOO_LATE };

/* Lets the workspace's runs end early, from now on: at `deadline`, in nanoseconds of
 * CLOCK_MONOTONIC (0: no such time), and once *cancelled is not 0, which any thread may set with an
 * atomic store (NULL: there is no such flag; it must live as long as the runs). A run that ends so
 * fails, and what it has written into outputs is of no use. Runs look every few
 * milliseconds, in all modes and threads: they end soon after, not at once. */
void et_workspace_set_limit(struct et_workspace *workspace, int64_t deadline, const int *cancelled);

/* Whether the last run was ended early. */
enum et_stop et_workspace_stopped(const struct et_workspace *workspace);

/* Frees a workspace; NULL is fine. */
void et_workspace_free(struct et_workspace *workspace);

/* Runs the program: `inputs` and `outputs` point to the elements of every input and output, in
 * order, aligned for their dtype; a bool is the byte 0 or 1. OUTPUTS MUST NOT OVERLAP ANYTHING.
 * Prepares the mode first if that was not done. `workspace` may be NULL: then this call allocates
 * its own, and begins threads of its own. When it fails, outputs are as they were, except after an
 * early end (et_workspace_set_limit). */
bool et_program_run(struct et_program *program, enum et_mode mode, const void *const *inputs,
                    void *const *outputs, struct et_workspace *workspace, struct et_error *error);

/* The same for `batch` images, as many as every tensor that begins with ET_BATCH then has. The bits
 * of an image do not depend on the others. A program without a batch axis runs one; et_program_run
 * runs one of any. */
bool et_program_run_batch(struct et_program *program, enum et_mode mode, int64_t batch,
                          const void *const *inputs, void *const *outputs,
                          struct et_workspace *workspace, struct et_error *error);

/* The same by ET_CUDA on tensors that lie in the GPU's memory: `inputs` and `outputs` are addresses
 * there, contiguous, each at a multiple of 16 bytes; what lies elsewhere is refused. The run is put
 * into `stream` (a CUstream, or cudaStream_t; NULL: the default one) and not waited for: THE
 * TENSORS AND THE PROGRAM MUST STAY UNTIL IT IS DONE, and what it does wrong shows in the stream.
 * Runs of a program follow one another on the GPU, in whatever streams they are. From the second
 * run on the same addresses on, all of it is one CUDA graph. */
bool et_program_run_on_gpu(struct et_program *program, int64_t batch, const void *const *inputs,
                           void *const *outputs, void *stream, struct et_error *error);

/* 64 hexadecimal digits and a terminating zero byte. */
struct et_digest {
    char text[65];
};

/* The identity of a result: equal in every mode, on every machine. It is the SHA-256 of, for every
 * output in order, its name, a zero byte, and the SHA-256 (32 bytes) of: dtype and shape as text,
 * "float32[1,10]", a line end, and the elements, little-endian. */
struct et_digest et_program_output_digest(const struct et_program *program,
                                          const void *const *outputs);
struct et_digest et_program_output_digest_batch(const struct et_program *program, int64_t batch,
                                                const void *const *outputs);

/* A receipt of a run of `batch` images by that mode: JSON with the digests of the graph, the inputs
 * and the outputs, which `eigentensor verify` takes on any machine. NULL and an error when memory
 * runs out. The caller frees it with et_receipt_free; NULL is fine. */
char *et_receipt_of_run(const struct et_program *program, enum et_mode mode, int64_t batch,
                        const void *const *inputs, const void *const *outputs,
                        struct et_error *error);
void et_receipt_free(char *receipt);

/* Whether a receipt, `bytes` long and from whomever, is of this program, these inputs and these
 * outputs, which a run gave here; and a signature that it has is right. False and an error that
 * names what differs first, or what is wrong with the receipt. Without outputs (NULL) they are not
 * looked at: so a wrong receipt can be refused before anything is run. */
bool et_receipt_check(const char *receipt, size_t bytes, const struct et_program *program,
                      int64_t batch, const void *const *inputs, const void *const *outputs,
                      struct et_error *error);

#ifdef __cplusplus
}
#endif

#endif
