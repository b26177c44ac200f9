/* Weights as they are stored: safetensors files, read strictly and written canonically. */
#ifndef EIGENTENSOR_SAFETENSORS_H
#define EIGENTENSOR_SAFETENSORS_H

#include "compiler/graph/graph.h"
#include "compiler/store/notes.h"

#include <stdatomic.h>

/* Limits against hostile files. */
enum {
    SAFETENSORS_MOST_HEADER = 100000000, /* bytes; the format's own limit */
    SAFETENSORS_MOST_TENSORS = 1 << 18,
    SAFETENSORS_MOST_RANK = 64,
};

/* One stored tensor; elements row-major, aligned for their dtype. */
struct weight {
    const char *name;
    enum dtype dtype;
    int rank;
    int64_t shape[MAX_RANK]; /* extents may be 0 */
    const void *data;
    size_t bytes;
    const char *unusable; /* "C64[4]": of a dtype or rank that no graph has, which `dtype`, `rank`
                             and `shape` do not tell, without data; NULL: a graph can use it */
};

/* What the tensors of an imported model lie in, at any sizes of its open axes. */
struct elements_file {
    const char *path;
    struct mapped_file file;
    struct elements_file *next;
};
struct elements {
    atomic_int holders; /* the last of which frees it */
    struct arena arena;
    struct elements_file *files;
};
/* With one holder; NULL when memory is exhausted. */
struct elements *elements_new(void);
void elements_hold(struct elements *elements);
void elements_release(struct elements *elements); /* NULL is fine */
/* The file of that name, mapped once, until the last holder is gone; NULL and an error. */
struct mapped_file *elements_map(struct elements *elements, const char *path, size_t limit,
                                 struct et_error *error);
/* Gives back the memory of pages of the files until they are looked at again. */
void elements_rest(const struct elements *elements);

/* The tensors of one file, or of a model with files beside it. They own their memory and do not
 * change. */
struct weights {
    atomic_int more_holders; /* than one, the last of which frees them */
    struct arena arena;
    int count;
    struct weight *tensors;  /* by name, ascending as strcmp has it */
    struct mapped_file file; /* where data lies that is neither in the file's bytes as read */
    char *read;              /* nor in the block */
    void *block;
    struct elements *elements; /* which they hold; NULL: they are of a safetensors file */
    struct digest sha256;      /* of the whole file */
};

/* Reads a file and checks every rule of the format: header length and encoding, known keys and
 * dtypes, no duplicate key, shapes against bytes, ranges without hole or overlap that end where the
 * file ends; and that a bool is 0 or 1. NULL and an error when it breaks one. The caller gives the
 * weights back with weights_free. Until then the file is mapped: it may be replaced by another of
 * its name, but not be written into. */
struct weights *weights_load(const char *path, struct et_error *error);
/* The same, but the digest of a file that has not changed since is the noted one; `notes` may be
 * NULL. */
struct weights *weights_load_noted(const char *path, const struct digest_notes *notes,
                                   struct et_error *error);
/* The same, but all of the file is in memory, and it does not matter what becomes of it. */
struct weights *weights_read(const char *path, struct et_error *error);
/* The same from memory, which is not needed afterwards; `name` stands for the file in messages. */
struct weights *weights_decode(const void *bytes, size_t count, const char *name,
                               struct et_error *error);
void weights_free(struct weights *weights);
/* They are to be given back once more. */
void weights_hold(struct weights *weights);
/* Gives back the memory of a file that will not be looked at for now. NULL is fine. */
void weights_rest(const struct weights *weights);

/* The tensor of that name, or NULL. */
const struct weight *weights_find(const struct weights *weights, const char *name);

/* "float32[1,28,28]", for messages. */
struct shape_text weight_shape_text(const struct weight *weight);

/* Writes the tensors (in any order) as one file: widest dtypes first, then by name, the data
 * 8-byte aligned in the file. `metadata` is NULL or a list key, value, key, value, ..., NULL. */
bool weights_save(const char *path, const struct weight *tensors, int count,
                  const char *const *metadata, struct et_error *error);
/* The bytes of such a file; the caller gives them back with et_release. Where data lies in files of
 * `owner` (NULL: it does not), the memory of these is given back on the way, as weights_rest does.
 */
bool weights_encode(const struct weight *tensors, int count, const struct weights *owner,
                    const char *const *metadata, void **bytes, size_t *byte_count,
                    struct et_error *error);

#endif
