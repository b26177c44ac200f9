/* The tensors of one run: read from files, written to files, printed. Stands on base.h, npy.h,
 * idx.h, image.h, terminal.h and dtypes.def: standalone programs carry this file too. */
#ifndef EIGENTENSOR_TENSORS_H
#define EIGENTENSOR_TENSORS_H

#include "compiler/base/base.h"

#include "runtime/eigentensor.h" /* after base.h, which has struct et_error too */
#include "runtime/formats/image.h"

#include <stdio.h>

/* What counts an output: the position of the output that says its true extent along an axis; -1:
 * nothing does (et_program_output_count_of). */
struct tensor_count {
    int axis, count;
};

/* All inputs or all outputs of a graph, in its order. */
struct tensors {
    const char *kind; /* "input" or "output", for messages */
    int count;
    struct et_tensor *facts;     /* names, dtypes and shapes belong to someone else */
    void **elements;             /* zeroed by tensors_make, 64-byte aligned */
    int64_t (*shapes)[16];       /* of the facts, where there is a batch or a count */
    struct tensor_count *counts; /* nothing counts any, as tensors_make leaves them */
    /* What integers stand for (et_program_input_scale); 0: that is not said, as it is at first. */
    struct integer_scale *scales;
};

/* Room for `count` tensors with these facts, in which `batch` takes the place of ET_BATCH.
 * tensors_free in any case. */
bool tensors_make(struct tensors *tensors, const char *kind, int count,
                  const struct et_tensor *facts, int64_t batch, struct et_error *error);
void tensors_free(struct tensors *tensors);

/* Reads all inputs from as many arguments, "FILE" (the next input that has no file yet) or
 * "NAME=FILE". What a file is, its first bytes say:
 *   .npy   of the input's dtype and shape (axes of extent 1 apart)
 *   PNG    a drawn digit, prepared as MNIST's were; for an input of 784 elements, float32, or int8
 *          or uint8 with a scale
 *   IDX    its entry number `index` (from 0) along the first axis; uint8 / 255 for a float32 input
 *          and an int8 one with a scale, and in all other cases the same dtype
 */
bool tensors_read(struct tensors *inputs, char *const *arguments, int count, int64_t index,
                  struct et_error *error);

/* The file of each input: those that arguments name, then the others in order. Files are parts of
 * the arguments; files[inputs->count] are NULL before. */
bool tensors_files(const struct tensors *inputs, char *const *arguments, int count,
                   const char **files, struct et_error *error);
/* Entry `index` of an IDX file, as tensors_read takes it; the path is for messages. The scale may
 * be NULL. */
struct idx;
bool tensor_from_idx(const struct idx *idx, const struct et_tensor *facts,
                     const struct integer_scale *scale, const char *path, int64_t index,
                     void *elements, struct et_error *error);

/* Whether a file is an .npy array, by its first bytes. */
bool tensor_file_is_npy(const char *path, bool *is, struct et_error *error);
/* Our name of the dtype that NumPy calls `descr`; where we have none, NumPy's. */
const char *tensor_npy_dtype(const char *descr);
/* That all of so many bytes are 0 or 1, if the tensor is of bools. */
bool tensor_check_bools(const struct et_tensor *facts, const char *path, const void *elements,
                        size_t bytes, struct et_error *error);

/* The shapes of the .npy arrays among the files, as tensors_read takes them, of which each belongs
 * to an input; a rank of -1 where it is no such file. Only names of the facts are looked at. */
struct array_shape {
    int rank;
    int64_t shape[16];
};
bool tensors_shapes(int input_count, const struct et_tensor *facts, char *const *arguments,
                    int count, struct array_shape *shapes, struct et_error *error);

/* How many images are in the files, as tensors_read takes them: as many as the first extent of an
 * .npy array for an input that begins with ET_BATCH; 1 where there is none. */
bool tensors_batch(int input_count, const struct et_tensor *facts, char *const *arguments,
                   int count, int64_t *batch, struct et_error *error);

/* After a run: cuts each output that is counted to what is true of it. */
void tensors_cut(struct tensors *outputs);

/* Whether a tensor is there for itself, not to count another one. */
bool tensors_shows(const struct tensors *tensors, int index);

/* Writes outputs as .npy: "NAME=FILE", or "FILE" where one output only is shown. Marks those that
 * it wrote in written[]. */
bool tensors_write(const struct tensors *outputs, char *const *arguments, int count, bool *written,
                   struct et_error *error);

/* What the FILE of an argument "[NAME=]FILE" may be, while no names are known: all of it, and what
 * is behind each "=". NULL: there is no more. */
const char *next_tensor_file(const char *file);

/* What is wrong with an output file, for messages. */
#define INPUT_AND_OUTPUT "%s: is an input of this command, so it cannot be an output"
/* An error where the file that an argument "[NAME=]FILE" is to write is one of the inputs' files.
 */
bool tensors_check_apart(const char *output, char *const *inputs, int count,
                         struct et_error *error);

/* Prints a tensor: name, dtype and shape, then its elements; a float32 vector of a few elements
 * also as probabilities. Long tensors are cut. */
void tensor_print(FILE *file, const struct et_tensor *facts, const void *elements);

/* "float32[1,28,28]" */
struct facts_text {
    char text[16 + 16 * 21];
};
struct facts_text facts_text(const struct et_tensor *facts);

/* The number of elements. */
int64_t tensor_elements(const struct et_tensor *facts);

/* One element of that dtype as text; it lasts until the next call. */
const char *tensor_element_text(const char *dtype, const void *element);

/* Bytes of one element of that dtype. */
size_t tensor_element_bytes(const char *dtype);

#endif
