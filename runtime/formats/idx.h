/* IDX files, the format of MNIST: a magic number, a shape, elements in row-major order; stored as
 * they are or gzipped. Stands on compiler/base/base.h and zlib alone: standalone classifiers carry
 * it.
 */
#ifndef EIGENTENSOR_IDX_H
#define EIGENTENSOR_IDX_H

#include "compiler/base/base.h"

#define IDX_MAX_RANK 8

/* The element types, by the numbers that files hold. */
enum idx_type {
    IDX_UINT8 = 0x08,
    IDX_INT8 = 0x09,
    IDX_INT16 = 0x0b,
    IDX_INT32 = 0x0c,
    IDX_FLOAT32 = 0x0d,
    IDX_FLOAT64 = 0x0e,
};

struct idx {
    enum idx_type type;
    int rank;                    /* 1 to IDX_MAX_RANK */
    int64_t shape[IDX_MAX_RANK]; /* [rank] */
    size_t element_bytes;        /* of one element */
    size_t byte_count;           /* of all elements: element_bytes times the product of shape */
    unsigned char *bytes;        /* the elements, row-major, in this machine's byte order; owned */
};

/* Reads a file of at most `limit` bytes, both as stored and unpacked; sizes are checked before
 * memory is taken. A file too short for its shape, or with anything after its elements, is an
 * error. The caller frees it with idx_free; after an error there is nothing to free. */
bool idx_read(const char *path, size_t limit, struct idx *idx, struct et_error *error);
void idx_free(struct idx *idx);

#endif
