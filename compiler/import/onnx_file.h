/* ONNX files as they lie on the disk: checked, unpacked. */
#ifndef EIGENTENSOR_ONNX_FILE_H
#define EIGENTENSOR_ONNX_FILE_H

#include "compiler/base/base.h"
#include "compiler/graph/graph.h"
#include "onnx.pb-c.h"

#define MOST_ONNX_BYTES ((size_t)1 << 32)

/* Unpacks a model. The bytes must be a whole message of onnx.proto: every length within what holds
 * it, texts in UTF-8 without zero bytes, no more levels of messages than real models have. All of
 * it is in `arena` then, which must have an escape, and is given a limit meanwhile; the bytes are
 * not needed any more. NULL and an error. */
const Onnx__Model *onnx_decode(const void *bytes, size_t count, struct arena *arena,
                               struct et_error *error);

/* "" for the two names that the domain of ONNX itself has; others as they are. */
const char *onnx_domain(const char *name);

/* Element types of the format, by their numbers: "FLOAT16"; NULL for a number that is none. */
const char *onnx_type_name(int type);
/* The dtype that graphs have for one; false where they have none. */
bool onnx_dtype(int type, enum dtype *dtype);
int onnx_type_of(enum dtype dtype);

#endif
