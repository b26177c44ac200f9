/* ONNX models, with some size for each open axis. Those that are taken are whole graphs, and if
 * they are small, compiled and run beside the interpreter. */
#include "tests/fuzz/fuzz_trial.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    enum import_outcome outcome = import_trial(data, size, size, &fuzz_limits, &error);
    must(outcome != IMPORT_MISTAKEN, "%s", error.message);
    return 0;
}
