/* ONNX files as they lie on the disk: read, checked, unpacked. */
#ifndef EIGENTENSOR_ONNX_FILE_H
#define EIGENTENSOR_ONNX_FILE_H

#include "compiler/base/base.h"
#include "compiler/graph/graph.h"
#include "onnx.pb-c.h"

/* Reads the model in the file. Its bytes must be a whole message of onnx.proto: every length within
 * what holds it, texts in UTF-8 without zero bytes, no more levels of messages than real models
 * have. All of it is in `arena` then, which must have an escape; the file is not needed any more.
 * NULL and an error that names the file. */
const Onnx__Model *onnx_read(const char *path, struct arena *arena, struct et_error *error);
/* The same from memory; errors do not name a file. */
const Onnx__Model *onnx_decode(const void *bytes, size_t count, struct arena *arena,
                               struct et_error *error);

/* Element types of the format, by their numbers: "FLOAT16"; NULL for a number that is none. */
const char *onnx_type_name(int type);
/* The dtype that graphs have for one; false where they have none. */
bool onnx_dtype(int type, enum dtype *dtype);
int onnx_type_of(enum dtype dtype);

#endif
