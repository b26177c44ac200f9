/* ONNX files as they lie on the disk: checked, unpacked. */
#ifndef EIGENTENSOR_ONNX_FILE_H
#define EIGENTENSOR_ONNX_FILE_H

#include "compiler/base/base.h"
#include "compiler/base/most_bytes.h"
#include "compiler/graph/graph.h"
#include "onnx.pb-c.h"

#define MOST_ONNX_BYTES MOST_BYTES(32)

/* A model's bytes without those of its large tensors, which stay where they are. */
struct onnx_outline {
    uint8_t *bytes; /* to be released with et_release */
    size_t count;
    size_t whole; /* bytes of the model */
};

/* Checks a model and makes its outline. The bytes must be a whole message of onnx.proto: every
 * length within what holds it, no more levels of messages than real models have. Names stand in the
 * outline as name.h writes them. The bytes must stay as long as tensors of the model are looked at.
 */
bool onnx_outline(const void *bytes, size_t count, struct onnx_outline *outline,
                  struct et_error *error);

/* Unpacks an outline, which is not needed afterwards, into `arena`, which must have an escape, and
 * is given a limit meanwhile. NULL and an error. */
const Onnx__Model *onnx_unpack(const struct onnx_outline *outline, struct arena *arena,
                               struct et_error *error);

/* The raw data of an unpacked tensor, and its list of float32, in bytes and of any alignment: their
 * own fields may only say where they are. */
struct onnx_raw {
    const uint8_t *bytes;
    size_t count;
};
struct onnx_raw onnx_raw_data(const Onnx__Tensor *tensor);
struct onnx_raw onnx_float_data(const Onnx__Tensor *tensor);

/* "" for the two names that the domain of ONNX itself has; others as they are. */
const char *onnx_domain(const char *name);

/* Element types of the format, by their numbers: "FLOAT16"; NULL for a number that is none. */
const char *onnx_type_name(int type);
/* The dtype that graphs have for one; false where they have none. */
bool onnx_dtype(int type, enum dtype *dtype);
int onnx_type_of(enum dtype dtype);

#endif
