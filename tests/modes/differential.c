/* The program `differential`: random graphs through every way of running them, for as long as one
 * likes; those of seeds from 2^63 on are models of what a run finds (random_found.h). Exit status
 * 0: the same bits everywhere. */
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/base/file.h"
#include "compiler/emit/backend.h"
#include "compiler/store/digest.h"
#include "tests/support/differ.h"
#include "tests/support/random_found.h"
#include "tests/support/random_graph.h"

struct arguments {
    uint64_t seed;
    uint64_t count;
    char *modes;
    const char *folder, *texts, *models;
    bool digest;
};

static const struct argp_option options[] = {
    {"seed", 's', "S", 0, "the first seed (1)", 0},
    {"count", 'n', "N", 0, "how many seeds (1000)", 0},
    {"modes", 'm', "LIST", 0,
     "of eager, jit, jit-threads, jit-tuned, gcc-O0, gcc-O3, gcc-threads, gcc-tuned, gcc-avx2, "
     "gcc-x86-64, clang-O3, cuda-gcc, cuda-clang, and on batches jit-batch, gcc-O0-batch, "
     "gcc-O3-batch, cuda-batch; with commas (eager,jit)",
     0},
    {"save", 'o', "DIR", 0, "also write each smallest graph into this folder", 0},
    {"texts", 't', "DIR", 0,
     "run nothing, but write the CUDA text of each graph into this folder, as gSEED.cu", 0},
    {"models", 'w', "DIR", 0, "only write the models of seeds from 2^63 on into this folder", 0},
    {"digest", 'd', 0, 0,
     "also print one digest of what the interpreter gives: the same on every machine", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
    struct arguments *arguments = state->input;
    switch (key) {
    case 's':
        arguments->seed = strtoull(value, NULL, 10);
        return 0;
    case 'n':
        arguments->count = strtoull(value, NULL, 10);
        return 0;
    case 'm':
        arguments->modes = value;
        return 0;
    case 'o':
        arguments->folder = value;
        return 0;
    case 't':
        arguments->texts = value;
        return 0;
    case 'w':
        arguments->models = value;
        return 0;
    case 'd':
        arguments->digest = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

enum { BATCH = 50 };

/* Prints what fails; returns how many reports there were. */
static uint64_t run_mode(const struct arguments *arguments, const struct mode *mode) {
    uint64_t failures = 0, step = mode && mode->cc ? BATCH : 1;
    const char *name = mode ? mode->name : "eager";
    for (uint64_t done = 0; done < arguments->count; done += step) {
        struct text report = {0};
        uint64_t seed = arguments->seed + done, left = arguments->count - done;
        bool good = !mode       ? check_graph(seed, arguments->folder, &report)
                    : !mode->cc ? check_seed(seed, mode, arguments->folder, &report)
                                : check_batch(seed, left < step ? (int)left : (int)step, mode,
                                              arguments->folder, &report);
        if (!good) {
            failures++;
            printf("%s\n", report.bytes ? report.bytes : "out of memory");
            fflush(stdout);
        }
        text_free(&report);
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r%s: %" PRIu64 " seeds to go, %" PRIu64 " failures\033[K%s", name,
                    left > step ? left - step : 0, failures, left > step ? "" : "\r\033[K");
    }
    printf("%s: %" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " failures\n", name, arguments->count,
           arguments->seed, failures);
    return failures;
}

static bool add_outputs(struct digest_stream *stream, uint64_t seed, struct et_error *error) {
    struct graph *graph = graph_of_seed(seed, error);
    struct trial trial;
    bool good = graph && trial_begin(&trial, graph, seed, error);
    for (int i = 0; good && i < graph->output_count; i++)
        digest_add(stream, trial.expected[i], (size_t)node_bytes(graph->outputs[i].node));
    if (good)
        trial_end(&trial);
    graph_free(graph);
    return good;
}

/* Of all outputs of all graphs. Returns how many failures there were. */
static uint64_t print_digest(const struct arguments *arguments) {
    struct digest_stream stream;
    uint64_t failures = 0;
    digest_begin(&stream);
    for (uint64_t i = 0; i < arguments->count; i++) {
        struct et_error error = {0};
        if (add_outputs(&stream, arguments->seed + i, &error))
            continue;
        failures++;
        printf("seed %" PRIu64 ": %s\n", arguments->seed + i, error.message);
    }
    const struct digest digest = digest_end(&stream);
    printf("digest: %s\n", digest_hex(&digest).text);
    return failures;
}

static bool write_text(const struct graph *graph, uint64_t seed, const char *folder,
                       struct et_error *error) {
    char path[512], prefix[32];
    snprintf(prefix, sizeof prefix, "g%" PRIu64, seed);
    snprintf(path, sizeof path, "%s/%s.cu", folder, prefix);
    const struct compile_options options = {.backend = &emit_cuda, .prefix = prefix};
    struct compiled *compiled = compile(graph, &options, error);
    bool good = compiled && write_file(path, compiled->source, compiled->source_bytes, error);
    compiled_free(compiled);
    return good;
}

static uint64_t write_texts(const struct arguments *arguments) {
    uint64_t failures = 0;
    for (uint64_t i = 0; i < arguments->count; i++) {
        struct et_error error = {0};
        const uint64_t seed = arguments->seed + i;
        struct graph *graph = random_graph(seed, &error);
        if (!graph || !write_text(graph, seed, arguments->texts, &error)) {
            failures++;
            printf("seed %" PRIu64 ": %s\n", seed, error.message);
        }
        graph_free(graph);
    }
    return failures;
}

/* DIR/SEED.onnx of each; returns the exit status. */
static int write_models(const struct arguments *arguments) {
    bool good = true;
    for (uint64_t i = 0; good && i < arguments->count; i++) {
        struct onnx_model model;
        struct et_error error = {0};
        char path[512];
        size_t bytes;
        random_found_model(arguments->seed + i, &model);
        const void *packed = onnx_pack(&model, &bytes);
        snprintf(path, sizeof path, "%s/%" PRIu64 ".onnx", arguments->models, arguments->seed + i);
        good = write_file(path, packed, bytes, &error);
        if (!good)
            fprintf(stderr, "differential: %s\n", error.message);
        arena_free(&model.arena);
    }
    return good ? 0 : 2;
}

int main(int count, char **words) {
    char usual[] = "eager,jit";
    struct arguments arguments = {.seed = 1, .count = 1000, .modes = usual};
    static const struct argp argp = {
        options, parse, NULL, "Runs random graphs in several ways and compares bits.", 0, 0, 0};
    argp_parse(&argp, count, words, 0, NULL, &arguments);
    if (arguments.texts)
        return write_texts(&arguments) > 0;
    if (arguments.models)
        return write_models(&arguments);
    uint64_t failures = arguments.digest ? print_digest(&arguments) : 0;
    for (char *name = strtok(arguments.modes, ","); name; name = strtok(NULL, ",")) {
        const struct mode *mode = mode_find(name);
        if (!mode && strcmp(name, "eager") != 0) {
            fprintf(stderr, "differential: no mode \"%s\"\n", name);
            return 2;
        }
        failures += run_mode(&arguments, mode);
    }
    return failures > 0;
}
