#include "tests/support/differ.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compiler/store/store.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/scratch.h"
#include "runtime/eager.h"
#include "tests/support/random_found.h"
#include "tests/support/random_graph.h"
#include "tests/support/shrink.h"

/* Storing. */

/* The weights of a graph, each name once. */
static bool save_weights(const struct graph *graph, const char *path, int *count,
                         struct et_error *error) {
    struct weight *tensors = et_allocate((size_t)graph->node_count, sizeof *tensors);
    if (!tensors)
        return et_fail(error, "out of memory");
    *count = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = graph->nodes[i];
        bool known = node->op != OP_WEIGHT;
        for (int k = 0; !known && k < *count; k++)
            known = strcmp(tensors[k].name, node->name) == 0;
        if (known)
            continue;
        struct weight *tensor = &tensors[(*count)++];
        *tensor = (struct weight){.name = node->name, .dtype = node->dtype, .rank = node->rank};
        memcpy(tensor->shape, node->shape, sizeof tensor->shape);
        tensor->data = node->value;
        tensor->bytes = (size_t)node_bytes(node);
    }
    bool good = *count == 0 || weights_save(path, tensors, *count, NULL, error);
    et_release(tensors);
    return good;
}

/* Writes FOLDER/NAME.json and, where it has weights, FOLDER/NAME.safetensors. */
static bool save_graph(const struct graph *graph, const char *folder, const char *name,
                       struct et_error *error) {
    char path[512], weights_path[512], weights_name[128];
    int count = 0;
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    snprintf(weights_name, sizeof weights_name, "%s.safetensors", name);
    snprintf(weights_path, sizeof weights_path, "%s/%s", folder, weights_name);
    if (!save_weights(graph, weights_path, &count, error))
        return false;
    struct weights *weights = count ? weights_load(weights_path, error) : NULL;
    bool good = (count == 0 || weights) &&
                graph_store(graph, count ? weights_name : NULL, weights, path, error);
    weights_free(weights);
    return good;
}

static bool same_count(const struct output *a, const struct output *b) {
    return a->count == b->count && (!a->count || a->counted_axis == b->counted_axis);
}

/* The graph as it comes back from a file, run on the trial's inputs. */
static bool check_stored(const struct trial *trial, const char *folder, uint64_t seed,
                         struct et_error *error) {
    char path[512];
    snprintf(path, sizeof path, "%s/graph.json", folder);
    if (!save_graph(trial->graph, folder, "graph", error))
        return false;
    struct weights *weights = NULL;
    struct graph *loaded =
        graph_load_with(path, &(struct graph_load_options){.as_written = true}, &weights, error);
    struct trial again = {0};
    bool good = loaded && trial_begin(&again, loaded, seed, error);
    for (int i = 0; good && i < loaded->output_count; i++)
        good = memcmp(again.expected[i], trial->expected[i],
                      (size_t)node_bytes(loaded->outputs[i].node)) == 0 ||
               et_fail(error, "output %d differs after storing and loading", i);
    for (int i = 0; good && i < loaded->output_count; i++)
        good = same_count(&trial->graph->outputs[i], &loaded->outputs[i]) ||
               et_fail(error, "output %d is counted otherwise after storing and loading", i);
    if (again.graph)
        trial_end(&again);
    graph_free(loaded);
    weights_free(weights);
    return good;
}

static bool check_twice(const struct trial *trial, uint64_t seed, struct et_error *error) {
    struct trial again;
    if (!trial_begin(&again, trial->graph, seed, error))
        return false;
    bool good = true;
    for (int i = 0; good && i < trial->graph->output_count; i++)
        good = memcmp(again.expected[i], trial->expected[i],
                      (size_t)node_bytes(trial->graph->outputs[i].node)) == 0 ||
               et_fail(error, "output %d differs when the interpreter runs again", i);
    trial_end(&again);
    return good;
}

static bool begin(struct trial *trial, const struct graph *graph, const struct mode *mode,
                  uint64_t seed, struct et_error *error) {
    return mode && mode->batched ? trial_begin_batch(trial, graph, seed, error)
                                 : trial_begin(trial, graph, seed, error);
}

/* Failures. */

/* What is checked: `mode` NULL for the interpreter alone. */
struct question {
    uint64_t seed;
    const struct mode *mode;
    struct et_error error; /* the last answer, when it is no */
};

static bool holds(struct question *question, const struct graph *graph) {
    struct et_error *error = &question->error;
    struct trial trial;
    *error = (struct et_error){0};
    if (!verify_graph(graph, error) || !begin(&trial, graph, question->mode, question->seed, error))
        return false;
    bool good;
    if (question->mode) {
        good = trial_check(&trial, question->mode, error);
    } else {
        struct scratch scratch = {0};
        good = check_twice(&trial, question->seed, error) && scratch_make(&scratch, error) &&
               check_stored(&trial, scratch.path, question->seed, error);
        scratch_remove(&scratch);
    }
    trial_end(&trial);
    return good;
}

static bool fails(const struct graph *graph, void *context) {
    return !holds(context, graph);
}

static void report_failure(struct question *question, const struct graph *graph, const char *folder,
                           struct text *report) {
    enum { TRIES_QUICK = 3000, TRIES_SLOW = 300 };
    bool slow = question->mode && question->mode->cc;
    const char *mode = question->mode ? question->mode->name : "eager";
    text_add(report, "seed %" PRIu64 ", %s (%d nodes): %s\n", question->seed, mode,
             graph->node_count, question->error.message);
    struct graph *small = shrink(graph, fails, question, slow ? TRIES_SLOW : TRIES_QUICK, NULL);
    if (!small)
        return;
    holds(question, small); /* for its error */
    text_add(report, "smallest: %s\n", question->error.message);
    struct et_error error = {0};
    if (!graph_to_json(small, NULL, NULL, report, &error))
        text_add(report, "(as JSON: %s)\n", error.message);
    char name[64];
    snprintf(name, sizeof name, "%s-%" PRIu64, mode, question->seed);
    if (folder && !save_graph(small, folder, name, &error))
        text_add(report, "(saving it: %s)\n", error.message);
    graph_free(small);
}

struct graph *graph_of_seed(uint64_t seed, struct et_error *error) {
    return seed < FOUND_SEEDS ? random_graph(seed, error) : random_found_graph(seed, error);
}

static bool check(struct question *question, const char *folder, struct text *report) {
    struct graph *graph = graph_of_seed(question->seed, &question->error);
    if (!graph) {
        text_add(report, "the generator: %s\n", question->error.message);
        return false;
    }
    bool good = holds(question, graph);
    if (!good)
        report_failure(question, graph, folder, report);
    graph_free(graph);
    return good;
}

bool check_graph(uint64_t seed, const char *folder, struct text *report) {
    return check(&(struct question){.seed = seed}, folder, report);
}

bool check_seed(uint64_t seed, const struct mode *mode, const char *folder, struct text *report) {
    return check(&(struct question){.seed = seed, .mode = mode}, folder, report);
}

/* Batches: one file a graph, and one that hands out their entries, all in one library. */

struct batch {
    int count;
    struct graph *graphs[MOST_BATCH];
    struct trial trials[MOST_BATCH];
    struct compiled *compiled[MOST_BATCH];
    char paths[MOST_BATCH][512];
    struct scratch scratch;
};

/* Graph i as g<i>.c and g<i>.h. */
static bool batch_write(struct batch *batch, int i, struct et_error *error) {
    const struct compiled *compiled = batch->compiled[i];
    char header[512];
    snprintf(batch->paths[i], sizeof batch->paths[i], "%s/g%d.c", batch->scratch.path, i);
    snprintf(header, sizeof header, "%s/g%d.h", batch->scratch.path, i);
    return write_file(batch->paths[i], compiled->source, compiled->source_bytes, error) &&
           write_file(header, compiled->header, compiled->header_bytes, error);
}

static bool batch_add(struct batch *batch, const struct mode *mode, uint64_t seed,
                      struct et_error *error) {
    int i = batch->count++;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "g%d", i);
    if (!(batch->graphs[i] = graph_of_seed(seed, error)) ||
        !begin(&batch->trials[i], batch->graphs[i], mode, seed, error))
        return false;
    batch->compiled[i] = trial_compile(&batch->trials[i], mode, prefix, error);
    return batch->compiled[i] && batch_write(batch, i, error);
}

static void batch_end(struct batch *batch) {
    for (int i = 0; i < batch->count; i++) {
        compiled_free(batch->compiled[i]);
        if (batch->trials[i].graph)
            trial_end(&batch->trials[i]);
        graph_free(batch->graphs[i]);
    }
    scratch_remove(&batch->scratch);
    et_release(batch);
}

/* What the library hands out of each graph. */
struct entries {
    run_array *run;
    run_step_array *run_step; /* in modes with threads */
};

static void entries_text(const struct batch *batch, const struct mode *mode, struct text *text) {
    text_add(text, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
                   "typedef void run(void);\nstruct entries { run *run, *run_step; };\n");
    for (int i = 0; i < batch->count; i++)
        text_add(text, "extern run g%d_run_array, g%d_run_step_array;\n", i, i);
    text_add(text, "void batch_run_array(const void *const *inputs, void *const *outputs, "
                   "const void *weights, void *arena) {\n"
                   "    (void)inputs, (void)weights, (void)arena;\n"
                   "    struct entries *entries = (struct entries *)outputs;\n");
    for (int i = 0; i < batch->count; i++) {
        text_add(text, "    entries[%d].run = g%d_run_array;\n", i, i);
        if (mode->threads)
            text_add(text, "    entries[%d].run_step = g%d_run_step_array;\n", i, i);
    }
    text_add(text, "}\n#ifdef __cplusplus\n}\n#endif\n");
}

static bool batch_build(const struct batch *batch, const struct mode *mode,
                        struct executable *executable, struct et_error *error) {
    const char *flags[8 + MOST_BATCH + 1];
    int count = 0;
    while (mode->flags[count]) {
        flags[count] = mode->flags[count];
        count++;
    }
    for (int i = 0; i < batch->count; i++)
        flags[count++] = batch->paths[i];
    flags[count] = NULL;
    struct text text = {0};
    entries_text(batch, mode, &text);
    struct compiled entries = {.prefix = "batch", .source = text.bytes, .header = ""};
    entries.source_bytes = text.length;
    const struct build_options options = {.cc = mode->cc, .flags = flags};
    bool good = !text.failed &&
                backend_build(&backends[BACKEND_AOT], &entries, &options, executable, error);
    text_free(&text);
    return good;
}

/* Runs what was built; sets failed[i]. False when the batch cannot be built. */
static bool batch_run(const struct batch *batch, const struct mode *mode, bool *failed,
                      struct et_error *error) {
    struct executable executable;
    if (!batch_build(batch, mode, &executable, error))
        return false;
    struct entries entries[MOST_BATCH] = {0};
    executable.entry(NULL, (void **)entries, NULL, NULL);
    for (int i = 0; i < batch->count; i++) {
        const struct trial *trial = &batch->trials[i];
        failed[i] = !trial_run_mode(trial, mode, entries[i].run, entries[i].run_step,
                                    batch->compiled[i], error);
    }
    executable_free(&executable);
    return true;
}

/* Sets failed[i] for the seeds that need a closer look: all, when the batch cannot be built. */
static void try_batch(uint64_t first_seed, int count, const struct mode *mode, bool *failed,
                      struct et_error *error) {
    struct batch *batch = et_allocate(1, sizeof *batch);
    bool good = batch && scratch_make(&batch->scratch, error);
    for (int i = 0; good && i < count; i++)
        good = batch_add(batch, mode, first_seed + (uint64_t)i, error);
    if (mode_is_built(mode))
        good = good && batch_run(batch, mode, failed, error);
    for (int i = 0; !good && i < count; i++)
        failed[i] = true;
    if (batch)
        batch_end(batch);
}

bool check_batch(uint64_t first_seed, int count, const struct mode *mode, const char *folder,
                 struct text *report) {
    enum { MOST_REPORTS = 3 };
    bool failed[MOST_BATCH] = {false};
    int suspects = 0, reports = 0;
    struct et_error error = {0};
    try_batch(first_seed, count, mode, failed, &error);
    for (int i = 0; i < count && reports < MOST_REPORTS; i++) {
        if (!failed[i])
            continue;
        suspects++;
        reports += !check_seed(first_seed + (uint64_t)i, mode, folder, report);
    }
    if (suspects && !reports)
        text_add(report, "%s: %d seeds from %" PRIu64 " fail together only: %s\n", mode->name,
                 count, first_seed, error.message);
    return suspects == 0;
}
