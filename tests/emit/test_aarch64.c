/* Emitted C on AArch64: built by a cross compiler and run by an emulator, it must give the bits
 * that the interpreter gives here. EIGENTENSOR_SEED and EIGENTENSOR_AARCH64_COUNT change the seeds
 * and the number of random graphs. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "compiler/store/store.h"
#include "runtime/backend/process.h"
#include "runtime/backend/scratch.h"
#include "tests/support/random_graph.h"
#include "tests/support/trial.h"

#define COMPILER "aarch64-linux-gnu-gcc"
#define EMULATOR "qemu-aarch64"

enum { USUAL_COUNT = 60, USUAL_SEED = 1, PATH_ROOM = 512, MOST_GRAPHS = 1000 };

static bool succeeds(const char *const *arguments) {
    struct text said = {0};
    int status = 1;
    bool good = process_run(arguments, &said, &status, NULL) && status == 0;
    text_free(&said);
    return good;
}

/* Whether a program that does nothing can be built and run: without a C library it cannot. */
static bool can_cross_compile(const char *folder) {
    char source[PATH_ROOM], program[PATH_ROOM];
    snprintf(source, sizeof source, "%s/nothing.c", folder);
    snprintf(program, sizeof program, "%s/nothing", folder);
    FILE *file = fopen(source, "w");
    cr_assert(file && fputs("int main(void) { return 0; }\n", file) >= 0 && fclose(file) == 0);
    return succeeds((const char *[]){COMPILER, "-static", source, "-o", program, NULL}) &&
           succeeds((const char *[]){EMULATOR, program, NULL});
}

static void expect_success(const char *const *arguments) {
    struct et_error error = {0};
    struct text said = {0};
    int status;
    cr_assert(process_run(arguments, &said, &status, &error), "%s", error.message);
    cr_assert_eq(status, 0, "%s: exit status %d\n%s", arguments[0], status,
                 said.bytes ? said.bytes : "");
    text_free(&said);
}

/* ---- Graphs as files ---- */

/* Graphs as code and data in a folder, and what graphs.h has to say of them. */
struct collection {
    const char *folder;
    int count;
    char *sources[MOST_GRAPHS]; /* paths */
    struct text includes, table;
};

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

static void write_data(const struct collection *collection, const char *name,
                       const struct trial *trial, const struct compiled *compiled) {
    const struct graph *graph = trial->graph;
    FILE *file = open_file(collection, name);
    fwrite(compiled->weights, 1, compiled->weights_bytes, file);
    for (int i = 0; i < graph->input_count; i++)
        fwrite(trial->inputs[i], 1, (size_t)node_bytes(graph->inputs[i]), file);
    for (int i = 0; i < graph->output_count; i++)
        fwrite(trial->expected[i], 1, (size_t)node_bytes(graph->outputs[i].node), file);
    cr_assert_eq(fclose(file), 0, "%s", name);
}

static void add_row(struct collection *collection, const char *name, const struct graph *graph,
                    const struct compiled *compiled) {
    struct text *table = &collection->table;
    text_add(table, "    {\"%s\", \"%s/%s.data\", %s_run_array, %zu, %zu, %d, %d, {", name,
             collection->folder, name, name, compiled->weights_bytes, compiled->arena_bytes,
             graph->input_count, graph->output_count);
    for (int i = 0; i < graph->input_count; i++)
        text_add(table, "%" PRId64 ", ", node_bytes(graph->inputs[i]));
    for (int i = 0; i < graph->output_count; i++)
        text_add(table, "%" PRId64 ", ", node_bytes(graph->outputs[i].node));
    text_add(table, "}},\n");
}

/* Takes the graph. */
static void collect(struct collection *collection, const char *name, struct graph *graph,
                    uint64_t seed) {
    static const struct mode mode = {.name = "gcc-aarch64", .cc = COMPILER};
    struct et_error error = {0};
    struct trial trial;
    char file[64];
    cr_assert(trial_begin(&trial, graph, seed, &error), "%s: %s", name, error.message);
    trial.target = target_find("neon");
    struct compiled *compiled = trial_compile(&trial, &mode, name, &error);
    cr_assert(compiled, "%s: %s", name, error.message);
    snprintf(file, sizeof file, "%s.c", name);
    write_text(collection, file, compiled->source);
    cr_assert_gt(
        asprintf(&collection->sources[collection->count++], "%s/%s", collection->folder, file), 0);
    snprintf(file, sizeof file, "%s.h", name);
    write_text(collection, file, compiled->header);
    snprintf(file, sizeof file, "%s.data", name);
    write_data(collection, file, &trial, compiled);
    text_add(&collection->includes, "#include \"%s.h\"\n", name);
    add_row(collection, name, graph, compiled);
    compiled_free(compiled);
    trial_end(&trial);
    graph_free(graph);
}

/* The stored network, which tiles of every size take part in. */
static void collect_stored(struct collection *collection, struct weights **weights) {
    struct et_error error = {0};
    struct graph *graph = graph_load("models/mnist/mnist.json", weights, &error);
    cr_assert(graph, "%s", error.message);
    collect(collection, "stored", graph, USUAL_SEED);
}

static void collect_random(struct collection *collection, uint64_t seed) {
    struct et_error error = {0};
    char name[32];
    struct graph *graph = random_graph(seed, &error);
    cr_assert(graph, "seed %" PRIu64 ": %s", seed, error.message);
    snprintf(name, sizeof name, "seed_%" PRIu64, seed);
    collect(collection, name, graph, seed);
}

static void write_table(const struct collection *collection) {
    struct text header = {0};
    text_add(&header, "%s\nstatic const struct graph graphs[] = {\n%s};\n",
             collection->includes.bytes, collection->table.bytes);
    write_text(collection, "graphs.h", header.bytes);
    text_free(&header);
}

/* ---- All together ---- */

static void build(const struct collection *collection, const char *path) {
    static const char *const flags[] = {COMPILER,
                                        "-std=gnu11",
                                        "-O2",
                                        "-static",
                                        "-ffp-contract=off",
                                        "-fno-math-errno",
                                        "-fno-trapping-math",
                                        "tests/emit/aarch64/main.c"};
    enum { FLAGS = sizeof flags / sizeof *flags };
    const char *arguments[FLAGS + MOST_GRAPHS + 6];
    int count = 0;
    for (int i = 0; i < FLAGS; i++)
        arguments[count++] = flags[i];
    for (int i = 0; i < collection->count; i++)
        arguments[count++] = collection->sources[i];
    const char *const last[] = {"-I", collection->folder, "-o", path, "-lm", NULL};
    for (size_t i = 0; i < sizeof last / sizeof *last; i++)
        arguments[count++] = last[i];
    expect_success(arguments);
}

Test(aarch64, the_same_bits, .timeout = 900) {
    struct et_error error = {0};
    struct scratch scratch;
    cr_assert(scratch_make(&scratch, &error), "%s", error.message);
    if (!can_cross_compile(scratch.path)) {
        scratch_remove(&scratch);
        cr_skip(COMPILER " builds nothing that " EMULATOR " runs");
    }
    struct collection collection = {.folder = scratch.path};
    struct weights *weights = NULL;
    collect_stored(&collection, &weights);
    uint64_t seed = number_from_environment("EIGENTENSOR_SEED", USUAL_SEED);
    uint64_t count = number_from_environment("EIGENTENSOR_AARCH64_COUNT", USUAL_COUNT);
    for (uint64_t i = 0; i < count && collection.count < MOST_GRAPHS; i++)
        collect_random(&collection, seed + i);
    write_table(&collection);
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s/all", scratch.path);
    build(&collection, path);
    expect_success((const char *[]){EMULATOR, path, NULL});
    for (int i = 0; i < collection.count; i++)
        free(collection.sources[i]);
    text_free(&collection.includes);
    text_free(&collection.table);
    weights_free(weights);
    scratch_remove(&scratch);
}
