#include "tests/support/collection.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/base/byte_order.h"
#include "compiler/base/random.h"
#include "compiler/import/model_file.h"
#include "runtime/backend/process.h"
#include "tests/support/narrow_graphs.h"
#include "tests/support/one_unit.h"
#include "tests/support/random_graph.h"
#include "tests/support/trial.h"

enum { PATH_ROOM = 512, STORED_SEED = 1 };

/* ---- Commands ---- */

/* Why the command did not end with 0, for a message; NULL: it did. */
static const char *failure_of(const char *const *arguments) {
    static char failure[1 << 14];
    struct et_error error = {0};
    struct text said = {0};
    int status = 0;
    const bool ran = process_run(arguments, &said, &status, &error);
    snprintf(failure, sizeof failure, "%s: %s, exit status %d\n%s", arguments[0], error.message,
             status, said.bytes ? said.bytes : "");
    text_free(&said);
    return ran && status == 0 ? NULL : failure;
}

void expect_success(const char *const *arguments) {
    const char *failure = failure_of(arguments);
    cr_assert_null(failure, "%s", failure);
}

void expect_same_bits(const char *const *arguments, const char *count, const char *filter) {
    const char *failure = failure_of(arguments);
    cr_assert_null(failure, "%sAgain, seed_N alone: EIGENTENSOR_SEED=N %s=1 make test F='%s'",
                   failure, count, filter);
}

static bool succeeds(const char *const *arguments) {
    struct text said = {0};
    int status = 1;
    bool good = process_run(arguments, &said, &status, NULL) && status == 0;
    text_free(&said);
    return good;
}

/* The command, then the files or options that follow it; both end with NULL. */
static void join(const char **arguments, const char *const *command, const char *const *more) {
    while (*command)
        *arguments++ = *command++;
    while (*more)
        *arguments++ = *more++;
    *arguments = NULL;
}

bool can_build_for(const char *folder, const char *const *compiler, const char *emulator) {
    const char *arguments[MOST_BUILD_WORDS];
    char source[PATH_ROOM], program[PATH_ROOM];
    snprintf(source, sizeof source, "%s/nothing.c", folder);
    snprintf(program, sizeof program, "%s/nothing", folder);
    FILE *file = fopen(source, "w");
    cr_assert(file && fputs("int main(void) { return 0; }\n", file) >= 0 && fclose(file) == 0);
    join(arguments, compiler, (const char *[]){source, "-o", program, NULL});
    return succeeds(arguments) &&
           succeeds((const char *[]){emulator ? emulator : program, program, NULL});
}

/* ---- Graphs as files ---- */

static FILE *open_file(const struct collection *collection, const char *name) {
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s/%s", collection->folder, name);
    FILE *file = fopen(path, "wb");
    cr_assert(file, "%s", path);
    return file;
}

static void write_text(const struct collection *collection, const char *name, const char *text) {
    FILE *file = open_file(collection, name);
    fputs(text, file);
    cr_assert_eq(fclose(file), 0, "%s", name);
}

/* In the order of bytes of the machines it is for. */
static void write_elements(const struct collection *collection, const struct node *node,
                           const void *elements, FILE *file) {
    size_t bytes = (size_t)node_bytes(node);
    char *turned = malloc(bytes + 1);
    cr_assert_not_null(turned);
    memcpy(turned, elements, bytes);
    const size_t each = dtype_facts[node->dtype].bytes;
    if (collection->big_endian)
        reverse_bytes(turned, bytes / each, each);
    fwrite(turned, 1, bytes, file);
    free(turned);
}

static void write_data(const struct collection *collection, const char *name,
                       const struct trial *trial, const struct compiled *compiled) {
    const struct graph *graph = trial->graph;
    FILE *file = open_file(collection, name);
    fwrite(compiled->weights, 1, compiled->weights_bytes, file);
    for (int i = 0; i < graph->input_count; i++)
        write_elements(collection, graph->inputs[i], trial->inputs[i], file);
    for (int i = 0; i < graph->output_count; i++)
        write_elements(collection, graph->outputs[i].node, trial->expected[i], file);
    cr_assert_eq(fclose(file), 0, "%s", name);
}

static void write_weights(const struct collection *collection, const char *name,
                          const struct compiled *compiled) {
    char path[64];
    snprintf(path, sizeof path, "%s.weights", name);
    FILE *file = open_file(collection, path);
    fwrite(compiled->weights, 1, compiled->weights_bytes, file);
    cr_assert_eq(fclose(file), 0, "%s", path);
}

static void add_source(struct collection *collection, const char *file) {
    char **path = &collection->sources[collection->source_count++];
    cr_assert_gt(asprintf(path, "%s/%s", collection->folder, file), 0);
}

/* Whatever of weights and arena the text has itself, all graphs are run in the same way. */
static void add_run(struct collection *collection, const char *name) {
    const bool weights = collection->weights_form == WEIGHTS_FILE;
    text_add(
        &collection->includes,
        "#include \"%s.h\"\nstatic void run_%s(const void *const *inputs, void *const *outputs,\n"
        "        const void *weights, void *arena) {\n    (void)weights, (void)arena;\n"
        "    %s_run_array(inputs, outputs%s%s);\n}\n",
        name, name, name, weights ? ", weights" : "", collection->static_arena ? "" : ", arena");
}

static void add_row(struct collection *collection, const char *name, const struct graph *graph,
                    const struct compiled *compiled) {
    struct text *table = &collection->table;
    text_add(table, "    {\"%s\", \"%s/%s.data\", run_%s, %zu, %zu, %zu, %d, %d, {", name,
             collection->folder, name, name, compiled->weights_bytes, compiled->arena_bytes,
             compiled->stack_bytes, graph->input_count, graph->output_count);
    for (int i = 0; i < graph->input_count; i++)
        text_add(table, "%" PRId64 ", ", node_bytes(graph->inputs[i]));
    for (int i = 0; i < graph->output_count; i++)
        text_add(table, "%" PRId64 ", ", node_bytes(graph->outputs[i].node));
    text_add(table, "}},\n");
}

/* Takes the graph. `unit`: what gets its text; NULL: it is compiled by itself. */
static void collect(struct collection *collection, const char *name, struct graph *graph,
                    uint64_t seed, struct text *unit) {
    static const struct mode mode = {.name = "emitted", .cc = "gcc"};
    struct et_error error = {0};
    struct trial trial;
    char file[64];
    cr_assert(trial_begin(&trial, graph, seed, &error), "%s: %s", name, error.message);
    trial.stop_every = 0; /* the text runs alone: nothing can end it early */
    trial.portable = true;
    trial.weights_form = collection->weights_form;
    trial.static_arena = collection->static_arena;
    trial.big_endian = collection->big_endian;
    if (collection->target)
        trial.target = collection->target;
    struct compiled *compiled = trial_compile(&trial, &mode, name, &error);
    cr_assert(compiled, "%s: %s", name, error.message);
    snprintf(file, sizeof file, "%s.c", name);
    write_text(collection, file, compiled->source);
    if (unit)
        one_unit_add(unit, name, compiled->source);
    else
        add_source(collection, file);
    collection->count++;
    if (compiled->assembly) {
        snprintf(file, sizeof file, "%s.S", name);
        write_text(collection, file, compiled->assembly);
        add_source(collection, file);
        write_weights(collection, name, compiled);
    }
    snprintf(file, sizeof file, "%s.h", name);
    write_text(collection, file, compiled->header);
    snprintf(file, sizeof file, "%s.data", name);
    write_data(collection, file, &trial, compiled);
    add_run(collection, name);
    add_row(collection, name, graph, compiled);
    compiled_free(compiled);
    trial_end(&trial);
    graph_free(graph);
}

void collect_stored(struct collection *collection) {
    static const struct et_axis batch = {"batch", 3};
    static const struct {
        const char *name, *file;
        int axis_count;
    } models[STORED_COUNT] = {{"stored", "models/mnist/mnist.json", 0},
                              {"stored_int8", "models/mnist/mnist-int8.json", 0},
                              {"lstm", "tests/import/torch/lstm.onnx", 1}};
    struct et_error error = {0};
    for (int i = 0; i < STORED_COUNT; i++) {
        const struct import_options options = {.axis_count = models[i].axis_count, .axes = &batch};
        struct graph *graph =
            model_load(models[i].file, NULL, &options, &collection->weights[i], &error);
        cr_assert(graph, "%s", error.message);
        collect(collection, models[i].name, graph, STORED_SEED, NULL);
    }
}

/* Integers of any bits as all weights. */
static void fill_weights(struct collection *collection, struct graph *graph) {
    uint64_t state = STORED_SEED;
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = graph->nodes[i];
        if (node->op != OP_WEIGHT)
            continue;
        const size_t count = (size_t)node_bytes(node);
        uint8_t *bytes = arena_array(&collection->arena, uint8_t, count);
        cr_assert(bytes && dtype_is_integer(node->dtype));
        for (size_t k = 0; k < count; k++)
            bytes[k] = (uint8_t)next_random(&state);
        node->value = bytes;
        node->value_count = node_elements(node);
    }
}

void collect_narrow(struct collection *collection) {
    static const struct {
        const char *name;
        struct graph *(*make)(struct tensor_context *context, struct et_error *error);
    } makers[] = {{"byte_products", byte_products},
                  {"byte_convolutions", byte_convolutions},
                  {"byte_pools", byte_pools}};
    struct et_error error = {0};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        struct graph *graph = makers[i].make(tensor_context_new(makers[i].name), &error);
        cr_assert(graph, "%s: %s", makers[i].name, error.message);
        fill_weights(collection, graph);
        collect(collection, makers[i].name, graph, STORED_SEED, NULL);
    }
}

/* Most take little room, since their time is the compiler's; every fourth is built as all else. */
static const char *const unit_level[UNITS] = {NULL, "-Os"};

static struct text *unit_of(struct collection *collection, uint64_t seed) {
    return collection->in_units ? &collection->units[seed % 4 != 0] : NULL;
}

void collect_random(struct collection *collection, uint64_t seed) {
    struct et_error error = {0};
    char name[32];
    struct graph *graph = random_graph(seed, &error);
    cr_assert(graph, "seed %" PRIu64 ": %s", seed, error.message);
    snprintf(name, sizeof name, "seed_%" PRIu64, seed);
    collect(collection, name, graph, seed, unit_of(collection, seed));
}

void collect_randoms(struct collection *collection, uint64_t first, const char *count,
                     uint64_t usual) {
    const uint64_t seed = number_from_environment("EIGENTENSOR_SEED", first);
    const uint64_t wanted = number_from_environment(count, usual);
    for (uint64_t i = 0; i < wanted && collection->count < MOST_COLLECTED; i++)
        collect_random(collection, seed + i);
}

/* ---- The program ---- */

static void write_table(const struct collection *collection) {
    struct text header = {0};
    text_add(&header, "%s\nstatic const struct graph graphs[] = {\n%s};\n",
             collection->includes.bytes, collection->table.bytes);
    write_text(collection, "graphs.h", header.bytes);
    text_free(&header);
}

/* Runs the compiler. Messages are added to `said`. */
static int compile_files(const char *const *command, const char *const *files, struct text *said) {
    const char *arguments[2 * MOST_COLLECTED + 8 + MOST_BUILD_WORDS];
    struct et_error error = {0};
    int status = 0;
    join(arguments, command, files);
    cr_assert(process_run(arguments, said, &status, &error), "%s", error.message);
    return status;
}

/* unit_PLACE.o; gives the exit status. */
static int build_unit(const struct collection *collection, int place, const char *const *command,
                      char *object, struct text *said) {
    char name[64], source[PATH_ROOM];
    snprintf(name, sizeof name, "unit_%d.c", place);
    write_text(collection, name, collection->units[place].bytes);
    snprintf(source, sizeof source, "%s/%s", collection->folder, name);
    snprintf(object, PATH_ROOM, "%s/unit_%d.o", collection->folder, place);
    const char *const files[] = {"-DONE_VERSION", "-I.", "-I",   collection->folder, "-c",
                                 source,          "-o",  object, unit_level[place],  NULL};
    return compile_files(command, files, said);
}

int collection_build(const struct collection *collection, const char *const *command,
                     const char *program, struct text *said) {
    const char *files[2 * MOST_COLLECTED + 8];
    char objects[UNITS][PATH_ROOM];
    int count = 0, status = 0;
    write_table(collection);
    files[count++] = collection->main ? collection->main : "tests/emit/collection/main.c";
    if (collection->start)
        files[count++] = collection->start;
    for (int i = 0; i < collection->source_count; i++)
        files[count++] = collection->sources[i];
    for (int i = 0; i < UNITS && status == 0; i++) {
        if (!collection->units[i].length)
            continue;
        status = build_unit(collection, i, command, objects[i], said);
        files[count++] = objects[i];
    }
    if (status)
        return status;
    const char *const last[] = {
        "-I.", "-I", collection->folder, "-o", program, collection->main ? NULL : "-lm", NULL};
    for (size_t i = 0; i < sizeof last / sizeof *last; i++)
        files[count++] = last[i];
    return compile_files(command, files, said);
}

void collection_end(struct collection *collection) {
    for (int i = 0; i < collection->source_count; i++)
        free(collection->sources[i]);
    text_free(&collection->includes);
    text_free(&collection->table);
    for (int i = 0; i < UNITS; i++)
        text_free(&collection->units[i]);
    for (int i = 0; i < STORED_COUNT; i++)
        weights_free(collection->weights[i]);
    arena_free(&collection->arena);
}

void report_machine(const char *machine, int graphs) {
    printf("# %s: the same bits in %d small graphs and %d models\n", machine, graphs - STORED_COUNT,
           STORED_COUNT);
    fflush(stdout);
}
