/* What was compiled, but for its weights, as bytes: for the same build of this library, which is
 * the only one that may read them. */
#ifndef EIGENTENSOR_COMPILED_RECORD_H
#define EIGENTENSOR_COMPILED_RECORD_H

#include "compiler/compile.h"

/* Appends a compiled graph of one variant, for which nothing was asked that only a dump shows. */
void compiled_record_write(const struct compiled *compiled, struct text *record);

/* The same, without weights; whatever the bytes are, none beyond them is read. NULL: they are no
 * such record, or memory is exhausted. For compiled_free. */
struct compiled *compiled_record_read(const char *bytes, size_t count);

#endif
