/* Buffers: what statements read and write. */
#ifndef EIGENTENSOR_IR_BUFFER_H
#define EIGENTENSOR_IR_BUFFER_H

#include "compiler/graph/graph.h"

struct index;
struct ir;
struct packing;

enum buffer_kind {
    BUFFER_INPUT,     /* of the graph: position among its inputs */
    BUFFER_OUTPUT,    /* of the graph: position among its outputs */
    BUFFER_CONSTANT,  /* known now: its elements go into the weights block */
    BUFFER_TEMPORARY, /* lives in the arena */
    BUFFER_LOCAL,     /* a tile's accumulators, or a slice on a GPU: an array in its own kernel's
                         function */
};

/* A part of a buffer: along each axis from the first index to before the end. */
struct inner_box {
    int64_t first[MAX_RANK], end[MAX_RANK];
};

struct buffer {
    int id;
    enum buffer_kind kind;
    enum dtype dtype;
    int rank;
    int64_t shape[MAX_RANK];
    int64_t stride[MAX_RANK];      /* elements; the scheduler chooses them (0 for extent 1) */
    bool laid_out;                 /* it has chosen */
    bool sliced[MAX_RANK];         /* along this axis only one element exists at a time */
    int64_t elements;              /* allocated, at least the product of the shape */
    int position;                  /* inputs and outputs */
    const char *name;              /* for people, and for the emitted C: an identifier */
    const struct node *node;       /* constants: the node whose value it holds */
    const void *value;             /* constants: elements in the buffer's layout, unless packed */
    const struct packing *packing; /* constants that are packed */
    struct inner_box *inner;       /* elements outside of it are +0 or -0; NULL: none known to be */
    bool splat;                    /* constants: one element stands for all */
    bool per_thread;               /* each thread has one of its own */
    size_t offset;                 /* bytes into the arena or the weights block */
    int first_kernel, last_kernel; /* temporaries live from the one to the other */
};

/* Whether it is as large as one iteration of loops around statements. */
static inline bool is_slice(const struct buffer *buffer) {
    bool any = false;
    for (int i = 0; i < buffer->rank; i++)
        any |= buffer->sliced[i];
    return any;
}

/* A row-major buffer. */
struct buffer *ir_buffer(struct ir *ir, enum buffer_kind kind, enum dtype dtype, int rank,
                         const int64_t *shape, const char *name);

/* address.c: the linear address, in elements, of the element at these indices of a buffer. */
const struct index *linear_address(struct ir *ir, const struct buffer *buffer,
                                   const struct index *const *indices);

#endif
