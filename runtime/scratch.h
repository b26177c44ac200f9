/* A temporary directory with a few files in it. */
#ifndef EIGENTENSOR_SCRATCH_H
#define EIGENTENSOR_SCRATCH_H

#include "base.h"

struct scratch {
    char *path; /* has no quote, backslash or line end in it; NULL: none */
};

/* Makes a new directory, which only this user may enter, below $TMPDIR, else below /tmp. */
bool scratch_make(struct scratch *scratch, struct et_error *error);

/* Removes the directory and the files in it; fine for one that was never made. */
void scratch_remove(struct scratch *scratch);

#endif
