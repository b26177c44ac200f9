/* Weights files. Those that are taken are found by their names. */
#include "tests/fuzz/fuzz.h"

#include "compiler/store/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct weights *weights = weights_decode(data, size, "fuzz", &error);
    must(weights || error.message[0], "no message");
    for (int i = 0; weights && i < weights->count; i++) {
        const struct weight *weight = &weights->tensors[i];
        must(weights_find(weights, weight->name) == weight, "%s", weight->name);
        must(weight->bytes <= size, "%s: %zu bytes", weight->name, weight->bytes);
        if (!weight->unusable)
            digest_bytes(weight->data, weight->bytes);
    }
    weights_free(weights);
    return 0;
}
