/* eigentensor run: a model on files. */
#include "runtime/cli/cli.h"

#include "runtime/receipt.h"

#include <stdlib.h>
#include <string.h>

struct run_arguments {
    struct common common;      /* batch: images in the files */
    enum et_mode mode;         /* ET_ALL_MODES: none was asked for */
    int64_t seconds;           /* that the run may take; 0: any */
    const char *receipt, *key; /* files; NULL: none is asked for */
};
enum { KEY_TIMEOUT = 400, KEY_KEEP, KEY_RECEIPT, KEY_SIGN };

static const struct argp_option options[] = {
    {"mode", 'm', "eager|jit|aot|cuda", 0,
     "How to run: eager (one operation at a time, the reference), jit (compiled at once in this "
     "process; the default), aot (compiled by gcc), cuda (on an NVIDIA GPU). All give the same "
     "bits.",
     0},
    THREADS_OPTION(
        "Share the run among N threads (0: one for each core; default: 1), but not that of "
        "eager. The bits are the same."),
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "Stop a run that takes longer, and fail", 0},
    {"keep", KEY_KEEP, NULL, 0,
     "Keep what was compiled, weights as it reads them, and their digests, so that the next run "
     "with --keep begins at once: below $XDG_CACHE_HOME, else ~/.cache",
     0},
    {"receipt", KEY_RECEIPT, "FILE", 0,
     "Write a receipt of the run, JSON with the digests of the graph, the inputs and the outputs, "
     "which `eigentensor verify` repeats on any machine",
     0},
    {"sign", KEY_SIGN, "KEY.pem", 0,
     "Sign the receipt with an Ed25519 key, as `openssl genpkey -algorithm ed25519` makes one", 0},
    INDEX_OPTION,
    {"output", 'o', "[NAME=]FILE.npy", 0,
     "Write an output to a file instead of printing it; may be given for each output", 0},
    TUNED_OPTIONS,
    FAST_OPTION,
    MODEL_OPTIONS,
    {0}};

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct run_arguments *arguments = input;
    switch (key) {
    case 'm':
        arguments->mode = parse_mode(state, argument);
        return 0;
    case KEY_TIMEOUT:
        arguments->seconds = parse_number(state, argument, 1, 1000000000);
        return 0;
    case KEY_KEEP:
        arguments->common.model.kept = true;
        return 0;
    case KEY_RECEIPT:
        arguments->receipt = argument;
        return 0;
    case KEY_SIGN:
        arguments->key = argument;
        return 0;
    case ARGP_KEY_END:
        if (arguments->key && !arguments->receipt)
            argp_error(state, "--sign: expected --receipt along with it");
        return ARGP_ERR_UNKNOWN;
    case 'o':
        list_add(&arguments->common.outputs, argument, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command_line line = {
    .options = options,
    .compiles = true,
    .parse = parse,
    .arguments = "MODEL.json [[NAME=]FILE...]",
    .takes = TAKES_MODEL_AND_FILES,
    .about =
        "Runs a model and prints its outputs and their digest.\v"
        "There is one FILE for every input of the model, in order or by NAME: an .npy array, a "
        "PNG of one drawn digit (for an input of 28x28 float32, or 8-bit integers with a scale), "
        "or an entry of an IDX file, gzipped or not. A model with a batch axis, \"N\", takes "
        "arrays of any number of images.\n\n"
        "  eigentensor run mnist.json seven.png\n"
        "  eigentensor run mnist.json t10k-images-idx3-ubyte.gz -i 42 -o out.npy\n"
        "  eigentensor run mnist.json seven.png --receipt seven.receipt",
};

/* ET_JIT; where the system refuses that, what else there is, and a warning. */
static void choose_mode(struct run_arguments *arguments) {
    struct et_error error = {0};
    arguments->mode = ET_JIT;
    if (et_mode_allowed(ET_JIT, &error))
        return;
    bool aot = et_program_prepare(arguments->common.model.program, ET_AOT, NULL);
    arguments->mode = aot ? ET_AOT : ET_EAGER;
    fprintf(stderr, "eigentensor: warning: no jit: %s; runs by %s\n", error.message,
            et_mode_name(arguments->mode));
}

static bool check_outputs(const struct common *common, struct et_error *error) {
    for (int i = 0; i < common->outputs.count; i++)
        for (const char *file = common->outputs.items[i]; file; file = next_tensor_file(file))
            if (!command_check_output(common, file, error))
                return false;
    return true;
}

/* What is to be written is none of what is read, and the key is one: before a long run. */
static bool check_receipt(const struct run_arguments *arguments, struct signing_key *key,
                          struct et_error *error) {
    return (!arguments->receipt ||
            command_check_output(&arguments->common, arguments->receipt, error)) &&
           (!arguments->key || signing_key_read(arguments->key, key, error));
}

/* Before outputs are cut to what is true of them: digests are of all elements. */
static bool write_receipt(const struct run_arguments *arguments, const struct signing_key *key,
                          const struct tensors *inputs, const struct tensors *outputs,
                          struct et_error *error) {
    if (!arguments->receipt)
        return true;
    struct receipt *receipt = receipt_of_run(
        arguments->common.model.program, arguments->mode, arguments->common.batch,
        (const void *const *)inputs->elements, (const void *const *)outputs->elements, error);
    struct text json = {0};
    bool good = receipt && (!arguments->key || receipt_sign(receipt, key, error)) &&
                receipt_to_json(receipt, &json, error) &&
                write_file(arguments->receipt, text_read(&json, NULL), json.length, error);
    text_free(&json);
    receipt_free(receipt);
    return good;
}

static bool run(struct run_arguments *arguments, const struct tensors *inputs,
                const struct tensors *outputs, struct et_error *error) {
    struct et_program *program = arguments->common.model.program;
    if (!et_program_prepare(program, arguments->mode, error)) /* which takes none of its time */
        return false;
    struct et_workspace *workspace = et_workspace_new(program);
    if (!workspace)
        return et_fail(error, "out of memory");
    if (arguments->seconds)
        et_workspace_set_limit(workspace, now_nanoseconds() + arguments->seconds * 1000000000,
                               NULL);
    bool good = et_program_run_batch(program, arguments->mode, arguments->common.batch,
                                     (const void *const *)inputs->elements, outputs->elements,
                                     workspace, error);
    if (et_workspace_stopped(workspace) == ET_TOO_LATE)
        et_fail(error, "stopped after %lld s, as --timeout asks", (long long)arguments->seconds);
    et_workspace_free(workspace);
    return good;
}

static bool run_model(struct run_arguments *arguments, struct tensors *inputs,
                      struct tensors *outputs, struct et_error *error) {
    struct et_program *program = arguments->common.model.program;
    struct common *common = &arguments->common;
    if (!check_outputs(common, error) || !et_program_set_threads(program, common->threads, error))
        return false;
    if (arguments->mode == ET_ALL_MODES)
        choose_mode(arguments);
    return model_batch(program, common->files.items, common->files.count, &common->batch, error) &&
           model_inputs(program, common->batch, inputs, error) &&
           model_outputs(program, common->batch, outputs, error) &&
           tensors_read(inputs, common->files.items, common->files.count, common->index, error) &&
           run(arguments, inputs, outputs, error);
}

static bool show(const struct run_arguments *arguments, struct tensors *outputs,
                 struct et_error *error) {
    bool *written = et_allocate((size_t)outputs->count, sizeof *written);
    if (!written)
        return et_fail(error, "out of memory");
    struct et_digest digest =
        et_program_output_digest_batch(arguments->common.model.program, arguments->common.batch,
                                       (const void *const *)outputs->elements);
    tensors_cut(outputs);
    bool good = tensors_write(outputs, arguments->common.outputs.items,
                              arguments->common.outputs.count, written, error);
    for (int i = 0; good && i < outputs->count; i++)
        if (!written[i] && tensors_shows(outputs, i))
            tensor_print(stdout, &outputs->facts[i], outputs->elements[i]);
    et_release(written);
    if (good)
        printf("digest %s\n", digest.text);
    return good;
}

int run_command(int count, char **values) {
    struct run_arguments arguments = {.common.threads = 1, .mode = ET_ALL_MODES};
    command_parse(&line, count, values, &arguments.common);
    struct et_error error = {0};
    struct tensors inputs = {0}, outputs = {0};
    struct signing_key key = {0};
    arguments.common.model.on_gpu = arguments.mode == ET_CUDA;
    bool good = model_open_for(&arguments.common.model, &arguments.common.files, &error) &&
                check_receipt(&arguments, &key, &error) &&
                run_model(&arguments, &inputs, &outputs, &error) &&
                write_receipt(&arguments, &key, &inputs, &outputs, &error) &&
                show(&arguments, &outputs, &error);
    explicit_bzero(&key, sizeof key);
    tensors_free(&inputs);
    tensors_free(&outputs);
    return command_end(&arguments.common, good, &error);
}
