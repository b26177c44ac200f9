/* Receipts for programs that use the library: as text. */
#include "runtime/receipt.h"

char *et_receipt_of_run(const struct et_program *program, enum et_mode mode, int64_t batch,
                        const void *const *inputs, const void *const *outputs,
                        struct et_error *error) {
    struct text json = {0};
    struct receipt *receipt = receipt_of_run(program, mode, batch, inputs, outputs, error);
    const bool good = receipt && receipt_to_json(receipt, &json, error);
    receipt_free(receipt);
    if (good)
        return text_take(&json);
    text_free(&json);
    return NULL;
}

void et_receipt_free(char *receipt) {
    et_release(receipt);
}

bool et_receipt_check(const char *receipt, size_t bytes, const struct et_program *program,
                      int64_t batch, const void *const *inputs, const void *const *outputs,
                      struct et_error *error) {
    struct receipt *read = receipt_from_json(receipt, bytes, error);
    if (!read)
        return et_fail_within(error, "the receipt");
    bool good = receipt_batch(read) == batch ||
                et_fail(error, "the receipt is of %lld images, the inputs hold %lld",
                        (long long)receipt_batch(read), (long long)batch);
    good = good && (!receipt_is_signed(read) || receipt_check_signature(read, NULL, error)) &&
           receipt_check_graph(read, program, error) &&
           receipt_check_inputs(read, program, inputs, error) &&
           (!outputs || receipt_check_outputs(read, program, outputs, error));
    receipt_free(read);
    return good;
}
