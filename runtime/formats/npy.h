/* NumPy's .npy files: one array of numbers. */
#ifndef EIGENTENSOR_NPY_H
#define EIGENTENSOR_NPY_H

#include "compiler/base/base.h"

#define NPY_MAX_RANK 32

/* An array. `descr` is NumPy's name of its element type, as compiler/graph/dtypes.def has it:
 * "<f4",
 * "|u1", ... */
struct npy {
    char descr[4];
    int rank;                    /* 0: a single number */
    int64_t shape[NPY_MAX_RANK]; /* [rank] */
    void *bytes;                 /* elements in row-major order, always little-endian; owned */
    size_t byte_count;
};

/* Reads versions 1.0 to 3.0, little- and big-endian, C and Fortran order (transposed on the way).
 * The file has at most `limit` bytes; sizes are checked before memory is taken, and anything
 * missing, left over or unknown is an error that begins with the path (or `name`). The caller frees
 * the array with npy_free; after an error there is nothing to free. */
bool npy_read(const char *path, size_t limit, struct npy *npy, struct et_error *error);
bool npy_decode(const void *bytes, size_t count, const char *name, struct npy *npy,
                struct et_error *error);
void npy_free(struct npy *npy);

/* Writes version 1.0 in C order, byte for byte as NumPy's own `save` does: to the end of a text, or
 * to a file. byte_count must fit descr and shape. */
bool npy_encode(const struct npy *npy, struct text *file, struct et_error *error);
bool npy_write(const char *path, const struct npy *npy, struct et_error *error);

#endif
