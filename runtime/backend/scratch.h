/* A temporary directory and the files in it. */
#ifndef EIGENTENSOR_SCRATCH_H
#define EIGENTENSOR_SCRATCH_H

#include "compiler/base/base.h"

struct scratch {
    char *path; /* has no quote, backslash or line end in it; NULL: none */
    int folder; /* the same, open: it can be emptied when nothing more can be opened */
};

/* Makes a new directory, which only this user may enter, below $TMPDIR, else below /tmp. Removes
 * those that processes which were killed left there. */
bool scratch_make(struct scratch *scratch, struct et_error *error);

/* Writes a file; the folders in its name ("a/b.h") are made on the way. */
bool scratch_write(const struct scratch *scratch, const char *name, const void *bytes, size_t count,
                   struct et_error *error);

/* Removes the directory and all that is in it, which needs no memory; fine for one that was never
 * made. */
void scratch_remove(struct scratch *scratch);

#endif
