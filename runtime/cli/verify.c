/* eigentensor verify: a run repeated, and compared with somebody's receipt of it. */
#include "runtime/cli/cli.h"

#include "compiler/base/random.h"
#include "runtime/receipt.h"

#include <stdlib.h>
#include <string.h>

struct verify_arguments {
    struct common common; /* outputs: what is claimed, "[NAME=]FILE" */
    const char *receipt_path, *key_path;
    enum et_mode mode; /* ET_ALL_MODES: none was asked for */
    int64_t images;    /* that are repeated; 0: all */
    int64_t seed;
};
enum { KEY_IMAGES = 400, KEY_SEED, KEY_PUBLIC };
#define MOST_RECEIPT ((size_t)1 << 30)

static const struct argp_option options[] = {
    {"mode", 'm', "eager|jit|aot|cuda", 0, "How to repeat the run (default: jit)", 0},
    {"images", KEY_IMAGES, "N", 0,
     "Repeat only N images of the batch, each chosen at random, one after another", 0},
    {"seed", KEY_SEED, "S", 0, "Choose them by S (default: differently each time)", 0},
    {"key", KEY_PUBLIC, "KEY.pem", 0,
     "Expect that the receipt is signed with this public key, as `openssl pkey -pubout` writes it",
     0},
    {"result", 'r', "[NAME=]FILE.npy", 0,
     "An output as it was handed over, of which the first element that differs is shown; to be "
     "given for each output",
     0},
    THREADS_OPTION("Share the run among N threads (0: one for each core; default: 1)"),
    COMPILER_OPTIONS,
    INDEX_OPTION,
    MODEL_OPTIONS,
    {0}};

static error_t parse(void *input, int key, char *argument, struct argp_state *state) {
    struct verify_arguments *arguments = input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (arguments->receipt_path)
            return ARGP_ERR_UNKNOWN;
        arguments->receipt_path = argument;
        return 0;
    case 'm':
        arguments->mode = parse_mode(state, argument);
        return 0;
    case KEY_IMAGES:
        arguments->images = parse_number(state, argument, 1, INT64_MAX);
        return 0;
    case KEY_SEED:
        arguments->seed = parse_number(state, argument, 0, INT64_MAX);
        return 0;
    case KEY_PUBLIC:
        arguments->key_path = argument;
        return 0;
    case 'r':
        list_add(&arguments->common.outputs, argument, state);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "expected a receipt, and its model");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command_line line = {
    .options = options,
    .compiles = true,
    .parse = parse,
    .arguments = "RECEIPT MODEL.json [[NAME=]FILE...]",
    .takes = TAKES_MODEL_AND_FILES,
    .about = "Repeats a run by its receipt, which `eigentensor run --receipt` wrote, perhaps on "
             "another machine and in another mode, and says \"same\", or what differs first.\v"
             "FILEs are those of the run. Exit status: 0 the same, 1 not.\n\n"
             "  eigentensor run mnist.json seven.png --receipt seven.receipt --sign mine.pem\n"
             "  eigentensor verify seven.receipt mnist.json seven.png --key yours.pem",
};

static struct receipt *read_receipt(const struct verify_arguments *arguments,
                                    struct et_error *error) {
    char *bytes;
    size_t count;
    if (!read_file(arguments->receipt_path, MOST_RECEIPT, &bytes, &count, error))
        return NULL;
    struct receipt *receipt = receipt_from_json(bytes, count, error);
    et_release(bytes);
    if (!receipt)
        et_fail_within(error, "%s", arguments->receipt_path);
    return receipt;
}

static bool check_key(const struct verify_arguments *arguments, const struct receipt *receipt,
                      struct et_error *error) {
    struct public_key key;
    if (!arguments->key_path && !receipt_is_signed(receipt))
        return true;
    if (arguments->key_path && !public_key_read(arguments->key_path, &key, error))
        return false;
    return receipt_check_signature(receipt, arguments->key_path ? &key : NULL, error) ||
           et_fail_within(error, "%s", arguments->receipt_path);
}

/* ---- What was handed over ---- */

/* The first element of an output that is not what was handed over as it. */
static bool check_handed(const struct et_tensor *ours, const void *found, const void *handed,
                         struct et_error *error) {
    size_t each = tensor_element_bytes(ours->dtype);
    for (int64_t i = 0, count = tensor_elements(ours); i < count; i++) {
        const char *here = (const char *)found + (size_t)i * each;
        const char *there = (const char *)handed + (size_t)i * each;
        if (memcmp(here, there, each) == 0)
            continue;
        char expected[64];
        snprintf(expected, sizeof expected, "%s", tensor_element_text(ours->dtype, here));
        return et_fail(error, "output \"%s\" differs from element %lld on: %s, handed over as %s",
                       quoted(ours->name).text, (long long)i, expected,
                       tensor_element_text(ours->dtype, there));
    }
    return true;
}

/* Reads the outputs that were handed over, and compares those. */
static bool check_results(const struct verify_arguments *arguments, const struct tensors *outputs,
                          struct et_error *error) {
    const struct common *common = &arguments->common;
    if (!common->outputs.count)
        return true;
    struct tensors handed = {0};
    bool good = model_outputs(common->model.program, common->batch, &handed, error) &&
                tensors_read(&handed, common->outputs.items, common->outputs.count, 0, error);
    for (int i = 0; good && i < outputs->count; i++)
        good = check_handed(&outputs->facts[i], outputs->elements[i], handed.elements[i], error);
    tensors_free(&handed);
    return good;
}

/* ---- Repeating ---- */

static bool repeat_all(const struct verify_arguments *arguments, const struct receipt *receipt,
                       const struct tensors *inputs, const struct tensors *outputs,
                       struct et_error *error) {
    struct et_program *program = arguments->common.model.program;
    return et_program_run_batch(program, arguments->mode, arguments->common.batch,
                                (const void *const *)inputs->elements, outputs->elements, NULL,
                                error) &&
           check_results(arguments, outputs, error) &&
           receipt_check_outputs(receipt, program, (const void *const *)outputs->elements, error);
}

/* One image of the batch, by itself. `of_image` has room for all inputs. */
static bool repeat_image(const struct verify_arguments *arguments, const struct receipt *receipt,
                         int64_t index, const struct tensors *inputs, const void **of_image,
                         const struct tensors *outputs, struct et_error *error) {
    struct et_program *program = arguments->common.model.program;
    for (int i = 0; i < inputs->count; i++) {
        struct et_tensor facts = et_program_input(program, i);
        of_image[i] = tensor_image(&facts, inputs->elements[i], index);
    }
    return et_program_run(program, arguments->mode, of_image, outputs->elements, NULL, error) &&
           receipt_check_image(receipt, program, index, (const void *const *)outputs->elements,
                               error);
}

static bool repeat_some(const struct verify_arguments *arguments, const struct receipt *receipt,
                        const struct tensors *inputs, const struct tensors *outputs,
                        struct et_error *error) {
    uint64_t state = (uint64_t)(arguments->seed ? arguments->seed : now_nanoseconds());
    const void **of_image = et_allocate((size_t)inputs->count + 1, sizeof *of_image);
    bool good = of_image || et_fail(error, "out of memory");
    for (int64_t i = 0; good && i < arguments->images; i++) {
        int64_t index = (int64_t)(next_random(&state) % (uint64_t)receipt_batch(receipt));
        good = repeat_image(arguments, receipt, index, inputs, of_image, outputs, error);
    }
    et_release(of_image);
    return good;
}

static bool verify(struct verify_arguments *arguments, const struct receipt *receipt,
                   struct tensors *inputs, struct tensors *outputs, struct et_error *error) {
    struct common *common = &arguments->common;
    struct et_program *program = common->model.program;
    if (!receipt_check_graph(receipt, program, error) ||
        !model_batch(program, common->files.items, common->files.count, &common->batch, error))
        return false;
    if (common->batch != receipt_batch(receipt))
        return et_fail(error, "the receipt is of %lld images, the files hold %lld",
                       (long long)receipt_batch(receipt), (long long)common->batch);
    if (arguments->images && !et_program_is_batched(program))
        return et_fail(error, "--images: the model has no batch axis");
    int64_t at_once = arguments->images ? 1 : common->batch;
    return model_inputs(program, common->batch, inputs, error) &&
           model_outputs(program, at_once, outputs, error) &&
           tensors_read(inputs, common->files.items, common->files.count, common->index, error) &&
           receipt_check_inputs(receipt, program, (const void *const *)inputs->elements, error) &&
           et_program_set_compiler(program, common->cc, (const char *const *)common->flags.items,
                                   error) &&
           et_program_set_threads(program, common->threads, error) &&
           (arguments->images ? repeat_some : repeat_all)(arguments, receipt, inputs, outputs,
                                                          error);
}

static void say_same(const struct verify_arguments *arguments, const struct receipt *receipt) {
    printf("same: %s, %s", receipt_result(receipt), et_mode_name(arguments->mode));
    if (arguments->images)
        printf(", %lld of %lld images", (long long)arguments->images,
               (long long)receipt_batch(receipt));
    printf("; the receipt: %s%s\n", receipt_where(receipt).text,
           receipt_is_signed(receipt) ? ", signed" : "");
}

int verify_command(int count, char **values) {
    struct verify_arguments arguments = {.common.threads = 1, .mode = ET_JIT};
    command_parse(&line, count, values, &arguments.common);
    struct et_error error = {0};
    struct tensors inputs = {0}, outputs = {0};
    struct receipt *receipt = read_receipt(&arguments, &error);
    bool good = receipt && check_key(&arguments, receipt, &error) &&
                model_open_for(&arguments.common.model, &arguments.common.files, &error) &&
                verify(&arguments, receipt, &inputs, &outputs, &error);
    if (good)
        say_same(&arguments, receipt);
    receipt_free(receipt);
    tensors_free(&inputs);
    tensors_free(&outputs);
    return command_end(&arguments.common, good, &error);
}
