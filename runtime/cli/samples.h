/* Files of many sets of inputs, of which each is one sample. */
#ifndef EIGENTENSOR_SAMPLES_H
#define EIGENTENSOR_SAMPLES_H

#include "runtime/cli/tensors.h"
#include "runtime/et_program.h"

struct sample_files {
    struct tensors inputs;     /* facts alone */
    struct sample_file *files; /* by input */
    int64_t entries;           /* in each file */
    int64_t *labels;           /* of the samples; NULL: none were opened */
    struct program_samples samples;
};

/* Opens a file for each input of a program, "FILE" or "NAME=FILE" as tensors_read takes them, IDX
 * or .npy, whose first axis is that of the samples. Of all there are, `most` are taken, evenly
 * spread. samples_close in any case. */
bool samples_open(const struct et_program *program, char *const *arguments, int count, int64_t most,
                  struct sample_files *files, struct et_error *error);
/* And the label of each entry, from an IDX file of uint8 or an .npy file of integers. */
bool samples_open_labels(struct sample_files *files, const char *path, struct et_error *error);
void samples_close(struct sample_files *files);

#endif
