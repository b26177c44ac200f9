/* Receipts: what a run computed, as JSON, so that anybody can repeat it on any machine, in any
 * mode, and compare. A receipt names the graph, each input and each output by SHA-256
 * (compiler/store/digest.h), of a batch also each image's result by itself, so that some of them
 * can be repeated alone; and it says where it ran, which nobody can check.
 *
 *     {"format": "eigentensor-receipt", "version": 1,
 *      "graph": {"name": "mnist", "digest": "25d1..."}, "batch": 2,
 *      "inputs": [{"name": "image", "tensor": "float32[2,1,28,28]", "digest": "9f8c..."}],
 *      "outputs": [{"name": "logits", "tensor": "float32[2,10]", "digest": "77ad..."}],
 *      "result": "0b51...", "images": ["b2e0...", "4c19..."],
 *      "ran": {"eigentensor": "1.0.0", "mode": "jit", "target": "avx512"}}
 *
 * "batch" and "images" are there where the graph has a batch axis. A signed one has "public_key"
 * and "signature" (Ed25519, RFC 8032) over the document without the signature, its keys sorted,
 * without blanks. */
#ifndef EIGENTENSOR_RECEIPT_H
#define EIGENTENSOR_RECEIPT_H

#include "compiler/base/json_read.h"
#include "runtime/et_program.h"
#include "runtime/signature.h"

/* Of the tensors of a run of `batch` images. NULL and an error when memory runs out. The caller
 * frees it. */
struct receipt;
struct receipt *receipt_of_run(const struct et_program *program, enum et_mode mode, int64_t batch,
                               const void *const *inputs, const void *const *outputs,
                               struct et_error *error);
/* Of a document from outside, which may be anything. */
struct receipt *receipt_from_json(const char *bytes, size_t count, struct et_error *error);
/* The same of JSON that was parsed; it must stay as it is. */
struct receipt *receipt_from_value(json_t *value, struct et_error *error);
void receipt_free(struct receipt *receipt);

/* Appends the document, indented, with a line end. */
bool receipt_to_json(const struct receipt *receipt, struct text *json, struct et_error *error);

/* Signs it, in place of who signed it before. */
bool receipt_sign(struct receipt *receipt, const struct signing_key *key, struct et_error *error);
/* Whether it is signed at all; that the signature is right for its public key, and that this is
 * `key`, unless that is NULL. */
bool receipt_is_signed(const struct receipt *receipt);
bool receipt_check_signature(const struct receipt *receipt, const struct public_key *key,
                             struct et_error *error);

/* How many images; 1 where there is no batch axis. */
int64_t receipt_batch(const struct receipt *receipt);
/* "jit for avx512, eigentensor 1.0.0": what the receipt says of where it ran. */
struct receipt_where {
    char text[3 * sizeof(struct quoted) + 24];
};
struct receipt_where receipt_where(const struct receipt *receipt);
/* The digest of the whole result. */
const char *receipt_result(const struct receipt *receipt);

/* That the receipt is of this graph, these inputs, these outputs; an error that names what differs
 * first, and what was expected and found. They need no memory: an error says that it differs. */
bool receipt_check_graph(const struct receipt *receipt, const struct et_program *program,
                         struct et_error *error);
bool receipt_check_inputs(const struct receipt *receipt, const struct et_program *program,
                          const void *const *inputs, struct et_error *error);
bool receipt_check_outputs(const struct receipt *receipt, const struct et_program *program,
                           const void *const *outputs, struct et_error *error);
/* That image `index` of the batch has the outputs of a run of it alone. */
bool receipt_check_image(const struct receipt *receipt, const struct et_program *program,
                         int64_t index, const void *const *outputs, struct et_error *error);

#endif
