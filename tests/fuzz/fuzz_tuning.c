/* Tunings: read, written, read again; and what they choose for the graph of
 * tests/fuzz/models/product.json: taken or refused. */
#include "tests/fuzz/fuzz.h"

#include "compiler/compile.h"
#include "compiler/emit/backend.h"
#include "compiler/schedule/tuning.h"
#include "compiler/store/store.h"
#include "compiler/target/target.h"

static const struct graph *tuned_graph(void) {
    static struct graph *graph;
    struct et_error error = {0};
    struct weights *weights = NULL;
    if (!graph)
        graph = graph_load("tests/fuzz/models/product.json", &weights, &error);
    must(graph, "%s", error.message);
    return graph;
}

static void write_and_read(const struct tuning *tuning) {
    const char *folder = getenv("TMPDIR");
    struct et_error error = {0};
    struct text file = {0};
    text_add(&file, "%s/fuzz-tuning-%d", folder ? folder : "/tmp", getpid());
    must(tuning_save(tuning, file.bytes, &error), "%s", error.message);
    struct tuning *again = tuning_load(file.bytes, &error);
    must(again, "%s", error.message);
    unlink(file.bytes);
    must(again->count == tuning->count, "%d choices", again->count);
    for (int i = 0; i < again->count; i++)
        must(strcmp(again->choices[i].tile, tuning->choices[i].tile) == 0, "choices[%d]", i);
    tuning_free(again);
    text_free(&file);
}

static void follow(const struct tuning *tuning) {
    struct et_error error = {0};
    struct compile_options options = {.backend = &emit_calls,
                                      .tuning = tuning,
                                      .target = target_find(tuning->target),
                                      .verify = true};
    struct compiled *compiled = compile(tuned_graph(), &options, &error);
    must(compiled || error.message[0], "no message");
    compiled_free(compiled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct tuning *tuning = tuning_load(fuzz_file(data, size), &error);
    must(tuning || error.message[0], "no message");
    if (tuning) {
        write_and_read(tuning);
        follow(tuning);
        tuning_free(tuning);
    }
    return 0;
}
