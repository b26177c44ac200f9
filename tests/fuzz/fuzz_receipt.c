/* Receipts: read, their signatures looked at, written, read again; and held against a run of the
 * graph of tests/fuzz/models/product.json. */
#include "tests/fuzz/fuzz.h"

#include "runtime/receipt.h"

#include <stdlib.h>

static const struct et_program *program(void) {
    static struct et_program *opened;
    struct et_error error = {0};
    if (!opened)
        opened = et_program_open("tests/fuzz/models/product.json", NULL, &error);
    must(opened, "%s", error.message);
    return opened;
}

/* Zeroed elements of so many tensors. */
static const void *const *zeros(int count) {
    static const char nothing[1 << 16];
    static const void *all[64];
    must(count <= 64, "%d tensors", count);
    for (int i = 0; i < count; i++)
        all[i] = nothing;
    return all;
}

static void compare(const struct receipt *receipt) {
    struct et_error error = {0};
    const struct et_program *graph = program();
    const void *const *inputs = zeros(et_program_input_count(graph));
    bool same = receipt_check_graph(receipt, graph, &error);
    must(same || error.message[0], "no message");
    if (receipt_batch(receipt) != 1)
        return;
    same = receipt_check_inputs(receipt, graph, inputs, &error);
    must(same || error.message[0], "no message");
    same = receipt_check_outputs(receipt, graph, zeros(et_program_output_count(graph)), &error);
    must(same || error.message[0], "no message");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct receipt *receipt = receipt_from_json((const char *)data, size, &error);
    must(receipt || error.message[0], "no message");
    if (!receipt)
        return 0;
    struct text json = {0};
    must(receipt_to_json(receipt, &json, &error), "%s", error.message);
    struct receipt *again = receipt_from_json(json.bytes, json.length, &error);
    must(again, "%s", error.message);
    must(receipt_check_signature(receipt, NULL, NULL) == receipt_check_signature(again, NULL, NULL),
         "signatures differ");
    compare(again);
    text_free(&json);
    receipt_free(again);
    receipt_free(receipt);
    return 0;
}
