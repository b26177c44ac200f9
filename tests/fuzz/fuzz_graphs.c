/* Valid graphs, compiled and run beside the interpreter: the first bytes say how and on which
 * elements, each of the others is a choice of the generator. */
#include "tests/fuzz/fuzz.h"

#include "compiler/store/store.h"
#include "tests/support/random_graph.h"
#include "tests/support/trial.h"

enum { HEAD = 3 };

/* libtcc's modes: batches, tunings and threads less often, which take longer. */
static const struct mode *pick_mode(uint8_t choice) {
    return mode_find(choice < 160   ? "jit"
                     : choice < 200 ? "jit-batch"
                     : choice < 240 ? "jit-tuned"
                                    : "jit-threads");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD)
        return -1;
    struct et_error error = {0};
    struct trial trial;
    const struct mode *mode = pick_mode(data[0]);
    uint64_t seed = data[1] | (uint64_t)data[2] << 8;
    struct graph *graph = random_graph_of(data + HEAD, size - HEAD, seed, &error);
    must(graph, "%s", error.message);
    must((mode->batched ? trial_begin_batch : trial_begin)(&trial, graph, seed, &error), "%s",
         error.message);
    if (!trial_check(&trial, mode, &error)) {
        struct text text = {0};
        graph_to_json(graph, NULL, NULL, &text, NULL);
        must(false, "%s, seed %ju: %s\n%s", mode->name, (uintmax_t)seed, error.message, text.bytes);
    }
    trial_end(&trial);
    graph_free(graph);
    return 0;
}
